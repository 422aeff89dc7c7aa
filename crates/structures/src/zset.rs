//! Sorted sets: members with scores, found by member and in the order of (score, member).
//!
//! Two forms, as clients know them from `OBJECT ENCODING`:
//!
//! * `listpack` ([`compact`]): few and short members in one listpack.
//! * `skiplist` ([`large`]): all others. The name is Valkey's; there is no skip list here.
//!
//! A set never goes back to the compact form. Ranges by score and by member are turned into ranges of *ranks*, the
//! numbers of members in order from 0; everything else works on ranks.

mod compact;
mod large;
mod range;
mod run;
#[cfg(test)]
mod tests;

use std::ops::Range;

use crate::listpack::Listpack;
use large::Large;
pub use range::{LexBound, LexRange, ScoreRange, order};

/// Up to where a sorted set stays compact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Members.
    pub entries: usize,
    /// Bytes of the longest member.
    pub member_bytes: usize,
}

/// Bytes at which the compact form ends whatever the limits are.
const COMPACT_MAX_BYTES: usize = 1 << 30;

#[derive(Clone)]
enum Form {
    Compact(Listpack),
    Large(Box<Large>),
}

/// The value behind a key of this type. Scores are never NaN.
#[derive(Clone)]
pub struct Zset {
    form: Form,
}

impl Default for Zset {
    /// An empty set in the compact form.
    fn default() -> Zset {
        Zset { form: Form::Compact(Listpack::new()) }
    }
}

impl Zset {
    /// A set of members in ascending order, all different. O(n).
    pub fn from_sorted<'m>(
        limits: Limits,
        members: impl ExactSizeIterator<Item = (f64, &'m [u8])> + Clone,
    ) -> Zset {
        let longest = members.clone().map(|(_, member)| member.len()).max().unwrap_or(0);
        if members.len() > limits.entries || longest > limits.member_bytes {
            return Zset { form: Form::Large(Box::new(Large::from_sorted(members))) };
        }
        let mut pack = Listpack::new();
        members.for_each(|(score, member)| compact::push(&mut pack, member, score));
        Zset { form: Form::Compact(pack) }
    }

    /// Starts loading what a look-up of a member reads.
    #[inline]
    pub fn prefetch(&self, member: &[u8]) {
        match &self.form {
            Form::Compact(pack) => pack.prefetch(),
            Form::Large(large) => large.prefetch(member),
        }
    }

    /// Starts loading the score of a member of a large set, some time after [`Zset::prefetch`].
    #[inline]
    pub fn prefetch_element(&self, member: &[u8]) {
        if let Form::Large(large) = &self.form {
            large.prefetch_element(member);
        }
    }

    /// Leaves the compact form if `entries` members of at most `member_bytes` bytes are more than it takes: what a
    /// command does that brings so many, whether or not they are new. O(1), or O(n) to convert.
    #[inline]
    pub fn prepare(&mut self, limits: Limits, entries: usize, member_bytes: usize) {
        if entries > limits.entries || member_bytes > limits.member_bytes {
            self.expand();
        }
    }

    /// Turns into the large form. O(n).
    fn expand(&mut self) -> &mut Large {
        if let Form::Compact(pack) = &self.form {
            let mut members = Vec::with_capacity(compact::len(pack));
            compact::visit_while(pack, 0..compact::len(pack), false, |member, score| {
                members.push((score, member.to_vec()));
                true
            });
            let members = members.iter().map(|(score, member)| (*score, member.as_slice()));
            self.form = Form::Large(Box::new(Large::from_sorted(members)));
        }
        match &mut self.form {
            Form::Large(large) => large,
            Form::Compact(_) => unreachable!("converted above"),
        }
    }

    /// Number of elements. O(1).
    #[inline]
    pub fn len(&self) -> usize {
        match &self.form {
            Form::Compact(pack) => compact::len(pack),
            Form::Large(large) => large.len(),
        }
    }

    /// Whether there is no element. O(1).
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Heap bytes behind this value, the struct itself not included. O(1).
    pub fn memory_bytes(&self) -> usize {
        match &self.form {
            Form::Compact(pack) => pack.memory_bytes(),
            Form::Large(large) => size_of::<Large>() + large.memory_bytes(),
        }
    }

    /// Allocations to free, roughly: what decides whether a worker frees the value. O(1).
    pub fn free_effort(&self) -> usize {
        match &self.form {
            Form::Compact(_) => 1,
            Form::Large(large) => large.free_effort(),
        }
    }

    /// Whether both are one value, a clone and its original since neither was changed. O(1).
    pub fn is_same(&self, other: &Zset) -> bool {
        match (&self.form, &other.form) {
            (Form::Compact(pack), Form::Compact(other)) => pack.is_same(other),
            (Form::Large(large), Form::Large(other)) => large.is_same(other),
            _ => false,
        }
    }

