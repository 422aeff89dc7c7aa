//! Numbers as C's library reads them: leading blanks, a sign, digits; what follows is not looked at.

/// `atoi`: 0 where no digit stands, bounded where too many do.
pub fn atoi(text: &str) -> i64 {
    let text = text.trim_start();
    let (sign, digits) = match text.as_bytes().first() {
        Some(b'-') => (-1, &text[1..]),
        Some(b'+') => (1, &text[1..]),
        _ => (1, text),
    };
    let digits = digits.bytes().take_while(u8::is_ascii_digit);
    let value =
        digits.fold(0i64, |value, digit| (value * 10 + i64::from(digit - b'0')).min(i64::from(i32::MAX)));
    sign * value
}

/// `atof`, of the forms that options take: digits with a point, no exponent.
pub fn atof(text: &str) -> f64 {
    let text = text.trim_start();
    let end = text
        .char_indices()
        .find(|&(at, char)| !(char.is_ascii_digit() || char == '.' || (at == 0 && matches!(char, '-' | '+'))))
        .map_or(text.len(), |(at, _)| at);
    text[..end].parse().unwrap_or(0.0)
}

/// `strtol` with base 8, as an access mask.
pub fn octal(text: &str) -> u32 {
    let digits = text.trim_start().bytes().take_while(|byte| (b'0'..=b'7').contains(byte));
    digits.fold(0, |value, digit| (value << 3 | u32::from(digit - b'0')) & 0o7777)
}

/// A size with an optional `k` or `m` behind it.
pub fn size(text: &str) -> i64 {
    match text.as_bytes().last() {
        Some(b'k' | b'K') => atoi(text) * 1024,
        Some(b'm' | b'M') => atoi(text) * 1024 * 1024,
        _ => atoi(text),
    }
}

/// A whole unsigned number of 32 bits, as memcached's own check wants it; `None` where anything else stands.
pub fn whole(text: &str) -> Option<u32> {
    text.trim().parse().ok()
}
