//! `ZUNION`, `ZINTER`, `ZDIFF`, their storing forms and `ZINTERCARD`. Sets take part as sorted sets of score 1.
//!
//! Inputs are clones, which share all that is large: what takes long is computed on a worker, without the lock. The
//! storing forms are set aside then, since what they store must be what their keys hold at that moment.

use std::collections::HashMap;

use keyspace::{Key, Object, Value};
use structures::set::Set;
use structures::zset::{Limits, Zset, order};
use wire::number::IntBuf;
use wire::resp::{ReplyWriter, Resp};

use super::{limits, open_members, store, write_member};
use crate::ctx::LOCKED_ELEMENTS_MAX;
use crate::options::integer;
use crate::{Args, CommandError, CommandResult, Ctx, Outcome};

/// Members of all inputs above which a worker computes the reply.
const WORKER_MEMBERS: usize = 4096;

/// Which members the result has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    /// Those of any input.
    Union,
    /// Those of all inputs.
    Inter,
    /// Those of the first input alone.
    Diff,
}

/// What becomes of the scores that a member has in several inputs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Aggregate {
    Sum,
    Min,
    Max,
}

impl Aggregate {
    /// Takes in one more score. Infinities that cancel out make 0.
    fn add(self, total: &mut f64, score: f64) {
        match self {
            Aggregate::Sum => *total = number(*total + score),
            Aggregate::Min if score < *total => *total = score,
            Aggregate::Max if score > *total => *total = score,
            Aggregate::Min | Aggregate::Max => {}
        }
    }
}

/// A score, 0 if the arithmetic gave none.
fn number(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

/// What is behind an input key.
enum Members {
    None,
    Zset(Zset),
    Set(Set),
}

/// An input and what its scores are multiplied by.
struct Input {
    members: Members,
    weight: f64,
}

impl Input {
    fn len(&self) -> usize {
        match &self.members {
            Members::None => 0,
            Members::Zset(zset) => zset.len(),
            Members::Set(set) => set.len(),
        }
    }

    /// A member's score, before the weight.
    fn score(&self, member: &[u8]) -> Option<f64> {
        match &self.members {
            Members::None => None,
            Members::Zset(zset) => zset.score(member),
            Members::Set(set) => set.contains(member).then_some(1.0),
        }
    }

    /// Shows the members, until `show` says no.
    fn visit_while(&self, mut show: impl FnMut(&[u8], f64) -> bool) {
        match &self.members {
            Members::None => {}
            Members::Zset(zset) => zset.visit_while(0..zset.len(), false, show),
            Members::Set(set) => {
                set.visit_while(|member| show(member.as_bytes(&mut IntBuf::new()), 1.0));
            }
        }
    }
}

/// Members in one buffer, with scores.
#[derive(Default)]
struct Gathered {
    bytes: Vec<u8>,
    /// Score, start and end of each member.
    members: Vec<(f64, usize, usize)>,
}

impl Gathered {
    fn push(&mut self, member: &[u8], score: f64) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(member);
        self.members.push((score, start, self.bytes.len()));
    }

    fn iter(&self) -> impl ExactSizeIterator<Item = (f64, &[u8])> + Clone {
        self.members.iter().map(|&(score, start, end)| (score, &self.bytes[start..end]))
    }

    fn sort(&mut self) {
        let bytes = &self.bytes;
        self.members.sort_unstable_by(|a, b| order((a.0, &bytes[a.1..a.2]), (b.0, &bytes[b.1..b.2])));
    }

    /// Members that occur more than once become one. The first one's place in the order of scores is not kept.
    fn merge(&mut self, aggregate: Aggregate) {
        let mut places: HashMap<&[u8], usize> = HashMap::with_capacity(self.members.len());
        let mut merged: Vec<(f64, usize, usize)> = Vec::with_capacity(self.members.len());
        for &(score, start, end) in &self.members {
            let place = *places.entry(&self.bytes[start..end]).or_insert(merged.len());
            match merged.get_mut(place) {
                Some((total, ..)) => aggregate.add(total, score),
                None => merged.push((score, start, end)),
            }
        }
        self.members = merged;
    }
}

/// What a command asks for.
struct Request {
    operation: Operation,
    inputs: Vec<Input>,
    aggregate: Aggregate,
    scores: bool,
    /// `ZINTERCARD … LIMIT`; 0 for none.
    limit: usize,
}

