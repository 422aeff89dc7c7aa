//! SipHash-1-3, the keyed hash of the keyspace (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012;
//! the 1-3 variant is what Rust's standard library and Ruby use for tables).
//!
//! Keyed, because `SCAN` shows clients the hash order: with a fast unkeyed hash anyone could send keys that fall
//! into one bucket.

/// The key of the hash: secret of the node, or the `hash-seed` parameter where SCAN cursors must survive failover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SipKey {
    k0: u64,
    k1: u64,
}

macro_rules! round {
    ($v0:ident, $v1:ident, $v2:ident, $v3:ident) => {
        $v0 = $v0.wrapping_add($v1);
        $v2 = $v2.wrapping_add($v3);
        $v1 = $v1.rotate_left(13) ^ $v0;
        $v3 = $v3.rotate_left(16) ^ $v2;
        $v0 = $v0.rotate_left(32);
        $v2 = $v2.wrapping_add($v1);
        $v0 = $v0.wrapping_add($v3);
        $v1 = $v1.rotate_left(17) ^ $v2;
        $v3 = $v3.rotate_left(21) ^ $v0;
        $v2 = $v2.rotate_left(32);
    };
}

impl SipKey {
    /// A key from 16 secret bytes.
    pub fn new(k0: u64, k1: u64) -> Self {
        SipKey { k0, k1 }
    }

    /// The hash of `bytes`. About 1 ns per byte below 16 bytes, less above.
    #[inline]
    pub fn hash(self, bytes: &[u8]) -> u64 {
        let mut v0 = self.k0 ^ 0x736f_6d65_7073_6575;
        let mut v1 = self.k1 ^ 0x646f_7261_6e64_6f6d;
        let mut v2 = self.k0 ^ 0x6c79_6765_6e65_7261;
        let mut v3 = self.k1 ^ 0x7465_6462_7974_6573;
        let mut words = bytes.chunks_exact(8);
        for word in &mut words {
            let m = u64::from_le_bytes(word.try_into().expect("chunks of eight"));
            v3 ^= m;
            round!(v0, v1, v2, v3);
            v0 ^= m;
        }
        let rest = words.remainder();
        let mut tail = [0u8; 8];
        tail[..rest.len()].copy_from_slice(rest);
        let m = u64::from_le_bytes(tail) | ((bytes.len() as u64) << 56);
        v3 ^= m;
        round!(v0, v1, v2, v3);
        v0 ^= m;
        v2 ^= 0xff;
        round!(v0, v1, v2, v3);
        round!(v0, v1, v2, v3);
        round!(v0, v1, v2, v3);
        v0 ^ v1 ^ v2 ^ v3
    }
}

#[cfg(test)]
mod tests {
    use std::hash::Hasher;

    use super::SipKey;

    #[test]
    #[allow(deprecated)]
    fn equals_the_standard_librarys_siphash() {
        // `DefaultHasher::new()` is SipHash-1-3 with a zero key.
        let key = SipKey::new(0, 0);
        let data: Vec<u8> = (0..100).map(|i| (i * 7 + 3) as u8).collect();
        for len in 0..data.len() {
            let mut std = std::collections::hash_map::DefaultHasher::new();
            std.write(&data[..len]);
            assert_eq!(key.hash(&data[..len]), std.finish(), "length {len}");
        }
    }
}
