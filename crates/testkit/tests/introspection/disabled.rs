//! Commands of features that are off, beside a valkey-server without cluster, replicas and append-only file.

use testkit::reply::{Value, escape};

use crate::{Both, pair, words};

/// Answered alike, byte for byte.
const SAME: &str = "
ASKING|ASKING x|READONLY|READONLY x|READWRITE|READWRITE x|ROLE|ROLE x|LASTSAVE x
SAVE x|BGSAVE x|BGSAVE SCHEDULE x|BGSAVE CANCEL|BGSAVE CANCEL x|BGREWRITEAOF x
WAIT|WAIT 1|WAIT 0 0|WAIT 0 10|WAIT 1 20|WAIT -1 0|WAIT x 0|WAIT 0 x|WAIT x x|WAIT 0 -1|WAIT 1 1 1
WAIT 99999999999999999999 0|WAIT 0 99999999999999999999|WAIT 0 9223372036854775807
WAITAOF|WAITAOF 0 0|WAITAOF 0 0 0|WAITAOF 0 1 20|WAITAOF 1 0 20|WAITAOF 2 0 20|WAITAOF -1 0 20|WAITAOF 0 -1 20
WAITAOF x 0 20|WAITAOF 0 x 20|WAITAOF 0 0 x|WAITAOF 0 0 -1|WAITAOF 1 0 x|WAITAOF 9 x x|WAITAOF 1 x x
WAITAOF 0 0 0 0|WAITAOF 0 99999999999 20
REPLICAOF|REPLICAOF NO|REPLICAOF NO ONE|replicaof no one|REPLICAOF NO ONE X|REPLICAOF no x|REPLICAOF 127.0.0.1 x
REPLICAOF 127.0.0.1 -1|REPLICAOF 127.0.0.1 70000|SLAVEOF|SLAVEOF NO ONE|SLAVEOF 127.0.0.1 x
FAILOVER|FAILOVER x|FAILOVER ABORT|FAILOVER ABORT x|FAILOVER TIMEOUT|FAILOVER TIMEOUT 0|FAILOVER TIMEOUT x
FAILOVER TIMEOUT -1|FAILOVER TIMEOUT 10|FAILOVER TIMEOUT 10 TIMEOUT 20|FAILOVER TO h|FAILOVER TO h 1
FAILOVER TO h x|FAILOVER TO h 1 TO h 1|FAILOVER TO h 1 FORCE|FAILOVER FORCE|FAILOVER TIMEOUT 10 FORCE
FAILOVER TO h 1 TIMEOUT 10 FORCE|FAILOVER TIMEOUT 10 ABORT|FAILOVER ABORT TIMEOUT 10
FAILOVER TO h 99999999999999999999
PSYNC|PSYNC x|PSYNC x y|SYNC x|REPLCONF|REPLCONF x|REPLCONF x y|REPLCONF listening-port x
REPLCONF listening-port 1|REPLCONF ip-address 1.2.3.4|REPLCONF capa eof|REPLCONF capa psync2 capa nosuch
REPLCONF rdb-only x|REPLCONF rdb-filter-only x|REPLCONF rdb-filter-only functions|REPLCONF version x
REPLCONF version 8.0.0|REPLCONF set-rdb-client-id 0|REPLCONF listening-port 1 ip-address
REPLCONF set-cluster-node-id abc
MODULE|MODULE NOSUCH|MODULE LIST|MODULE LIST x|MODULE HELP x|MODULE LOAD|MODULE LOAD x|MODULE LOAD x y
MODULE LOADEX|MODULE LOADEX x|MODULE LOADEX x CONFIG a b ARGS c|MODULE UNLOAD|MODULE UNLOAD x|MODULE UNLOAD x y
CLUSTER|CLUSTER NOSUCH|CLUSTER HELP|CLUSTER HELP x|CLUSTER KEYSLOT|CLUSTER KEYSLOT k|CLUSTER KEYSLOT {a}b
CLUSTER KEYSLOT ''|CLUSTER KEYSLOT a b|CLUSTERSCAN|CLUSTERSCAN 0|CLUSTERSCAN x|CLUSTERSCAN 0 MATCH
CLUSTERSCAN 0 SLOT 5|CLUSTERSCAN fingerprint-{06S}-0
";

/// Refused here, since what they would do is not there yet.
const REFUSED: &str =
    "SAVE|BGSAVE|BGSAVE SCHEDULE|BGREWRITEAOF|REPLICAOF 127.0.0.1 1|SLAVEOF 127.0.0.1 1|SYNC|PSYNC ? -1";

fn lines(list: &str) -> impl Iterator<Item = &str> {
    list.split(['\n', '|']).filter(|line| !line.is_empty())
}

/// Every subcommand of CLUSTER with no, one and several arguments.
fn cluster_lines(both: &mut Both) -> Vec<String> {
    let [reply, _] = both.ask("COMMAND LIST FILTERBY PATTERN cluster|*");
    let names = Value::parse(&reply).expect("a whole reply");
    let mut lines = Vec::new();
    for name in &names.items {
        let call = String::from_utf8_lossy(name.body()).replace('|', " ");
        lines.extend(["", " 1", " 1 2", " 1 2 3"].map(|more| format!("{call}{more}")));
    }
    assert!(lines.len() > 120, "{} lines", lines.len());
    lines
}

/// A script that makes the call of a line.
fn script(line: &str) -> String {
    let call: Vec<String> = words(line).iter().map(|word| format!("'{word}'")).collect();
    format!("EVAL return^redis.call({}) 0", call.join(",").replace(' ', "^"))
}

#[test]
fn what_is_off_is_off_as_in_valkey() {
    for protocol in ["2", "3"] {
        // New ones, since PSYNC makes Valkey count an offset, which ROLE shows.
        let servers = pair(2);
        let mut both = Both::connect(&servers);
        both.ask(&format!("HELLO {protocol}"));
        let cluster = cluster_lines(&mut both);
        for line in lines(SAME).chain(cluster.iter().map(String::as_str)) {
            both.same(line);
            both.same(&script(line));
            both.same("MULTI");
            both.same(line);
            both.same("EXEC");
        }
    }
}

#[test]
fn restricted_users_are_refused_alike() {
    let servers = pair(1);
    let mut both = Both::connect(&servers);
    both.same("ACL SETUSER limited on nopass ~k* +@all -@admin -@dangerous -wait -cluster|keyslot");
    both.same("AUTH limited x");
    for line in lines(SAME) {
        both.same(line);
    }
}

#[test]
fn what_is_not_there_yet_is_refused() {
    let servers = pair(1);
    let mut both = Both::connect(&servers);
    let [_, brasa] = &mut both.0;
    for line in lines(REFUSED) {
        let reply = escape(&brasa.command(&words(line)).expect("answers"), 300);
        assert!(reply.starts_with("-ERR ") && reply.contains("not supported yet"), "{line}: {reply}");
    }
    let role = escape(&brasa.command(&["ROLE"]).expect("answers"), 300);
    assert!(role.contains("master"), "{role}");
    let at = |client: &mut testkit::client::Client| client.command(&["LASTSAVE"]).expect("answers");
    let saved = crate::info(brasa, "persistence")["rdb_last_save_time"].clone();
    assert_eq!(at(brasa), format!(":{saved}\r\n").into_bytes());
}
