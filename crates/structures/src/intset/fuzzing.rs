//! The entry point for fuzzers: bytes from elsewhere are refused, or they are a set on which everything works.

use std::collections::BTreeSet;

use super::{HEADER_BYTES, Intset};

/// Takes `input` as a set, as it is and with a header that fits.
///
/// # Panics
/// When the set does not do what one of integers does: that is the find.
pub fn fuzz_intset(input: &[u8]) {
    exercise(input);
    let (width, members) = match input.split_first() {
        Some((first, members)) => ([2usize, 4, 8][usize::from(first % 3)], members),
        None => return,
    };
    let members = &members[..members.len() / width * width];
    let framed = |members: &[u8]| {
        let mut bytes = Vec::with_capacity(HEADER_BYTES + members.len());
        bytes.extend_from_slice(&(width as u32).to_le_bytes());
        bytes.extend_from_slice(&((members.len() / width) as u32).to_le_bytes());
        bytes.extend_from_slice(members);
        bytes
    };
    exercise(&framed(members));
    // In order, so that most are taken.
    let mut integers: Vec<i64> = members.chunks(width).map(sign_extended).collect();
    integers.sort_unstable();
    integers.dedup();
    let sorted: Vec<u8> = integers.iter().flat_map(|n| n.to_le_bytes()[..width].to_vec()).collect();
    assert_eq!(exercise(&framed(&sorted)), !integers.is_empty());
}

fn sign_extended(bytes: &[u8]) -> i64 {
    let mut wide = [0; 8];
    wide[8 - bytes.len()..].copy_from_slice(bytes);
    i64::from_le_bytes(wide) >> (64 - 8 * bytes.len())
}

/// Whether `bytes` were taken.
fn exercise(bytes: &[u8]) -> bool {
    let Some(set) = Intset::from_bytes(bytes) else { return false };
    assert_eq!(set.as_bytes(), bytes);
    let model: BTreeSet<i64> = set.iter().collect();
    assert_eq!((model.len(), set.is_empty()), (set.len(), false));
    assert_eq!(set.bounds(), Some((*model.first().expect("one"), *model.last().expect("one"))));
    let edges = [0, 1, -1, 32767, -32769, 1 << 31, i64::MAX, i64::MIN];
    let near = |&n: &i64| [n.wrapping_sub(1), n, n.wrapping_add(1)];
    let asked: Vec<i64> = edges.into_iter().chain(model.iter().take(30).flat_map(near)).collect();
    let (mut changed, mut expected) = (set.clone(), model.clone());
    for (turn, &n) in asked.iter().enumerate() {
        assert_eq!(changed.contains(n), expected.contains(&n), "{n}");
        if turn % 3 == 0 {
            assert_eq!(changed.remove(n), expected.remove(&n), "{n}");
        } else {
            assert_eq!(changed.insert(n), expected.insert(n), "{n}");
        }
        assert_eq!(changed.len(), expected.len());
    }
    assert!(changed.iter().eq(expected.iter().copied()));
    changed.retain(|n| n % 2 == 0);
    expected.retain(|n| n % 2 == 0);
    assert!(changed.iter().eq(expected.iter().copied()));
    while let Some(rank) = changed.len().checked_sub(1) {
        assert_eq!(Some(changed.get(rank / 2)), expected.iter().nth(rank / 2).copied());
        expected.remove(&changed.remove_at(rank / 2));
    }
    assert!(expected.is_empty() && set.iter().eq(model.iter().copied()), "the original stays");
    true
}

#[cfg(test)]
mod tests {
    use sys::random::Rng;

    use super::*;

    #[test]
    fn bytes_from_elsewhere_break_nothing() {
        let mut rng = Rng::new(1);
        for _ in 0..500 {
            let mut input = vec![0; rng.index(200)];
            rng.fill(&mut input);
            fuzz_intset(&input);
        }
    }
}
