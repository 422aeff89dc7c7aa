//! Turning the words of a directive into a value of its row, with the refusals clients see.
//!
//! The texts are those of valkey-server 9.1.2 byte for byte, since clients and test suites match on them.

use std::borrow::Cow;
use std::path::Path;

use crate::lists;
use crate::number::{c_integer, integer, memory};
use crate::row::{Choices, Kind, Row};
use crate::text;
use crate::value::Value;

/// Why a value was refused: the part after the dash of a `CONFIG SET` error.
pub type Refusal = Cow<'static, str>;

/// What [`accept`] needs to know besides the words.
pub struct Situation<'a> {
    /// The value so far; some directives only change a part of it.
    pub current: &'a Value,
    /// Whether a running server is being changed, as opposed to a file being read.
    pub run_time: bool,
    /// Whether this row was given before while files are being read.
    pub repeated: bool,
    /// The directory relative paths start from.
    pub directory: &'a Path,
}

const WRONG_COUNT: &str = "wrong number of arguments";

/// The value that `words` (without the name) give `row`. Rows of a single value want exactly one word; rows
/// of several take them apart at blanks when they come as one.
pub fn accept(row: &Row, words: &[&[u8]], situation: &Situation<'_>) -> Result<Value, Refusal> {
    let parts = split(words);
    match row.kind {
        Kind::Flags(choices) => return flags(choices, &parts),
        Kind::Words => return lists::words(&parts),
        Kind::SavePoints => return lists::save_points(&parts, situation),
        Kind::OutputBufferLimits => return lists::output_buffer_limits(&parts, situation.current),
        Kind::OomScores => return lists::oom_scores(&parts),
        Kind::Percentiles => return lists::percentiles(&parts),
        Kind::ReplicaOf => return lists::replica_of(&parts),
        _ => {}
    }
    let [word] = words else { return Err(WRONG_COUNT.into()) };
    let word = if row.binary { word } else { until_zero(word) };
    match row.kind {
        Kind::Bool => switch(row, word),
        Kind::Int { min, max } => whole(row, word, min, max, situation.run_time),
        Kind::Memory { min, max } => bytes(row, word, min, max, situation.run_time),
        Kind::SignedMemory { min, max } => signed_bytes(word, min, max),
        Kind::MemoryOrPercent => bytes_or_percent(word),
        Kind::Octal { max } => octal(word, max),
        Kind::Choice(choices) => one_of(choices, word).map(Value::Choice),
        Kind::EventLetters => lists::event_letters(word),
        _ => text::accept(row, word, situation).map(Value::Text),
    }
}

/// The text before the first zero byte.
pub fn until_zero(text: &[u8]) -> &[u8] {
    text.split(|byte| *byte == 0).next().unwrap_or_default()
}

fn split<'a>(words: &[&'a [u8]]) -> Vec<&'a [u8]> {
    match words {
        [[]] => Vec::new(),
        [one] => one.split(|byte| *byte == b' ').map(until_zero).collect(),
        several => several.iter().map(|word| until_zero(word)).collect(),
    }
}

fn switch(row: &Row, word: &[u8]) -> Result<Value, Refusal> {
    let on = if word.eq_ignore_ascii_case(b"yes") {
        true
    } else if word.eq_ignore_ascii_case(b"no") {
        false
    } else {
        return Err("argument must be 'yes' or 'no'".into());
    };
    match row.refusal {
        Some(reason) if on => Err(reason.into()),
        _ => Ok(Value::Bool(on)),
    }
}

fn whole(row: &Row, word: &[u8], min: i64, max: i64, run_time: bool) -> Result<Value, Refusal> {
    let number = integer(word).ok_or("argument couldn't be parsed into an integer")?;
    if row.zero_is_cores && number == 0 {
        return Ok(Value::Int(cores().clamp(min, max)));
    }
    between(number, min, max)?;
    if row.zero_or_power_of_two && number & (number - 1).max(0) != 0 {
        return Err("argument must be 0 or a power of two".into());
    }
    Ok(Value::Int(clamped(row, number, run_time)))
}

/// The number of processor cores this process may use; 1 if that is unknown.
pub fn cores() -> i64 {
    std::thread::available_parallelism().map_or(1, |count| i64::try_from(count.get()).unwrap_or(1))
}

fn clamped(row: &Row, number: i64, run_time: bool) -> i64 {
    let number = row.clamp.map_or(number, |(min, max)| number.clamp(min, max));
    match row.clamp_at_run_time {
        Some((min, max)) if run_time => number.clamp(min, max),
        _ => number,
    }
}

fn between(number: i64, min: i64, max: i64) -> Result<(), Refusal> {
    if (min..=max).contains(&number) {
        return Ok(());
    }
    Err(format!("argument must be between {min} and {max} inclusive").into())
}

fn bytes(row: &Row, word: &[u8], min: u64, max: u64, run_time: bool) -> Result<Value, Refusal> {
    let size = memory(word).ok_or("argument must be a memory value")?;
    if !(min..=max).contains(&size) {
        return Err(format!("argument must be between {min} and {max} inclusive").into());
    }
    if row.clamp_at_run_time.is_none() {
        return Ok(Value::Bytes(size));
    }
    let size = clamped(row, i64::try_from(size).unwrap_or(i64::MAX), run_time);
    Ok(Value::Bytes(u64::try_from(size).unwrap_or(0)))
}

fn signed_bytes(word: &[u8], min: i64, max: i64) -> Result<Value, Refusal> {
    // Sizes beyond the signed range come out negative, which the bounds then judge.
    let size = memory(word).map(|size| size as i64).or_else(|| integer(word));
    let size = size.ok_or("argument must be a memory value")?;
    between(size, min, max)?;
    Ok(Value::Int(size))
}

fn bytes_or_percent(word: &[u8]) -> Result<Value, Refusal> {
    let percent = word.strip_suffix(b"%").and_then(integer).filter(|percent| *percent >= 0);
    // As above: huge sizes turn negative, which here reads as percent.
    let number = percent.map(|percent| -percent).or_else(|| memory(word).map(|size| size as i64));
    let number = number.ok_or("argument must be a memory or percent value")?;
    if number < -100 {
        return Err("percentage argument must be less or equal to 100".into());
    }
    Ok(Value::Int(number))
}

fn octal(word: &[u8], max: i64) -> Result<Value, Refusal> {
    let number = c_integer(word, 8).ok_or("argument couldn't be parsed as an octal number")?;
    if !(0..=max).contains(&number) {
        return Err(format!("argument must be between 0 and {max:o} inclusive").into());
    }
    Ok(Value::Int(number))
}

fn one_of(choices: Choices, word: &[u8]) -> Result<u32, Refusal> {
    let known = choices.iter().find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(word));
    known.map(|(_, number)| *number).ok_or_else(|| {
        let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
        format!("argument(s) must be one of the following: {}", words.join(", ")).into()
    })
}

fn flags(choices: Choices, words: &[&[u8]]) -> Result<Value, Refusal> {
    let mut bits = 0;
    if words.is_empty() {
        one_of(choices, b"")?;
    }
    for word in words {
        bits |= one_of(choices, word)?;
    }
    // Both rows of this kind are shutdown options.
    let both = one_of(choices, b"save")? | one_of(choices, b"nosave")?;
    if bits & both == both {
        return Err("shutdown options SAVE and NOSAVE can't be used simultaneously".into());
    }
    Ok(Value::Choice(bits))
}
