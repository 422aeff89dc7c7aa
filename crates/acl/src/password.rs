//! Passwords: kept and compared as SHA-256 in hexadecimal.

use sha2::{Digest, Sha256};

/// Hexadecimal SHA-256.
pub(crate) type Hash = [u8; 64];

/// The hash of a password. O(password).
pub(crate) fn hash(password: &[u8]) -> Hash {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digest = Sha256::digest(password);
    let mut hex = [0; 64];
    for (pair, byte) in hex.chunks_exact_mut(2).zip(digest) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    hex
}

/// A hash as rules state it: lower-case digits only.
pub(crate) fn parse(text: &[u8]) -> Option<Hash> {
    let hash: Hash = text.try_into().ok()?;
    hash.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')).then_some(hash)
}

/// Compares without a hint, by the time it takes, at where they differ.
pub(crate) fn same(a: &Hash, b: &Hash) -> bool {
    a.iter().zip(b).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}
