//! What memcached 1.6.18 of Debian does with the same arguments, observed by running it.

use super::*;

fn run(line: &[&str]) -> Result<Request, Failure> {
    let args: Vec<String> = line.iter().map(|&arg| arg.to_owned()).collect();
    parse("memcached", &args)
}

#[track_caller]
fn serves(line: &str) -> MemcachedOptions {
    match run(&line.split_whitespace().collect::<Vec<_>>()) {
        Ok(Request::Serve(options)) => *options,
        other => panic!("{line}: {other:?}"),
    }
}

#[track_caller]
fn fails(line: &str, code: u8, text: &str) {
    let failure = run(&line.split_whitespace().collect::<Vec<_>>()).expect_err(line);
    assert_eq!((failure.code, failure.text.as_str()), (code, text), "{line}");
}

#[test]
fn defaults() {
    let options = serves("");
    assert_eq!(options, MemcachedOptions::default());
    assert_eq!((options.port, options.threads, options.memory_bytes), (11211, 4, 67_108_864));
}

#[test]
fn short_options_in_all_forms() {
    let options =
        serves("-vvt2 -p21 -m 128 -MCFAXW -c 9 -b 0 -d -P pid -u nobody -D/ -I 2m -s sock -a 777 extra");
    assert_eq!((options.verbose, options.threads, options.port), (2, 2, 21));
    assert_eq!((options.memory_bytes, options.item_bytes_max), (128 << 20, 2 << 20));
    assert!(!options.evicts && !options.has_cas && !options.has_flush_all && options.has_shutdown);
    assert!(!options.has_dumping && !options.has_watch && options.daemonize && options.has_prefix_statistics);
    assert_eq!((options.connections_max, options.backlog, options.unix_mask), (9, 0, 0o777));
    assert_eq!((options.user.as_deref(), options.prefix_delimiter), (Some("nobody"), b'/'));
    assert_eq!(options.pid_file, Some("pid".into()));
    assert_eq!(options.unix_socket, Some("sock".into()));
}

#[test]
fn long_options_in_all_forms() {
    let options =
        serves("--port=7 --memory-l 100 --verb --verbose=3 --disable-ev --protocol ascii --listen-backlog=5");
    assert_eq!((options.port, options.memory_bytes, options.verbose), (7, 100 << 20, 2));
    assert_eq!((options.evicts, options.protocol, options.backlog), (false, Protocol::Ascii, 5));
}

#[test]
fn what_stands_behind_two_dashes_is_no_option() {
    assert_eq!(serves("-- -c 0"), MemcachedOptions::default());
}

#[test]
fn numbers_are_read_as_atoi_does() {
    assert_eq!(serves("-p x").port, 0);
    assert_eq!(serves("-c 12x").connections_max, 12);
    assert_eq!(serves("-t +3").threads, 3);
    assert_eq!(serves("-I 2048k").item_bytes_max, 2 << 20);
    assert_eq!(serves("-a 798").unix_mask, 0o7);
    assert_eq!((number::atof("1.25x"), number::atof("-2"), number::atof("x")), (1.25, -2.0, 0.0));
}

#[test]
fn unknown_options() {
    for (line, text) in [
        ("-q", "memcached: invalid option -- 'q'"),
        ("-vq", "memcached: invalid option -- 'q'"),
        ("-p", "memcached: option requires an argument -- 'p'"),
        ("--foo", "memcached: unrecognized option '--foo'"),
        ("--foo=1", "memcached: unrecognized option '--foo=1'"),
        ("--port", "memcached: option '--port' requires an argument"),
        ("--pro", "memcached: option '--protocol' requires an argument"),
        ("--ver", "memcached: option '--ver' is ambiguous; possibilities: '--version' '--verbose'"),
        ("--mem", "memcached: option '--mem' is ambiguous; possibilities: '--memory-limit' '--memory-file'"),
        ("--enable-sasl=1", "memcached: option '--enable-sasl' doesn't allow an argument"),
    ] {
        fails(line, 1, &format!("{text}\nIllegal argument \"?\""));
    }
}

