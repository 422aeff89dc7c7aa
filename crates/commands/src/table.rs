//! A command's row: its facts, what is logged, and its body.

use std::ops::Range;

use keyspace::blocked::Kind;

use crate::{Args, CommandError, Ctx, Facts};

/// What a successful handler says.
pub enum Outcome {
    /// The reply is written.
    Done,
    /// The rest follows in slices; other connections go on meanwhile.
    Continue(Continuation),
    /// The rest runs on a worker thread; the reply it returns is sent from there.
    Worker(Job),
    /// It would hold its shards for too long: run it again on clones of its keys' values, on a worker thread, and put
    /// what comes of it in place if they are what they were (see `keyspace::aside`). Nothing was written or changed.
    /// Only where [`Ctx::may_set_aside`] says so.
    Aside,
    /// The command needs every shard and was entered without the gate: run it again, under the gate.
    NeedsGate,
    /// A shard is busy: run the command again when it is free. Nothing was written.
    Busy(u32),
    /// Its keys hold nothing for it: the client waits, and the command runs again when one of them may. Nothing was
    /// written. Inside a transaction nobody waits: the reply is `nothing`.
    Wait(Box<Wait>),
}

/// What a client waits for.
pub struct Wait {
    /// What its keys must hold.
    pub kind: Kind,
    /// The arguments that are the keys waited for, all of them in the command's key specs.
    pub keys: Range<usize>,
    /// How long, in ms; `None` for ever. The reply is a null array then.
    pub timeout_ms: Option<u64>,
    /// The command runs again too when a key goes away or gets another type.
    pub on_nokey: bool,
    /// Arguments that are others when the command runs again (`$` of `XREAD` is a certain id from now on).
    pub replaced: Vec<(usize, Vec<u8>)>,
    /// The reply where waiting is not allowed.
    pub nothing: Nothing,
}

/// The reply of a command that found nothing and may not wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nothing {
    /// A null.
    Null,
    /// A null array: in RESP3 a null as well.
    NullArray,
}

/// A command that goes on: called once per tick with a context that holds no shard, until it says `Done`. Inside
/// MULTI it is driven to its end at once.
pub type Continuation = Box<dyn FnMut(&mut Ctx<'_>) -> CommandResult + Send>;

/// Work for a worker thread; returns the reply's bytes.
pub type Job = Box<dyn FnOnce() -> Vec<u8> + Send>;

/// What a handler returns; the error's text goes to the client.
pub type CommandResult = Result<Outcome, CommandError>;

/// A handler's body.
pub type Handler = fn(&mut Ctx<'_>, &Args<'_>) -> CommandResult;

/// What a command that changed something leaves in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Log {
    /// It never changes anything.
    Nothing,
    /// Its arguments as they came: they say the same to a replica.
    Verbatim,
    /// What the handler pushed: anything relative, random or conditional is made absolute.
    Rewritten,
}

/// A command's row.
pub struct Spec {
    /// Name, arity, flags, keys, documentation.
    pub facts: &'static Facts,
    /// What is logged.
    pub log: Log,
    /// The body.
    pub run: Handler,
}

/// Every family's rows.
pub const ALL: &[&[Spec]] = &[
    crate::bitmap::COMMANDS,
    crate::geo::COMMANDS,
    crate::hyperloglog::COMMANDS,
    crate::keys::COMMANDS,
    crate::sort::COMMANDS,
    crate::t_hash::COMMANDS,
    crate::t_list::COMMANDS,
    crate::t_set::COMMANDS,
    crate::t_stream::COMMANDS,
    crate::t_string::COMMANDS,
    crate::t_zset::COMMANDS,
];
