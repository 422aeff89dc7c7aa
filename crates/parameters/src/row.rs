//! What one row of the parameter table says, and the constructors rows are written with.

use crate::effect;

/// Largest value of a 32-bit integer parameter.
pub const INT_MAX: i64 = i32::MAX as i64;
/// Smallest value of a 32-bit integer parameter.
pub const INT_MIN: i64 = i32::MIN as i64;
/// Largest value of a 64-bit integer parameter.
pub const LONG_MAX: i64 = i64::MAX;
/// Smallest value of a 64-bit integer parameter.
pub const LONG_MIN: i64 = i64::MIN;
/// Largest value of an unsigned 32-bit parameter.
pub const UINT_MAX: i64 = u32::MAX as i64;
/// Largest value of an unsigned 64-bit parameter.
pub const ULONG_MAX: u64 = u64::MAX;
/// Largest TCP port.
pub const PORT_MAX: i64 = u16::MAX as i64;

/// The words a choice accepts with the number each stands for. Two words with one number are synonyms; the
/// first of them is what is shown.
pub type Choices = &'static [(&'static str, u32)];

/// The type of a parameter with its bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `yes` or `no`.
    Bool,
    /// A decimal integer within bounds, both inclusive.
    Int {
        /// Smallest value.
        min: i64,
        /// Largest value.
        max: i64,
    },
    /// Bytes, with an optional unit (`b k kb m mb g gb`).
    Memory {
        /// Smallest value.
        min: u64,
        /// Largest value.
        max: u64,
    },
    /// Bytes as above, or a negative number with a meaning of its own.
    SignedMemory {
        /// Smallest value.
        min: i64,
        /// Largest value.
        max: i64,
    },
    /// Bytes as above, or `N%` of another parameter; kept as a negative number.
    MemoryOrPercent,
    /// An octal number from 0.
    Octal {
        /// Largest value.
        max: i64,
    },
    /// One of some words.
    Choice(Choices),
    /// Any of some words, each standing for a bit; the word with no bit stands for the empty set.
    Flags(Choices),
    /// Any text.
    Text,
    /// Words separated by blanks (`bind`).
    Words,
    /// Pairs of seconds and changes (`save`).
    SavePoints,
    /// `<class> <hard> <soft> <soft-seconds>`, any number of times.
    OutputBufferLimits,
    /// Letters for classes of keyspace events.
    EventLetters,
    /// Three kernel scores: primary, replica, background child.
    OomScores,
    /// Percentiles between 0 and 100.
    Percentiles,
    /// `<host> <port>`, or `no one`.
    ReplicaOf,
}

/// Further demands on a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextCheck {
    /// Anything goes.
    None,
    /// A directory that can be entered; kept as an absolute path.
    Directory,
    /// A file name without a path.
    FileName,
    /// A directory name without a path.
    DirectoryName,
    /// At least one byte.
    NotEmpty,
    /// At most 256 bytes.
    AtMost256,
    /// A host name of letters, digits, hyphens and dots.
    Hostname,
    /// An address that fits a cluster announcement.
    AnnounceIp,
    /// A node name without blanks and shell characters.
    NodeName,
    /// An IPv4 address, or nothing.
    Ipv4,
    /// An IPv6 address, or nothing.
    Ipv6,
    /// A process title with known `{variables}` that does not come out empty.
    TitleTemplate,
    /// A locale this engine sorts by.
    Locale,
    /// Refused at run time: there is no RDMA here.
    Rdma,
}

/// Where the default comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Default {
    /// A text in the parameter's own syntax.
    Fixed(&'static str),
    /// The number of processor cores this process may use.
    Cores,
    /// The directory the process was started in.
    WorkingDirectory,
}

/// Who may change a parameter after start-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutability {
    /// Any client that may call `CONFIG SET`.
    Modifiable,
    /// Nobody.
    Immutable,
    /// As `enable-protected-configs` says.
    Protected,
}

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A plain number.
    None,
    /// Bytes.
    Bytes,
    /// Microseconds.
    Microseconds,
    /// Milliseconds.
    Milliseconds,
    /// Seconds.
    Seconds,
    /// Minutes.
    Minutes,
    /// Hundredths.
    Percent,
    /// Times a second.
    PerSecond,
}

/// One parameter.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The canonical name, lower case.
    pub name: &'static str,
    /// An older name that means the same.
    pub alias: Option<&'static str>,
    /// Type and bounds.
    pub kind: Kind,
    /// Further demands when `kind` is text.
    pub check: TextCheck,
    /// Where the default comes from.
    pub default: Default,
    /// What a number counts.
    pub unit: Unit,
    /// Who may change it at run time.
    pub mutability: Mutability,
    /// Left out of `CONFIG GET` patterns; shown only when asked for by its full name.
    pub hidden: bool,
    /// Its value must not reach logs.
    pub sensitive: bool,
    /// The text may hold zero bytes; other texts end at the first one.
    pub binary: bool,
    /// An empty text is a value worth writing into the file, not the absence of one.
    pub keeps_empty: bool,
    /// The number 0 means the number of processor cores.
    pub zero_is_cores: bool,
    /// Zero or a power of two.
    pub zero_or_power_of_two: bool,
    /// Values outside are moved inside, silently.
    pub clamp: Option<(i64, i64)>,
    /// The same, but only for changes at run time.
    pub clamp_at_run_time: Option<(i64, i64)>,
    /// Why a switch cannot be turned on in this build.
    pub refusal: Option<&'static str>,
}