#[test]
fn wrong_values() {
    for (line, code, text) in [
        ("-c 0", 1, "Maximum connections must be greater than 0"),
        ("-c -1", 1, "Maximum connections must be greater than 0"),
        ("-c abc", 1, "Maximum connections must be greater than 0"),
        ("-t 0", 1, "Number of threads must be greater than 0"),
        ("-R 0", 1, "Number of requests per event must be greater than 0"),
        ("-f 1", 1, "Factor must be greater than 1"),
        ("-n 0", 1, "Chunk size must be greater than 0"),
        ("-N 0", 1, "Maximum number of NAPI IDs must be greater than 0"),
        ("-N 9", 64, "Number of napi_ids(9) cannot be greater than number of threads(4)"),
        ("-I 1023", 64, "Item max size cannot be less than 1024 bytes."),
        ("-I 2g", 64, "Item max size cannot be less than 1024 bytes."),
        ("-I 33m", 64, "Cannot set item size limit higher than 1/2 of memory max."),
        ("-I 1025m -m 4096", 64, "Cannot set item size limit higher than a gigabyte."),
        ("-m 0", 64, "Cannot set item size limit higher than 1/2 of memory max."),
        ("-m 1", 64, "Cannot set item size limit higher than 1/2 of memory max."),
        ("-m x", 64, "Cannot set item size limit higher than 1/2 of memory max."),
        ("-p 70000", 64, "ERROR: Invalid port number 70000."),
        ("-S -B ascii", 64, "ERROR: You cannot allow the ASCII protocol while using SASL."),
    ] {
        fails(line, code, text);
    }
    let text = "Invalid value for binding protocol: http\n -- should be one of auto, binary, or ascii";
    fails("-B http", 64, text);
    let text = "ERROR: You cannot allow the BINARY protocol while using ascii authentication tokens.";
    fails("-Y file -B binary", 64, text);
    assert_eq!(run(&["-D", ""]).unwrap_err(), Failure::new(1, "No delimiter specified"));
}

#[test]
fn wrong_extended_options() {
    for (line, text) in [
        ("foo", "Illegal suboption \"foo\""),
        ("foo=1", "Illegal suboption \"foo=1\""),
        ("modern,,no_modern", "Illegal suboption \"\""),
        ("hashpower", "Missing numeric argument for hashpower"),
        ("hashpower=11", "Initial hashtable multiplier of 11 is too low"),
        ("slab_automove=3", "slab_automove must be between 0 and 2"),
        ("slab_automove_window=2", "slab_automove_window must be > 2"),
        ("slab_automove_ratio=0", "slab_automove_ratio must be > 0 and < 1"),
        ("tail_repair_time", "Missing numeric argument for tail_repair_time"),
        ("tail_repair_time=9", "Cannot set tail_repair_time to less than 10 seconds"),
        ("hash_algorithm=x", "Unknown hash_algorithm option (jenkins, murmur3, xxh3)"),
        ("hash_algorithm", "Missing hash_algorithm argument"),
        ("lru_crawler_sleep=1000001", "LRU crawler sleep must be between 0 and 1 second"),
        ("lru_crawler_tocrawl=x", "lru_crawler_tocrawl takes a numeric 32bit value"),
        ("hot_lru_pct=80", "hot_lru_pct must be > 1 and < 80"),
        ("warm_lru_pct=0", "warm_lru_pct must be > 1 and < 80"),
        ("hot_max_factor=0", "hot_max_factor must be > 0"),
        ("warm_max_factor", "Missing warm_max_factor argument"),
        ("temporary_ttl", "Missing temporary_ttl argument"),
        ("idle_timeout", "Missing numeric argument for idle_timeout"),
        ("watcher_logbuf_size=x", "could not parse argument to watcher_logbuf_size"),
        ("worker_logbuf_size", "Missing worker_logbuf_size argument"),
        ("read_buf_mem_limit", "Missing read_buf_mem_limit argument"),
    ] {
        fails(&format!("-o {line}"), 1, text);
    }
    let text = "Initial hashtable multiplier of 33 is too high\n\
                Choose a value based on \"STAT hash_power_level\" from a running instance";
    fails("-o hashpower=33", 1, text);
    fails(
        "-o hot_lru_pct=50,warm_lru_pct=50",
        64,
        "hot_lru_pct + warm_lru_pct cannot be more than 80% combined",
    );
    fails("-o temporary_ttl=3,no_lru_maintainer", 64, "temporary_ttl requires lru_maintainer to be enabled");
    let text = "-I (item_size_max: 1048576) must be evenly divisible by slab_chunk_max (bytes: 3)";
    fails("-o slab_chunk_max=3", 64, text);
}

