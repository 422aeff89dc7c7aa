//! `SORT` and `SORT_RO` (<https://valkey.io/commands/sort/>).
//!
//! `BY` and `GET` may lead to keys that the arguments do not name, so with such patterns the command runs under the
//! gate. Without, a long sort is a worker's job, on a clone of the value.

mod args;
mod lookup;
mod order;
mod source;
#[cfg(test)]
mod tests;

use std::ops::Range;

use args::{By, Get, Pattern, SortArgs, visible};
use keyspace::space::Ttl;
use keyspace::{Class, Key, NewValue, Space};
use lookup::look_up;
use order::{Arena, Item, Order, Span, Weight};
use source::Source;
use structures::list::{End, Fill, List};
use structures::listpack::{Element, IntBuf};
use structures::object::Object;
use wire::number::parse_f64;
use wire::resp::Resp;
use wire::resp::encode::ReplyWriter;

use crate::table::Job;
use crate::{Args, CommandError, CommandResult, Ctx, Log, Outcome, Spec, facts};

/// The rows.
pub const COMMANDS: &[Spec] = &[
    Spec { facts: &facts::generic::SORT, log: Log::Rewritten, run: sort },
    Spec { facts: &facts::generic::SORT_RO, log: Log::Nothing, run: sort_ro },
];

/// Above this many elements a worker sorts.
const AT_ONCE_MAX: usize = 2000;
/// What Valkey takes an element to add to a list beside its own bytes, when it pushes.
const PUSHED_BYTES: usize = 8;
/// Elements that one command in the log pushes.
const EFFECT_ELEMENTS: usize = 1024;

/// `SORT key [BY pattern] [LIMIT offset count] [GET pattern …] [ASC | DESC] [ALPHA] [STORE destination]`: the elements
/// of a list, set or sorted set in order, or what keys that they complete hold. O(n log n).
pub fn sort(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    run(ctx, args, true)
}

/// `SORT_RO`: as `SORT`, without `STORE`. O(n log n).
pub fn sort_ro(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    run(ctx, args, false)
}

/// Whether a command with these arguments reads keys that they do not name, and so needs the gate: for those who take
/// locks before they run several commands. False for arguments that will be refused.
pub fn needs_gate(args: &Args<'_>) -> bool {
    SortArgs::parse(args, args.is(0, "sort"), None).is_ok_and(|options| options.reads_undeclared())
}

fn run(ctx: &mut Ctx<'_>, args: &Args<'_>, stores: bool) -> CommandResult {
    let mut options = SortArgs::parse(args, stores, Some(ctx))?;
    // A cluster's patterns lead to no other slot than the key's, and that is locked.
    let in_slot = ctx.limits.is_cluster;
    if options.reads_undeclared() && !in_slot && !ctx.space.is_gate() {
        return Ok(Outcome::NeedsGate);
    }
    let key = ctx.key(args, 1);
    let source = Source::read(ctx, key)?;
    let in_script = ctx.session.in_script;
    if options.by == By::Nothing && (options.store.is_some() || in_script) && source.is_set() {
        // Sets have no order: that of their bytes, so that everyone stores the same.
        (options.by, options.alpha) = (By::Element, true);
    }
    let plan = Plan {
        wanted: wanted(options.limit, source.len()),
        order: Order {
            descending: options.descending,
            all_bytes: options.store.is_some(),
            by_pattern: matches!(options.by, By::Pattern(_)),
        },
        sorts: options.by != By::Nothing,
        alpha: options.alpha,
    };
    if options.store.is_none() && !options.reads_undeclared() && source.len() > AT_ONCE_MAX {
        return Ok(Outcome::Worker(plan.into_job(source, &options.gets, ctx.reply.resp)));
    }
    if options.store.is_some()
        && !options.reads_undeclared()
        && source.len() > AT_ONCE_MAX
        && ctx.may_set_aside()
    {
        return Ok(Outcome::Aside);
    }
    let sorted = match options.by {
        By::Pattern(pattern) => plan.sort_by_pattern(&source, &pattern, &mut ctx.space)?,
        By::Element | By::Nothing => plan.sort_by_element(&source)?,
    };
    if let Some(at) = options.store {
        let destination = ctx.key(args, at);
        return store(ctx, &sorted, &options.gets, destination);
    }
    ctx.reply.array(sorted.len(&options.gets));
    let Ctx { space, reply, .. } = ctx;
    sorted.show(Some(space), &options.gets, |found| reply_found(reply, found));
    Ok(Outcome::Done)
}

/// The elements that `LIMIT` leaves of `len`.
fn wanted((start, count): (i64, i64), len: usize) -> Range<usize> {
    let start = start.clamp(0, len as i64) as usize;
    let rest = len - start;
    let count = if count < 0 { rest } else { rest.min(count as usize) };
    start..start + count
}

/// How to sort, and what is wanted of the result.
#[derive(Clone)]
struct Plan {
    wanted: Range<usize>,
    order: Order,
    sorts: bool,
    alpha: bool,
}

/// What is wanted, in order.
struct Sorted {
    arena: Arena,
    items: Vec<Item>,
}

