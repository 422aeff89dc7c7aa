//! The number of nodes of a radix tree, which `XINFO STREAM` shows.
//!
//! The macro nodes stand in no radix tree here. In the one that clients are told of, keys are ids as 16 bytes, most
//! significant first. It has a node where paths part, one for the bytes between two such points if there are any, and
//! one in which each key ends. So its size follows from the common prefixes of neighbouring keys.

use super::id::StreamId;

const KEY_BYTES: i32 = 16;

/// Counts the nodes of the tree with some keys.
pub(super) struct Counter {
    /// Depths at which the path to the latest key parts from others, ascending; the root's is -1.
    parting: [i32; KEY_BYTES as usize + 1],
    top: usize,
    nodes: usize,
    latest: Option<u128>,
    /// Common prefix of the latest key and the one before.
    common: i32,
}

impl Default for Counter {
    fn default() -> Counter {
        Counter { parting: [-1; KEY_BYTES as usize + 1], top: 0, nodes: 0, latest: None, common: -1 }
    }
}

impl Counter {
    /// Adds a key, which is above all others.
    pub(super) fn add(&mut self, id: StreamId) {
        let key = id.to_u128();
        if let Some(latest) = self.latest {
            let common = ((latest ^ key).leading_zeros() / 8) as i32;
            self.nodes += key_nodes(self.common.max(common));
            while self.parting[self.top] > common {
                let depth = self.parting[self.top];
                self.top -= 1;
                self.nodes += parting_nodes(self.parting[self.top].max(common), depth);
            }
            if self.parting[self.top] < common {
                self.top += 1;
                self.parting[self.top] = common;
            }
            self.common = common;
        }
        self.latest = Some(key);
    }

    /// The number of nodes. O(1).
    pub(super) fn nodes(&self) -> usize {
        if self.latest.is_none() {
            return 1;
        }
        let open = self.parting[..=self.top].windows(2).map(|depths| parting_nodes(depths[0], depths[1]));
        self.nodes + key_nodes(self.common) + open.sum::<usize>()
    }
}

/// Nodes of a key that parts from its neighbours at `depth`.
fn key_nodes(depth: i32) -> usize {
    1 + usize::from(depth + 1 < KEY_BYTES)
}

/// Nodes of a parting at `depth` below one at `above`.
fn parting_nodes(above: i32, depth: i32) -> usize {
    1 + usize::from(above + 1 < depth)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(ids: impl Iterator<Item = StreamId>) -> usize {
        let mut counter = Counter::default();
        ids.for_each(|id| counter.add(id));
        counter.nodes()
    }

    fn of(ids: &[(u64, u64)]) -> usize {
        nodes(ids.iter().map(|&(ms, seq)| StreamId::new(ms, seq)))
    }

    /// The same by building the trie: a node per byte first, then runs joined.
    fn slowly(ids: &[u128]) -> usize {
        fn count(keys: &[[u8; 16]], depth: usize, run: usize) -> usize {
            let runs = usize::from(run > 0);
            if depth == 16 {
                return runs + 1;
            }
            let parts: Vec<&[[u8; 16]]> = keys.chunk_by(|a, b| a[depth] == b[depth]).collect();
            match parts.as_slice() {
                [one] => count(one, depth + 1, run + 1),
                parts => runs + 1 + parts.iter().map(|part| count(part, depth + 1, 0)).sum::<usize>(),
            }
        }
        let keys: Vec<[u8; 16]> = ids.iter().map(|id| id.to_be_bytes()).collect();
        if keys.is_empty() { 1 } else { count(&keys, 0, 0) }
    }

    #[test]
    fn known_trees() {
        // As valkey-server 9.1.2 shows them.
        assert_eq!(of(&[]), 1);
        assert_eq!(of(&[(1, 1)]), 2);
    }

    #[test]
    fn equals_the_trie_that_is_built() {
        let mut rng = sys::random::Rng::new(9);
        for round in 0..500 {
            let mask = [0x3, 0xff, 0x0101_0101, u64::MAX, 0xff00][round % 5];
            let len = rng.below(40);
            let mut ids: Vec<u128> = (0..len)
                .map(|_| {
                    StreamId::new(rng.next_u64() & mask, rng.next_u64() & mask & 0x8000_0000_0000_0fff)
                        .to_u128()
                })
                .collect();
            ids.sort_unstable();
            ids.dedup();
            let by_prefixes = nodes(ids.iter().map(|&id| StreamId::new((id >> 64) as u64, id as u64)));
            assert_eq!(by_prefixes, slowly(&ids), "{ids:x?}");
        }
    }
}