#[test]
fn what_cannot_be_done_is_refused_with_a_reason() {
    fails("-U 11211", 64, "-U 11211 cannot be done: this server does not speak UDP; use -U 0");
    fails("-Z", 64, "This server is not built with TLS support.");
    fails("-e file", 64, "-e cannot be done: the items of this engine are not kept in a file over a restart");
    let text = "Illegal suboption \"ext_path=f:1G\": this server does not store items outside of memory";
    fails("-o ext_path=f:1G", 1, text);
    fails("-o proxy_config=x", 1, "Illegal suboption \"proxy_config=x\": this server is no proxy");
    assert_eq!(serves("-U 0"), MemcachedOptions::default());
}

#[test]
fn what_has_no_effect_is_one_line_of_warning() {
    let options = serves("-f 1.5 -o slab_reassign,lru_crawler,modern,maxconns_fast -o hashpower=16");
    let warned: Vec<&str> =
        options.warnings.iter().map(|line| line.split(" has no effect").next().unwrap()).collect();
    let expected =
        ["WARNING: -f", "WARNING: -o slab_reassign", "WARNING: -o lru_crawler", "WARNING: -o hashpower"];
    assert_eq!(warned, expected);
    assert_eq!(serves("-t 65").warnings.len(), 1);
    assert_eq!(serves("-o modern,no_drop_privileges,relaxed_privileges,").warnings, [""; 0]);
    assert!(run(&["-o", ""]).is_ok());
}

#[test]
fn extended_options_with_an_effect() {
    let options = serves("-o idle_timeout=3,no_maxconns_fast,track_sizes");
    assert_eq!(options.idle_timeout_s, 3);
    assert!(!options.closes_excess_connections && options.tracks_sizes);
    assert!(!serves("-o no_modern").closes_excess_connections);
}

#[test]
fn listeners() {
    let of = |line: &str| -> Vec<(String, Option<u16>)> {
        serves(line).listeners.into_iter().map(|listener| (listener.host, listener.port)).collect()
    };
    let pair = |host: &str, port| (host.to_owned(), port);
    assert_eq!(of("-l 127.0.0.1"), [pair("127.0.0.1", None)]);
    assert_eq!(
        of("-l 127.0.0.1:1,[::1]:2;::1,,"),
        [pair("127.0.0.1", Some(1)), pair("::1", Some(2)), pair("::1", None)]
    );
    assert_eq!(of("-l 10.0.0.1 -l 10.0.0.2"), [pair("10.0.0.1", None), pair("10.0.0.2", None)]);
    assert_eq!(of("-l 10.0.0.1 -l 10.0.0.1"), [pair("10.0.0.1", None)]);
    assert_eq!(serves("-l proto[ascii]:127.0.0.1:5").listeners[0].protocol, Some(Protocol::Ascii));
    assert_eq!(of("-l tag[abc]:127.0.0.1:5"), [pair("127.0.0.1", Some(5))]);
    let after = "failed to listen on one of interface(s)";
    fails("-l 127.0.0.1:x", 71, &format!("Invalid port number: \"x\"\n{after} 127.0.0.1:x: Success"));
    let text = format!("'notls' option is valid only when SSL is enabled\n{after} notls:1.1.1.1:1: Success");
    fails("-l notls:1.1.1.1:1", 71, &text);
}

#[test]
fn authentication_chooses_the_protocol() {
    assert_eq!(serves("-S").protocol, Protocol::Binary);
    assert_eq!(serves("-Y file").protocol, Protocol::Ascii);
    assert_eq!(serves("-Y file -B ascii").auth_file, Some("file".into()));
}

#[test]
fn printing_comes_first() {
    for (line, begin) in [
        (&["-V"][..], "memcached 1.6.18"),
        (&["-i"], "memcached 1.6.18"),
        (&["extra", "-V", "-c", "0"], "memcached 1.6.18"),
        (&["--help"], "memcached 1.6.18"),
    ] {
        let Ok(Request::Print(text)) = run(line) else { panic!("{line:?}") };
        assert!(text.starts_with(begin), "{text}");
    }
    let Ok(Request::Print(text)) = run(&["-t2", "-h"]) else { panic!() };
    assert!(text.contains("threads that serve (default: 2)") && text.contains("unix-socket"));
    for absent in ["ext_path", "proxy_config", "enable-ssl", "sasl", "no_drop_privileges"] {
        assert!(!text.contains(absent), "{absent}");
    }
}
