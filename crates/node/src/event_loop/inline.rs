//! Inline commands with quotes, rewritten before they are parsed.
//!
//! The parser takes quotes off in place. What it has parsed may have to be parsed again: the command is held by CLIENT
//! PAUSE, its shard is busy, one before it made the rest wait. So such a line becomes the array of bulk strings that it
//! stands for, which parses to the same arguments any number of times.

use std::io::Write;

use wire::resp::parse::{Limits, Parsed, RequestParser};

/// Rewrites the command at `at` if it is a whole inline command with quotes. Wrong ones stay, for the parser to refuse;
/// so does what a client that has not authenticated may not send as an array.
#[cold]
pub(super) fn rewrite(input: &mut Vec<u8>, at: usize, limits: &Limits) {
    const UNAUTHENTICATED_ARGS_MAX: usize = 10;
    const UNAUTHENTICATED_ARG_BYTES_MAX: u32 = 16 * 1024;
    let Some(end) = input[at..].iter().position(|&byte| byte == b'\n') else { return };
    if !input[at..at + end].iter().any(|byte| matches!(byte, b'"' | b'\'')) {
        return;
    }
    let mut line = input[at..=at + end].to_vec();
    let mut args = Vec::new();
    let Ok(Parsed::Complete { next }) = RequestParser::default().parse(&mut line, 0, limits, &mut args)
    else {
        return;
    };
    let allowed = limits.authenticated
        || (args.len() <= UNAUTHENTICATED_ARGS_MAX
            && args.iter().all(|arg| arg.len <= UNAUTHENTICATED_ARG_BYTES_MAX));
    if next != line.len() || args.is_empty() || !allowed {
        return;
    }
    let mut array = Vec::with_capacity(line.len() + 16 * (args.len() + 1));
    // Writing to memory does not fail.
    let _ = write!(array, "*{}\r\n", args.len());
    for arg in &args {
        let _ = write!(array, "${}\r\n", arg.len);
        array.extend_from_slice(arg.of(&line));
        array.extend_from_slice(b"\r\n");
    }
    input.splice(at..=at + end, array);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(text: &[u8], authenticated: bool) -> Vec<u8> {
        let mut input = [b"PING\r\n", text].concat();
        rewrite(&mut input, 6, &Limits { authenticated, ..Limits::default() });
        input.split_off(6)
    }

    #[test]
    fn quoted_lines_become_arrays_once() {
        let array = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$3\r\na\"b\r\nGET k\r\n";
        let mut input = rewritten(b"SET k 'a\"b'\r\nGET k\r\n", true);
        assert_eq!(input, array);
        rewrite(&mut input, 0, &Limits::default());
        assert_eq!(input, array);
        // Quotes join with what surrounds them.
        assert_eq!(rewritten(b"a \"b\"c\r\n", true), b"*2\r\n$1\r\na\r\n$2\r\nbc\r\n");
        assert_eq!(rewritten(b"ECHO \"\\x00\\n\"\n", true), b"*2\r\n$4\r\nECHO\r\n$2\r\n\0\n\r\n");
    }

    #[test]
    fn other_lines_stay() {
        for text in [&b"SET k v\r\n"[..], b"SET k \"v", b"SET k \"v\r\n", b"\r\n", b"a 'b\r\n"] {
            assert_eq!(rewritten(text, true), text);
        }
        let many = b"a b c d e f g h i j \"k\"\r\n";
        assert_eq!(rewritten(many, false), many);
        assert!(rewritten(b"AUTH \"a b\"\r\n", false).starts_with(b"*2\r\n"));
    }
}
