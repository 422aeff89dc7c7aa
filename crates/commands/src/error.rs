//! Why a command was refused, in the words clients match on.

use std::borrow::Cow;

/// Why a command was refused. `Display` is the exact text after `-`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The key holds another type.
    #[error("WRONGTYPE Operation against a key holding the wrong kind of value")]
    WrongType,
    /// Options do not fit together.
    #[error("ERR syntax error")]
    Syntax,
    /// An integer was expected.
    #[error("ERR value is not an integer or out of range")]
    NotInteger,
    /// A float was expected.
    #[error("ERR value is not a valid float")]
    NotFloat,
    /// The result leaves the range of 64-bit integers.
    #[error("ERR increment or decrement would overflow")]
    Overflow,
    /// An offset or index outside what the value has.
    #[error("ERR index out of range")]
    IndexOutOfRange,
    /// The source key is missing.
    #[error("ERR no such key")]
    NoSuchKey,
    /// The string would pass `proto-max-bulk-len`.
    #[error("ERR string exceeds maximum allowed size (proto-max-bulk-len)")]
    StringTooLong,
    /// A database number that does not exist.
    #[error("ERR DB index is out of range")]
    DbIndexOutOfRange,
    /// Source and destination are one.
    #[error("ERR source and destination objects are the same")]
    SameObject,
    /// An expiry that is not positive or overflows; holds the command's name.
    #[error("ERR invalid expire time in '{0}' command")]
    InvalidExpireTime(&'static str),
    /// Too few or too many arguments; holds the command's full name.
    #[error("ERR wrong number of arguments for '{0}' command")]
    Arity(Cow<'static, str>),
    /// Memory is full and nothing can be evicted.
    #[error("OOM command not allowed when used memory > 'maxmemory'.")]
    OutOfMemory,
    /// Any other text, its code included. Bytes, since it can show the client's own words.
    #[error("{}", String::from_utf8_lossy(.0))]
    Other(Cow<'static, [u8]>),
}

impl From<keyspace::WrongType> for CommandError {
    fn from(_: keyspace::WrongType) -> Self {
        CommandError::WrongType
    }
}

impl CommandError {
    /// An error with a fixed text, its code (`ERR`, …) included.
    pub const fn text(text: &'static str) -> Self {
        CommandError::Other(Cow::Borrowed(text.as_bytes()))
    }

    /// An error with a text made for the occasion, its code included.
    pub fn owned(text: impl Into<Vec<u8>>) -> Self {
        CommandError::Other(Cow::Owned(text.into()))
    }

    /// The exact text after `-`.
    pub fn bytes(&self) -> Cow<'_, [u8]> {
        match self {
            CommandError::Other(text) => Cow::Borrowed(text),
            other => Cow::Owned(other.to_string().into_bytes()),
        }
    }

    /// The error's code: the first word.
    pub fn code(&self) -> String {
        let text = self.to_string();
        text.split(' ').next().unwrap_or_default().to_owned()
    }
}
