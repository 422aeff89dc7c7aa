//! Entry points for fuzz targets: each panics if an invariant breaks, and is also run by the tests.

use crate::glob;
use crate::long_double::LongDouble;
use crate::number::{parse_f64, parse_i64};
use crate::resp::{
    Limits, Parsed, ProtocolError, RequestParser, Span, encode_command, parse_reply, reply_len,
};

/// Commands as the parser saw them, and how the stream ended.
type Outcome = (Vec<Vec<Vec<u8>>>, Option<ProtocolError>);

/// Parses `data` as a request stream, whole and in pieces: both must yield the same commands and error.
pub fn fuzz_request(data: &[u8]) {
    let limits = [
        Limits { max_inline_bytes: 64, ..Limits::default() },
        Limits { authenticated: false, max_bulk_bytes: 1 << 20, max_inline_bytes: 16, max_multibulk: 100 },
    ];
    for limits in limits {
        let whole = requests(data, &limits, data.len().max(1));
        for step in [1, 3, 7] {
            assert_eq!(requests(data, &limits, step), whole);
        }
        for command in &whole.0 {
            let borrowed: Vec<&[u8]> = command.iter().map(Vec::as_slice).collect();
            let mut encoded = Vec::new();
            encode_command(&mut encoded, &borrowed);
            let (again, error) = requests(&encoded, &Limits::default(), encoded.len());
            assert!(error.is_none() && again.as_slice() == std::slice::from_ref(command));
        }
    }
}

/// Feeds `data` in pieces of `step` bytes, draining finished commands as a connection would.
pub(crate) fn requests(data: &[u8], limits: &Limits, step: usize) -> Outcome {
    let mut parser = RequestParser::default();
    let (mut buf, mut pos, mut args, mut commands) = (Vec::new(), 0, Vec::new(), Vec::new());
    for piece in data.chunks(step) {
        buf.extend_from_slice(piece);
        loop {
            args.clear();
            args.push(Span { start: 0, len: 0 });
            match parser.parse(&mut buf, pos, limits, &mut args) {
                Ok(Parsed::Complete { next }) => {
                    assert!(parser.is_idle() && next > pos && next <= buf.len());
                    commands.push(args[1..].iter().map(|span| span.of(&buf).to_vec()).collect());
                    pos = next;
                }
                Ok(Parsed::Incomplete { wanted }) => {
                    assert!(wanted > 0 && args.len() == 1);
                    assert!(pos == buf.len() || !parser.is_idle());
                    break;
                }
                Err(error) => {
                    assert!(args.len() == 1 && parser.is_idle());
                    return (commands, Some(error));
                }
            }
        }
        buf.drain(..pos);
        parser.rebase(pos);
        pos = 0;
    }
    (commands, None)
}

/// Parses `data` as a reply; the length-only parser must agree, and every prefix must be incomplete.
pub fn fuzz_reply(data: &[u8]) {
    let parsed = parse_reply(data);
    match (&parsed, reply_len(data)) {
        (Ok(Some((_, len))), Ok(Some(skipped))) => assert_eq!(*len, skipped),
        (Ok(None), Ok(None)) => {}
        // The length-only parser does not look into values.
        (Err(_), _) => {}
        (parsed, skipped) => panic!("{parsed:?} but {skipped:?}"),
    }
    if let Ok(Some((_, len))) = parsed {
        assert!(matches!(parse_reply(&data[..len - 1]), Ok(None)));
    }
}

/// Parses `data` as numbers: whatever is accepted must print and read back.
pub fn fuzz_number(data: &[u8]) {
    if let Some(value) = parse_i64(data) {
        assert_eq!(value.to_string().as_bytes(), data);
    }
    if let Some(value) = parse_f64(data) {
        let mut buf = crate::number::DoubleBuf::new();
        assert_eq!(parse_f64(crate::number::format_f64(value, &mut buf)), Some(value));
    }
    if let Some(value) = LongDouble::parse(data) {
        let mut text = Vec::new();
        value.add(LongDouble::ZERO).format_human(&mut text);
        assert!(LongDouble::parse(&text).is_some());
    }
}

/// Matches the second half of `data` with the first as a pattern.
pub fn fuzz_glob(data: &[u8]) {
    let (pattern, text) = data.split_at(data.len() / 2);
    let exact = glob::matches(pattern, text, false);
    // With all letters folded and no escapes in classes, case cannot take a match away.
    if exact && !pattern.contains(&b'[') {
        assert!(glob::matches(pattern, text, true));
    }
}
