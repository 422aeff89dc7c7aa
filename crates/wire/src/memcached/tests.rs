use super::text::{Parsed, Rest, Retrieve, Verb, parse};
use super::*;

/// All requests of an input, as text, and how many bytes are left.
fn requests(input: &[u8]) -> (Vec<String>, usize) {
    let (mut at, mut rest, mut all) = (0, None::<Rest>, Vec::new());
    while at < input.len() {
        match parse(input, at, rest.as_mut(), 1024, true) {
            Parsed::Request { request, next } => {
                assert!(next > at);
                let skip = match request.verb {
                    Verb::Refuse { skip, .. } => skip,
                    _ => 0,
                };
                let (key, data) = (request.key.of(input), request.data.of(input));
                let (key, data) = (String::from_utf8_lossy(key), String::from_utf8_lossy(data));
                all.push(match request.verb {
                    Verb::Refuse { text, .. } if request.noreply => format!("({text})"),
                    Verb::Refuse { text, .. } => text.to_owned(),
                    Verb::Get { how: Retrieve { cas, exptime }, is_last } => {
                        format!(
                            "get {key}{}{}{}",
                            if cas { " cas" } else { "" },
                            exptime.map_or(String::new(), |t| format!(" {t}")),
                            if is_last { "." } else { "" }
                        )
                    }
                    Verb::Store { update, flags, exptime, cas } => {
                        format!(
                            "{update:?} {key} {flags} {exptime} {cas} {data}{}",
                            if request.noreply { " -" } else { "" }
                        )
                    }
                    verb => format!("{verb:?} {key}"),
                });
                rest = match request.verb {
                    Verb::Get { how, is_last: false } => {
                        Some(Rest { how, line_end: rest.and_then(|rest| rest.line_end) })
                    }
                    _ => None,
                };
                at = next + skip.min(input.len() - next);
            }
            Parsed::Incomplete { .. } => return (all, input.len() - at),
            Parsed::Junk => {
                all.push("junk".into());
                return (all, input.len() - at);
            }
        }
    }
    (all, 0)
}

#[track_caller]
fn check(input: &str, expected: &[&str]) {
    let (found, left) = requests(input.as_bytes());
    assert_eq!(found, expected, "{input:?}");
    assert_eq!(left, 0, "{input:?}");
    // A request that has not come whole is never taken for another.
    for cut in 0..input.len() {
        let (part, _) = requests(&input.as_bytes()[..cut]);
        assert!(part.len() <= found.len() && part[..] == found[..part.len()], "{input:?} cut at {cut}");
    }
}

#[test]
fn classic_commands() {
    check("get a\r\n", &["get a."]);
    check("get a  bc d\r\ngets x\n", &["get a", "get bc", "get d.", "get x cas."]);
    check("gat 10 a b\r\n", &["get a 10", "get b 10."]);
    check("gats -1 a\r\n", &["get a cas -1."]);
    check("gat x a\r\n", &["CLIENT_ERROR invalid exptime argument"]);
    check("set k 7 0 3\r\nabc\r\n", &["Set k 7 0 0 abc"]);
    check("set k 7 -9 0 noreply\r\n\r\nget k\r\n", &["Set k 7 -9 0  -", "get k."]);
    check("cas k 0 0 2 99\r\nab\r\n", &["Cas k 0 0 99 ab"]);
    check("append k 0 0 1\r\n\n\r\n", &["Append k 0 0 0 \n"]);
    check("set k 0 0 1\r\nabc\r\n", &["CLIENT_ERROR bad data chunk", "ERROR"]);
    check("set k 0 0 -1\r\nabc\r\n", &["CLIENT_ERROR bad command line format", "Admin "]);
    check("set k 0 0 x noreply\r\n", &["(CLIENT_ERROR bad command line format)"]);
    check("set k 0 0\r\n", &["ERROR"]);
    check("\r\n", &["ERROR"]);
    check("get\r\n", &["ERROR"]);
    check(
        "incr k 5\r\ndecr k 1 noreply\r\n",
        &["Count { down: false, delta: 5 } k", "Count { down: true, delta: 1 } k"],
    );
    check("incr k -1\r\n", &["CLIENT_ERROR invalid numeric delta argument"]);
    check("delete k\r\ndelete k 0\r\ndelete k 0 noreply\r\n", &["Delete k", "Delete k", "Delete k"]);
    check("delete k 1\r\n", &["CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]"]);
    check("touch k 5\r\nversion\r\n", &["Touch { exptime: 5 } k", "Admin "]);
}

