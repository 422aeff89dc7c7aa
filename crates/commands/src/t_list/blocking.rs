//! Pops and moves that wait for an element: `BLPOP`, `BRPOP`, `BLMPOP`, `BLMOVE`, `BRPOPLPUSH`.
//!
//! Each does what its plain form does if there is an element, and says what it waits for otherwise. It runs again when
//! one of its keys has become a list. The log has the plain form.

use structures::list::End;

use super::end_of;
use super::moves::move_element;
use super::pop::{MultiPop, pop_one};
use crate::table::{Nothing, Wait};
use crate::timeout::timeout_seconds;
use crate::{Args, CommandError, CommandResult, Ctx, Outcome};

/// Waits for one of the keys at arguments `keys` to be a list.
fn wait(keys: std::ops::Range<usize>, timeout_ms: Option<u64>, nothing: Nothing) -> Outcome {
    let kind = keyspace::blocked::Kind::List;
    Outcome::Wait(Box::new(Wait { kind, keys, timeout_ms, on_nokey: false, replaced: Vec::new(), nothing }))
}

/// `BLPOP key [key ...] timeout`: the first of the keys with elements, and its first element. O(keys).
pub fn blpop(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    pop(ctx, args, End::Front)
}

/// `BRPOP key [key ...] timeout`: the first of the keys with elements, and its last element. O(keys).
pub fn brpop(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    pop(ctx, args, End::Back)
}

fn pop(ctx: &mut Ctx<'_>, args: &Args<'_>, end: End) -> CommandResult {
    let last = args.len() - 1;
    let timeout_ms = timeout_seconds(args.get(last), ctx.space.now_ms)?;
    for i in 1..last {
        let key = ctx.key(args, i);
        let popped = pop_one(ctx, key, end, |reply| {
            reply.array(2);
            reply.bulk(key.bytes);
        })?;
        if popped {
            let name: &[u8] = if end == End::Front { b"LPOP" } else { b"RPOP" };
            ctx.effect(&[name, key.bytes]);
            return Ok(Outcome::Done);
        }
    }
    Ok(wait(1..last, timeout_ms, Nothing::NullArray))
}

/// `BLMPOP timeout numkeys key [key ...] LEFT|RIGHT [COUNT count]`: the first of the keys with elements, and some of
/// them. O(keys + elements taken).
pub fn blmpop(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let asked = MultiPop::parse(args, 2)?;
    let timeout_ms = timeout_seconds(args.get(1), ctx.space.now_ms)?;
    match asked.run(ctx, args)? {
        Some(outcome) => Ok(outcome),
        None => Ok(wait(asked.first..asked.first + asked.keys, timeout_ms, Nothing::NullArray)),
    }
}

/// `BLMOVE source destination LEFT|RIGHT LEFT|RIGHT timeout`: moves an element and replies with it. O(1).
pub fn blmove(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let (from, to) = (end_of(args.get(3))?, end_of(args.get(4))?);
    let outcome = move_or_wait(ctx, args, from, to, args.get(5))?;
    if matches!(outcome, Outcome::Done) {
        ctx.effect(&[b"LMOVE", args.get(1), args.get(2), args.get(3), args.get(4)]);
    }
    Ok(outcome)
}

/// `BRPOPLPUSH source destination timeout`: moves the last element to the front and replies with it. O(1).
pub fn brpoplpush(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let outcome = move_or_wait(ctx, args, End::Back, End::Front, args.get(3))?;
    if matches!(outcome, Outcome::Done) {
        ctx.effect(&[b"RPOPLPUSH", args.get(1), args.get(2)]);
    }
    Ok(outcome)
}

fn move_or_wait(
    ctx: &mut Ctx<'_>,
    args: &Args<'_>,
    from: End,
    to: End,
    timeout: &[u8],
) -> Result<Outcome, CommandError> {
    let timeout_ms = timeout_seconds(timeout, ctx.space.now_ms)?;
    let (source, destination) = (ctx.key(args, 1), ctx.key(args, 2));
    let moved = move_element(ctx, source, destination, from, to)?;
    // Only the source is waited for.
    Ok(if moved { Outcome::Done } else { wait(1..2, timeout_ms, Nothing::Null) })
}

