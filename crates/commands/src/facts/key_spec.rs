//! Key specs: where a command's keys are and what it does to them
//! (<https://valkey.io/topics/key-specs/>).

use super::KeyRange;

/// What a command does to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct KeyFlags(u16);

impl KeyFlags {
    /// No flag.
    pub const NONE: KeyFlags = KeyFlags(0);
    /// Reads the value without changing it.
    pub const RO: KeyFlags = KeyFlags(1 << 0);
    /// Reads and changes the value.
    pub const RW: KeyFlags = KeyFlags(1 << 1);
    /// Overwrites the value whatever it was.
    pub const OW: KeyFlags = KeyFlags(1 << 2);
    /// Removes the value.
    pub const RM: KeyFlags = KeyFlags(1 << 3);
    /// Returns, copies or uses user data of the value.
    pub const ACCESS: KeyFlags = KeyFlags(1 << 4);
    /// Changes user data; may depend on the old value.
    pub const UPDATE: KeyFlags = KeyFlags(1 << 5);
    /// Adds user data without changing or removing what is there.
    pub const INSERT: KeyFlags = KeyFlags(1 << 6);
    /// Removes user data explicitly.
    pub const DELETE: KeyFlags = KeyFlags(1 << 7);
    /// Not a key, but routed like one (a shard channel).
    pub const NOT_KEY: KeyFlags = KeyFlags(1 << 8);
    /// The spec may miss keys.
    pub const INCOMPLETE: KeyFlags = KeyFlags(1 << 9);
    /// The other flags depend on the arguments.
    pub const VARIABLE_FLAGS: KeyFlags = KeyFlags(1 << 10);

    const NAMES: [(KeyFlags, &'static str); 11] = [
        (KeyFlags::RO, "RO"),
        (KeyFlags::RW, "RW"),
        (KeyFlags::OW, "OW"),
        (KeyFlags::RM, "RM"),
        (KeyFlags::ACCESS, "access"),
        (KeyFlags::UPDATE, "update"),
        (KeyFlags::INSERT, "insert"),
        (KeyFlags::DELETE, "delete"),
        (KeyFlags::NOT_KEY, "not_key"),
        (KeyFlags::INCOMPLETE, "incomplete"),
        (KeyFlags::VARIABLE_FLAGS, "variable_flags"),
    ];

    /// The union of two sets.
    pub const fn or(self, other: KeyFlags) -> KeyFlags {
        KeyFlags(self.0 | other.0)
    }

    /// Whether all of `other` is in this set.
    #[inline]
    pub const fn contains(self, other: KeyFlags) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any of `other` is in this set.
    #[inline]
    pub const fn intersects(self, other: KeyFlags) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether ACL selectors need read permission on the key.
    pub const fn reads(self) -> bool {
        self.contains(KeyFlags::ACCESS)
    }

    /// Whether ACL selectors need write permission on the key.
    pub const fn writes(self) -> bool {
        self.intersects(KeyFlags::INSERT.or(KeyFlags::DELETE).or(KeyFlags::UPDATE))
    }

    /// Names in the order of `COMMAND INFO` and `COMMAND GETKEYSANDFLAGS`.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.iter().filter(move |(flag, _)| self.contains(*flag)).map(|(_, name)| *name)
    }
}

/// Where the search for keys begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// At this index.
    Index(i16),
    /// Behind a keyword, searched from an index; negative: backwards, counted from the end.
    Keyword(&'static str, i16),
    /// Arguments decide; see [`super::KeyRule`].
    Unknown,
}

/// How keys follow the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Find {
    /// An evenly spaced range.
    Range {
        /// Last key relative to the first; negative counts from the end of argv.
        last: i16,
        /// Distance between keys.
        step: i16,
        /// With `last` -1: only the first 1/`limit` of the arguments; 0 and 1: all.
        limit: i16,
    },
    /// An argument says how many keys follow.
    KeyNum {
        /// Where the count is, relative to the beginning.
        count: i16,
        /// Where the first key is, relative to the beginning.
        first: i16,
        /// Distance between keys.
        step: i16,
    },
    /// Arguments decide; see [`super::KeyRule`].
    Unknown,
}

/// One key spec.
#[derive(Debug)]
pub struct KeySpec {
    /// What happens to the keys.
    pub flags: KeyFlags,
    /// Where the search begins.
    pub begin: Begin,
    /// How keys follow.
    pub find: Find,
    /// A remark, where the rest does not speak for itself.
    pub notes: Option<&'static str>,
}

