//! `CONFIG GET` and `CONFIG SET` as clients see them. Texts were taken from valkey-server 9.1.2.

use parameters::{Origin, ParameterError, Parameters, table};

const CLIENT: Origin = Origin::Client { local: false };
const LOCAL: Origin = Origin::Client { local: true };

fn set(parameters: &mut Parameters, pairs: &[(&str, &str)]) -> Result<Vec<&'static str>, String> {
    set_as(parameters, pairs, CLIENT)
}

fn set_as(
    parameters: &mut Parameters,
    pairs: &[(&str, &str)],
    origin: Origin,
) -> Result<Vec<&'static str>, String> {
    let pairs: Vec<_> = pairs.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
    match parameters.set_many(&pairs, origin) {
        Ok(applied) => Ok(applied.changed.iter().map(|id| id.row().name).collect()),
        Err(error) => Err(String::from_utf8_lossy(&error.reply()).into_owned()),
    }
}

fn get(parameters: &Parameters, patterns: &[&str]) -> Vec<(String, String)> {
    let patterns: Vec<_> = patterns.iter().map(|pattern| pattern.as_bytes()).collect();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    parameters.config_get(&patterns).into_iter().map(|(name, value)| (text(name), text(value))).collect()
}

fn one(parameters: &Parameters, name: &str) -> String {
    let [(_, value)] = get(parameters, &[name]).try_into().expect("one parameter");
    value
}

#[test]
fn a_list_of_changes_is_all_or_nothing() {
    let mut parameters = Parameters::new();
    let before = parameters.clone();
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[("nosuch", "1")], "ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'"),
        (
            &[("hz", "x"), ("NoSuch", "1")],
            "ERR Unknown option or number of arguments for CONFIG SET - 'NoSuch'",
        ),
        (
            &[("hz", "20"), ("timeout", "x")],
            "ERR CONFIG SET failed (possibly related to argument 'timeout') - argument couldn't be parsed into an integer",
        ),
        (
            &[("HZ", "x")],
            "ERR CONFIG SET failed (possibly related to argument 'hz') - argument couldn't be parsed into an integer",
        ),
        (
            &[("hz", "x"), ("DATABASES", "3")],
            "ERR CONFIG SET failed (possibly related to argument 'DATABASES') - can't set immutable config",
        ),
        (
            &[("databases", "3"), ("nosuch", "1")],
            "ERR CONFIG SET failed (possibly related to argument 'databases') - can't set immutable config",
        ),
        (
            &[("hz", "10"), ("HZ", "20")],
            "ERR CONFIG SET failed (possibly related to argument 'HZ') - duplicate parameter",
        ),
        (
            &[("dir", "/"), ("hz", "20")],
            "ERR CONFIG SET failed (possibly related to argument 'dir') - can't set protected config",
        ),
        (
            &[("slave-priority", "-1")],
            "ERR CONFIG SET failed (possibly related to argument 'slave-priority') - argument must be between 0 and 2147483647 inclusive",
        ),
    ];
    for (pairs, expected) in cases {
        assert_eq!(set(&mut parameters, pairs).expect_err("refused"), *expected);
        assert_eq!(parameters, before);
    }
}

#[test]
fn changed_rows_are_reported_and_can_be_reverted() {
    let mut parameters = Parameters::new();
    assert_eq!(
        set(&mut parameters, &[("timeout", "5"), ("hz", "10"), ("port", "1")]),
        Ok(vec!["timeout", "port"])
    );
    // A name and its alias do not count as one parameter twice.
    let both = [("slave-priority", "1"), ("replica-priority", "100")];
    assert_eq!(set(&mut parameters, &both), Ok(vec![]));
    let before = parameters.clone();
    let applied = parameters.set(b"port", b"7000", CLIENT).expect("valid");
    assert_eq!(parameters.get_int(table::row("port")), 7000);
    parameters.revert(applied);
    assert_eq!(parameters, before);
    let refused = ParameterError::failed("bind", "Failed to bind to specified addresses.");
    assert_eq!(
        String::from_utf8_lossy(&refused.reply()),
        "ERR CONFIG SET failed (possibly related to argument 'bind') - Failed to bind to specified addresses."
    );
}

