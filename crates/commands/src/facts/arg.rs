//! Argument grammar as `COMMAND DOCS` prints it (<https://valkey.io/topics/command-arguments/>).

/// What an argument is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgType {
    /// Any bytes.
    String,
    /// A 64-bit integer.
    Integer,
    /// A floating-point number.
    Double,
    /// A key.
    Key,
    /// A glob pattern.
    Pattern,
    /// A time since the epoch.
    UnixTime,
    /// A keyword without value.
    PureToken,
    /// One of the nested arguments.
    OneOf,
    /// All of the nested arguments, in order.
    Block,
}

impl ArgType {
    /// The name `COMMAND DOCS` prints.
    pub const fn name(self) -> &'static str {
        match self {
            ArgType::String => "string",
            ArgType::Integer => "integer",
            ArgType::Double => "double",
            ArgType::Key => "key",
            ArgType::Pattern => "pattern",
            ArgType::UnixTime => "unix-time",
            ArgType::PureToken => "pure-token",
            ArgType::OneOf => "oneof",
            ArgType::Block => "block",
        }
    }
}

/// One argument of a command's grammar.
#[derive(Debug)]
pub struct Arg {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub kind: ArgType,
    /// Which key spec finds it.
    pub key_spec_index: Option<u8>,
    /// The keyword in front of it, or that it consists of.
    pub token: Option<&'static str>,
    /// One sentence, where the name does not say enough.
    pub summary: Option<&'static str>,
    /// Version that introduced it, if later than the command.
    pub since: Option<&'static str>,
    /// Version that deprecated it.
    pub deprecated_since: Option<&'static str>,
    /// It may be left out.
    pub optional: bool,
    /// It may be repeated.
    pub multiple: bool,
    /// The keyword is repeated with it.
    pub multiple_token: bool,
    /// How a syntax line shows it; only leaves have one.
    pub display_text: &'static str,
    /// Nested arguments.
    pub nested: &'static [Arg],
}

const fn leaf(name: &'static str, kind: ArgType) -> Arg {
    Arg {
        name,
        kind,
        key_spec_index: None,
        token: None,
        summary: None,
        since: None,
        deprecated_since: None,
        optional: false,
        multiple: false,
        multiple_token: false,
        display_text: name,
        nested: &[],
    }
}

/// Any bytes.
pub(super) const fn string(name: &'static str) -> Arg {
    leaf(name, ArgType::String)
}

/// A 64-bit integer.
pub(super) const fn integer(name: &'static str) -> Arg {
    leaf(name, ArgType::Integer)
}

/// A floating-point number.
pub(super) const fn double(name: &'static str) -> Arg {
    leaf(name, ArgType::Double)
}

/// A glob pattern.
pub(super) const fn pattern(name: &'static str) -> Arg {
    leaf(name, ArgType::Pattern)
}

/// A time since the epoch.
pub(super) const fn unix_time(name: &'static str) -> Arg {
    leaf(name, ArgType::UnixTime)
}

/// A key that the given key spec finds.
pub(super) const fn key(name: &'static str, key_spec_index: u8) -> Arg {
    let mut arg = leaf(name, ArgType::Key);
    arg.key_spec_index = Some(key_spec_index);
    arg
}

/// A keyword without value.
pub(super) const fn flag(name: &'static str, token: &'static str) -> Arg {
    leaf(name, ArgType::PureToken).token(token)
}

/// One of several arguments.
pub(super) const fn oneof(name: &'static str, nested: &'static [Arg]) -> Arg {
    let mut arg = leaf(name, ArgType::OneOf);
    arg.nested = nested;
    arg
}

/// Several arguments in order.
pub(super) const fn block(name: &'static str, nested: &'static [Arg]) -> Arg {
    let mut arg = leaf(name, ArgType::Block);
    arg.nested = nested;
    arg
}

impl Arg {
    /// Puts a keyword in front.
    pub(super) const fn token(mut self, token: &'static str) -> Arg {
        self.token = Some(token);
        self
    }

    /// Stands for a key that the given key spec finds.
    pub(super) const fn spec(mut self, key_spec_index: u8) -> Arg {
        self.key_spec_index = Some(key_spec_index);
        self
    }

    /// Introduced later than the command.
    pub(super) const fn since(mut self, version: &'static str) -> Arg {
        self.since = Some(version);
        self
    }

    /// Deprecated since a version.
    pub(super) const fn deprecated(mut self, version: &'static str) -> Arg {
        self.deprecated_since = Some(version);
        self
    }

    /// May be left out.
    pub(super) const fn optional(mut self) -> Arg {
        self.optional = true;
        self
    }

    /// May be repeated.
    pub(super) const fn multiple(mut self) -> Arg {
        self.multiple = true;
        self
    }

    /// Repeats its keyword when it is repeated.
    pub(super) const fn multiple_token(mut self) -> Arg {
        self.multiple_token = true;
        self
    }

    /// Shown under another name.
    pub(super) const fn display(mut self, text: &'static str) -> Arg {
        self.display_text = text;
        self
    }

    /// Adds a sentence.
    pub(super) const fn summary(mut self, text: &'static str) -> Arg {
        self.summary = Some(text);
        self
    }
}
