//! The parser by examples seen from the peer, by the ways a stream can be cut, and by garbage.

use super::*;
use crate::fuzzing::{fuzz_glob, fuzz_number, fuzz_request, requests};
use crate::prng::Prng;
use crate::resp::encode_command;

type Command = Vec<Vec<u8>>;

fn parse_whole(stream: &[u8], limits: &Limits) -> (Vec<Command>, Option<ProtocolError>) {
    requests(stream, limits, stream.len().max(1))
}

#[track_caller]
fn check(stream: &[u8], expected: &[&[&[u8]]]) {
    let (commands, error) = parse_whole(stream, &Limits::default());
    assert_eq!(error, None, "{}", stream.escape_ascii());
    assert_eq!(commands, expected, "{}", stream.escape_ascii());
}

#[track_caller]
fn check_error(stream: &[u8], limits: &Limits, expected: ProtocolError) {
    let (_, error) = parse_whole(stream, limits);
    assert_eq!(error, Some(expected), "{}", stream.escape_ascii());
}

#[test]
fn whole_commands() {
    check(b"*1\r\n$4\r\nPING\r\n", &[&[b"PING"]]);
    check(b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n*1\r\n$0\r\n\r\n", &[&[b"GET", b"a"], &[b""]]);
    check(b"*2\r\n$4\r\nECHO\r\n$4\r\n\r\n$1\r\n", &[&[b"ECHO", b"\r\n$1"]]);
    check(b"PING\r\nSET k 'a b'\n*1\r\n$4\r\nPING\r\n", &[&[b"PING"], &[b"SET", b"k", b"a b"], &[b"PING"]]);
}

#[test]
fn empty_commands_complete_with_no_arguments() {
    for stream in
        [b"*0\r\n".as_slice(), b"*-1\r\n", b"*-9223372036854775808\r\n", b"\r\n", b"\n", b"  \r\n", b"\r\r\n"]
    {
        check(stream, &[&[]]);
        check(&[stream, b"PING\r\n"].concat(), &[&[], &[b"PING"]]);
    }
}

#[test]
fn lengths_of_every_width() {
    for len in [0usize, 1, 9, 10, 11, 99, 100, 101, 999, 1000, 1001, 9999, 10_000, 70_000] {
        for count in [1usize, 2, 9, 10, 11, 99, 100, 101, 999, 1000, 1234] {
            if len * count > 10_000_000 {
                continue;
            }
            let body = vec![b'x'; len];
            let mut stream = Vec::new();
            encode_command(&mut stream, &vec![body.as_slice(); count]);
            let (commands, error) = parse_whole(&stream, &Limits::default());
            assert_eq!(error, None);
            assert_eq!(commands.len(), 1);
            assert!(commands[0].len() == count && commands[0].iter().all(|arg| *arg == body));
        }
    }
}

#[test]
fn malformed_streams() {
    use ProtocolError::*;
    for (stream, expected) in [
        ("*\r\n", InvalidMultibulkLength),
        ("*a\r\n", InvalidMultibulkLength),
        ("*+1\r\n", InvalidMultibulkLength),
        ("*01\r\n$4\r\nPING\r\n", InvalidMultibulkLength),
        ("*1\n$4\r\nPING\r\n", InvalidMultibulkLength),
        ("* 1\r\n", InvalidMultibulkLength),
        ("*-0\r\n", InvalidMultibulkLength),
        ("*2147483648\r\n", InvalidMultibulkLength),
        ("*9223372036854775808\r\n", InvalidMultibulkLength),
        ("*1\rx$4\r\nPING\r\n", InvalidCrlf),
        ("*1\r\r\n$4\r\nPING\r\n", InvalidCrlf),
        ("*a\rx", InvalidCrlf),
        ("*-1\rx", InvalidCrlf),
        ("*1\r\nx4\r\nPING\r\n", ExpectedDollar(b'x')),
        ("*1\r\nx\rx", ExpectedDollar(b'x')),
        ("*1\r\n\0\r\n", ExpectedDollar(0)),
        ("*1\r\n\r\n", ExpectedDollar(b'\r')),
        ("*1\r\n\n4\r\n", ExpectedDollar(b'\n')),
        ("*1\r\n$\r\n", InvalidBulkLength),
        ("*1\r\n$-1\r\n", InvalidBulkLength),
        ("*1\r\n$a\r\n", InvalidBulkLength),
        ("*1\r\n$04\r\nPING\r\n", InvalidBulkLength),
        ("*1\r\n$536870913\r\n", InvalidBulkLength),
        ("*1\r\n$a\rx", InvalidCrlf),
        ("*1\r\n$4\rxPING\r\n", InvalidCrlf),
        ("*1\r\n$4\r\nPINGx\n", InvalidCrlf),
        ("*1\r\n$4\r\nPING\rx", InvalidCrlf),
        ("PING \"a\r\n", UnbalancedQuotes),
        ("PING a'\r\n", UnbalancedQuotes),
    ] {
        check_error(stream.as_bytes(), &Limits::default(), expected);
    }
    check_error(b"*1\r\n\xff4\r\n", &Limits::default(), ExpectedDollar(0xff));
    // Not yet wrong: the byte that would tell is missing.
    for stream in
        ["*1\r\nx", "*a", "*1\r\n$4\r\nPINGx", "*2147483647\r\n", "*1\r\n$536870912\r\n", "P\"", "*1\r"]
    {
        check(stream.as_bytes(), &[]);
    }
}

#[test]
fn error_texts() {
    for (error, text) in [
        (ProtocolError::TooBigInline, "Protocol error: too big inline request"),
        (ProtocolError::TooBigMultibulkCount, "Protocol error: too big mbulk count string"),
        (ProtocolError::TooBigBulkCount, "Protocol error: too big bulk count string"),
        (ProtocolError::InvalidMultibulkLength, "Protocol error: invalid multibulk length"),
        (ProtocolError::InvalidBulkLength, "Protocol error: invalid bulk length"),
        (ProtocolError::UnauthenticatedMultibulkLength, "Protocol error: unauthenticated multibulk length"),
        (ProtocolError::UnauthenticatedBulkLength, "Protocol error: unauthenticated bulk length"),
        (ProtocolError::ExpectedDollar(b'x'), "Protocol error: expected '$', got 'x'"),
        (ProtocolError::InvalidCrlf, "Protocol error: invalid CRLF in request"),
        (ProtocolError::UnbalancedQuotes, "Protocol error: unbalanced quotes in request"),
    ] {
        assert_eq!(error.to_string(), text);
        assert_eq!(error.text(), text.as_bytes());
    }
}

#[test]
fn lines_are_limited() {
    use ProtocolError::*;
    let limits = Limits::default();
    let line = |prefix: &str, len: usize| [prefix.as_bytes(), &vec![b'1'; len]].concat();
    check_error(&line("", 65_537), &limits, TooBigInline);
    check_error(&line("*", 65_536), &limits, TooBigMultibulkCount);
    check_error(&line("*1\r\n$", 65_536), &limits, TooBigBulkCount);
    check_error(&[line("", 65_537), b"\r\n".to_vec()].concat(), &limits, TooBigInline);
    check_error(&[line("*", 65_536), b"\r\n".to_vec()].concat(), &limits, TooBigMultibulkCount);
    for stream in [line("", 65_536), line("*", 65_535), line("*1\r\n$", 65_535)] {
        assert_eq!(parse_whole(&stream, &limits), (vec![], None));
    }
    let longest = [line("", 65_535), b"\r\n".to_vec()].concat();
    assert_eq!(parse_whole(&longest, &limits), (vec![vec![vec![b'1'; 65_535]]], None));
    // Other commands in the buffer do not count.
    let many = b"PING\r\n".repeat(20_000);
    assert_eq!(parse_whole(&many, &limits).0.len(), 20_000);
}

#[test]
fn nul_hides_the_end_of_an_inline_command() {
    check(b"PING\0\r\nPING\r\n", &[]);
    check_error(
        &[b"PING\0\r\n".as_slice(), &[b' '; 65_536]].concat(),
        &Limits::default(),
        ProtocolError::TooBigInline,
    );
}

#[test]
fn unauthenticated_clients_send_little() {
    use ProtocolError::*;
    let limits = Limits { authenticated: false, ..Limits::default() };
    check_error(b"*11\r\n", &limits, UnauthenticatedMultibulkLength);
    check_error(b"*1000\r\n", &limits, UnauthenticatedMultibulkLength);
    check_error(b"*2147483648\r\n", &limits, InvalidMultibulkLength);
    check_error(b"*1\r\n$16385\r\n", &limits, UnauthenticatedBulkLength);
    check_error(b"*1\r\n$536870913\r\n", &limits, InvalidBulkLength);
    let mut stream = Vec::new();
    encode_command(&mut stream, &[vec![b'x'; 16384].as_slice(); 10]);
    assert_eq!(parse_whole(&stream, &limits).0.len(), 1);
    let inline = [b"PING".as_slice(), &b" a".repeat(20), b"\r\n"].concat();
    assert_eq!(parse_whole(&inline, &limits).0[0].len(), 21);
}

#[test]
fn configured_limits_hold_for_short_lengths_too() {
    let limits = Limits { max_bulk_bytes: 5, max_multibulk: 2, ..Limits::default() };
    check_error(b"*1\r\n$6\r\nabcdef\r\n", &limits, ProtocolError::InvalidBulkLength);
    check_error(b"*3\r\n$1\r\na\r\n", &limits, ProtocolError::InvalidMultibulkLength);
    assert_eq!(parse_whole(b"*2\r\n$5\r\nabcde\r\n$0\r\n\r\n", &limits).0.len(), 1);
}

#[test]
fn spans_beyond_4_gib_are_refused() {
    let limits = Limits { max_bulk_bytes: u64::MAX, ..Limits::default() };
    check_error(b"*1\r\n$4294967296\r\n", &limits, ProtocolError::RequestTooLarge);
    check_error(b"*1\r\n$4294967280\r\n", &limits, ProtocolError::RequestTooLarge);
    check_error(b"*1\r\n$9223372036854775807\r\n", &limits, ProtocolError::RequestTooLarge);
    assert_eq!(parse_whole(b"*1\r\n$4294967000\r\n", &limits), (vec![], None));
}

#[test]
fn wanted_counts_the_bytes_of_an_announced_argument() {
    let mut parser = RequestParser::default();
    let mut buf = b"..*1\r\n$1000\r\nabc".to_vec();
    let mut args = Vec::new();
    let mut parse =
        |parser: &mut RequestParser, buf: &mut [u8]| parser.parse(buf, 2, &Limits::default(), &mut args);
    assert_eq!(parse(&mut parser, &mut buf), Ok(Parsed::Incomplete { wanted: 999 }));
    buf.extend_from_slice(&[b'x'; 998]);
    assert_eq!(parse(&mut parser, &mut buf), Ok(Parsed::Incomplete { wanted: 1 }));
    assert!(!parser.is_idle());
}

#[test]
fn a_declared_length_allocates_nothing() {
    let mut parser = RequestParser::default();
    let mut buf = b"*2147483647\r\n$500000000\r\n".to_vec();
    let mut args = Vec::new();
    let parsed = parser.parse(&mut buf, 0, &Limits::default(), &mut args).expect("valid so far");
    assert!(matches!(parsed, Parsed::Incomplete { .. }));
    assert_eq!((parser.partial.capacity(), args.capacity()), (0, 0));
}

#[test]
fn rebase_follows_a_drained_buffer() {
    let stream = b"*1\r\n$4\r\nPING\r\n*2\r\n$4\r\nECHO\r\n$5\r\nhello\r\n";
    for cut in 15..stream.len() {
        let mut parser = RequestParser::default();
        let mut args = Vec::new();
        let mut buf = stream[..cut].to_vec();
        let limits = Limits::default();
        assert_eq!(parser.parse(&mut buf, 0, &limits, &mut args), Ok(Parsed::Complete { next: 14 }));
        args.clear();
        assert!(matches!(parser.parse(&mut buf, 14, &limits, &mut args), Ok(Parsed::Incomplete { .. })));
        // Drain in two steps: the command then lies at 4, then at 0.
        for (by, pos) in [(10, 4), (4, 0)] {
            buf.drain(..by);
            parser.rebase(by);
            assert!(matches!(parser.parse(&mut buf, pos, &limits, &mut args), Ok(Parsed::Incomplete { .. })));
        }
        buf.extend_from_slice(&stream[cut..]);
        assert_eq!(parser.parse(&mut buf, 0, &limits, &mut args), Ok(Parsed::Complete { next: buf.len() }));
        let found: Vec<&[u8]> = args.iter().map(|span| span.of(&buf)).collect();
        assert_eq!(found, [b"ECHO".as_slice(), b"hello"]);
        assert!(parser.is_idle());
    }
}

#[test]
fn a_stream_may_be_cut_anywhere() {
    let mut stream = Vec::new();
    encode_command(&mut stream, &[b"SET", b"key", &[b'v'; 1200]]);
    stream.extend_from_slice(b"*0\r\n\r\nSET \"a\\x41\\\"b\" 'c d'\r\n");
    encode_command(&mut stream, &[b"MSET".as_slice(); 12]);
    stream.extend_from_slice(b"PING\n*1\r\n$4\r\nPING\r\n");
    let whole = parse_whole(&stream, &Limits::default());
    assert_eq!((whole.0.len(), whole.1), (7, None));
    for step in 1..stream.len() {
        assert_eq!(requests(&stream, &Limits::default(), step), whole, "in pieces of {step}");
    }
}

/// A million arguments, a few bytes at a time: quadratic re-parsing would take hours.
#[test]
fn slow_senders_cost_linear_time() {
    let mut stream = Vec::new();
    encode_command(&mut stream, &vec![b"x".as_slice(); 1_000_000]);
    let (mut parser, mut args, mut buf) = (RequestParser::default(), Vec::new(), Vec::new());
    for piece in stream.chunks(5) {
        assert!(args.is_empty());
        buf.extend_from_slice(piece);
        let parsed = parser.parse(&mut buf, 0, &Limits::default(), &mut args).expect("a valid stream");
        assert_eq!(matches!(parsed, Parsed::Complete { .. }), buf.len() == stream.len());
    }
    assert_eq!(args.len(), 1_000_000);
    assert!(args.iter().all(|span| span.of(&buf) == b"x"));
    assert!(parser.partial.capacity() <= PARTIAL_KEPT, "a large command's memory is given back");
}

#[test]
fn random_streams_parse_alike_in_pieces() {
    let mut rng = Prng::new(10);
    for _ in 0..20_000 {
        let mut stream = Vec::new();
        for _ in 0..rng.below(4) {
            match rng.below(3) {
                0 => stream.extend(rng.bytes_of(b"*$0123-\r\n\r\n\0\"'\\x ab\xff", 30)),
                1 => {
                    let args: Vec<Vec<u8>> =
                        (0..rng.below(4)).map(|_| rng.bytes_of(b"ab\r\n$", 40)).collect();
                    encode_command(&mut stream, &args.iter().map(Vec::as_slice).collect::<Vec<_>>());
                }
                _ => stream.extend([rng.bytes_of(b"ab \"'\\x4f\t", 12), b"\r\n".to_vec()].concat()),
            }
            if !stream.is_empty() && rng.below(3) == 0 {
                let at = rng.below(stream.len());
                stream[at] = rng.next() as u8;
            }
        }
        fuzz_request(&stream);
    }
}

#[test]
fn other_fuzz_targets_survive_garbage() {
    let mut rng = Prng::new(11);
    for _ in 0..50_000 {
        fuzz_number(&rng.bytes_of(b"0123456789.eE+-xXpPinfa", 14));
        fuzz_glob(&rng.bytes_of(b"aA*?[]^-\\", 16));
    }
}