#[test]
fn protected_parameters_open_to_everyone_or_to_local_clients() {
    let mut parameters = Parameters::new();
    let change = [("dbfilename", "x.rdb")];
    assert!(set_as(&mut parameters, &change, LOCAL).is_err());
    parameters.read_text(b"enable-protected-configs local").expect("valid");
    assert!(set(&mut parameters, &change).is_err());
    assert_eq!(set_as(&mut parameters, &change, LOCAL), Ok(vec!["dbfilename"]));
    parameters.read_text(b"enable-protected-configs yes").expect("valid");
    assert_eq!(set(&mut parameters, &[("dbfilename", "y.rdb")]), Ok(vec!["dbfilename"]));
    assert_eq!(set_as(&mut parameters, &[("replicaof", "h 1")], Origin::Node), Ok(vec!["replicaof"]));
}

#[test]
fn names_are_found_by_pattern_by_alias_and_as_they_are_spelled() {
    let parameters = Parameters::new();
    let names =
        |patterns: &[&str]| get(&parameters, patterns).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(names(&["debug-con*", "debug-context", "Hz", "hz"]), ["Hz", "debug-context"]);
    assert_eq!(names(&["zset*value", "H[Z]"]), ["hz", "zset-max-listpack-value", "zset-max-ziplist-value"]);
    assert_eq!(names(&["h\\z", "nosuch", ""]), [""; 0]);
    let all = names(&["*"]);
    assert!(all.is_sorted());
    // 237 in the original, and six of ours.
    assert_eq!(all.len(), 243);
}

#[test]
fn values_are_shown_in_normal_form() {
    let mut parameters = Parameters::new();
    let cases = [
        ("maxmemory", "1Gb", "1073741824"),
        ("maxmemory", "18446744073709551615", "18446744073709551615"),
        ("maxmemory-clients", "5%", "5%"),
        ("maxmemory-clients", "0%", "0"),
        ("maxmemory-policy", "ALLKEYS-S3FIFO", "allkeys-s3fifo"),
        ("hz", "1000", "500"),
        ("hz", "0", "1"),
        ("repl-backlog-size", "1", "16384"),
        ("oom-score-adj", "relative", "yes"),
        ("shutdown-on-sigterm", "force save default", "save force"),
        ("notify-keyspace-events", "KEA", "AKE"),
        ("notify-keyspace-events", "E$lshzxetdmn", "$lshzxetdnEm"),
        ("notify-keyspace-events", "Ag$lshzxeKEtmdn", "AKEm"),
        ("save", "+5 01", "5 1"),
        ("save", "60  1 ", "60 0 1 0"),
        ("save", "1 99999999999", "1 1215752191"),
        (
            "client-output-buffer-limit",
            "Replica 1k 2kb 3",
            "normal 0 0 0 slave 1000 2048 3 pubsub 33554432 8388608 60",
        ),
        ("client-output-buffer-limit", "", "normal 0 0 0 slave 1000 2048 3 pubsub 33554432 8388608 60"),
        ("latency-tracking-info-percentiles", "99.123456789 5e-1 00050", "99.123457 0.5 50"),
        ("requirepass", "a\0b", "a\0b"),
        ("primaryuser", "a\0b", "a"),
    ];
    for (name, value, shown) in cases {
        let changed = set(&mut parameters, &[(name, value)]);
        assert!(changed.is_ok(), "{name} {value}: {changed:?}");
        assert_eq!(one(&parameters, name), shown, "{name} {value}");
    }
}