#[test]
fn what_is_too_large_is_skipped() {
    let data = "x".repeat(2000);
    check(
        &format!("set k 0 0 2000\r\n{data}\r\nget k\r\n"),
        &["SERVER_ERROR object too large for cache", "get k."],
    );
    check(
        &format!("ms k 2000\r\n{data}\r\nmn\r\n"),
        &["SERVER_ERROR object too large for cache", "MetaNoop "],
    );
    let long = "k".repeat(251);
    check(&format!("get {long}\r\n"), &["CLIENT_ERROR bad command line format"]);
    check(&format!("get a {long} b\r\n"), &["CLIENT_ERROR bad command line format"]);
    assert_eq!(requests(&[b'a'; 3000]).0, ["junk"]);
    assert_eq!(requests(&[b"get ", &[b'a'; 3000][..]].concat()).1, 3004);
}

#[test]
fn meta_commands() {
    check("mg k v t O123\r\nmn\r\n", &["MetaGet k", "MetaNoop "]);
    check("mg k v v\r\n", &["CLIENT_ERROR duplicate flag"]);
    check("mg k !\r\n", &["CLIENT_ERROR invalid flag"]);
    check("mg k Tx\r\n", &["CLIENT_ERROR bad token in command line format"]);
    check("mg !!! b\r\n", &["CLIENT_ERROR error decoding key"]);
    check("ms k 2 T90 F7\r\nhi\r\n", &["MetaSet k"]);
    check("ms k 2 MZ\r\nhi\r\nmn\r\n", &["CLIENT_ERROR invalid mode for ms M token", "MetaNoop "]);
    check("ms k\r\n", &["CLIENT_ERROR bad command line format"]);
    check("md k q I\r\nma k MD D3\r\nme k\r\n", &["MetaDelete k", "MetaArithmetic k", "MetaDebug k"]);
    check("ma k MQ\r\n", &["CLIENT_ERROR invalid mode for ma M token"]);
    check("md k !\r\n", &["CLIENT_ERROR invalid or duplicate flag"]);
    check(&format!("mg k O{}\r\n", "1".repeat(32)), &["CLIENT_ERROR opaque token too long"]);
}

#[test]
fn numbers_are_read_as_c_reads_them() {
    assert_eq!(parse_u32(b"4294967296"), Some(0));
    assert_eq!(parse_u64(b"18446744073709551615"), Some(u64::MAX));
    assert_eq!(parse_u64(b"18446744073709551616"), None);
    assert_eq!(
        (parse_u64(b"-1"), parse_u64(b"+1"), parse_u64(b"1\t"), parse_u64(b"1x")),
        (None, Some(1), Some(1), None)
    );
    assert_eq!((parse_i32(b"-1"), parse_i32(b""), parse_i32(b"-")), (Some(-1), None, None));
    assert_eq!(parse_i32(b"4294967295"), Some(-1));
}

#[test]
fn base64_both_ways() {
    for (plain, text) in
        [(&b"f"[..], "Zg=="), (b"fo", "Zm8="), (b"foo", "Zm9v"), (b"\0\xff\x10 ", "AP8QIA==")]
    {
        let mut out = Vec::new();
        meta::encode_base64(plain, &mut out);
        assert_eq!(out, text.as_bytes());
        assert_eq!(meta::decode_base64(&out).as_deref(), Some(plain));
    }
    for wrong in [&b""[..], b"Zg=", b"Z===", b"====", b"Zg!=", b"Zm9vZg"] {
        assert_eq!(meta::decode_base64(wrong), None, "{wrong:?}");
    }
}

#[test]
fn random_bytes_never_panic() {
    let mut random = crate::prng::Prng::new(5);
    let parts: [&[u8]; 16] = [
        b"get ", b"set ", b"k ", b"0 ", b"5 ", b"\r\n", b"\n", b"ms ", b"mg ", b"b ", b"v ", b"-1 ",
        b"noreply", b"\0", b"cas ", b"Zg== ",
    ];
    for _ in 0..20_000 {
        let count = random.below(12);
        let input: Vec<u8> = (0..count).flat_map(|_| parts[random.below(16)].to_vec()).collect();
        requests(&input);
    }
}
