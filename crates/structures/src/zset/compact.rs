//! The compact form: one listpack of member, score, member, score, … in the order of (score, member), as Valkey has it
//! byte for byte. Whole scores up to 2^62 are integers, others their shortest text; a negative zero becomes zero.
//!
//! All is a walk from the front. A walk for a change notes where the members are, so that the place of a score is then
//! found by halving: few texts of scores have to be read.

use std::ops::Range;

use smallvec::SmallVec;
use wire::number::{DoubleBuf, format_f64};

use super::range::{LexRange, ScoreRange};
use crate::listpack::{Element, IntBuf, Listpack};

/// Offsets of members, in order.
type Offsets = SmallVec<[u32; 128]>;

/// The score that an element stands for.
#[inline]
fn score_of(element: Element<'_>) -> f64 {
    match element {
        Element::Int(value) => value as f64,
        Element::Bytes(text) => {
            let text = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
            text.expect("this form writes scores as numbers")
        }
    }
}

/// The member at `offset` and its score.
#[inline]
fn pair(pack: &Listpack, offset: usize) -> (Element<'_>, f64) {
    let mut iter = pack.iter_from(offset);
    let member = iter.next().expect("the offset of a member").1;
    (member, score_of(iter.next().expect("members have scores").1))
}

/// Where the members are.
fn offsets(pack: &Listpack) -> Offsets {
    let mut all = Offsets::new();
    pack.each_offset(pack.start(), 1, |offset| all.push(offset as u32));
    all
}

/// The number of members. O(1), O(n) from 65,535 elements on.
#[inline]
pub(super) fn len(pack: &Listpack) -> usize {
    pack.len() / 2
}

/// A member's score. O(n).
#[inline]
pub(super) fn score(pack: &Listpack, member: &[u8]) -> Option<f64> {
    pack.find(member, 1).map(|offset| pair(pack, offset).1)
}

/// A member's rank and score. O(n).
pub(super) fn rank(pack: &Listpack, member: &[u8]) -> Option<(usize, f64)> {
    let mut rank = 0;
    let offset = pack.find_telling(pack.start(), member, 1, |_| rank += 1)?;
    Some((rank, pair(pack, offset).1))
}

/// Adds a member behind all others. Amortised O(member).
pub(super) fn push(pack: &mut Listpack, member: &[u8], score: f64) {
    insert_at(pack, pack.end(), member, score);
}

fn insert_at(pack: &mut Listpack, offset: usize, member: &[u8], score: f64) {
    // Both zeros are one here.
    pack.insert_all_at(offset, &[member, format_f64(score + 0.0, &mut DoubleBuf::new())]);
}

/// Where a member belongs among those at `offsets`, which are in order: how many are before it.
fn place(pack: &Listpack, offsets: &[u32], member: &[u8], score: f64) -> usize {
    offsets.partition_point(|&offset| {
        let (own, own_score) = pair(pack, offset as usize);
        own_score < score || own_score == score && own.as_bytes(&mut IntBuf::new()) < member
    })
}

/// What a walk for a member found.
pub(super) struct Walk {
    /// Members on the way.
    passed: Offsets,
    /// Offset and score of the member.
    pub found: Option<(usize, f64)>,
}

/// Walks to a member. O(n).
#[inline]
pub(super) fn walk(pack: &Listpack, member: &[u8]) -> Walk {
    let mut passed = Offsets::new();
    let found = pack.find_telling(pack.start(), member, 1, |offset| passed.push(offset as u32));
    Walk { passed, found: found.map(|offset| (offset, pair(pack, offset).1)) }
}

/// Inserts a member that a walk did not find. O(n).
pub(super) fn insert(pack: &mut Listpack, walk: &Walk, member: &[u8], score: f64) {
    let rank = place(pack, &walk.passed, member, score);
    let offset = walk.passed.get(rank).map_or(pack.end(), |&offset| offset as usize);
    insert_at(pack, offset, member, score);
}

