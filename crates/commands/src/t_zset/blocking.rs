//! Pops that wait for a member: `BZPOPMIN`, `BZPOPMAX`, `BZMPOP`.
//!
//! Each does what its plain form does if there is a member, and says what it waits for otherwise. It runs again when one
//! of its keys has become a sorted set. The log has the plain form.

use std::ops::Range;

use keyspace::blocked::Kind;

use super::pop::{End, Request, Shape, log_pop, pop};
use crate::table::{Nothing, Wait};
use crate::timeout::timeout_seconds;
use crate::{Args, CommandResult, Ctx, Outcome};

/// Waits for one of the keys at arguments `keys` to be a sorted set.
fn wait(keys: Range<usize>, timeout_ms: Option<u64>) -> Outcome {
    Outcome::Wait(Box::new(Wait {
        kind: Kind::Zset,
        keys,
        timeout_ms,
        on_nokey: false,
        replaced: Vec::new(),
        nothing: Nothing::NullArray,
    }))
}

/// `BZPOPMIN key [key ...] timeout`: the first of the keys with members, its lowest member and that one's score. O(keys
/// + log n).
pub fn bzpopmin(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    pop_or_wait(ctx, args, End::Min)
}

/// `BZPOPMAX key [key ...] timeout`: the first of the keys with members, its highest member and that one's score. O(keys
/// + log n).
pub fn bzpopmax(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    pop_or_wait(ctx, args, End::Max)
}

fn pop_or_wait(ctx: &mut Ctx<'_>, args: &Args<'_>, end: End) -> CommandResult {
    let last = args.len() - 1;
    let timeout_ms = timeout_seconds(args.get(last), ctx.space.now_ms)?;
    for i in 1..last {
        let key = ctx.key(args, i);
        if pop(ctx, key, end, 1, Shape::KeyFlat)? != Some(0) {
            ctx.effect(&[end.command(), key.bytes]);
            return Ok(Outcome::Done);
        }
    }
    Ok(wait(1..last, timeout_ms))
}

/// `BZMPOP timeout numkeys key [key ...] MIN | MAX [COUNT count]`: the first of the keys with members, and some of them.
/// O(keys + log n for each).
pub fn bzmpop(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let asked = Request::parse(args, 2)?;
    let timeout_ms = timeout_seconds(args.get(1), ctx.space.now_ms)?;
    let keys = 3..3 + asked.keys;
    for i in keys.clone() {
        let key = ctx.key(args, i);
        let popped = pop(ctx, key, asked.end, asked.count, Shape::KeyPairs)?;
        let Some(popped) = popped else { return Ok(Outcome::Aside) };
        if popped > 0 {
            log_pop(ctx, key, asked.end, popped);
            return Ok(Outcome::Done);
        }
    }
    Ok(wait(keys, timeout_ms))
}

#[cfg(test)]
mod tests {
    use keyspace::blocked::Kind;

    use crate::table::Nothing;
    use crate::testing::Engine;

    const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";
    const NO_FLOAT: &str = "-ERR timeout is not a float or out of range";

    #[track_caller]
    fn check(engine: &mut Engine, line: &str, reply: &str, effects: &[&str]) {
        engine.effects();
        engine.check(line, reply);
        assert_eq!(engine.effects(), effects, "{line}");
    }

    #[test]
    fn with_a_member_there_is_no_wait_and_the_log_has_the_plain_form() {
        let mut e = Engine::new();
        e.given(&["ZADD z 1 a 2 b 3 c 4 d 5 e"]);
        check(&mut e, "BZPOPMIN none z 0", "*3 $1 z $1 a $1 1", &["ZPOPMIN z"]);
        check(&mut e, "BZPOPMAX z 1.5", "*3 $1 z $1 e $1 5", &["ZPOPMAX z"]);
        check(&mut e, "BZMPOP 0 2 none z MIN", "*2 $1 z *1 *2 $1 b $1 2", &["ZPOPMIN z 1"]);
        let both = "*2 $1 z *2 *2 $1 d $1 4 *2 $1 c $1 3";
        check(&mut e, "BZMPOP 0 1 z max count 9", both, &["ZPOPMAX z 2"]);
        e.check("EXISTS z", ":0");
    }

    #[test]
    fn without_one_the_client_waits_for_its_keys() {
        let mut e = Engine::new();
        let wait = e.waits("BZPOPMIN a b 1.5");
        assert_eq!((wait.kind, wait.keys, wait.timeout_ms), (Kind::Zset, 1..3, Some(1500)));
        assert_eq!((wait.nothing, wait.on_nokey), (Nothing::NullArray, false));
        assert_eq!(e.waits("BZPOPMAX a 0").timeout_ms, None);
        assert_eq!(e.waits("BZMPOP 0 2 a b MAX COUNT 3").keys, 3..5);
        assert!(e.effects().is_empty());
    }

    #[test]
    fn arguments_are_checked_in_valkeys_order() {
        let mut e = Engine::new();
        e.given(&["SET s x", "ZADD z 1 a"]);
        e.check("BZPOPMIN s 0", WRONG_TYPE);
        e.check("BZPOPMAX none s z 0", WRONG_TYPE);
        e.check("BZPOPMIN s x", NO_FLOAT);
        e.check("BZPOPMIN z -1", "-ERR timeout is negative");
        e.check("BZMPOP x 0 z MIN", "-ERR numkeys should be greater than 0");
        e.check("BZMPOP x 1 z MIDDLE", "-ERR syntax error");
        e.check("BZMPOP x 1 z MIN COUNT 0", "-ERR count should be greater than 0");
        e.check("BZMPOP x 1 s MIN", NO_FLOAT);
        e.check("BZMPOP 0 1 s MIN", WRONG_TYPE);
        e.check("ZCARD z", ":1");
    }
}
