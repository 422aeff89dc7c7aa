//! The large form: a map from members to scores, and the members in order.
//!
//! ```text
//! scores: Hashed    member ──► score                   O(log n) with two or three cache misses
//! order:  Tree      runs of (score, member), counted   ranks, ranges
//! ```
//!
//! Both are trees that share what clones share, so a clone is O(1). A short member stands in both. A long one stands in a
//! blob that both refer to.
//!
//! Rank and range queries go through the counts of the order; a set of any size answers `ZCOUNT` with two searches.

use std::ops::Range;

use super::range::{LexBound, LexRange, ScoreRange};
use super::run::{Member, Run, SHORT_MAX, member_key, score_key};
use crate::hashed::Hashed;
use crate::tree::Tree;

/// A sorted set of any size. A clone shares everything until one of both changes.
#[derive(Clone, Default)]
pub(super) struct Large {
    scores: Hashed<8>,
    order: Tree<Run>,
}

fn score_of(value: &[u8]) -> f64 {
    f64::from_le_bytes(value.try_into().expect("scores have eight bytes"))
}

impl Large {
    /// A set of members in ascending order, all different. O(n log n).
    pub fn from_sorted<'m>(members: impl Iterator<Item = (f64, &'m [u8])> + Clone) -> Large {
        let values: Vec<[u8; 8]> = members.clone().map(|(score, _)| score.to_le_bytes()).collect();
        let elements = members.clone().zip(&values).map(|((_, member), value)| (member, &value[..], None));
        let scores = Hashed::from_elements(elements);
        let mut runs: Vec<((u64, u64), Run)> = Vec::new();
        for (score, member) in members {
            if runs.last().is_none_or(|(_, run)| run.is_built()) {
                if let Some((_, full)) = runs.last_mut() {
                    full.shrink_to_fit();
                }
                runs.push(((score_key(score), member_key(member)), Run::default()));
            }
            let (_, run) = runs.last_mut().expect("the first is full");
            with_member(&scores, member, |member| run.push(score, member));
        }
        Large { scores, order: Tree::from_leaves(runs) }
    }

    pub fn len(&self) -> usize {
        self.scores.len()
    }

    pub fn prefetch(&self, member: &[u8]) {
        self.scores.prefetch_name(member);
    }

    pub fn prefetch_element(&self, member: &[u8]) {
        self.scores.prefetch_element(member);
    }

    pub fn memory_bytes(&self) -> usize {
        self.scores.memory_bytes() + self.order.memory_bytes()
    }

    pub fn free_effort(&self) -> usize {
        self.scores.free_effort() + self.order.free_effort()
    }

    pub fn is_same(&self, other: &Large) -> bool {
        self.scores.is_same(&other.scores) && self.order.is_same(&other.order)
    }

    pub fn score(&self, member: &[u8]) -> Option<f64> {
        self.scores.get(member).map(|element| score_of(element.value))
    }

    pub fn rank(&self, member: &[u8]) -> Option<(usize, f64)> {
        let score = self.score(member)?;
        let key = (score_key(score), member_key(member));
        let (start, run) = self
            .order
            .ranked_leaf_at_key(key, |run| run.first_order(score, member).is_le())
            .expect("every member of the map is in the order");
        Some((start + run.position(score, member), score))
    }

    /// As [`super::Zset::update`].
    pub fn update(&mut self, member: &[u8], decide: impl FnOnce(Option<f64>) -> Option<f64>) -> Option<f64> {
        let mut decided = None;
        let mut old = None;
        self.scores.update(member, |value| {
            old = value.map(score_of);
            // -0 is 0, as in a compact one: nothing changes.
            decided = decide(old).filter(|score| old != Some(*score));
            decided.map(f64::to_le_bytes)
        });
        let Some(score) = decided else { return old };
        let Large { scores, order } = self;
        with_member(scores, member, |member| match old {
            None => add(order, score, member),
            Some(old) => rescore(order, old, score, member),
        });
        old
    }

    pub fn remove(&mut self, member: &[u8]) -> Option<f64> {
        let score = self.scores.remove_with(member, |element| score_of(element.value))?;
        let key = (score_key(score), member_key(member));
        let removed = self.order.edit_at_key(
            key,
            |run| run.first_order(score, member).is_le(),
            |run| {
                let at = run.position(score, member);
                run.remove(at..at + 1);
            },
        );
        assert!(removed.is_some(), "every member of the map is in the order");
        Some(score)
    }

    /// Takes members out by rank. O(log n + members).
    pub fn remove_ranks(&mut self, ranks: Range<usize>) {
        let Large { scores, order } = self;
        let mut forget = |member: &[u8]| {
            assert!(scores.remove(member), "every member of the order is in the map");
        };
        let Some((run, start)) = order.leaf_at_index(ranks.start) else { return };
        if start + ranks.len() <= run.count() {
            order.edit_at_index(ranks.start, |run, start| {
                let range = start..start + ranks.len();
                run.visit(range.clone(), false, &mut |member, _| {
                    forget(member);
                    true
                });
                run.remove(range);
            });
            return;
        }
        let removed = order.remove_range(ranks);
        for (_, run) in removed.leaves() {
            run.visit(0..run.count(), false, &mut |member, _| {
                forget(member);
                true
            });
        }
    }

    pub fn score_ranks(&self, range: &ScoreRange) -> Range<usize> {
        let (low, high) = (score_key(range.min), score_key(range.max));
        let start = self.rank_of_score((low, if range.min_excluded { u64::MAX } else { 0 }), |score| {
            range.reaches_min(score)
        });
        let end = self.rank_of_score((high, if range.max_excluded { 0 } else { u64::MAX }), |score| {
            !range.within_max(score)
        });
        start..end.max(start)
    }

    /// How many members are before the first whose score `reached` accepts: a boundary at `key`.
    fn rank_of_score(&self, key: (u64, u64), reached: impl Fn(f64) -> bool) -> usize {
        match self.order.ranked_leaf_at_key(key, |run| !reached(run.score(0))) {
            Some((start, run)) => start + run.score_position(reached),
            None => 0,
        }
    }

    pub fn lex_ranks(&self, range: &LexRange<'_>) -> Range<usize> {
        let Some(first) = self.order.first() else { return 0..0 };
        let score = score_key(first.score(0));
        let key = |bound: &LexBound<'_>| match bound {
            LexBound::Lowest => (0, 0),
            LexBound::Highest => (u64::MAX, u64::MAX),
            LexBound::Included(member) | LexBound::Excluded(member) => (score, member_key(member)),
        };
        let rank = |key, reached: &dyn Fn(&[u8]) -> bool| match self
            .order
            .ranked_leaf_at_key(key, |run| !reached(run.member(0)))
        {
            Some((start, run)) => start + run.member_position(reached),
            None => 0,
        };
        let start = rank(key(&range.min), &|member| range.reaches_min(member));
        let end = rank(key(&range.max), &|member| !range.within_max(member));
        start..end.max(start)
    }

    pub fn visit_while(&self, ranks: Range<usize>, reverse: bool, mut show: impl FnMut(&[u8], f64) -> bool) {
        if ranks.is_empty() {
            return;
        }
        let mut visit = |start: usize, run: &Run| {
            let (from, to) = (ranks.start.max(start) - start, ranks.end.min(start + run.count()) - start);
            run.visit(from..to, reverse, &mut show)
        };
        if reverse {
            let leaves = self.order.leaves_through(ranks.end - 1).rev();
            for (start, run) in leaves {
                if !visit(start, run) || start <= ranks.start {
                    return;
                }
            }
        } else {
            for (start, run) in self.order.leaves_from(ranks.start) {
                if !visit(start, run) || start + run.count() >= ranks.end {
                    return;
                }
            }
        }
    }

    pub fn scan(&self, cursor: u64, count: usize, mut show: impl FnMut(&[u8], f64)) -> u64 {
        self.scores.scan(cursor, count, |element| show(element.name, score_of(element.value)))
    }
}

