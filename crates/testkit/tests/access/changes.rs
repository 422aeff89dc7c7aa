//! What changes of users do to connections, and the texts of all errors.

use std::time::Duration;

use crate::{Both, denials, pair};

#[test]
fn rules_and_errors_are_valkeys() {
    let servers = pair(&[]);
    let mut admin = Both::connect(&servers);
    let rules = [
        "on",
        "off",
        "nopass",
        ">pw",
        "#abc",
        "!abc",
        "<nope",
        "<pw",
        "resetpass",
        "+get",
        "+GET",
        "-get",
        "+nope",
        "+",
        "-",
        "+@read",
        "-@READ",
        "+@",
        "+@nope",
        "-@all2",
        "+config|get",
        "+CONFIG|SET",
        "-config|set",
        "+config|nope",
        "+config|get|x",
        "+config",
        "+select|0",
        "+select|1",
        "-select|1",
        "+debug|",
        "+|",
        "~a",
        "~a",
        "~b c",
        "%R~a",
        "%W~w",
        "%RW~q",
        "%r~r",
        "%R",
        "%RW",
        "%",
        "%~a",
        "%RR~a",
        "%Rx",
        "~*",
        "~late",
        "resetkeys",
        "~",
        "&a",
        "&b c",
        "&*",
        "&late",
        "resetchannels",
        "&",
        "db=1",
        "db=0,5,5,3",
        "DB=2",
        "db=",
        "db=a",
        "db=-1",
        "db=1,",
        "db=,1",
        "db=01",
        "db=+1",
        "db= 1",
        "db=1 ",
        "db=2147483647",
        "db=2147483648",
        "db=99999999999999999999",
        "db=-0",
        "db",
        "alldbs",
        "resetdbs",
        "AllDBs",
        "()",
        "( )",
        "(+get ~a)",
        "((+get))",
        "(nopass)",
        "(on)",
        "(reset)",
        "(~* ~a)",
        "(&* &a)",
        "(foo)",
        "('+get')",
        "(\"+set\" ~\"a\")",
        "(+get 'open)",
        "(\"+get\"x)",
        "(~'a\\'b')",
        "(+eval|x)",
        "(db=1 +@all)",
        "(resetdbs)",
        "+get)",
        "(+get) ",
        "clearselectors",
        "sanitize-payload",
        "skip-sanitize-payload",
        "foo",
        "",
        "on on",
        "allkeys",
        "allchannels",
        "allcommands",
        "nocommands",
        "reset",
        "on\0x",
        ">a\0b",
        "~a\0b",
        "+get\0x",
        "(+get\0)",
    ];
    for rule in rules {
        admin.same_words(&["ACL", "SETUSER", "u", rule]);
        admin.same("ACL GETUSER u");
        admin.same("ACL LIST");
    }
    for line in [
        "ACL SETUSER u reset ( +get ~a ) on",
        "ACL SETUSER u (+get ~a on",
        "ACL SETUSER u +get (+set ~b) -nope",
        "ACL LIST",
        "ACL USERS",
        "ACL WHOAMI",
        "ACL WHOAMI x",
        "ACL GETUSER nobody",
        "ACL DELUSER nobody",
        "ACL DELUSER u default",
        "ACL DELUSER u u nobody",
        "ACL CAT",
        "ACL CAT nope",
        "ACL CAT read x",
        "ACL GENPASS 0",
        "ACL GENPASS 4097",
        "ACL GENPASS x",
        "ACL GENPASS 8 8",
        "ACL LOG x",
        "ACL LOG -1",
        "ACL LOG 1 2",
        "ACL LOG RESET",
        "ACL LOAD",
        "ACL SAVE",
        "ACL",
        "ACL NOPE",
        "ACL DRYRUN nobody get",
        "ACL DRYRUN default nope",
        "ACL DRYRUN default get",
        "ACL DRYRUN default get a b",
        "ACL DRYRUN default client",
        "ACL DRYRUN default client nope",
        "ACL DRYRUN default get a",
    ] {
        admin.same(line);
    }
    admin.same_words(&["ACL", "SETUSER", "a b"]);
    admin.same_words(&["ACL", "SETUSER", "a\0"]);
    admin.same_words(&["ACL", "SETUSER", ""]);
    admin.same("HELLO 2 SETNAME x AUTH default");
}

#[test]
fn categories_hold_what_valkeys_hold() {
    let servers = pair(&[]);
    let mut admin = Both::connect(&servers);
    let lines = |client: &mut testkit::client::Client, category: &str| {
        let reply = client.command(&["ACL", "CAT", category]).expect("answers");
        let text = String::from_utf8_lossy(&reply).into_owned();
        text.lines().filter(|line| !line.starts_with(['$', '*'])).map(str::to_owned).collect::<Vec<_>>()
    };
    let [valkey, brasa] = &mut admin.0;
    let all =
        |client: &mut testkit::client::Client| lines(client, "slow").len() + lines(client, "fast").len();
    assert!(all(brasa) > 250 && all(valkey) >= all(brasa));
    for category in
        ["keyspace", "read", "write", "string", "admin", "dangerous", "connection", "pubsub", "scripting"]
    {
        let known = lines(valkey, category);
        let unknown: Vec<String> =
            lines(brasa, category).into_iter().filter(|name| !known.contains(name)).collect();
        assert!(unknown.is_empty(), "{category}: {unknown:?}");
    }
}