/// The forms that the commands come in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// The members are the reply.
    Reply,
    /// They go to a key.
    Store,
    /// Their number is the reply.
    Count,
}

impl Request {
    /// Reads `numkeys key [key …]` from argument `at` on and the options behind. As in Valkey, keys are looked up
    /// before options are read.
    fn parse(
        ctx: &mut Ctx<'_>,
        args: &Args<'_>,
        at: usize,
        operation: Operation,
        form: Form,
        name: &str,
    ) -> Result<Request, CommandError> {
        let keys = integer(args.get(at))?;
        if keys < 1 {
            return Err(CommandError::owned(format!(
                "ERR at least 1 input key is needed for '{name}' command"
            )));
        }
        let keys = usize::try_from(keys).ok().filter(|&keys| keys < args.len() - at);
        let keys = keys.ok_or(CommandError::Syntax)?;
        let mut inputs = Vec::with_capacity(keys);
        for i in 0..keys {
            let key = ctx.key(args, at + 1 + i);
            inputs.push(Input { members: members(ctx, key)?, weight: 1.0 });
        }
        let mut request = Request { operation, inputs, aggregate: Aggregate::Sum, scores: false, limit: 0 };
        request.options(args, at + 1 + keys, form)?;
        if operation != Operation::Diff {
            // The order in which floats are added shows in the last digit.
            request.inputs.sort_by_key(Input::len);
        }
        Ok(request)
    }

    fn options(&mut self, args: &Args<'_>, from: usize, form: Form) -> Result<(), CommandError> {
        let combines = self.operation != Operation::Diff && form != Form::Count;
        let mut i = from;
        while i < args.len() {
            let left = args.len() - i;
            if combines && left > self.inputs.len() && args.is(i, "weights") {
                for input in &mut self.inputs {
                    i += 1;
                    let weight = wire::number::parse_f64(args.get(i));
                    input.weight = weight.ok_or(CommandError::text("ERR weight value is not a float"))?;
                }
            } else if combines && left >= 2 && args.is(i, "aggregate") {
                i += 1;
                self.aggregate = match args.get(i) {
                    word if word.eq_ignore_ascii_case(b"sum") => Aggregate::Sum,
                    word if word.eq_ignore_ascii_case(b"min") => Aggregate::Min,
                    word if word.eq_ignore_ascii_case(b"max") => Aggregate::Max,
                    _ => return Err(CommandError::Syntax),
                };
            } else if form == Form::Reply && args.is(i, "withscores") {
                self.scores = true;
            } else if form == Form::Count && left >= 2 && args.is(i, "limit") {
                i += 1;
                let limit = wire::number::parse_i64(args.get(i)).and_then(|n| usize::try_from(n).ok());
                self.limit = limit.ok_or(CommandError::text("ERR LIMIT can't be negative"))?;
            } else {
                return Err(CommandError::Syntax);
            }
            i += 1;
        }
        Ok(())
    }

    fn len(&self) -> usize {
        self.inputs.iter().map(Input::len).sum()
    }

    /// Shows the members that all inputs have, until `show` says no.
    fn inter(&self, mut show: impl FnMut(&[u8], f64) -> bool) {
        let (first, others) = self.inputs.split_first().expect("at least one input");
        first.visit_while(|member, score| {
            let mut total = number(first.weight * score);
            for other in others {
                match other.score(member) {
                    Some(score) => self.aggregate.add(&mut total, other.weight * score),
                    None => return true,
                }
            }
            show(member, total)
        });
    }

    /// The result in ascending order.
    fn compute(&self) -> Gathered {
        let mut result = Gathered::default();
        match self.operation {
            Operation::Union => {
                for input in &self.inputs {
                    input.visit_while(|member, score| {
                        result.push(member, number(input.weight * score));
                        true
                    });
                }
                if self.inputs.len() > 1 {
                    result.merge(self.aggregate);
                }
            }
            Operation::Inter => self.inter(|member, score| {
                result.push(member, score);
                true
            }),
            Operation::Diff => {
                let (first, others) = self.inputs.split_first().expect("at least one input");
                first.visit_while(|member, score| {
                    if others.iter().all(|other| other.score(member).is_none()) {
                        result.push(member, score);
                    }
                    true
                });
            }
        }
        result.sort();
        result
    }

    /// How many members all inputs have, at most `limit` unless that is 0.
    fn count(&self) -> usize {
        let mut count = 0;
        self.inter(|_, _| {
            count += 1;
            count != self.limit
        });
        count
    }

