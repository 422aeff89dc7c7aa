//! Pieces of argument grammar that several families share.

use wire::number::parse_i64;

use crate::{Args, CommandError};

/// An integer argument.
pub fn integer(arg: &[u8]) -> Result<i64, CommandError> {
    parse_i64(arg).ok_or(CommandError::NotInteger)
}

/// An integer argument from `min` to `max`.
pub fn integer_between(arg: &[u8], min: i64, max: i64) -> Result<i64, CommandError> {
    let number = integer(arg)?;
    if (min..=max).contains(&number) {
        return Ok(number);
    }
    Err(CommandError::owned(format!("ERR value is out of range, value must between {min} and {max}")))
}

/// An argument that counts something: not negative.
pub fn positive(arg: &[u8]) -> Result<usize, CommandError> {
    positive_or(arg, CommandError::text("ERR value is out of range, must be positive"))
}

/// As [`positive`], with the error for anything else.
pub fn positive_or(arg: &[u8], error: CommandError) -> Result<usize, CommandError> {
    integer(arg).ok().and_then(|number| usize::try_from(number).ok()).ok_or(error)
}

/// What a time argument counts from, and in what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeUnit {
    /// Seconds from now (`EX`).
    Seconds,
    /// Milliseconds from now (`PX`).
    Millis,
    /// Unix time in seconds (`EXAT`).
    AtSeconds,
    /// Unix time in milliseconds (`PXAT`).
    AtMillis,
}

impl TimeUnit {
    fn of(word: &[u8]) -> Option<TimeUnit> {
        const WORDS: [(&[u8], TimeUnit); 4] = [
            (b"EX", TimeUnit::Seconds),
            (b"PX", TimeUnit::Millis),
            (b"EXAT", TimeUnit::AtSeconds),
            (b"PXAT", TimeUnit::AtMillis),
        ];
        WORDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(word)).map(|&(_, unit)| unit)
    }
}

/// The Unix time in ms that a time argument of command `name` means. It must be positive, and so may be past only
/// when it is absolute.
pub fn expire_at_ms(
    arg: &[u8],
    unit: TimeUnit,
    now_ms: i64,
    name: &'static str,
) -> Result<i64, CommandError> {
    let number = integer(arg)?;
    let invalid = CommandError::InvalidExpireTime(name);
    if number <= 0 {
        return Err(invalid);
    }
    let millis = match unit {
        TimeUnit::Seconds | TimeUnit::AtSeconds => number.checked_mul(1000),
        TimeUnit::Millis | TimeUnit::AtMillis => Some(number),
    };
    let at = match unit {
        TimeUnit::Seconds | TimeUnit::Millis => millis.and_then(|ms| ms.checked_add(now_ms)),
        TimeUnit::AtSeconds | TimeUnit::AtMillis => millis,
    };
    at.ok_or(invalid)
}

/// What options say about the TTL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry<'a> {
    /// Nothing.
    None,
    /// `KEEPTTL`.
    Keep,
    /// `PERSIST`.
    Persist,
    /// `EX`, `PX`, `EXAT` or `PXAT`, with its argument.
    In(TimeUnit, &'a [u8]),
}

/// When the command is to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition<'a> {
    /// Always.
    None,
    /// `NX`: when the key is missing.
    Nx,
    /// `XX`: when the key exists.
    Xx,
    /// `IFEQ`: when the key holds this string.
    IfEq(&'a [u8]),
}

/// Whose options are read: the grammar is shared, the set of options is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// `SET`: all but `PERSIST`.
    Set,
    /// `GETEX`: times and `PERSIST`.
    Getex,
    /// `MSETEX`: times, `KEEPTTL`, `NX` and `XX`.
    Msetex,
}

/// The options of `SET`, `GETEX` and `MSETEX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetOptions<'a> {
    /// `NX`, `XX` or `IFEQ`.
    pub condition: Condition<'a>,
    /// `GET`.
    pub get: bool,
    /// What happens to the TTL.
    pub expiry: Expiry<'a>,
}

impl<'a> SetOptions<'a> {
    /// Reads the options from argument `from` on. One given twice counts once, times the last; different ones of
    /// one kind are a syntax error.
    pub fn parse(args: &Args<'a>, from: usize, allowed: Allowed) -> Result<Self, CommandError> {
        let mut options = SetOptions { condition: Condition::None, get: false, expiry: Expiry::None };
        let mut i = from;
        while i < args.len() {
            let next = args.try_get(i + 1);
            i += 1 + options.take(args.get(i), next, allowed).ok_or(CommandError::Syntax)?;
        }
        Ok(options)
    }