const fn at(index: i16, flags: KeyFlags) -> KeySpec {
    let find = Find::Range { last: 0, step: 1, limit: 0 };
    KeySpec { flags, begin: Begin::Index(index), find, notes: None }
}

/// One read-only key at an index.
pub(super) const fn ro(index: i16) -> KeySpec {
    at(index, KeyFlags::RO)
}

/// One changed key at an index.
pub(super) const fn rw(index: i16) -> KeySpec {
    at(index, KeyFlags::RW)
}

/// One overwritten key at an index.
pub(super) const fn ow(index: i16) -> KeySpec {
    at(index, KeyFlags::OW)
}

/// One removed key at an index.
pub(super) const fn rm(index: i16) -> KeySpec {
    at(index, KeyFlags::RM)
}

/// One argument at an index that routes like a key.
pub(super) const fn not_key(index: i16) -> KeySpec {
    at(index, KeyFlags::NOT_KEY)
}

impl KeySpec {
    const fn with(mut self, flags: KeyFlags) -> KeySpec {
        self.flags = self.flags.or(flags);
        self
    }

    /// Uses data of the value.
    pub(super) const fn access(self) -> KeySpec {
        self.with(KeyFlags::ACCESS)
    }

    /// Changes data of the value.
    pub(super) const fn update(self) -> KeySpec {
        self.with(KeyFlags::UPDATE)
    }

    /// Adds data to the value.
    pub(super) const fn insert(self) -> KeySpec {
        self.with(KeyFlags::INSERT)
    }

    /// Removes data from the value.
    pub(super) const fn delete(self) -> KeySpec {
        self.with(KeyFlags::DELETE)
    }

    /// May miss keys.
    pub(super) const fn incomplete(self) -> KeySpec {
        self.with(KeyFlags::INCOMPLETE)
    }

    /// The flags depend on the arguments.
    pub(super) const fn variable_flags(self) -> KeySpec {
        self.with(KeyFlags::VARIABLE_FLAGS)
    }

    /// Keys up to `last` (relative to the first; negative: from the end), `step` apart.
    pub(super) const fn to(self, last: i16, step: i16) -> KeySpec {
        self.part_to(last, step, 0)
    }

    /// Like [`KeySpec::to`], but only the first 1/`limit` of the arguments.
    pub(super) const fn part_to(mut self, last: i16, step: i16, limit: i16) -> KeySpec {
        self.find = Find::Range { last, step, limit };
        self
    }

    /// A count `count` arguments on, that many keys from `first` on, `step` apart.
    pub(super) const fn keynum(mut self, count: i16, first: i16, step: i16) -> KeySpec {
        self.find = Find::KeyNum { count, first, step };
        self
    }

    /// Begins behind a keyword instead of at the index.
    pub(super) const fn after(mut self, keyword: &'static str, from: i16) -> KeySpec {
        self.begin = Begin::Keyword(keyword, from);
        self
    }

    /// Neither beginning nor extent can be told.
    pub(super) const fn unknown(mut self) -> KeySpec {
        self.begin = Begin::Unknown;
        self.find = Find::Unknown;
        self
    }

    /// Adds a remark.
    pub(super) const fn notes(mut self, notes: &'static str) -> KeySpec {
        self.notes = Some(notes);
        self
    }
}

/// Folds key specs into the range that `COMMAND INFO` prints, and whether that leaves keys out
/// (`movablekeys`). A single range is taken as it is; of several only unspaced ranges that follow
/// each other are joined.
pub(super) const fn legacy_range(specs: &[KeySpec]) -> (KeyRange, bool) {
    const NOTHING: KeyRange = KeyRange { first: 0, last: 0, step: 0 };
    let mut range = NOTHING;
    let mut movable = false;
    let mut i = 0;
    while i < specs.len() {
        let spec = &specs[i];
        i += 1;
        movable |= spec.flags.contains(KeyFlags::INCOMPLETE);
        let (Begin::Index(first), Find::Range { last, step, .. }) = (spec.begin, spec.find) else {
            movable = true;
            continue;
        };
        let last = if last < 0 { last } else { first + last };
        if specs.len() == 1 {
            return (KeyRange { first, last, step }, movable);
        }
        if step != 1 || (range.first != 0 && range.last != first - 1) {
            movable = true;
            continue;
        }
        range = KeyRange { first: if range.first == 0 { first } else { range.first }, last, step };
    }
    (range, movable)
}
