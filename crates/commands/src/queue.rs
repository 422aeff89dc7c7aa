//! Commands queued by MULTI: one buffer for all their arguments, used again by the next transaction.

use wire::resp::parse::Span;

use crate::Args;

/// Bytes after which another buffer is begun: places in one are 32 bits wide.
const CHUNK_BYTES: usize = 1 << 30;
/// Bytes and arguments whose room is kept for the next transaction.
const SPARE_BYTES: usize = 16 * 1024;
const SPARE_ARGS: usize = 1024;
const SPARE_COMMANDS: usize = 256;

#[derive(Default)]
struct Chunk {
    bytes: Vec<u8>,
    spans: Vec<Span>,
}

struct Place {
    number: u16,
    chunk: u32,
    first_span: u32,
    span_count: u32,
    first_key: Option<(u8, u32, u32)>,
}

/// A queued command.
pub struct Queued<'a> {
    /// The number of its row in the node's registry.
    pub number: u16,
    /// Its arguments.
    pub args: Args<'a>,
    /// Its first key's argument, shard and order, where they were worked out when the command was read.
    pub first_key: Option<(u8, u32, u32)>,
}

/// Queued commands, oldest first.
#[derive(Default)]
pub struct Queue {
    chunks: Vec<Chunk>,
    places: Vec<Place>,
    /// Bytes of all arguments together.
    bytes: usize,
}

impl Queue {
    /// Adds a command. Its arguments are copied.
    pub fn push(&mut self, number: u16, args: &Args<'_>, first_key: Option<(u8, u32, u32)>) {
        let bytes = args.bytes();
        self.bytes += bytes;
        if self.chunks.last().is_none_or(|chunk| chunk.bytes.len() + bytes > CHUNK_BYTES) {
            self.chunks.push(Chunk::default());
        }
        let chunk = self.chunks.last_mut().expect("one was just made");
        let first_span = chunk.spans.len() as u32;
        for arg in args.from(0) {
            chunk.spans.push(Span { start: chunk.bytes.len() as u32, len: arg.len() as u32 });
            chunk.bytes.extend_from_slice(arg);
        }
        self.places.push(Place {
            number,
            chunk: self.chunks.len() as u32 - 1,
            first_span,
            span_count: args.len() as u32,
            first_key,
        });
    }

    /// The commands.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Queued<'_>> + Clone {
        self.places.iter().map(|place| {
            let chunk = &self.chunks[place.chunk as usize];
            let spans = &chunk.spans[place.first_span as usize..][..place.span_count as usize];
            let args = Args::new(&chunk.bytes, spans);
            Queued { number: place.number, args, first_key: place.first_key }
        })
    }

    /// How many there are.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Bytes of all arguments together.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Forgets the commands; keeps some room for others.
    pub fn clear(&mut self) {
        self.bytes = 0;
        self.places.clear();
        self.places.shrink_to(SPARE_COMMANDS);
        self.chunks.truncate(1);
        if let Some(chunk) = self.chunks.first_mut() {
            chunk.bytes.clear();
            chunk.bytes.shrink_to(SPARE_BYTES);
            chunk.spans.clear();
            chunk.spans.shrink_to(SPARE_ARGS);
        }
    }

    /// Heap bytes. O(1): there is a chunk per GiB.
    pub fn memory_bytes(&self) -> usize {
        let of_chunk = |chunk: &Chunk| chunk.bytes.capacity() + chunk.spans.capacity() * size_of::<Span>();
        self.places.capacity() * size_of::<Place>() + self.chunks.iter().map(of_chunk).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::OwnedArgs;

    #[test]
    fn commands_come_back_in_order_and_room_is_used_again() {
        let mut queue = Queue::default();
        for round in 0..3 {
            let calls: Vec<Vec<Vec<u8>>> =
                (0..50).map(|i| (0..i % 5 + 1).map(|j| vec![b'a' + j as u8; i * round]).collect()).collect();
            for (i, call) in calls.iter().enumerate() {
                let args: OwnedArgs = call.iter().map(Vec::as_slice).collect();
                queue.push(i as u16, &args.as_args(), (i % 2 == 0).then_some((1, i as u32, 7)));
            }
            assert_eq!((queue.len(), queue.iter().len()), (50, 50));
            assert_eq!(queue.bytes(), calls.iter().flatten().map(Vec::len).sum::<usize>());
            for (i, (queued, call)) in queue.iter().zip(&calls).enumerate() {
                assert_eq!(
                    (usize::from(queued.number), queued.args.to_vec().to_vec()),
                    (i, call.iter().map(Vec::as_slice).collect())
                );
                assert_eq!(queued.first_key.is_some(), i % 2 == 0);
            }
            queue.clear();
            assert_eq!((queue.len(), queue.bytes()), (0, 0));
            assert!(queue.memory_bytes() > 0, "room is kept");
        }
    }
}
