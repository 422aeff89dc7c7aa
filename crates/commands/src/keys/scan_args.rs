//! Arguments of the commands that walk in steps: `SCAN` and, through the members of one key, `HSCAN`, `SSCAN`, `ZSCAN`.

use wire::number::parse_i64;

use crate::options::integer;
use crate::{Args, CommandError};

/// Elements that one step meets unless told otherwise.
const COUNT: usize = 10;

/// A cursor as clients send it: decimal, after blanks and a sign that C's `strtoull` would take too.
pub fn scan_cursor(arg: &[u8]) -> Result<u64, CommandError> {
    const INVALID: CommandError = CommandError::text("ERR invalid cursor");
    if let Some(n) = parse_i64(arg) {
        return u64::try_from(n).map_err(|_| INVALID);
    }
    let text = arg.split(|&b| b == 0).next().unwrap_or_default();
    let blanks = text.iter().take_while(|b| matches!(b, b' ' | b'\t'..=b'\r')).count();
    let (negative, digits) = match &text[blanks..] {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() {
        return Err(INVALID);
    }
    let number = digits.iter().try_fold(0u64, |n, b| {
        let digit = b.is_ascii_digit().then(|| u64::from(b - b'0'))?;
        n.checked_mul(10)?.checked_add(digit)
    });
    let number = number.ok_or(INVALID)?;
    Ok(if negative { number.wrapping_neg() } else { number })
}

/// The options behind the cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanArgs<'a> {
    /// `MATCH`; `None` for the pattern that everything matches, the empty string included.
    pub pattern: Option<&'a [u8]>,
    /// `COUNT`, at least 1.
    pub count: usize,
    /// `TYPE`, as it was spelled; of `SCAN` alone.
    pub type_name: Option<&'a [u8]>,
    /// `NOVALUES` (of `HSCAN`) or `NOSCORES` (of `ZSCAN`).
    pub without_values: bool,
}

impl<'a> ScanArgs<'a> {
    /// Reads the options from argument `from` on, as command `name` (in lower case) has them. The last of several
    /// counts. `check_type` refuses names of types.
    pub fn parse_with(
        args: &Args<'a>,
        from: usize,
        name: &str,
        check_type: impl Fn(&[u8]) -> Result<(), CommandError>,
    ) -> Result<ScanArgs<'a>, CommandError> {
        let mut options = ScanArgs { pattern: None, count: COUNT, type_name: None, without_values: false };
        let mut i = from;
        while i < args.len() {
            let value = args.try_get(i + 1);
            i += 2;
            match value {
                Some(value) if args.is(i - 2, "count") => {
                    let count = integer(value)?;
                    options.count =
                        usize::try_from(count).ok().filter(|&n| n > 0).ok_or(CommandError::Syntax)?;
                }
                Some(value) if args.is(i - 2, "match") => {
                    options.pattern = (value != b"*").then_some(value);
                }
                Some(value) if name == "scan" && args.is(i - 2, "type") => {
                    check_type(value)?;
                    options.type_name = Some(value);
                }
                _ if args.is(i - 2, "novalues") => {
                    if name != "hscan" {
                        return Err(CommandError::text("ERR NOVALUES option can only be used in HSCAN"));
                    }
                    options.without_values = true;
                    i -= 1;
                }
                _ if args.is(i - 2, "noscores") => {
                    if name != "zscan" {
                        return Err(CommandError::text("ERR NOSCORES option can only be used in ZSCAN"));
                    }
                    options.without_values = true;
                    i -= 1;
                }
                _ => return Err(CommandError::Syntax),
            }
        }
        Ok(options)
    }

    /// As [`Self::parse_with`], for the commands that walk through one key's members.
    pub fn parse(args: &Args<'a>, from: usize, name: &str) -> Result<ScanArgs<'a>, CommandError> {
        Self::parse_with(args, from, name, |_| Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::OwnedArgs;

    #[test]
    fn each_command_has_its_own_options() {
        let parse = |line: &str, name: &str| {
            let owned: OwnedArgs = line.split(' ').map(str::as_bytes).collect();
            ScanArgs::parse(&owned.as_args(), 0, name)
                .map(|options| {
                    let pattern = options.pattern.map(|p| p.escape_ascii().to_string());
                    (pattern, options.count, options.without_values)
                })
                .map_err(|error| error.to_string())
        };
        let novalues = Err("ERR NOVALUES option can only be used in HSCAN".to_owned());
        let noscores = Err("ERR NOSCORES option can only be used in ZSCAN".to_owned());
        let syntax = Err("ERR syntax error".to_owned());
        assert_eq!(parse("count 3 match a* COUNT 4", "sscan"), Ok((Some("a*".into()), 4, false)));
        assert_eq!(parse("match a* match *", "sscan"), Ok((None, COUNT, false)));
        assert_eq!(parse("novalues count 1", "hscan"), Ok((None, 1, true)));
        assert_eq!(parse("count 1 NoScores", "zscan"), Ok((None, 1, true)));
        for name in ["sscan", "zscan"] {
            assert_eq!(parse("novalues", name), novalues);
        }
        for name in ["sscan", "hscan"] {
            assert_eq!(parse("noscores x", name), noscores);
        }
        for line in ["count", "match", "type set", "count 0", "count -1", "x 1"] {
            assert_eq!(parse(line, "sscan"), syntax, "{line}");
        }
        assert_eq!(parse("count a", "hscan"), Err("ERR value is not an integer or out of range".to_owned()));
    }
}
