//! The digest of a set.

use structures::listpack::IntBuf;
use structures::set::Set;

use super::Digest;

/// Adds the members, in whatever order.
pub(super) fn add(digest: &mut Digest, value: &Set) {
    value.visit(|member| digest.join(member.as_bytes(&mut IntBuf::new())));
}
