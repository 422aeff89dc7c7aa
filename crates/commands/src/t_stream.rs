//! Family *stream* (<https://valkey.io/commands/#stream>): messages by id, consumer groups.
//!
//! Changes of groups (reading, acknowledging, claiming) are changes to the effect log but not to clients that watch
//! the key. Effects name ids, instants and counts, so they say the same at any time: `XREADGROUP` becomes an `XCLAIM`
//! for each message and an `XGROUP SETID`, trimming by whole nodes becomes trimming to what was left.

mod add;
mod claim;
mod edit;
pub mod fuzzing;
mod group;
mod ids;
mod info;
mod pending;
mod range;
mod read;
#[cfg(test)]
mod tests;

pub use add::{xadd, xtrim};
pub use claim::{xautoclaim, xclaim};
pub use edit::{xdel, xsetid};
pub use group::{
    xgroup_create, xgroup_createconsumer, xgroup_delconsumer, xgroup_destroy, xgroup_help, xgroup_setid,
};
pub use info::{xinfo_consumers, xinfo_groups, xinfo_help, xinfo_stream};
pub use pending::{xack, xpending};
pub use range::{xrange, xrevrange};
pub use read::{xread, xreadgroup};

use keyspace::Key;
use structures::listpack::Element;
use structures::stream::{Entry, NodeLimits, Stream};
use wire::resp::encode::ReplyWriter;

use crate::ctx::Compact;
use crate::{Args, CommandError, CommandResult, Ctx, Log, Outcome, Spec, facts};

/// The family's rows.
pub const COMMANDS: &[Spec] = &[
    Spec { facts: &facts::stream::XACK, log: Log::Verbatim, run: xack },
    Spec { facts: &facts::stream::XADD, log: Log::Rewritten, run: xadd },
    Spec { facts: &facts::stream::XAUTOCLAIM, log: Log::Rewritten, run: xautoclaim },
    Spec { facts: &facts::stream::XCLAIM, log: Log::Rewritten, run: xclaim },
    Spec { facts: &facts::stream::XDEL, log: Log::Verbatim, run: xdel },
    Spec { facts: &facts::stream::XGROUP_CREATE, log: Log::Verbatim, run: xgroup_create },
    Spec { facts: &facts::stream::XGROUP_CREATECONSUMER, log: Log::Verbatim, run: xgroup_createconsumer },
    Spec { facts: &facts::stream::XGROUP_DELCONSUMER, log: Log::Verbatim, run: xgroup_delconsumer },
    Spec { facts: &facts::stream::XGROUP_DESTROY, log: Log::Verbatim, run: xgroup_destroy },
    Spec { facts: &facts::stream::XGROUP_HELP, log: Log::Nothing, run: xgroup_help },
    Spec { facts: &facts::stream::XGROUP_SETID, log: Log::Verbatim, run: xgroup_setid },
    Spec { facts: &facts::stream::XINFO_CONSUMERS, log: Log::Nothing, run: xinfo_consumers },
    Spec { facts: &facts::stream::XINFO_GROUPS, log: Log::Nothing, run: xinfo_groups },
    Spec { facts: &facts::stream::XINFO_HELP, log: Log::Nothing, run: xinfo_help },
    Spec { facts: &facts::stream::XINFO_STREAM, log: Log::Nothing, run: xinfo_stream },
    Spec { facts: &facts::stream::XLEN, log: Log::Nothing, run: xlen },
    Spec { facts: &facts::stream::XPENDING, log: Log::Nothing, run: xpending },
    Spec { facts: &facts::stream::XRANGE, log: Log::Nothing, run: xrange },
    Spec { facts: &facts::stream::XREAD, log: Log::Nothing, run: xread },
    Spec { facts: &facts::stream::XREADGROUP, log: Log::Rewritten, run: xreadgroup },
    Spec { facts: &facts::stream::XREVRANGE, log: Log::Nothing, run: xrevrange },
    Spec { facts: &facts::stream::XSETID, log: Log::Verbatim, run: xsetid },
    Spec { facts: &facts::stream::XTRIM, log: Log::Rewritten, run: xtrim },
];

/// `XLEN key`: number of messages, 0 for a missing key. O(1).
pub fn xlen(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    let len = ctx.space.read_as::<Stream>(key)?.map_or(0, Stream::len);
    ctx.reply.int(len as i64);
    Ok(Outcome::Done)
}

/// Replies with a field or a value.
#[inline]
fn reply_text(reply: &mut ReplyWriter<'_>, text: Element<'_>) {
    match text {
        Element::Bytes(bytes) => reply.bulk(bytes),
        Element::Int(n) => reply.bulk_int(n),
    }
}

/// Replies with a message: its id, and its fields and values in turn.
#[inline]
fn reply_entry(reply: &mut ReplyWriter<'_>, entry: &Entry<'_>) {
    reply.array(2);
    ids::reply_id(reply, entry.id);
    reply.array(entry.len() * 2);
    for (field, value) in entry.fields() {
        reply_text(reply, field);
        reply_text(reply, value);
    }
}

impl From<&Compact> for NodeLimits {
    fn from(compact: &Compact) -> NodeLimits {
        NodeLimits { bytes: compact.stream_node_bytes, entries: compact.stream_node_entries }
    }
}

/// A client's word as far as C would print it.
fn shown(word: &[u8]) -> &[u8] {
    word.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// The group that a command needs does not exist, or its key does not.
#[cold]
fn no_group(key: Key<'_>, group: &[u8], behind: &str) -> CommandError {
    let (key, group, behind) = (shown(key.bytes), shown(group), behind.as_bytes());
    CommandError::owned(
        [b"NOGROUP No such key '", key, b"' or consumer group '", group, b"'", behind].concat(),
    )
}

/// The group that a command needs does not exist in a stream that does.
#[cold]
fn no_group_in(key: Key<'_>, group: &[u8]) -> CommandError {
    let (key, group) = (shown(key.bytes), shown(group));
    CommandError::owned([b"NOGROUP No such consumer group '", group, b"' for key name '", key, b"'"].concat())
}
