//! Ranges of sorted sets: by score, and by member where scores are equal.

use std::cmp::Ordering;

/// The order of two members of a sorted set: by score (both zeros are one), then by bytes. Scores are never NaN.
#[inline]
pub fn order(a: (f64, &[u8]), b: (f64, &[u8])) -> Ordering {
    if a.0 < b.0 {
        Ordering::Less
    } else if a.0 > b.0 {
        Ordering::Greater
    } else {
        a.1.cmp(b.1)
    }
}

/// Scores from `min` to `max`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScoreRange {
    /// The lower bound.
    pub min: f64,
    /// The lower bound itself is outside.
    pub min_excluded: bool,
    /// The upper bound.
    pub max: f64,
    /// The upper bound itself is outside.
    pub max_excluded: bool,
}

impl ScoreRange {
    /// Whether a score is not below the range.
    #[inline]
    pub fn reaches_min(&self, score: f64) -> bool {
        if self.min_excluded { score > self.min } else { score >= self.min }
    }

    /// Whether a score is not above the range.
    #[inline]
    pub fn within_max(&self, score: f64) -> bool {
        if self.max_excluded { score < self.max } else { score <= self.max }
    }
}

/// A bound of a range of members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LexBound<'a> {
    /// Before every member: `-`.
    Lowest,
    /// After every member: `+`.
    Highest,
    /// A member that is inside: `[member`.
    Included(&'a [u8]),
    /// A member that is outside: `(member`.
    Excluded(&'a [u8]),
}

/// Members from `min` to `max`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LexRange<'a> {
    /// The lower bound.
    pub min: LexBound<'a>,
    /// The upper bound.
    pub max: LexBound<'a>,
}

impl LexRange<'_> {
    /// Whether a member is not below the range.
    #[inline]
    pub fn reaches_min(&self, member: &[u8]) -> bool {
        match self.min {
            LexBound::Lowest => true,
            LexBound::Highest => false,
            LexBound::Included(bound) => member >= bound,
            LexBound::Excluded(bound) => member > bound,
        }
    }

    /// Whether a member is not above the range.
    #[inline]
    pub fn within_max(&self, member: &[u8]) -> bool {
        match self.max {
            LexBound::Lowest => false,
            LexBound::Highest => true,
            LexBound::Included(bound) => member <= bound,
            LexBound::Excluded(bound) => member < bound,
        }
    }
}
