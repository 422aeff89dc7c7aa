//! How much one node of a list may hold: the parameter `list-max-listpack-size`.
//!
//! Clients see its effects through `OBJECT ENCODING`, so all sizes here are those of a *listpack*
//! (<https://github.com/antirez/listpack/blob/master/listpack.md>), whatever our own layout takes. Positive values
//! count elements and stop at 8 KiB all the same; -1 to -5 stand for 4 to 64 KiB.

/// Bytes of a listpack without elements: its header and its end mark.
pub(super) const LISTPACK_EMPTY_BYTES: usize = 7;
/// Bytes at which a node ends that is limited by its number of elements.
const COUNTED_MAX_BYTES: usize = 8192;
/// What an element is taken to add beside its own bytes when room for it is looked for.
const ELEMENT_OVERHEAD_BYTES: usize = 8;

/// A value of `list-max-listpack-size`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill(i16);

impl Fill {
    /// The value, brought into the range that has a meaning.
    #[inline]
    pub fn new(value: i64) -> Fill {
        Fill(value.clamp(-5, i64::from(i16::MAX)) as i16)
    }

    /// The value.
    pub fn value(self) -> i64 {
        i64::from(self.0)
    }

    /// The limits of one node: bytes, elements.
    #[inline]
    fn limits(self) -> (usize, usize) {
        if self.0 < 0 {
            (4096 << (-self.0 - 1), usize::MAX)
        } else {
            (COUNTED_MAX_BYTES, usize::from(self.0.max(1) as u16))
        }
    }

    /// Whether a node of this size is beyond the limit.
    #[inline]
    pub(super) fn is_exceeded(self, bytes: usize, count: usize) -> bool {
        let (max_bytes, max_count) = self.limits();
        bytes > max_bytes || count > max_count
    }

    /// Whether an element of `len` bytes needs a node of its own.
    #[inline]
    pub(super) fn is_large(self, len: usize) -> bool {
        len > self.limits().0
    }

    /// Whether a node takes one more element of `len` bytes.
    #[inline]
    pub(super) fn admits(self, bytes: usize, count: usize, len: usize) -> bool {
        !self.is_exceeded(bytes + len + ELEMENT_OVERHEAD_BYTES, count + 1)
    }

    /// Whether a lone node is small enough to be the whole list again: half the limit, so that a list at the limit
    /// does not change its form with every command.
    #[inline]
    pub(super) fn is_half_empty(self, bytes: usize, count: usize) -> bool {
        if self.0 < 0 {
            bytes <= self.limits().0 / 2
        } else {
            // The count alone: the 8 KiB are no part of the limit here.
            count <= self.limits().1 / 2
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_those_of_the_parameter() {
        for (value, bytes, count) in [
            (-9, 65536, None),
            (-5, 65536, None),
            (-2, 8192, None),
            (-1, 4096, None),
            (0, 8192, Some(1)),
            (1, 8192, Some(1)),
            (100, 8192, Some(100)),
            (1 << 40, 8192, Some(32767)),
        ] {
            let fill = Fill::new(value);
            assert!(!fill.is_exceeded(bytes, count.unwrap_or(1)), "{value}");
            assert!(fill.is_exceeded(bytes + 1, 1), "{value}");
            assert!(!fill.is_large(bytes) && fill.is_large(bytes + 1), "{value}");
            assert!(fill.admits(bytes - 18, 0, 10) && !fill.admits(bytes - 17, 0, 10), "{value}");
            if let Some(count) = count {
                assert!(fill.is_exceeded(10, count + 1), "{value}");
                assert!(fill.admits(10, count - 1, 1) && !fill.admits(10, count, 1), "{value}");
                assert!(!fill.is_half_empty(10, count / 2 + 1), "{value}");
                assert!(fill.is_half_empty(usize::MAX, count / 2), "{value}");
            } else {
                assert!(fill.is_half_empty(bytes / 2, 1 << 20) && !fill.is_half_empty(bytes / 2 + 1, 1));
            }
        }
    }
}
