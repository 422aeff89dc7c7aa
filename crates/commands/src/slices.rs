//! Long replies in slices: whoever else has work is served between two of them.
//!
//! A body that would write more than [`AT_ONCE_MAX`] elements takes a clone of the value while it holds the shard
//! (O(1): the clone shares everything), writes the reply's header and returns what is made here. The rest of the
//! reply is written from the clone, with no shard held, and is what the value was when the command ran, whatever
//! happens to the key meanwhile.

use wire::resp::encode::ReplyWriter;

use crate::{CommandResult, Outcome};

/// Up to this many elements a body writes at once, under its lock: some 20 µs.
pub const AT_ONCE_MAX: usize = 1000;

/// Elements of one slice, well below half a millisecond's work.
const SLICE_ELEMENTS: usize = 2000;
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
pub fn write_in_slices(step: impl FnMut(&mut ReplyWriter<'_>) -> bool + Send + 'static) -> CommandResult {
    let mut next = Some(step);
    Ok(Outcome::Continue(Box::new(move |ctx| {
        let Some(mut step) = next.take() else { return Ok(Outcome::Done) };
        let from = ctx.reply.len();
        for _ in 0..SLICE_ELEMENTS {
            if !step(&mut ctx.reply) {
                return Ok(Outcome::Done);
            }
            if ctx.reply.len() - from > SLICE_BYTES {
                break;
            }
        }
        write_in_slices(step)
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
}
