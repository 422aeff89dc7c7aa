//! Long replies in slices: whoever else has work is served between two of them.
//!
//! A body that would write more than [`AT_ONCE_MAX`] elements takes a clone of the value while it holds the shard
//! (O(1): the clone shares everything), writes the reply's header and returns what is made here. The rest of the
//! reply is written from the clone, with no shard held, and is what the value was when the command ran, whatever
//! happens to the key meanwhile.

use structures::big_string::BigString;
use wire::resp::Resp;
use wire::resp::encode::ReplyWriter;

use crate::table::Continuation;
use crate::{CommandResult, Ctx, Outcome};

/// Up to this many elements a body writes at once, under its lock: some 20 µs.
pub const AT_ONCE_MAX: usize = 1000;

/// Elements of one slice, well below half a millisecond's work.
const SLICE_ELEMENTS: usize = 2000;
/// Up to this many bytes of one string a body writes at once.
pub const AT_ONCE_BYTES_MAX: usize = 256 * 1024;
/// Bytes after which a slice ends even if its elements are few.
const SLICE_BYTES: usize = 128 * 1024;

/// The rest of a reply: calls `write` for each of `items`, in slices. The body has written the header (and perhaps
/// some elements) already; an item may be written as any number of replies, in all as many as the header promised.
pub fn reply_in_slices<I>(
    mut items: I,
    mut write: impl FnMut(&mut ReplyWriter<'_>, I::Item) + Send + 'static,
) -> CommandResult
where
    I: Iterator + Send + 'static,
{
    write_in_slices(move |reply| {
        let Some(item) = items.next() else { return false };
        write(reply, item);
        true
    })
}

/// As [`reply_in_slices`], for elements that borrow from what yields them: calls `step`, which writes one element and
/// returns `true`, until it returns `false` because there is none left.
pub fn write_in_slices(mut step: impl FnMut(&mut ReplyWriter<'_>) -> bool + Send + 'static) -> CommandResult {
    in_slices(move |reply, room| {
        while step(reply) {
            if !room.take(reply) {
                return true;
            }
        }
        false
    })
}

/// How much a slice may still write.
pub struct Room {
    elements: usize,
    /// Length of the output at which the slice ends.
    end: usize,
}

impl Room {
    /// Counts an element that was written: `false` when the slice is to end.
    #[inline]
    pub fn take(&mut self, reply: &ReplyWriter<'_>) -> bool {
        self.elements -= 1;
        self.elements > 0 && reply.len() < self.end
    }
}

/// As [`write_in_slices`], a slice at a time: `slice` writes elements until there is no [`Room`], and returns whether
/// any are left.
pub fn in_slices(
    slice: impl FnMut(&mut ReplyWriter<'_>, &mut Room) -> bool + Send + 'static,
) -> CommandResult {
    let mut next = Some(slice);
    Ok(Outcome::Continue(Box::new(move |ctx| {
        let Some(mut slice) = next.take() else { return Ok(Outcome::Done) };
        let mut room = Room { elements: SLICE_ELEMENTS, end: ctx.reply.len() + SLICE_BYTES };
        if slice(&mut ctx.reply, &mut room) { in_slices(slice) } else { Ok(Outcome::Done) }
    })))
}

/// Elements found so far of a reply whose length is not known yet.
pub struct Gathered {
    out: Vec<u8>,
    resp: Resp,
    /// How many elements there are.
    pub count: usize,
    /// Where a client may go on, if that is part of the reply's head.
    pub cursor: u64,
}

impl Gathered {
    /// Adds one element, written by `write` as one reply.
    pub fn add(&mut self, write: impl FnOnce(&mut ReplyWriter<'_>)) {
        write(&mut ReplyWriter::new(&mut self.out, self.resp));
        self.count += 1;
    }
}

/// A reply that has to be worked out before its first byte: calls `step`, which does half a millisecond's work at
/// most and returns whether there is more to do, once per slice; then `header`, which may go by the number of elements;
/// then sends the elements, in slices too.
pub fn gather_in_slices(
    resp: Resp,
    mut step: impl FnMut(&mut Gathered) -> bool + Send + 'static,
    header: impl FnOnce(&mut ReplyWriter<'_>, &Gathered) + Send + 'static,
) -> CommandResult {
    let mut gathered = Gathered { out: Vec::new(), resp, count: 0, cursor: 0 };
    let (mut works, mut header, mut sent) = (true, Some(header), 0);
    work_in_slices(move |ctx| {
        if works {
            works = step(&mut gathered);
            return true;
        }
        if let Some(header) = header.take() {
            header(&mut ctx.reply, &gathered);
        }
        let end = gathered.out.len().min(sent + SLICE_BYTES);
        ctx.reply.raw(&gathered.out[sent..end]);
        sent = end;
        sent < gathered.out.len()
    })
}

/// Replies with a range of a chunked string.
pub fn reply_big_in_slices(
    reply: &mut ReplyWriter<'_>,
    big: BigString,
    range: std::ops::Range<usize>,
) -> CommandResult {
    use std::io::Write;
    let _ = write!(reply.out, "${}\r\n", range.len());
    let (mut at, end) = (range.start, range.end);
    work_in_slices(move |ctx| {
        let to = end.min(at + SLICE_BYTES);
        big.chunks(at..to).for_each(|chunk| ctx.reply.raw(chunk));
        at = to;
        if at == end {
            ctx.reply.raw(b"\r\n");
        }
        at < end
    })
}

/// Writes bytes that were worked out elsewhere, then goes on with `rest`.
pub fn bytes_in_slices(bytes: Vec<u8>, rest: Option<Continuation>) -> Continuation {
    bytes_from(bytes, 0, rest)
}

fn bytes_from(bytes: Vec<u8>, from: usize, rest: Option<Continuation>) -> Continuation {
    let mut left = Some((bytes, rest));
    Box::new(move |ctx| {
        let Some((bytes, rest)) = left.take() else { return Ok(Outcome::Done) };
        let end = bytes.len().min(from + SLICE_BYTES);
        ctx.reply.raw(&bytes[from..end]);
        if end < bytes.len() {
            return Ok(Outcome::Continue(bytes_from(bytes, end, rest)));
        }
        Ok(rest.map_or(Outcome::Done, Outcome::Continue))
    })
}

/// Calls `step` once per slice until it returns `false`. It must not take longer than half a millisecond.
pub fn work_in_slices(step: impl FnMut(&mut Ctx<'_>) -> bool + Send + 'static) -> CommandResult {
    let mut next = Some(step);
    Ok(Outcome::Continue(Box::new(move |ctx| {
        let Some(mut step) = next.take() else { return Ok(Outcome::Done) };
        if step(ctx) { work_in_slices(step) } else { Ok(Outcome::Done) }
    })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Engine;

    #[test]
    fn every_element_is_written_once_in_slices_of_bounded_size() {
        for (count, bytes, slices) in
            [(0, 1, 1), (1999, 1, 1), (2000, 1, 2), (7000, 1, 4), (10, 60_000, 4), (3, 1_000_000, 4)]
        {
            let mut engine = Engine::new();
            let (reply, went_on) = engine.body(|ctx| {
                ctx.reply.array(count);
                reply_in_slices(0..count, move |reply, i| reply.bulk(&vec![i as u8; bytes]))
            });
            let mut expected = Vec::new();
            let mut writer = ReplyWriter::new(&mut expected, engine.session.resp);
            writer.array(count);
            (0..count).for_each(|i| writer.bulk(&vec![i as u8; bytes]));
            assert!(reply == expected, "{count} elements of {bytes}");
            assert_eq!(went_on, slices, "{count} elements of {bytes}");
        }
    }

    #[test]
    fn what_is_gathered_follows_its_header_in_slices() {
        for (count, bytes, slices) in [(0, 1, 2), (5, 1, 7), (9, 100_000, 17)] {
            let mut engine = Engine::new();
            let resp = engine.session.resp;
            let (reply, went_on) = engine.body(|_| {
                let mut left = count;
                let step = move |found: &mut Gathered| {
                    if left == 0 {
                        return false;
                    }
                    left -= 1;
                    found.add(|reply| reply.bulk(&vec![left as u8; bytes]));
                    true
                };
                gather_in_slices(resp, step, |reply, found| reply.set(found.count))
            });
            let mut expected = Vec::new();
            let mut writer = ReplyWriter::new(&mut expected, resp);
            writer.set(count);
            (0..count).rev().for_each(|i| writer.bulk(&vec![i as u8; bytes]));
            assert!(reply == expected, "{count} elements of {bytes}");
            assert_eq!(went_on, slices, "{count} elements of {bytes}");
        }
    }
}