    /// Takes in one option and says how many arguments it has. `None` when it does not fit.
    fn take(&mut self, word: &[u8], next: Option<&'a [u8]>, allowed: Allowed) -> Option<usize> {
        let is = |known: &str| word.eq_ignore_ascii_case(known.as_bytes());
        if let Some(unit) = TimeUnit::of(word) {
            let fits = match self.expiry {
                Expiry::None => true,
                Expiry::In(other, _) => other == unit,
                Expiry::Keep | Expiry::Persist => false,
            };
            self.expiry = Expiry::In(unit, next.filter(|_| fits)?);
            return Some(1);
        }
        let (conditions, get, ifeq) = match allowed {
            Allowed::Set => (true, true, true),
            Allowed::Msetex => (true, false, false),
            Allowed::Getex => (false, false, false),
        };
        if conditions && is("NX") && matches!(self.condition, Condition::None | Condition::Nx) {
            self.condition = Condition::Nx;
        } else if conditions && is("XX") && matches!(self.condition, Condition::None | Condition::Xx) {
            self.condition = Condition::Xx;
        } else if ifeq && is("IFEQ") && self.condition == Condition::None {
            self.condition = Condition::IfEq(next?);
            return Some(1);
        } else if get && is("GET") {
            self.get = true;
        } else if conditions && is("KEEPTTL") && matches!(self.expiry, Expiry::None | Expiry::Keep) {
            self.expiry = Expiry::Keep;
        } else if !conditions && is("PERSIST") && matches!(self.expiry, Expiry::None | Expiry::Persist) {
            self.expiry = Expiry::Persist;
        } else {
            return None;
        }
        Some(0)
    }
}

/// The part of `len` bytes (or bits) from `start` to `end`, both included; negative ones count from the end and what
/// lies outside is cut off. `None` when nothing is left.
pub fn range(start: i64, end: i64, len: u64) -> Option<std::ops::Range<u64>> {
    let len = len as i64;
    let from_end = |index: i64| if index < 0 { (index + len).max(0) } else { index };
    let (start, end) = (from_end(start), from_end(end).min(len - 1));
    (start <= end).then(|| start as u64..end as u64 + 1)
}

/// The options of `HGETEX` and `HSETEX`, which stand before `FIELDS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldOptions<'a> {
    /// `XX` (true) or `NX` (false): whether the key must exist.
    pub key_exists: Option<bool>,
    /// `FXX` (true) or `FNX` (false): whether all fields must exist, or none may.
    pub fields_exist: Option<bool>,
    /// What happens to the fields' TTL.
    pub expiry: Expiry<'a>,
}

impl<'a> FieldOptions<'a> {
    /// Reads the options from the arguments in `range`: conditions and `KEEPTTL` if they `set`, else `PERSIST`. One
    /// given twice counts once, times the last; different ones of one kind are a syntax error.
    pub fn parse(args: &Args<'a>, range: std::ops::Range<usize>, set: bool) -> Result<Self, CommandError> {
        let mut options = FieldOptions { key_exists: None, fields_exist: None, expiry: Expiry::None };
        let mut i = range.start;
        while i < range.end {
            let next = (i + 1 < range.end).then(|| args.get(i + 1));
            i += 1 + options.take(args.get(i), next, set).ok_or(CommandError::Syntax)?;
        }
        Ok(options)
    }

    /// Takes in one option and says how many arguments it has. `None` when it does not fit.
    fn take(&mut self, word: &[u8], next: Option<&'a [u8]>, set: bool) -> Option<usize> {
        let is = |known: &str| word.eq_ignore_ascii_case(known.as_bytes());
        if let Some(unit) = TimeUnit::of(word) {
            let fits = match self.expiry {
                Expiry::None => true,
                Expiry::In(other, _) => other == unit,
                Expiry::Keep | Expiry::Persist => false,
            };
            self.expiry = Expiry::In(unit, next.filter(|_| fits)?);
            return Some(1);
        }
        let lone = if set { ("KEEPTTL", Expiry::Keep) } else { ("PERSIST", Expiry::Persist) };
        if is(lone.0) {
            let fits = self.expiry == Expiry::None || self.expiry == lone.1;
            self.expiry = lone.1;
            return fits.then_some(0);
        }
        let (condition, wanted) = match set {
            true if is("NX") => (&mut self.key_exists, false),
            true if is("XX") => (&mut self.key_exists, true),
            true if is("FNX") => (&mut self.fields_exist, false),
            true if is("FXX") => (&mut self.fields_exist, true),
            _ => return None,
        };
        let fits = condition.is_none_or(|other| other == wanted);
        *condition = Some(wanted);
        fits.then_some(0)
    }
}