    fn write(&self, reply: &mut ReplyWriter<'_>) {
        let result = self.compute();
        open_members(reply, result.members.len(), self.scores);
        for (score, member) in result.iter() {
            write_member(reply, member, score, self.scores);
        }
    }
}

/// The members behind a key, shared with it.
fn members(ctx: &mut Ctx<'_>, key: Key<'_>) -> Result<Members, CommandError> {
    Ok(match ctx.space.read(key).map(|entry| entry.value()) {
        None => Members::None,
        Some(Value::Object(Object::Zset(zset))) => Members::Zset(zset.clone()),
        Some(Value::Object(Object::Set(set))) => Members::Set(set.clone()),
        Some(_) => return Err(CommandError::WrongType),
    })
}

/// Replies now if that is quick, else from a worker.
fn answer(ctx: &mut Ctx<'_>, request: Request, write: fn(&Request, &mut ReplyWriter<'_>)) -> CommandResult {
    if request.len() <= WORKER_MEMBERS {
        write(&request, &mut ctx.reply);
        return Ok(Outcome::Done);
    }
    let resp: Resp = ctx.reply.resp;
    Ok(Outcome::Worker(Box::new(move || {
        let mut out = Vec::new();
        write(&request, &mut ReplyWriter::new(&mut out, resp));
        out
    })))
}

fn combine(ctx: &mut Ctx<'_>, args: &Args<'_>, operation: Operation, name: &str) -> CommandResult {
    let request = Request::parse(ctx, args, 1, operation, Form::Reply, name)?;
    answer(ctx, request, Request::write)
}

fn combine_store(
    ctx: &mut Ctx<'_>,
    args: &Args<'_>,
    operation: Operation,
    name: &'static str,
) -> CommandResult {
    let request = Request::parse(ctx, args, 2, operation, Form::Store, name)?;
    if ctx.may_set_aside() && request.len() > LOCKED_ELEMENTS_MAX {
        return Ok(Outcome::Aside);
    }
    let limits: Limits = limits(ctx);
    let zset = Zset::from_sorted(limits, request.compute().iter());
    let key = ctx.key(args, 1);
    store(ctx, key, zset, name);
    Ok(Outcome::Done)
}

/// `ZUNION numkeys key [key …] [WEIGHTS weight …] [AGGREGATE SUM | MIN | MAX] [WITHSCORES]`. O(n + m log m), n: members
/// of the inputs, m: of the result.
pub fn zunion(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    combine(ctx, args, Operation::Union, "zunion")
}

/// `ZINTER numkeys key [key …] [WEIGHTS weight …] [AGGREGATE SUM | MIN | MAX] [WITHSCORES]`. O(n k + m log m), n:
/// members of the smallest input, k: inputs, m: members of the result.
pub fn zinter(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    combine(ctx, args, Operation::Inter, "zinter")
}

/// `ZDIFF numkeys key [key …] [WITHSCORES]`. O(n k + m log m), n: members of the first input, k: inputs, m: members of
/// the result.
pub fn zdiff(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    combine(ctx, args, Operation::Diff, "zdiff")
}

/// `ZUNIONSTORE destination numkeys key [key …] [WEIGHTS weight …] [AGGREGATE SUM | MIN | MAX]`: the size of what is
/// stored. As `ZUNION`.
pub fn zunionstore(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    combine_store(ctx, args, Operation::Union, "zunionstore")
}

/// `ZINTERSTORE destination numkeys key [key …] [WEIGHTS weight …] [AGGREGATE SUM | MIN | MAX]`: the size of what is
/// stored. As `ZINTER`.
pub fn zinterstore(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    combine_store(ctx, args, Operation::Inter, "zinterstore")
}

/// `ZDIFFSTORE destination numkeys key [key …]`: the size of what is stored. As `ZDIFF`.
pub fn zdiffstore(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    combine_store(ctx, args, Operation::Diff, "zdiffstore")
}

/// `ZINTERCARD numkeys key [key …] [LIMIT limit]`: how many members all have; counting ends at a limit above 0.
/// O(n k), n: members of the smallest input, k: inputs.
pub fn zintercard(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let request = Request::parse(ctx, args, 1, Operation::Inter, Form::Count, "zintercard")?;
    answer(ctx, request, |request, reply| reply.int(request.count() as i64))
}