impl Row {
    const fn new(name: &'static str, kind: Kind, default: &'static str) -> Row {
        Row {
            name,
            alias: None,
            kind,
            check: TextCheck::None,
            default: Default::Fixed(default),
            unit: Unit::None,
            mutability: Mutability::Modifiable,
            hidden: false,
            sensitive: false,
            binary: false,
            keeps_empty: false,
            zero_is_cores: false,
            zero_or_power_of_two: false,
            clamp: None,
            clamp_at_run_time: None,
            refusal: None,
        }
    }

    /// The canonical name and, if there is one, the alias.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        std::iter::once(self.name).chain(self.alias)
    }

    /// Whether the node acts on this parameter already; if not, it is accepted and remembered only.
    pub fn acted_on(&self) -> bool {
        effect::ACTED_ON.contains(&self.name)
    }

    pub(crate) const fn alias(mut self, alias: &'static str) -> Row {
        self.alias = Some(alias);
        self
    }

    pub(crate) const fn check(mut self, check: TextCheck) -> Row {
        self.check = check;
        self
    }

    pub(crate) const fn unit(mut self, unit: Unit) -> Row {
        self.unit = unit;
        self
    }

    pub(crate) const fn immutable(mut self) -> Row {
        self.mutability = Mutability::Immutable;
        self
    }

    pub(crate) const fn protected(mut self) -> Row {
        self.mutability = Mutability::Protected;
        self
    }

    pub(crate) const fn hidden(mut self) -> Row {
        self.hidden = true;
        self
    }

    pub(crate) const fn sensitive(mut self) -> Row {
        self.sensitive = true;
        self
    }

    pub(crate) const fn binary(mut self) -> Row {
        self.binary = true;
        self
    }

    pub(crate) const fn keeps_empty(mut self) -> Row {
        self.keeps_empty = true;
        self
    }

    pub(crate) const fn zero_or_power_of_two(mut self) -> Row {
        self.zero_or_power_of_two = true;
        self
    }

    pub(crate) const fn clamped(mut self, min: i64, max: i64) -> Row {
        self.clamp = Some((min, max));
        self
    }

    pub(crate) const fn clamped_at_run_time(mut self, min: i64, max: i64) -> Row {
        self.clamp_at_run_time = Some((min, max));
        self
    }

    pub(crate) const fn refuses_yes(mut self, reason: &'static str) -> Row {
        self.refusal = Some(reason);
        self
    }
}

/// A `yes`/`no` row.
pub(crate) const fn switch(name: &'static str, default: &'static str) -> Row {
    Row::new(name, Kind::Bool, default)
}

/// An integer row.
pub(crate) const fn int(name: &'static str, min: i64, max: i64, default: &'static str) -> Row {
    Row::new(name, Kind::Int { min, max }, default)
}

/// An integer row whose default, and whose 0, is the number of processor cores.
pub(crate) const fn cores(name: &'static str, min: i64, max: i64) -> Row {
    let mut row = Row::new(name, Kind::Int { min, max }, "");
    row.default = Default::Cores;
    row.zero_is_cores = true;
    row
}

/// A row that counts bytes.
pub(crate) const fn memory(name: &'static str, min: u64, max: u64, default: &'static str) -> Row {
    Row::new(name, Kind::Memory { min, max }, default).unit(Unit::Bytes)
}

/// A row that counts bytes and gives negative numbers a meaning.
pub(crate) const fn signed_memory(name: &'static str, min: i64, max: i64, default: &'static str) -> Row {
    Row::new(name, Kind::SignedMemory { min, max }, default).unit(Unit::Bytes)
}

/// A row that counts bytes or is a percentage.
pub(crate) const fn memory_or_percent(name: &'static str, default: &'static str) -> Row {
    Row::new(name, Kind::MemoryOrPercent, default).unit(Unit::Bytes)
}

/// An octal row.
pub(crate) const fn octal(name: &'static str, max: i64, default: &'static str) -> Row {
    Row::new(name, Kind::Octal { max }, default)
}

/// A row that takes one of some words.
pub(crate) const fn choice(name: &'static str, choices: Choices, default: &'static str) -> Row {
    Row::new(name, Kind::Choice(choices), default)
}

/// A row that takes any of some words.
pub(crate) const fn flags(name: &'static str, choices: Choices, default: &'static str) -> Row {
    Row::new(name, Kind::Flags(choices), default)
}

/// A text row.
pub(crate) const fn text(name: &'static str, default: &'static str) -> Row {
    Row::new(name, Kind::Text, default)
}

/// The working directory's row.
pub(crate) const fn directory(name: &'static str) -> Row {
    let mut row = Row::new(name, Kind::Text, "").check(TextCheck::Directory);
    row.default = Default::WorkingDirectory;
    row
}

/// A row with a format of its own.
pub(crate) const fn special(name: &'static str, kind: Kind, default: &'static str) -> Row {
    Row::new(name, kind, default)
}
