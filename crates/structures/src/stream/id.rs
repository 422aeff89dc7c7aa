//! Ids of messages: milliseconds and a sequence number, in this order.

use std::fmt;

/// The id of a message. Ids of a stream only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    /// Milliseconds, Unix time unless a client chose otherwise.
    pub ms: u64,
    /// Counts the ids of one millisecond.
    pub seq: u64,
}

impl StreamId {
    /// The smallest id; no message has it.
    pub const MIN: StreamId = StreamId { ms: 0, seq: 0 };
    /// The largest id.
    pub const MAX: StreamId = StreamId { ms: u64::MAX, seq: u64::MAX };

    /// An id of its two parts.
    pub const fn new(ms: u64, seq: u64) -> StreamId {
        StreamId { ms, seq }
    }

    /// Whether this is `0-0`, which also stands for "none".
    pub fn is_zero(self) -> bool {
        self == StreamId::MIN
    }

    /// Both parts as one number in the same order.
    pub fn to_u128(self) -> u128 {
        u128::from(self.ms) << 64 | u128::from(self.seq)
    }

    fn from_u128(n: u128) -> StreamId {
        StreamId { ms: (n >> 64) as u64, seq: n as u64 }
    }

    /// The next id, `None` after the largest.
    pub fn next(self) -> Option<StreamId> {
        self.to_u128().checked_add(1).map(StreamId::from_u128)
    }

    /// The id before, `None` before the smallest.
    pub fn previous(self) -> Option<StreamId> {
        self.to_u128().checked_sub(1).map(StreamId::from_u128)
    }

    /// The id that a message gets at `now_ms` in a stream whose last id is this one: time never goes back. `None` when
    /// ids are exhausted.
    pub fn generate(self, now_ms: u64) -> Option<StreamId> {
        if now_ms > self.ms { Some(StreamId::new(now_ms, 0)) } else { self.next() }
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_carry_over_milliseconds() {
        let id = StreamId::new(5, u64::MAX);
        assert_eq!(id.next(), Some(StreamId::new(6, 0)));
        assert_eq!(StreamId::new(6, 0).previous(), Some(id));
        assert_eq!(StreamId::MAX.next(), None);
        assert_eq!(StreamId::MIN.previous(), None);
        assert_eq!(StreamId::MIN.next(), Some(StreamId::new(0, 1)));
    }

    #[test]
    fn generated_ids_grow_even_when_the_clock_goes_back() {
        assert_eq!(StreamId::new(5, 3).generate(6), Some(StreamId::new(6, 0)));
        assert_eq!(StreamId::new(5, 3).generate(5), Some(StreamId::new(5, 4)));
        assert_eq!(StreamId::new(5, 3).generate(1), Some(StreamId::new(5, 4)));
        assert_eq!(StreamId::MAX.generate(9), None);
    }

    #[test]
    fn order_is_that_of_the_number() {
        let ids = [StreamId::new(0, 9), StreamId::new(1, 0), StreamId::new(1, 1), StreamId::MAX];
        assert!(ids.is_sorted());
        assert!(ids.iter().map(|id| id.to_u128()).is_sorted());
        assert_eq!(ids[2].to_string(), "1-1");
    }
}