/// Gives `f` a member of the map as a leaf stores it.
fn with_member<R>(scores: &Hashed<8>, member: &[u8], f: impl FnOnce(Member<'_>) -> R) -> R {
    if member.len() <= SHORT_MAX {
        return f(Member::Short(member));
    }
    let blob = scores.name_blob(member).expect("the map has the member, in a blob");
    f(Member::Long(&blob))
}

/// Adds a member that is not there.
fn add(order: &mut Tree<Run>, score: f64, member: Member<'_>) {
    let key = (score_key(score), member_key(member.bytes()));
    let added = order.edit_at_key(
        key,
        |run| run.first_order(score, member.bytes()).is_le(),
        |run| {
            let at = run.position(score, member.bytes());
            run.insert(at, score, member);
        },
    );
    if added.is_none() {
        let mut run = Run::default();
        run.push(score, member);
        order.push_last(key, run);
    }
}

/// Moves a member from one score to another.
fn rescore(order: &mut Tree<Run>, old: f64, score: f64, member: Member<'_>) {
    let bytes = member.bytes();
    let moved = order.edit_at_key(
        (score_key(old), member_key(bytes)),
        |run| run.first_order(old, bytes).is_le(),
        |run| {
            let at = run.position(old, bytes);
            let last = run.count() - 1;
            // Between two others of the same leaf it stays in it.
            let stays = at > 0
                && at < last
                && run.first_order(score, bytes).is_lt()
                && super::order((score, bytes), (run.score(last), run.member(last))).is_lt();
            if stays {
                run.rescore(at, score, member);
            } else {
                run.remove(at..at + 1);
            }
            stays
        },
    );
    if !moved.expect("every member of the map is in the order") {
        add(order, score, member);
    }
}