    /// What `OBJECT ENCODING` says. O(1).
    pub fn encoding(&self) -> &'static str {
        if self.is_compact() { "listpack" } else { "skiplist" }
    }

    /// Whether the set is in its compact form. O(1).
    #[inline]
    pub fn is_compact(&self) -> bool {
        matches!(self.form, Form::Compact(_))
    }

    /// The listpack of the compact form: what dumps store. O(1).
    pub fn as_listpack(&self) -> Option<&Listpack> {
        match &self.form {
            Form::Compact(pack) => Some(pack),
            Form::Large(_) => None,
        }
    }

    /// A member's score. O(1), O(n) in the compact form.
    #[inline]
    pub fn score(&self, member: &[u8]) -> Option<f64> {
        match &self.form {
            Form::Compact(pack) => compact::score(pack, member),
            Form::Large(large) => large.score(member),
        }
    }

    /// A member's rank and score. O(log n), O(n) in the compact form.
    #[inline]
    pub fn rank(&self, member: &[u8]) -> Option<(usize, f64)> {
        match &self.form {
            Form::Compact(pack) => compact::rank(pack, member),
            Form::Large(large) => large.rank(member),
        }
    }

    /// Gives a member the score that `decide` makes of the present one (`None` for a member that is not there), or
    /// leaves it alone if that is `None`. Returns the score before. O(log n), O(n) in the compact form.
    pub fn update(
        &mut self,
        member: &[u8],
        limits: Limits,
        decide: impl FnOnce(Option<f64>) -> Option<f64>,
    ) -> Option<f64> {
        let pack = match &mut self.form {
            Form::Compact(pack) => pack,
            Form::Large(large) => return large.update(member, decide),
        };
        let walk = compact::walk(pack, member);
        let old = walk.found.map(|(_, score)| score);
        let Some(score) = decide(old) else { return old };
        debug_assert!(!score.is_nan(), "scores have an order");
        if let Some((offset, old)) = walk.found {
            if score != old {
                compact::rescore(pack, &walk, offset, member, score);
            }
        } else if compact::len(pack) < limits.entries
            && member.len() <= limits.member_bytes
            && pack.bytes() + member.len() < COMPACT_MAX_BYTES
        {
            compact::insert(pack, &walk, member, score);
        } else {
            self.expand().update(member, |_| Some(score));
        }
        old
    }

    /// Takes a member out and returns its score. O(log n), O(n) in the compact form.
    pub fn remove(&mut self, member: &[u8]) -> Option<f64> {
        match &mut self.form {
            Form::Compact(pack) => {
                let (offset, score) = compact::find(pack, member)?;
                compact::remove_at(pack, offset);
                Some(score)
            }
            Form::Large(large) => large.remove(member),
        }
    }

    /// Takes members out by rank; `ranks` lies in the set. O(log n + members), O(n) in the compact form.
    pub fn remove_ranks(&mut self, ranks: Range<usize>) {
        match &mut self.form {
            Form::Compact(pack) => compact::remove_ranks(pack, ranks),
            Form::Large(large) => large.remove_ranks(ranks),
        }
    }

    /// Ranks of the members whose scores are in `range`. O(log n), O(n) in the compact form.
    pub fn score_ranks(&self, range: &ScoreRange) -> Range<usize> {
        match &self.form {
            Form::Compact(pack) => compact::score_ranks(pack, range),
            Form::Large(large) => large.score_ranks(range),
        }
    }

    /// Ranks of the members that are in `range`, but for the first `skipped` of them (the last ones, if `reverse`). All
    /// scores are taken to be equal; if they are not, the answer makes no sense, and depends on `reverse`. O(log n), O(n)
    /// in the compact form.
    pub fn lex_ranks(&self, range: &LexRange<'_>, reverse: bool, skipped: usize) -> Range<usize> {
        match &self.form {
            Form::Compact(pack) => compact::lex_ranks(pack, range, reverse, skipped),
            Form::Large(large) => {
                let ranks = large.lex_ranks(range);
                let left = ranks.len().saturating_sub(skipped);
                if reverse { ranks.start..ranks.start + left } else { ranks.end - left..ranks.end }
            }
        }
    }

    /// Shows members by rank, from the lowest or from the highest of `ranks`, until `show` says no. `ranks` lies in
    /// the set. O(log n + members shown), O(n) in the compact form.
    #[inline]
    pub fn visit_while(&self, ranks: Range<usize>, reverse: bool, show: impl FnMut(&[u8], f64) -> bool) {
        match &self.form {
            Form::Compact(pack) => compact::visit_while(pack, ranks, reverse, show),
            Form::Large(large) => large.visit_while(ranks, reverse, show),
        }
    }

    /// As [`Self::visit_while`], to the end.
    #[inline]
    pub fn visit(&self, ranks: Range<usize>, reverse: bool, mut show: impl FnMut(&[u8], f64)) {
        self.visit_while(ranks, reverse, |member, score| {
            show(member, score);
            true
        });
    }

    /// Shows about `count` members from `cursor` on and returns where to go on; 0 at the end. Members that stay in the
    /// set from the first call to the last are shown. The compact form is shown as a whole.
    pub fn scan(&self, cursor: u64, count: usize, mut show: impl FnMut(&[u8], f64)) -> u64 {
        match &self.form {
            Form::Compact(_) => {
                self.visit(0..self.len(), false, show);
                0
            }
            Form::Large(large) => large.scan(cursor, count, &mut show),
        }
    }
}