#[cfg(test)]
mod tests {
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
    fn with_an_element_there_is_no_wait_and_the_log_has_the_plain_form() {
        let mut e = Engine::new();
        e.given(&["SET s x", "RPUSH l a b c d e f g h i"]);
        check(&mut e, "BLPOP none l 0", "*2 $1 l $1 a", &["LPOP l"]);
        check(&mut e, "BRPOP l 1.5", "*2 $1 l $1 i", &["RPOP l"]);
        check(&mut e, "BLMPOP 0 2 none l LEFT", "*2 $1 l *1 $1 b", &["LPOP l 1"]);
        check(&mut e, "BLMPOP 0.1 1 l right count 2", "*2 $1 l *2 $1 h $1 g", &["RPOP l 2"]);
        check(&mut e, "BLMOVE l m left RIGHT 0", "$1 c", &["LMOVE l m left RIGHT"]);
        check(&mut e, "BRPOPLPUSH l m 0", "$1 f", &["RPOPLPUSH l m"]);
        check(&mut e, "BLMPOP 0 1 l LEFT COUNT 10", "*2 $1 l *2 $1 d $1 e", &["LPOP l 2"]);
        e.check("LRANGE m 0 -1", "*2 $1 f $1 c");
        e.check("EXISTS l", ":0");
    }

    #[test]
    fn without_one_the_client_waits_for_its_keys() {
        let mut e = Engine::new();
        e.given(&["SET s x"]);
        let wait = e.waits("BLPOP a b 1.5");
        assert_eq!((wait.keys, wait.timeout_ms, wait.nothing), (1..3, Some(1500), Nothing::NullArray));
        assert!(!wait.on_nokey);
        assert_eq!(e.waits("BRPOP a 0").timeout_ms, None);
        assert_eq!(e.waits("BLMPOP 0 2 a b RIGHT COUNT 3").keys, 3..5);
        // The destination is looked at only when there is something for it.
        let wait = e.waits("BLMOVE a s LEFT LEFT 0");
        assert_eq!((wait.keys, wait.nothing), (1..2, Nothing::Null));
        assert_eq!(e.waits("BRPOPLPUSH a s 0.001").timeout_ms, Some(1));
        assert!(e.effects().is_empty());
    }

    #[test]
    fn arguments_are_checked_in_valkeys_order() {
        let mut e = Engine::new();
        e.given(&["SET s x", "RPUSH l a"]);
        e.check("BLPOP s 0", WRONG_TYPE);
        e.check("BLPOP none s l 0", WRONG_TYPE);
        e.check("BLPOP l s 0", "*2 $1 l $1 a");
        e.given(&["RPUSH l a"]);
        e.check("BLPOP s x", NO_FLOAT);
        e.check("BLPOP s -1", "-ERR timeout is negative");
        e.check("BLMPOP x 0 l LEFT", "-ERR numkeys should be greater than 0");
        e.check("BLMPOP x 1 l MIDDLE", "-ERR syntax error");
        e.check("BLMPOP x 1 l LEFT COUNT 0", "-ERR count should be greater than 0");
        e.check("BLMPOP x 1 s LEFT", NO_FLOAT);
        e.check("BLMPOP 0 1 s LEFT", WRONG_TYPE);
        e.check("BLMOVE l s MIDDLE LEFT x", "-ERR syntax error");
        e.check("BLMOVE l s LEFT LEFT x", NO_FLOAT);
        e.check("BLMOVE l s LEFT LEFT 0", WRONG_TYPE);
        e.check("BLMOVE s none LEFT LEFT 0", WRONG_TYPE);
        e.check("BRPOPLPUSH l s x", NO_FLOAT);
        e.check("BRPOPLPUSH l s 0", WRONG_TYPE);
        e.check("LRANGE l 0 -1", "*1 $1 a");
    }
}