#[test]
fn authentication_is_valkeys() {
    let servers = pair(&["--requirepass", "sesame"]);
    let mut client = Both::connect(&servers);
    for line in [
        "PING",
        "NOPE",
        "GET",
        "ACL WHOAMI",
        "HELLO",
        "HELLO 3",
        "AUTH wrong",
        "AUTH default wrong",
        "AUTH nobody sesame",
        "AUTH a b c",
        "AUTH sesame",
        "PING",
        "ACL LIST",
        "CONFIG GET requirepass",
        "ACL SETUSER default >other",
        "ACL LIST",
        "CONFIG GET requirepass",
        "RESET",
        "PING",
        "AUTH other",
        "CONFIG SET requirepass third",
        "ACL LIST",
        "PING",
        "CONFIG SET requirepass ",
        "ACL LIST",
        "AUTH x",
        "AUTH default x",
        "RESET",
        "PING",
        "ACL SETUSER u on >pw +@all ~*",
        "MULTI",
        "AUTH u pw",
        "ACL WHOAMI",
        "EXEC",
        "ACL WHOAMI",
        "ACL SETUSER default off",
        "RESET",
        "PING",
        "AUTH u wrong",
        "AUTH u pw",
        "ACL SETUSER default on",
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        client.same_words(&words);
    }
    let [left, right] = client.0.each_mut().map(denials);
    assert_eq!(right, left);
}

#[test]
fn connections_follow_their_users() {
    let servers = pair(&[]);
    let mut admin = Both::connect(&servers);
    let log_in = |user: &str| {
        let mut client = Both::connect(&servers);
        assert_eq!(client.same(&format!("AUTH {user} x")), "+OK\r\n");
        client
    };
    admin.same("ACL SETUSER u on nopass +@all ~a* %R~r*");
    let mut user = log_in("u");
    for line in [
        "GET a",
        "GET b",
        "SET r 1",
        "SORT a BY w*",
        "SORT a BY nosort",
        "SORT a GET #",
        "SORT r LIMIT 0 x BY w*",
        "SORT r BY w* LIMIT 0 x",
        "SORT a NOPE BY w*",
        "SORT_RO a BY w*",
        "PUBLISH c m",
    ] {
        user.same(line);
    }
    for script in [
        "return redis.call('get', 'b')",
        "return redis.pcall('get', 'b')",
        "return redis.call('set', 'r', 1)",
        "return {redis.acl_check_cmd('set', 'a', 'b'), redis.acl_check_cmd('set', 'r', 'b')}",
    ] {
        user.same_words(&["EVAL", script, "0"]);
    }
    // What was queued is looked at again.
    for line in ["MULTI", "GET a", "SET a v", "SELECT 1", "PING"] {
        user.same(line);
    }
    admin.same("ACL SETUSER u -set resetkeys ~q db=0");
    user.same("EXEC");
    for line in ["MULTI", "SET a v", "EXEC", "SELECT 1", "GET q"] {
        user.same(line);
    }
    // Who waits is looked at when it is served; the element stays.
    user.send("BLPOP q 0");
    std::thread::sleep(Duration::from_millis(100));
    admin.same("ACL SETUSER u -blpop");
    admin.same("RPUSH q 1");
    assert!(user.next().starts_with("-NOPERM"));
    admin.same("LRANGE q 0 -1");
    let [left, right] = admin.0.each_mut().map(denials);
    assert_eq!(right, left);
    // Without its user a connection ends; what it waited for stays, too.
    admin.same("DEL q");
    admin.same("ACL SETUSER u +blpop");
    user.send("BLPOP q 0");
    std::thread::sleep(Duration::from_millis(100));
    admin.same("CLIENT KILL USER nobody");
    admin.same("CLIENT LIST USER nobody");
    admin.same("ACL DELUSER u");
    admin.same("RPUSH q 1");
    admin.same("LRANGE q 0 -1");
    assert!(user.closed());
    admin.same("ACL SETUSER u on nopass +@all");
    let mut user = log_in("u");
    assert_eq!(user.same("ACL DELUSER u"), ":1\r\n", "the reply comes first");
    assert!(user.closed());
    admin.same("ACL SETUSER u on nopass +@all");
    let mut user = log_in("u");
    assert_eq!(admin.same("CLIENT KILL USER u"), ":1\r\n");
    assert!(user.closed());
}

#[test]
fn listeners_end_that_lost_their_channel() {
    let servers = pair(&[]);
    let mut admin = Both::connect(&servers);
    let cases = [
        ("&a &b", "SUBSCRIBE a", "&c", false),
        ("&a &b", "SUBSCRIBE a", "resetchannels &a", false),
        ("&a &b", "SUBSCRIBE a b", "resetchannels &a", true),
        ("&a*", "PSUBSCRIBE a*", "resetchannels &a", true),
        ("&a*", "PSUBSCRIBE a*", "resetchannels &a* &b", false),
        ("&a*", "SSUBSCRIBE a1", "resetchannels &b", true),
        ("&*", "SUBSCRIBE a", "resetchannels", true),
        ("&*", "SUBSCRIBE a", "resetchannels &a", false),
        ("&*", "PING", "resetchannels", false),
        ("resetchannels", "PING", "(&a)", false),
    ];
    for (before, command, after, ends) in cases {
        admin.same(&format!("ACL SETUSER u reset on nopass +@all {before}"));
        let mut user = Both::connect(&servers);
        user.same("AUTH u x");
        user.send(command);
        // A confirmation for each name.
        (1..command.split(' ').count().max(2)).for_each(|_| drop(user.next()));
        admin.same(&format!("ACL SETUSER u {after}"));
        assert_eq!(user.closed(), ends, "{before}, {command}, {after}");
    }
}
