//! The nodes of a long list in order. A clone shares them all.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use super::pack::{End, Pack};

/// A sequence of packs, none of them empty.
#[derive(Clone, Default)]
pub(super) struct Nodes {
    packs: Arc<VecDeque<Pack>>,
}

impl Nodes {
    pub(super) fn len(&self) -> usize {
        self.packs.len()
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.packs.capacity() * size_of::<Pack>() + self.packs.iter().map(Pack::memory_bytes).sum::<usize>()
    }

    pub(super) fn end(&self, end: End) -> Option<&Pack> {
        match end {
            End::Front => self.packs.front(),
            End::Back => self.packs.back(),
        }
    }

    pub(super) fn end_mut(&mut self, end: End) -> Option<&mut Pack> {
        let packs = Arc::make_mut(&mut self.packs);
        match end {
            End::Front => packs.front_mut(),
            End::Back => packs.back_mut(),
        }
    }

    pub(super) fn push(&mut self, end: End, pack: Pack) {
        let packs = Arc::make_mut(&mut self.packs);
        match end {
            End::Front => packs.push_front(pack),
            End::Back => packs.push_back(pack),
        }
    }

    pub(super) fn pop(&mut self, end: End) -> Option<Pack> {
        let packs = Arc::make_mut(&mut self.packs);
        match end {
            End::Front => packs.pop_front(),
            End::Back => packs.pop_back(),
        }
    }

    pub(super) fn get(&self, node: usize) -> &Pack {
        &self.packs[node]
    }

    pub(super) fn edit<R>(&mut self, node: usize, edit: impl FnOnce(&mut Pack) -> R) -> R {
        edit(&mut Arc::make_mut(&mut self.packs)[node])
    }

    pub(super) fn insert(&mut self, node: usize, pack: Pack) {
        Arc::make_mut(&mut self.packs).insert(node, pack);
    }

    pub(super) fn remove(&mut self, node: usize) -> Pack {
        Arc::make_mut(&mut self.packs).remove(node).expect("the node is there")
    }

    pub(super) fn remove_range(&mut self, range: Range<usize>) -> Nodes {
        Nodes { packs: Arc::new(Arc::make_mut(&mut self.packs).drain(range).collect()) }
    }

    /// The node of the element `index`, and the element's place in it.
    pub(super) fn locate(&self, mut index: usize) -> (usize, usize) {
        for (node, pack) in self.packs.iter().enumerate() {
            if index < pack.len() {
                return (node, index);
            }
            index -= pack.len();
        }
        panic!("no such element");
    }
}
