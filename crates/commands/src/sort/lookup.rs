//! From an element to the value that a pattern leads to.

use keyspace::{Space, Value};
use smallvec::SmallVec;
use structures::listpack::IntBuf;
use structures::object::Object;

use super::args::Pattern;
use crate::ctx::Text;

/// Shows the string, or the field of a hash, that `element` completes `pattern` to; `None` if there is none. Under the
/// gate, or in the element's own slot.
pub(super) fn look_up<R>(
    space: &mut Space<'_>,
    pattern: &Pattern<'_>,
    element: &[u8],
    show: impl FnOnce(Option<&[u8]>) -> R,
) -> R {
    let mut name: SmallVec<[u8; 64]> = SmallVec::from_slice(pattern.before);
    name.extend_from_slice(element);
    name.extend_from_slice(pattern.after);
    // Under the gate shards are taken as they are needed. What nobody waits for can go: thousands of them would be
    // searched at every step. Once there is an effect they stay, so that what expires is logged behind it.
    if space.is_gate() && space.local.effects.is_empty() {
        space.leave();
    }
    let now_ms = space.now_ms;
    let key = space.place(&name);
    let Some(entry) = space.read(key) else { return show(None) };
    match (pattern.field, entry.value()) {
        (None, _) => match Text::of(entry) {
            Ok(text) => show(Some(text.bytes(&mut Vec::new()))),
            Err(_) => show(None),
        },
        (Some(field), Value::Object(Object::Hash(hash))) => match hash.get(field, now_ms) {
            Some(found) => show(Some(found.value.as_bytes(&mut IntBuf::new()))),
            None => show(None),
        },
        (Some(_), _) => show(None),
    }
}
