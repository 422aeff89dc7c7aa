//! The digest of a hash.

use structures::hash::Hash;
use wire::number::IntBuf;

use super::Digest;

/// Adds the fields that have not expired, in any order; their instants do not count.
pub(super) fn add(digest: &mut Digest, value: &Hash, now_ms: i64) {
    for pair in value.iter().filter(|pair| !pair.is_expired(now_ms)) {
        let mut one = Digest::default();
        one.mix(pair.field.as_bytes(&mut IntBuf::new()));
        one.mix(pair.value.as_bytes(&mut IntBuf::new()));
        digest.join(&one.0);
    }
}

#[cfg(test)]
mod tests {
    use structures::entry::{Meta, NewValue};
    use structures::hash::Thresholds;
    use structures::object::Object;
    use structures::slab::Heap;

    use super::*;

    #[test]
    fn hashes_have_the_digests_that_valkey_gives_them() {
        let thresholds = Thresholds { entries: 512, value_bytes: 64 };
        let mut hash = Hash::new();
        hash.set(b"f", b"6", None, thresholds);
        hash.set(b"g", b"2", None, thresholds);
        // Valkey's answers to DEBUG DIGEST-VALUE after HSET h f 6 g 2, and then HDEL h f.
        for (now_ms, expected) in [
            (0, "31cc90f88042a3adf423b8ea7ca6260921839701"),
            (100, "aee97d83543428dfef8c80339274d2415da43ec9"),
        ] {
            let mut heap = Heap::new();
            let value = NewValue::Object(Box::new(Object::Hash(hash.clone())));
            let entry = heap.entry(b"h", value, Meta::default());
            assert_eq!(Digest::of_value(entry.view(), now_ms).hex(), expected);
            heap.release(entry);
            hash.set_expiry(b"f", Some(50));
        }
    }
}
