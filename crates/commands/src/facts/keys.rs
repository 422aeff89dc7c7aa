//! Key positions of one call: what `COMMAND GETKEYS`, ACL checks and slot routing ask for
//! (<https://valkey.io/commands/command-getkeys/>).
//!
//! Key specs come first; where they cannot tell, the command's [`KeyRule`] does. Nothing allocates
//! for calls with up to eight keys.

use smallvec::{SmallVec, smallvec};

use super::{Begin, Facts, Find, KeyFlags, KeyRule, KeySpec};

/// Indexes into argv with what the command does to each key, in the order of the key specs.
pub type Keys = SmallVec<[(u32, KeyFlags); 8]>;

/// Why no keys can be told. `Display` is the error text of `COMMAND GETKEYS` after `ERR `.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoKeys {
    /// The command never takes keys.
    Keyless,
    /// The arity is violated.
    WrongArity,
    /// The arguments do not follow the command's grammar, so there is no key in them.
    Malformed,
}

impl std::fmt::Display for NoKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            NoKeys::Keyless => "The command has no key arguments",
            NoKeys::WrongArity => "Invalid number of arguments specified for command",
            NoKeys::Malformed => "Invalid arguments specified for command",
        })
    }
}

impl std::error::Error for NoKeys {}

/// Finds the keys of a call; `argv` starts with the command's name. O(arguments).
///
/// `Ok` is empty only for commands that may be called without keys (`EVAL script 0`).
pub fn keys_of(facts: &Facts, argv: &[&[u8]]) -> Result<Keys, NoKeys> {
    if facts.keys.iter().all(|spec| spec.flags.contains(KeyFlags::NOT_KEY)) {
        return Err(NoKeys::Keyless);
    }
    if !facts.accepts(argv.len()) {
        return Err(NoKeys::WrongArity);
    }
    let keys = match facts.key_rule {
        KeyRule::Specs => by_specs(facts.keys, argv).unwrap_or_default(),
        KeyRule::Set => set(argv),
        KeyRule::Bitfield => bitfield(argv),
        KeyRule::Sort => sort(argv),
        KeyRule::SortRo => smallvec![(1, READ)],
        KeyRule::Migrate => by_specs(facts.keys, argv).unwrap_or_else(|| migrate(argv)),
        KeyRule::Georadius => georadius(argv),
    };
    if keys.is_empty() && !facts.flags.contains(super::Flags::NO_MANDATORY_KEYS) {
        return Err(NoKeys::Malformed);
    }
    Ok(keys)
}

const READ: KeyFlags = KeyFlags::RO.or(KeyFlags::ACCESS);
const OVERWRITE: KeyFlags = KeyFlags::OW.or(KeyFlags::UPDATE);
const READ_UPDATE: KeyFlags = KeyFlags::RW.or(KeyFlags::ACCESS).or(KeyFlags::UPDATE);

/// All keys that the specs find, or `None` if one of them does not fit the arguments.
fn by_specs(specs: &[KeySpec], argv: &[&[u8]]) -> Option<Keys> {
    let mut keys = Keys::new();
    for spec in specs.iter().filter(|spec| !spec.flags.contains(KeyFlags::NOT_KEY)) {
        let begin = match spec.begin {
            Begin::Index(index) => index as usize,
            Begin::Keyword(keyword, from) => match behind_keyword(keyword, from, argv) {
                Some(begin) => begin,
                None => continue,
            },
            Begin::Unknown => return None,
        };
        let (first, last, step) = extent(spec.find, begin, argv)?;
        if first >= argv.len() || last < first || last >= argv.len() {
            return None;
        }
        keys.extend((first..=last).step_by(step).map(|index| (index as u32, spec.flags)));
        if spec.flags.contains(KeyFlags::INCOMPLETE) {
            return None;
        }
    }
    Some(keys)
}

/// The index behind a keyword that is searched forwards from `from`, or backwards from `-from`
/// before the end. A keyword that comes last is not looked at: nothing follows it.
fn behind_keyword(keyword: &str, from: i16, argv: &[&[u8]]) -> Option<usize> {
    let is_keyword = |index: &usize| argv[*index].eq_ignore_ascii_case(keyword.as_bytes());
    let end = argv.len() - 1;
    if from > 0 {
        return (from as usize..end).find(is_keyword).map(|index| index + 1);
    }
    let start = argv.len().checked_sub(from.unsigned_abs() as usize)?;
    (2..=start).rev().find(is_keyword).map(|index| index + 1)
}

