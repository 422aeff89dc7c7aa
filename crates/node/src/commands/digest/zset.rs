//! The digest of a sorted set.

use structures::zset::Zset;
use wire::number::{DoubleBuf, format_f64_shortest};

use super::Digest;

/// Joins each member's digest: the member and its score mixed, so that the order of members does not matter.
pub(super) fn add(digest: &mut Digest, value: &Zset) {
    value.visit(0..value.len(), false, |member, score| {
        let mut element = Digest::default();
        element.mix(member);
        element.mix(format_f64_shortest(score, &mut DoubleBuf::new()));
        digest.join(&element.0);
    });
}
