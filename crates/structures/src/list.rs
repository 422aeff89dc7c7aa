//! Lists: elements by position.
//!
//! A short list is one node ([`pack`]). A longer one is a sequence of nodes of at most 8 KiB, unless
//! `list-max-listpack-size` says otherwise, in a tree whose clones share everything: an index is found in O(log n), and
//! a reader that clones the list in O(1) sees it unchanged however long it takes. What clients see through `OBJECT
//! ENCODING` changes exactly when it does in Valkey; see [`quick`].

mod fill;
mod int;
mod nodes;
mod pack;
mod quick;
#[cfg(test)]
mod tests;
mod walk;

use std::ops::Range;

pub use crate::listpack::{Element, Needle};
pub use fill::Fill;
pub use pack::End;
pub use quick::NodeFigures;
pub use walk::Walk;

use pack::Pack;
use quick::Quick;

/// The value behind a key of this type.
#[derive(Clone)]
pub struct List {
    form: Form,
}

#[derive(Clone)]
enum Form {
    /// One node.
    Short(Pack),
    /// Any number of nodes.
    Long(Box<Quick>),
}

impl Default for List {
    fn default() -> Self {
        List { form: Form::Short(Pack::default()) }
    }
}

impl List {
    /// A list without elements. Allocates nothing.
    pub fn new() -> List {
        List::default()
    }

    /// Number of elements. O(1).
    #[inline]
    pub fn len(&self) -> usize {
        match &self.form {
            Form::Short(pack) => pack.len(),
            Form::Long(quick) => quick.len(),
        }
    }

    /// Whether there is no element. O(1).
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Starts loading a short list.
    #[inline]
    pub fn prefetch(&self) {
        if let Form::Short(pack) = &self.form {
            pack.prefetch();
        }
    }

    /// Heap bytes behind this value, the struct itself not included. O(1).
    pub fn memory_bytes(&self) -> usize {
        match &self.form {
            Form::Short(pack) => pack.memory_bytes(),
            Form::Long(quick) => quick.memory_bytes(),
        }
    }

    /// Allocations to free, roughly: what decides whether a worker frees the value. O(1).
    pub fn free_effort(&self) -> usize {
        match &self.form {
            Form::Short(_) => 1,
            Form::Long(quick) => quick.free_effort(),
        }
    }

    /// Whether both are one value, a clone and its original since neither was changed. O(1).
    pub fn is_same(&self, other: &List) -> bool {
        match (&self.form, &other.form) {
            (Form::Short(pack), Form::Short(other)) => pack.is_same(other),
            (Form::Long(quick), Form::Long(other)) => quick.is_same(other),
            _ => false,
        }
    }

    /// What Valkey's nodes would be, if the list is in the long form. O(nodes).
    pub fn nodes(&self) -> Option<NodeFigures> {
        match &self.form {
            Form::Short(_) => None,
            Form::Long(quick) => Some(quick.figures()),
        }
    }