/// First and last index and distance of the keys that start at `begin`.
fn extent(find: Find, begin: usize, argv: &[&[u8]]) -> Option<(usize, usize, usize)> {
    match find {
        Find::Range { last, step, .. } if last >= 0 => Some((begin, begin + last as usize, step as usize)),
        Find::Range { last, step, limit } => {
            let back = last.unsigned_abs() as usize;
            let end =
                if limit == 0 { argv.len() } else { begin + argv.len().checked_sub(begin)? / limit as usize };
            Some((begin, end.checked_sub(back)?, step as usize))
        }
        Find::KeyNum { count, first, step } => {
            let count = integer(argv.get(begin + count as usize)?)?.checked_sub(1)?;
            let first = begin + first as usize;
            Some((first, first.checked_add(count.checked_mul(step as usize)?)?, step as usize))
        }
        Find::Unknown => None,
    }
}

/// A non-negative decimal as servers write it: no sign, no leading zero.
fn integer(text: &[u8]) -> Option<usize> {
    let plain = text == b"0" || matches!(text.first(), Some(b'1'..=b'9'));
    if plain { std::str::from_utf8(text).ok()?.parse().ok() } else { None }
}

/// `SET key value …` reads the old value only if `GET` is among the options.
fn set(argv: &[&[u8]]) -> Keys {
    let gets = argv.iter().skip(3).any(|arg| arg.eq_ignore_ascii_case(b"GET"));
    smallvec![(1, if gets { READ_UPDATE } else { OVERWRITE })]
}

/// `BITFIELD key …` reads only, if there is nothing but complete `GET` and `OVERFLOW` operations.
fn bitfield(argv: &[&[u8]]) -> Keys {
    let mut index = 2;
    while index < argv.len() {
        index += if argv[index].eq_ignore_ascii_case(b"GET") {
            3
        } else if argv[index].eq_ignore_ascii_case(b"OVERFLOW") {
            2
        } else {
            return smallvec![(1, READ_UPDATE)];
        };
    }
    let complete = index <= argv.len();
    smallvec![(1, if complete { READ } else { READ_UPDATE })]
}

/// `SORT key …`: operands are skipped, so that a pattern named `STORE` is none. Those of `STORE`
/// itself are not: the last of several counts, wherever it is.
fn sort(argv: &[&[u8]]) -> Keys {
    let mut keys: Keys = smallvec![(1, READ)];
    let mut store = None;
    let mut index = 2;
    while index < argv.len() {
        let word = argv[index];
        let is = |option: &str| word.eq_ignore_ascii_case(option.as_bytes());
        if is("STORE") && index + 1 < argv.len() {
            store = Some(index as u32 + 1);
        } else if is("LIMIT") {
            index += 2;
        } else if is("GET") || is("BY") {
            index += 1;
        }
        index += 1;
    }
    keys.extend(store.map(|index| (index, OVERWRITE)));
    keys
}

/// `MIGRATE host port key|"" …`: the keys behind `KEYS`, which go with an empty key in front.
fn migrate(argv: &[&[u8]]) -> Keys {
    const MOVE: KeyFlags = KeyFlags::RW.or(KeyFlags::ACCESS).or(KeyFlags::DELETE);
    let mut index = 6;
    while index < argv.len() {
        let is = |option: &str| argv[index].eq_ignore_ascii_case(option.as_bytes());
        if is("KEYS") {
            let one_form = argv[3].is_empty();
            let keys = if one_form { index + 1..argv.len() } else { 0..0 };
            return keys.map(|index| (index as u32, MOVE)).collect();
        }
        index += if is("AUTH") {
            2
        } else if is("AUTH2") {
            3
        } else {
            1
        };
    }
    smallvec![(3, MOVE)]
}

/// `GEORADIUS key …`: the last `STORE` or `STOREDIST` that is followed by a key names a target.
fn georadius(argv: &[&[u8]]) -> Keys {
    let stores = |word: &[u8]| word.eq_ignore_ascii_case(b"STORE") || word.eq_ignore_ascii_case(b"STOREDIST");
    let mut keys: Keys = smallvec![(1, READ)];
    let mut store = None;
    let mut index = 5;
    while index + 1 < argv.len() {
        if stores(argv[index]) {
            store = Some(index as u32 + 1);
            index += 1;
        }
        index += 1;
    }
    keys.extend(store.map(|index| (index, OVERWRITE)));
    keys
}
