//! How long blocking commands wait.

use wire::long_double::LongDouble;
use wire::number::parse_i64;

use crate::CommandError;

/// How long a blocking command waits, in ms; `None` for ever. The argument is in seconds, with a fraction or without.
pub fn timeout_seconds(arg: &[u8], now_ms: i64) -> Result<Option<u64>, CommandError> {
    let seconds =
        LongDouble::parse(arg).ok_or(CommandError::text("ERR timeout is not a float or out of range"))?;
    match i64::try_from(seconds.times(1000).ceil()) {
        Ok(millis) => timeout(millis, now_ms),
        Err(_) if seconds.is_negative() => Err(TIMEOUT_NEGATIVE),
        Err(_) => Err(TIMEOUT_TOO_LONG),
    }
}

/// As [`timeout_seconds`] for an argument in whole milliseconds.
pub fn timeout_millis(arg: &[u8], now_ms: i64) -> Result<Option<u64>, CommandError> {
    let millis = parse_i64(arg).ok_or(CommandError::text("ERR timeout is not an integer or out of range"))?;
    timeout(millis, now_ms)
}

const TIMEOUT_NEGATIVE: CommandError = CommandError::text("ERR timeout is negative");
const TIMEOUT_TOO_LONG: CommandError = CommandError::text("ERR timeout is out of range");

fn timeout(millis: i64, now_ms: i64) -> Result<Option<u64>, CommandError> {
    let millis = u64::try_from(millis).map_err(|_| TIMEOUT_NEGATIVE)?;
    if now_ms.checked_add_unsigned(millis).is_none() {
        return Err(TIMEOUT_TOO_LONG);
    }
    Ok((millis > 0).then_some(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What valkey-server 9.1.2 says to these timeouts.
    #[test]
    fn timeouts_are_floats_of_seconds() {
        let now_ms = 1_800_000_000_000;
        let refused = |arg: &str| timeout_seconds(arg.as_bytes(), now_ms).unwrap_err().to_string();
        for arg in ["abc", "nan", "", " 1", "1 "] {
            assert_eq!(refused(arg), "ERR timeout is not a float or out of range", "{arg:?}");
        }
        for arg in ["-1", "-inf", "-0.01", "-1e300"] {
            assert_eq!(refused(arg), "ERR timeout is negative", "{arg:?}");
        }
        for arg in ["inf", "1e400", "9223372036854775807", "9223372036854775", "1e16"] {
            assert_eq!(refused(arg), "ERR timeout is out of range", "{arg:?}");
        }
        for (arg, millis) in [
            ("0", None),
            ("-0.0", None),
            ("-0.0001", None),
            // Not even a thousandth: what is below it in extended precision.
            ("-0.001", None),
            ("1", Some(1000)),
            ("0.001", Some(1)),
            ("0.1", Some(100)),
            ("1.1", Some(1100)),
            ("0.0001", Some(1)),
            ("1e-400", Some(1)),
            ("0x1p-3", Some(125)),
            ("9223370000000000", Some(9_223_370_000_000_000_000)),
        ] {
            assert_eq!(timeout_seconds(arg.as_bytes(), now_ms), Ok(millis), "{arg:?}");
        }
    }

    #[test]
    fn timeouts_in_milliseconds_are_integers() {
        let refused = |arg: &str| timeout_millis(arg.as_bytes(), 5).unwrap_err().to_string();
        assert_eq!(refused("1.5"), "ERR timeout is not an integer or out of range");
        assert_eq!(refused("-1"), "ERR timeout is negative");
        assert_eq!(refused("9223372036854775803"), "ERR timeout is out of range");
        assert_eq!(timeout_millis(b"9223372036854775802", 5), Ok(Some(9_223_372_036_854_775_802)));
        assert_eq!(timeout_millis(b"0", 5), Ok(None));
    }
}