    /// What `OBJECT ENCODING` says. O(1).
    pub fn encoding(&self) -> &'static str {
        match &self.form {
            Form::Short(_) => "listpack",
            Form::Long(_) => "quicklist",
        }
    }

    /// Before `count` elements of `bytes` altogether are added, or may be: changes to the long form if the short one
    /// might not hold them. O(1).
    #[inline]
    pub fn prepare(&mut self, fill: Fill, bytes: usize, count: usize) {
        if let Form::Short(pack) = &mut self.form
            && fill.is_exceeded(pack.listpack_bytes() + bytes, pack.len() + count)
        {
            let pack = std::mem::take(pack);
            self.form = Form::Long(Box::new(Quick::new(pack, fill)));
        }
    }

    /// After elements were removed or replaced: changes to the short form if little is left. O(1).
    #[inline]
    pub fn settle(&mut self, fill: Fill) {
        if let Form::Long(quick) = &mut self.form
            && let Some(pack) = quick.take_small(fill)
        {
            self.form = Form::Short(pack);
        }
    }

    /// Adds an element at an end. [`Self::prepare`] came before. O(1) amortised.
    #[inline]
    pub fn push(&mut self, end: End, element: &[u8]) {
        let element = Needle::new(element);
        match &mut self.form {
            Form::Short(pack) => pack.push(end, &element),
            Form::Long(quick) => quick.push(end, &element),
        }
    }

    /// The element at an end. O(1).
    #[inline]
    pub fn end(&self, end: End) -> Option<Element<'_>> {
        match &self.form {
            Form::Short(pack) => (pack.len() > 0).then(|| pack.end(end)),
            Form::Long(quick) => quick.end(end),
        }
    }

    /// Removes the element at an end. [`Self::settle`] comes after. O(1) amortised.
    ///
    /// # Panics
    /// If there is none.
    #[inline]
    pub fn drop_end(&mut self, end: End) {
        match &mut self.form {
            Form::Short(pack) => pack.drop_end(end),
            Form::Long(quick) => quick.drop_end(end),
        }
    }

    /// The element `index`. O(log n), and O(elements of its node) if they are of different kinds.
    pub fn get(&self, index: usize) -> Option<Element<'_>> {
        match &self.form {
            Form::Short(pack) => pack.get(index),
            Form::Long(quick) => quick.get(index),
        }
    }

    /// Puts an element in the place of the element `index`, if that exists: `false` otherwise. [`Self::prepare`] came
    /// before, [`Self::settle`] comes after. O(log n), and O(bytes of its node) unless it is like the others.
    pub fn replace(&mut self, index: usize, element: &[u8]) -> bool {
        if index >= self.len() {
            return false;
        }
        let element = Needle::new(element);
        match &mut self.form {
            Form::Short(pack) => pack.replace(index, &element),
            Form::Long(quick) => quick.replace(index, &element),
        }
        true
    }

    /// Puts an element in front of or behind the first one that equals `pivot`: `false` if there is none.
    /// [`Self::prepare`] came before. O(n).
    pub fn insert_beside(&mut self, pivot: &[u8], after: bool, element: &[u8]) -> bool {
        let (pivot, element) = (Needle::new(pivot), Needle::new(element));
        match &mut self.form {
            Form::Short(pack) => {
                let found = pack.iter().position(|other| pivot.matches(other));
                if let Some(at) = found {
                    pack.insert(at + usize::from(after), &element);
                }
                found.is_some()
            }
            Form::Long(quick) => {
                let found = quick.find(&pivot);
                if let Some(index) = found {
                    quick.insert_beside(index, after, &element);
                }
                found.is_some()
            }
        }
    }

    /// Removes up to `max` elements that equal `element`, those nearest to an end, and says how many.
    /// [`Self::settle`] comes after. O(n).
    pub fn remove_equal(&mut self, element: &[u8], from: End, max: usize) -> usize {
        let element = Needle::new(element);
        match &mut self.form {
            Form::Short(pack) => pack.remove_equal(&element, from, max),
            Form::Long(quick) => quick.remove_equal(&element, from, max),
        }
    }

    /// Removes the elements of a range. Returns what is left to be freed, which may take as long as there were
    /// elements: for a place where nobody waits. [`Self::settle`] comes after. O(log n).
    ///
    /// # Panics
    /// If the range does not lie in the list.
    pub fn remove_range(&mut self, range: Range<usize>) -> Leftovers {
        assert!(range.end <= self.len(), "{range:?} of {}", self.len());
        match &mut self.form {
            Form::Short(pack) => {
                pack.remove_range(range);
                Leftovers(None)
            }
            Form::Long(quick) => Leftovers(quick.remove_range(range)),
        }
    }
}

/// Removed parts of a list, to be dropped where nobody waits.
pub struct Leftovers(Option<nodes::Nodes>);

impl Leftovers {
    /// Allocations to free, roughly; 0 if there are none. O(1).
    pub fn free_effort(&self) -> usize {
        self.0.as_ref().map_or(0, nodes::Nodes::free_effort)
    }
}
