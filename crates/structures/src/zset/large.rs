//! The large form.

use std::ops::Range;
use std::sync::Arc;

use super::range::{LexRange, ScoreRange, order};

/// A sorted set of any size. A clone shares everything until one of both changes.
#[derive(Clone, Default)]
pub(super) struct Large {
    members: Arc<Vec<(f64, Box<[u8]>)>>,
    member_bytes: usize,
}

impl Large {
    /// Appends a member that is behind all others.
    pub fn push(&mut self, member: &[u8], score: f64) {
        self.member_bytes += member.len();
        Arc::make_mut(&mut self.members).push((score, member.into()));
    }

    pub fn len(&self) -> usize {
        self.members.len()
    }

    pub fn memory_bytes(&self) -> usize {
        self.members.capacity() * size_of::<(f64, Box<[u8]>)>() + self.member_bytes
    }

    pub fn free_effort(&self) -> usize {
        self.len()
    }

    fn find(&self, member: &[u8]) -> Option<usize> {
        self.members.iter().position(|m| *m.1 == *member)
    }

    pub fn score(&self, member: &[u8]) -> Option<f64> {
        self.find(member).map(|i| self.members[i].0)
    }

    pub fn rank(&self, member: &[u8]) -> Option<(usize, f64)> {
        self.find(member).map(|i| (i, self.members[i].0))
    }

    pub fn update(&mut self, member: &[u8], decide: impl FnOnce(Option<f64>) -> Option<f64>) -> Option<f64> {
        let at = self.find(member);
        let old = at.map(|i| self.members[i].0);
        if let Some(score) = decide(old) {
            let members = Arc::make_mut(&mut self.members);
            match at {
                Some(i) => drop(members.remove(i)),
                None => self.member_bytes += member.len(),
            }
            let to = members.partition_point(|m| order((m.0, &m.1), (score, member)).is_lt());
            members.insert(to, (score, member.into()));
        }
        old
    }

    pub fn remove(&mut self, member: &[u8]) -> Option<f64> {
        self.find(member).map(|i| Arc::make_mut(&mut self.members).remove(i).0)
    }

    pub fn score_ranks(&self, range: &ScoreRange) -> Range<usize> {
        let start = self.members.partition_point(|m| !range.reaches_min(m.0));
        start..self.members.partition_point(|m| range.within_max(m.0)).max(start)
    }

    pub fn lex_ranks(&self, range: &LexRange<'_>) -> Range<usize> {
        let start = self.members.partition_point(|m| !range.reaches_min(&m.1));
        start..self.members.partition_point(|m| range.within_max(&m.1)).max(start)
    }

    pub fn visit_while(&self, ranks: Range<usize>, reverse: bool, mut show: impl FnMut(&[u8], f64) -> bool) {
        let members = &self.members[ranks];
        if reverse {
            let _ = members.iter().rev().all(|m| show(&m.1, m.0));
        } else {
            let _ = members.iter().all(|m| show(&m.1, m.0));
        }
    }

    pub fn remove_ranks(&mut self, ranks: Range<usize>) {
        Arc::make_mut(&mut self.members).drain(ranks);
    }

    pub fn scan(&self, cursor: u64, count: usize, mut show: impl FnMut(&[u8], f64)) -> u64 {
        let start = self.len().min(usize::try_from(cursor).unwrap_or(usize::MAX));
        let end = self.len().min(start.saturating_add(count));
        self.visit_while(start..end, false, |member, score| {
            show(member, score);
            true
        });
        if end == self.len() { 0 } else { end as u64 }
    }
}
