//! Writes whose outcome is a matter of chance or of the moment: members that leave at random, ids that the node makes,
//! TTLs of a few milliseconds while others act, sums of fractions.

use crate::differential::step::{Action, Step, Word};
use crate::rng::Rng;

/// In a hundred steps, how many get a companion.
const SHARE: usize = 12;

/// The steps with such writes in between, at keys that the step before is about.
pub(super) fn mix_in(steps: Vec<Step>, rng: &mut Rng) -> Vec<Step> {
    let mut mixed = Vec::with_capacity(steps.len() + steps.len() / 6);
    for mut step in steps {
        keep_negative_zeros(&mut step);
        let client = step.client;
        let companion = if rng.percent(SHARE) { companion(&step, rng) } else { None };
        mixed.push(step);
        if let Some(argv) = companion {
            let words = argv.into_iter().map(Word::Bytes).collect();
            mixed.push(Step { client, action: Action::Command(words), glued: false });
        }
    }
    mixed
}

/// Compact sorted sets hold no negative zero, large ones do, and which a set is follows from commands that changed
/// nothing too. So it is left to the nodes' arguments.
fn keep_negative_zeros(step: &mut Step) {
    let Action::Command(words) = &mut step.action else { return };
    let begins = |word: &Word, with: &[u8]| matches!(word, Word::Bytes(bytes) if bytes.len() >= with.len() && bytes[..with.len()].eq_ignore_ascii_case(with));
    if words.first().is_some_and(|word| begins(word, b"CONFIG")) {
        while let Some(at) = words.iter().position(|word| begins(word, b"zset-")) {
            words.drain(at..(at + 2).min(words.len()));
        }
    }
}

fn companion(step: &Step, rng: &mut Rng) -> Option<Vec<Vec<u8>>> {
    let Action::Command(words) = &step.action else { return None };
    let word = |index: usize| match words.get(index) {
        Some(Word::Bytes(bytes)) if bytes.len() <= 64 => Some(bytes.as_slice()),
        _ => None,
    };
    let name = word(0)?.to_ascii_uppercase();
    let (key, second) = (word(1)?, word(2).unwrap_or(b"f"));
    let last = word(words.len() - 1).unwrap_or(b"m");
    let ttl = (1 + rng.below(40)).to_string();
    let ttl = ttl.as_bytes();
    let count = *rng.pick(&[&b"1"[..], b"2", b"3", b"7"]);
    let few = *rng.pick(&[&b"2"[..], b"3", b"10"]);
    let argv: Vec<&[u8]> = match (name.as_slice(), rng.below(4)) {
        (b"SADD" | b"SMOVE" | b"SUNIONSTORE" | b"SDIFFSTORE", 0) => vec![b"SPOP", key],
        (b"SADD" | b"SMOVE" | b"SUNIONSTORE" | b"SDIFFSTORE", _) => vec![b"SPOP", key, count],
        (b"XADD", 0) => vec![b"XADD", key, b"*", b"f", last],
        (b"XADD", 1) => vec![b"XADD", key, b"MAXLEN", b"~", few, b"*", b"f", b"v", b"g", last],
        (b"XADD", 2) => vec![b"XTRIM", key, b"MAXLEN", b"~", few],
        (b"XADD", _) => vec![b"XTRIM", key, b"MINID", b"~", b"9", b"LIMIT", few],
        (b"XCLAIM", 0 | 1) => {
            let id = word(5)?;
            vec![b"XCLAIM", key, second, b"c1", b"0", id, b"IDLE", ttl, b"RETRYCOUNT", b"3"]
        }
        (b"XCLAIM" | b"XACK", _) => vec![b"XAUTOCLAIM", key, second, b"c2", b"1", b"-", b"COUNT", few],
        (b"XGROUP", 0 | 1) => vec![b"XAUTOCLAIM", second, word(3)?, b"c2", b"0", b"-"],
        (b"XGROUP", _) => {
            vec![b"XREADGROUP", b"GROUP", word(3)?, b"c1", b"COUNT", few, b"STREAMS", second, b">"]
        }
        (b"HSET" | b"HMSET" | b"HINCRBY" | b"HSETNX", choice) => match choice {
            0 => vec![b"HPEXPIRE", key, ttl, b"FIELDS", b"1", second],
            1 => vec![b"HSETEX", key, b"PX", ttl, b"FIELDS", b"2", second, b"v", b"f1", last],
            2 => vec![b"HGETEX", key, b"PX", ttl, b"FIELDS", b"1", second],
            _ => vec![b"HINCRBYFLOAT", key, second, b"0.1"],
        },
        (b"ZADD", 0) => vec![b"ZINCRBY", key, b"0.1", last],
        (b"ZADD", 1) => vec![b"ZADD", key, b"INCR", b"1e-3", last],
        (b"ZADD", 2) => vec![b"ZPOPMIN", key, count],
        (b"GEOADD", 0) => vec![b"ZINCRBY", key, b"0.1", last],
        (b"SET" | b"APPEND" | b"INCR" | b"INCRBY" | b"DECR", choice) => match choice {
            0 => vec![b"SET", key, last, b"PX", ttl],
            1 => vec![b"GETEX", key, b"PX", ttl],
            2 => vec![b"MSETEX", b"1", key, last, b"PX", ttl],
            _ => vec![b"INCRBYFLOAT", key, b"0.1"],
        },
        (b"SELECT" | b"MULTI" | b"EXEC" | b"XREADGROUP" | b"XREAD" | b"OBJECT" | b"CONFIG" | b"DEBUG", _) => {
            return None;
        }
        (_, 0) => vec![b"PEXPIRE", key, ttl],
        (_, 1) => vec![b"PEXPIRE", key, ttl, *rng.pick(&[&b"NX"[..], b"XX", b"GT", b"LT"])],
        (_, 2) => vec![b"HPEXPIRE", key, ttl, b"FIELDS", b"2", b"f0", b"f1"],
        _ => return None,
    };
    Some(argv.into_iter().map(<[u8]>::to_vec).collect())
}
