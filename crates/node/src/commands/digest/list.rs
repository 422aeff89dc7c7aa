//! The digest of a list.

use structures::list::List;
use wire::number::IntBuf;

use super::Digest;

/// Adds the elements, whose order matters.
pub(super) fn add(digest: &mut Digest, value: &List) {
    let mut digits = IntBuf::new();
    for element in value.iter() {
        digest.mix(element.as_bytes(&mut digits));
    }
}