impl Plan {
    /// Sorts by what `weigh` makes of each element, given its place in the arena; `None` for what is no number. Leaves
    /// all in order if that is the plan.
    fn sort(
        &self,
        source: &Source,
        mut weigh: impl FnMut(&mut Arena, Span, Element<'_>) -> Option<Weight>,
    ) -> Result<Sorted, CommandError> {
        let (mut arena, mut items) = (Arena::default(), Vec::new());
        let mut converts = true;
        let mut take = |element: Element<'_>| {
            let text = arena.add(element.as_bytes(&mut IntBuf::new()));
            let weight = if self.sorts { weigh(&mut arena, text, element) } else { Some(Weight::Missing) };
            converts &= weight.is_some();
            items.push(Item { text, weight: weight.unwrap_or(Weight::Missing) });
        };
        let mut wanted = self.wanted.clone();
        if !self.sorts && source.visit_range(&wanted, self.order.descending, &mut take) {
            wanted = 0..items.len();
        } else {
            source.visit(take);
        }
        if !converts {
            return Err(CommandError::text("ERR One or more scores can't be converted into double"));
        }
        if self.sorts {
            self.order.sort(&arena, &mut items, wanted.clone());
        }
        items.truncate(wanted.end);
        items.drain(..wanted.start);
        Ok(Sorted { arena, items })
    }

    /// Sorts by the elements themselves.
    fn sort_by_element(&self, source: &Source) -> Result<Sorted, CommandError> {
        self.sort(source, |_, text, element| match element {
            _ if self.alpha => Some(Weight::Text(text)),
            Element::Int(value) => Some(Weight::Number(value as f64)),
            Element::Bytes(bytes) => number(bytes),
        })
    }

    /// Sorts by the values that a pattern leads to. A missing one is the number 0, or less than any text.
    fn sort_by_pattern(
        &self,
        source: &Source,
        pattern: &Pattern<'_>,
        space: &mut Space<'_>,
    ) -> Result<Sorted, CommandError> {
        self.sort(source, |arena, _, element| {
            look_up(space, pattern, element.as_bytes(&mut IntBuf::new()), |found| match found {
                Some(bytes) if self.alpha => Some(Weight::Text(arena.add(bytes))),
                Some(bytes) => number(bytes),
                None if self.alpha => Some(Weight::Missing),
                None => Some(Weight::Number(0.0)),
            })
        })
    }

    /// The reply as work for another thread. No pattern may lead to another key.
    fn into_job(self, source: Source, gets: &[Get<'_>], resp: Resp) -> Job {
        let gets: Vec<Get<'static>> =
            gets.iter().map(|get| if *get == Get::Element { Get::Element } else { Get::Nothing }).collect();
        Box::new(move || {
            let mut out = Vec::new();
            let mut reply = ReplyWriter::new(&mut out, resp);
            match self.sort_by_element(&source) {
                Err(error) => reply.error(&error.to_string()),
                Ok(sorted) => {
                    reply.array(sorted.len(&gets));
                    sorted.show(None, &gets, |found| reply_found(&mut reply, found));
                }
            }
            out
        })
    }
}

/// The number that a text is, as far as C sees it.
fn number(text: &[u8]) -> Option<Weight> {
    parse_f64(visible(text)).map(Weight::Number)
}

fn reply_found(reply: &mut ReplyWriter<'_>, found: Option<&[u8]>) {
    match found {
        Some(bytes) => reply.bulk(bytes),
        None => reply.null(),
    }
}

impl Sorted {
    /// Number of replies about the elements.
    fn len(&self, gets: &[Get<'_>]) -> usize {
        self.items.len() * gets.len().max(1)
    }

    /// Shows what is said about each element: itself, or what `gets` lead to. Without `space` they lead nowhere.
    fn show(&self, mut space: Option<&mut Space<'_>>, gets: &[Get<'_>], mut show: impl FnMut(Option<&[u8]>)) {
        for item in &self.items {
            let element = self.arena.get(item.text);
            if gets.is_empty() {
                show(Some(element));
            }
            for get in gets {
                match (get, &mut space) {
                    (Get::Element, _) => show(Some(element)),
                    (Get::Pattern(pattern), Some(space)) => look_up(space, pattern, element, &mut show),
                    (Get::Pattern(_), None) | (Get::Nothing, _) => show(None),
                }
            }
        }
    }
}

/// Stores what is said about the elements as a list, over whatever is there, and replies with its length.
fn store(ctx: &mut Ctx<'_>, sorted: &Sorted, gets: &[Get<'_>], key: Key<'_>) -> CommandResult {
    let fill = Fill::new(ctx.limits.compact.list_size);
    let mut list = List::new();
    sorted.show(Some(&mut ctx.space), gets, |found| {
        let bytes = found.unwrap_or_default();
        list.prepare(fill, bytes.len() + PUSHED_BYTES, 1);
        list.push(End::Back, bytes);
    });
    let len = list.len();
    if len > 0 {
        // A destination that has expired is logged as gone before what replaces it.
        ctx.space.read_for_write(key);
        log(ctx, key, &list);
        ctx.space.set(key, NewValue::Object(Box::new(Object::List(list))), Ttl::Clear);
        ctx.space.local.counters.changes += len as u64 - 1;
        ctx.notify(Class::LIST, "sortstore", key);
    } else if ctx.space.delete(key) {
        ctx.notify(Class::GENERIC, "del", key);
        ctx.effect(&[b"UNLINK", key.bytes]);
    }
    ctx.reply.int(len as i64);
    Ok(Outcome::Done)
}

/// Logs the stored list: what the patterns led to may have expired when the log is read.
fn log(ctx: &mut Ctx<'_>, key: Key<'_>, list: &List) {
    ctx.effect(&[b"UNLINK", key.bytes]);
    if !ctx.space.local.effects.is_active() {
        return;
    }
    let mut elements = list.iter().map(|element| element.to_vec()).peekable();
    while elements.peek().is_some() {
        let part: Vec<Vec<u8>> = elements.by_ref().take(EFFECT_ELEMENTS).collect();
        let mut argv: Vec<&[u8]> = vec![b"RPUSH", key.bytes];
        argv.extend(part.iter().map(Vec::as_slice));
        ctx.effect(&argv);
    }
}