#[test]
fn refusals_have_the_original_words() {
    let mut parameters = Parameters::new();
    let long = "x".repeat(46);
    let many = "127.0.0.1 ".repeat(17);
    let cases = [
        ("appendonly", "1", "argument must be 'yes' or 'no'"),
        ("maxmemory", "1.5gb", "argument must be a memory value"),
        ("maxmemory-clients", "01%", "argument must be a memory or percent value"),
        ("maxmemory-clients", "101%", "percentage argument must be less or equal to 100"),
        (
            "proto-max-bulk-len",
            "1048575",
            "argument must be between 1048576 and 9223372036854775807 inclusive",
        ),
        (
            "slot-migration-max-failover-repl-bytes",
            "-2",
            "argument must be between -1 and 9223372036854775807 inclusive",
        ),
        ("io-threads", "257", "argument must be between 1 and 256 inclusive"),
        (
            "loglevel",
            "loud",
            "argument(s) must be one of the following: debug, verbose, notice, warning, nothing",
        ),
        (
            "shutdown-on-sigterm",
            "save nosave",
            "shutdown options SAVE and NOSAVE can't be used simultaneously",
        ),
        (
            "shutdown-on-sigterm",
            " save",
            "argument(s) must be one of the following: default, save, nosave, now, force, safe, failover",
        ),
        ("notify-keyspace-events", "q", "Invalid event class character. Use 'Ag$lshzxeKEtmdn'."),
        ("save", "0 1", "Invalid save parameters"),
        ("save", "  ", "Invalid save parameters"),
        (
            "client-output-buffer-limit",
            "normal 1 2",
            "Wrong number of arguments in buffer limit configuration.",
        ),
        (
            "client-output-buffer-limit",
            "master 1 2 3",
            "Invalid client class specified in buffer limit configuration.",
        ),
        (
            "client-output-buffer-limit",
            "normal 1 2 2147483648",
            "Error in hard, soft or soft_seconds setting in buffer limit configuration.",
        ),
        ("oom-score-adj-values", "1 2", "wrong number of arguments"),
        (
            "oom-score-adj-values",
            "0 0 2001",
            "Invalid oom-score-adj-values, elements must be between -2000 and 2000.",
        ),
        ("latency-tracking-info-percentiles", "nan", "Invalid latency-tracking-info-percentiles parameters"),
        (
            "latency-tracking-info-percentiles",
            "inf",
            "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]",
        ),
        (
            "cluster-announce-hostname",
            "a_b",
            "Hostnames may only contain alphanumeric characters, hyphens or dots",
        ),
        ("cluster-announce-ip", long.as_str(), "cluster-announce-ip is too long"),
        ("cluster-announce-client-ipv4", "01.2.3.4", "Invalid IPv4 address"),
        ("proc-title-template", "{server-mode}", "template format is invalid or contains unknown variables"),
        ("locale-collate", "xx_YY", "Invalid locale name"),
        ("bind", many.trim(), "Too many bind addresses specified."),
        ("rdma-bind", "x", "No RDMA building support."),
    ];
    for (name, value, reason) in cases {
        let expected = format!("ERR CONFIG SET failed (possibly related to argument '{name}') - {reason}");
        assert_eq!(set(&mut parameters, &[(name, value)]), Err(expected), "{value}");
    }
}

#[test]
fn getters_give_typed_values() {
    let mut parameters = Parameters::new();
    parameters.read_text(b"bind a b\nunixsocketperm 750\nshards 8\nmaxmemory 1gb").expect("valid");
    assert_eq!(parameters.get_words(table::row("bind")), [b"a".to_vec(), b"b".to_vec()]);
    assert_eq!(parameters.get_int(table::row("unixsocketperm")), 0o750);
    assert_eq!(parameters.get_bytes(table::row("maxmemory")), 1 << 30);
    assert_eq!(parameters.get_int(table::row("shards")), 8);
    assert_eq!(parameters.get_enum(table::row("io-poller")), "auto");
    assert!(parameters.get_bool(table::row("protected-mode")));
    assert_eq!(parameters.get_str(table::row("dbfilename")), b"dump.rdb");
    assert_eq!(parameters.output_buffer_limits()[1].soft_seconds, 60);
    assert!(parameters.read_text(b"shards 12").is_err());
    assert!(parameters.is_given(table::row("bind")) && !parameters.is_given(table::row("port")));
}

#[test]
fn zero_io_threads_are_as_many_as_cores() {
    let mut parameters = Parameters::new();
    let cores = one(&parameters, "io-threads");
    set(&mut parameters, &[("io-threads", "3")]).expect("valid");
    set(&mut parameters, &[("io-threads", "0")]).expect("valid");
    assert_eq!(one(&parameters, "io-threads"), cores);
}
