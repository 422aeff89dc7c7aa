//! The digest of a stream: ids, spelled with a dot, fields and values of the messages, in their order. Groups do not
//! count.

use structures::listpack::Element;
use structures::stream::{Stream, StreamId};
use wire::number::{IntBuf, format_i64};

use super::Digest;

/// Adds the messages.
pub(super) fn add(digest: &mut Digest, value: &Stream) {
    for entry in value.entries().range(StreamId::MIN, StreamId::MAX) {
        digest.mix(format!("{}.{}", entry.id.ms, entry.id.seq).as_bytes());
        for (field, value) in entry.fields() {
            mix_text(digest, field);
            mix_text(digest, value);
        }
    }
}

fn mix_text(digest: &mut Digest, text: Element<'_>) {
    match text {
        Element::Bytes(bytes) => digest.mix(bytes),
        Element::Int(n) => digest.mix(format_i64(n, &mut IntBuf::new())),
    }
}
