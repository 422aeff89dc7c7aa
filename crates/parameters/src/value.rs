//! Values of parameters and how `CONFIG GET` shows them.

use crate::number::percentile_text;
use crate::row::{Choices, Kind, Row};

/// One pair of `save`: write a snapshot when so much changed in so much time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SavePoint {
    /// Length of the window in seconds.
    pub seconds: i64,
    /// Changes within the window.
    pub changes: i32,
}

/// How many reply bytes may wait for one class of clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputBufferLimit {
    /// Disconnect at once above this many bytes; 0 means never.
    pub hard_bytes: u64,
    /// Disconnect above this many bytes if that lasts; 0 means never.
    pub soft_bytes: u64,
    /// How long the soft limit may be exceeded, in seconds.
    pub soft_seconds: i32,
}

/// Names of the client classes in `client-output-buffer-limit`, in the order `CONFIG GET` shows them.
pub const CLIENT_CLASSES: [&str; 3] = ["normal", "slave", "pubsub"];

/// Bits of `notify-keyspace-events` with their letters, in the order the letters are shown.
pub const EVENT_LETTERS: [(u8, u32); 14] = [
    (b'g', 1 << 2),
    (b'$', 1 << 3),
    (b'l', 1 << 4),
    (b's', 1 << 5),
    (b'h', 1 << 6),
    (b'z', 1 << 7),
    (b'x', 1 << 8),
    (b'e', 1 << 9),
    (b't', 1 << 10),
    (b'd', 1 << 13),
    (b'n', 1 << 14),
    (b'K', 1 << 0),
    (b'E', 1 << 1),
    (b'm', 1 << 11),
];

/// The bits that the letter `A` stands for: every class of commands, but neither misses nor new keys.
pub const EVENTS_ALL: u32 = 0b10_0111_1111_1100;

const EVENT_NEW: u32 = 1 << 14;

/// The value of one parameter. Which variant a row has follows from its [`Kind`].
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `yes` or `no`.
    Bool(bool),
    /// An integer, an octal number, a signed memory size, or bytes and (negative) percent.
    Int(i64),
    /// Bytes.
    Bytes(u64),
    /// The number of a choice, or the bits of some flags.
    Choice(u32),
    /// Any text.
    Text(Vec<u8>),
    /// Several words.
    Words(Vec<Vec<u8>>),
    /// Save points.
    Save(Vec<SavePoint>),
    /// Limits for normal clients, replicas and subscribers.
    Limits([OutputBufferLimit; 3]),
    /// Classes of keyspace events, see [`EVENT_LETTERS`].
    Events(u32),
    /// Kernel scores for primary, replica and child.
    Scores([i32; 3]),
    /// Percentiles.
    Percentiles(Vec<f64>),
    /// Host and port of the primary, if there is one.
    Primary(Option<(Vec<u8>, u16)>),
}

impl Value {
    /// The value as `CONFIG GET` prints it for `row`.
    pub fn text(&self, row: &Row) -> Vec<u8> {
        match self {
            Value::Bool(on) => if *on { "yes" } else { "no" }.into(),
            Value::Int(number) => match row.kind {
                Kind::Octal { .. } => format!("{number:o}").into(),
                Kind::MemoryOrPercent if *number < 0 => format!("{}%", number.unsigned_abs()).into(),
                _ => number.to_string().into(),
            },
            Value::Bytes(bytes) => bytes.to_string().into(),
            Value::Choice(number) => choice_text(row.kind, *number).into(),
            Value::Text(text) => text.clone(),
            Value::Words(words) => words.join(&b' '),
            Value::Save(points) => {
                join(points.iter().map(|point| format!("{} {}", point.seconds, point.changes)))
            }
            Value::Limits(limits) => join(CLIENT_CLASSES.iter().zip(limits).map(|(class, limit)| {
                format!("{class} {} {} {}", limit.hard_bytes, limit.soft_bytes, limit.soft_seconds)
            })),
            Value::Events(bits) => events_text(*bits),
            Value::Scores(scores) => join(scores.iter().map(i32::to_string)),
            Value::Percentiles(list) => join(list.iter().map(|value| percentile_text(*value))),
            Value::Primary(None) => Vec::new(),
            Value::Primary(Some((host, port))) => [host, format!(" {port}").as_bytes()].concat(),
        }
    }
}

fn join(parts: impl Iterator<Item = String>) -> Vec<u8> {
    parts.collect::<Vec<_>>().join(" ").into_bytes()
}

fn choice_text(kind: Kind, number: u32) -> String {
    match kind {
        Kind::Flags(choices) => flags_text(choices, number),
        Kind::Choice(choices) => word_of(choices, number).to_string(),
        _ => number.to_string(),
    }
}

/// The first word that stands for `number`.
pub fn word_of(choices: Choices, number: u32) -> &'static str {
    choices.iter().find(|(_, known)| *known == number).map_or("unknown", |(word, _)| word)
}

fn flags_text(choices: Choices, bits: u32) -> String {
    if bits == 0 {
        return word_of(choices, 0).to_string();
    }
    let set = choices.iter().filter(|(_, bit)| bits & bit != 0);
    set.map(|(word, _)| *word).collect::<Vec<_>>().join(" ")
}

fn events_text(bits: u32) -> Vec<u8> {
    let all = bits & EVENTS_ALL == EVENTS_ALL;
    let mut text = if all { vec![b'A'] } else { Vec::new() };
    let swallowed = if all { EVENTS_ALL | EVENT_NEW } else { 0 };
    let shown = EVENT_LETTERS.iter().filter(|(_, bit)| bits & bit & !swallowed != 0);
    text.extend(shown.map(|(letter, _)| *letter));
    text
}