/// Gives the member that a walk found at `offset` another score. O(n).
pub(super) fn rescore(pack: &mut Listpack, walk: &Walk, offset: usize, member: &[u8], score: f64) {
    let rank = place(pack, &walk.passed, member, score);
    let to = match walk.passed.get(rank) {
        Some(&to) => to as usize,
        None => {
            // Not before those on the way: then somewhere behind.
            let mut behind = Offsets::new();
            let next = pack.next(offset).and_then(|score| pack.next(score)).unwrap_or(pack.end());
            pack.each_offset(next, 1, |offset| behind.push(offset as u32));
            let place = place(pack, &behind, member, score);
            let to = behind.get(place).map_or(pack.end(), |&offset| offset as usize);
            to - (next - offset)
        }
    };
    pack.remove_range(offset, 2);
    insert_at(pack, to, member, score);
}

/// Finds a member: its offset and score. O(n).
#[inline]
pub(super) fn find(pack: &Listpack, member: &[u8]) -> Option<(usize, f64)> {
    pack.find(member, 1).map(|offset| (offset, pair(pack, offset).1))
}

/// Takes out the member at `offset`. O(n).
pub(super) fn remove_at(pack: &mut Listpack, offset: usize) {
    pack.remove_range(offset, 2);
}

/// Takes out members by rank. O(n).
pub(super) fn remove_ranks(pack: &mut Listpack, ranks: Range<usize>) {
    if let Some(offset) = pack.seek(2 * ranks.start as isize) {
        pack.remove_range(offset, 2 * ranks.len());
    }
}

/// Ranks of the members whose scores are in `range`. O(n).
pub(super) fn score_ranks(pack: &Listpack, range: &ScoreRange) -> Range<usize> {
    let all = offsets(pack);
    let start = all.partition_point(|&offset| !range.reaches_min(pair(pack, offset as usize).1));
    let inside = all[start..].partition_point(|&offset| range.within_max(pair(pack, offset as usize).1));
    start..start + inside
}

/// Ranks of the members that are in `range`, but for the first `skipped` (the last ones, if `reverse`). Where scores
/// differ, members are in no order of their own and what a range means is not defined; the answer is then Valkey's, which
/// goes from one end to the first member inside, over those skipped, and on to the first member outside. O(n).
pub(super) fn lex_ranks(
    pack: &Listpack,
    range: &LexRange<'_>,
    reverse: bool,
    skipped: usize,
) -> Range<usize> {
    let all = offsets(pack);
    let reaches_min =
        |&offset: &u32| range.reaches_min(pack.get(offset as usize).as_bytes(&mut IntBuf::new()));
    let within_max = |&offset: &u32| range.within_max(pack.get(offset as usize).as_bytes(&mut IntBuf::new()));
    match (all.first(), all.last()) {
        (Some(first), Some(last)) if within_max(first) && reaches_min(last) => {}
        _ => return 0..0,
    }
    if reverse {
        let Some(last) = all.iter().rposition(within_max).filter(|&last| reaches_min(&all[last])) else {
            return 0..0;
        };
        let end = (last + 1).saturating_sub(skipped);
        let inside = all[..end].iter().rev().take_while(|offset| reaches_min(offset)).count();
        end - inside..end
    } else {
        let Some(first) = all.iter().position(reaches_min).filter(|&first| within_max(&all[first])) else {
            return 0..0;
        };
        let start = first.saturating_add(skipped).min(all.len());
        let inside = all[start..].iter().take_while(|offset| within_max(offset)).count();
        start..start + inside
    }
}

/// Shows members by rank until `show` says no. O(n).
pub(super) fn visit_while(
    pack: &Listpack,
    ranks: Range<usize>,
    reverse: bool,
    mut show: impl FnMut(&[u8], f64) -> bool,
) {
    if ranks.is_empty() {
        return;
    }
    let mut text = IntBuf::new();
    if reverse {
        let offset = pack.seek(2 * ranks.end as isize).unwrap_or(pack.end());
        let mut iter = pack.iter_until(offset);
        for _ in ranks {
            let (Some((_, score)), Some((_, member))) = (iter.next_back(), iter.next_back()) else { return };
            if !show(member.as_bytes(&mut text), score_of(score)) {
                return;
            }
        }
    } else if let Some(offset) = pack.seek(2 * ranks.start as isize) {
        let mut iter = pack.iter_from(offset);
        for _ in ranks {
            let (Some((_, member)), Some((_, score))) = (iter.next(), iter.next()) else { return };
            if !show(member.as_bytes(&mut text), score_of(score)) {
                return;
            }
        }
    }
}
