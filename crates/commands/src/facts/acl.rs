//! ACL categories (<https://valkey.io/topics/acl/#command-categories>).

use super::Flags;

/// A set of ACL categories.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct AclCategories(u32);

impl AclCategories {
    /// No category.
    pub const NONE: AclCategories = AclCategories(0);
    /// Works on keys whatever their type.
    pub const KEYSPACE: AclCategories = AclCategories(1 << 0);
    /// Reads values.
    pub const READ: AclCategories = AclCategories(1 << 1);
    /// Writes values.
    pub const WRITE: AclCategories = AclCategories(1 << 2);
    /// Sets.
    pub const SET: AclCategories = AclCategories(1 << 3);
    /// Sorted sets.
    pub const SORTEDSET: AclCategories = AclCategories(1 << 4);
    /// Lists.
    pub const LIST: AclCategories = AclCategories(1 << 5);
    /// Hashes.
    pub const HASH: AclCategories = AclCategories(1 << 6);
    /// Strings.
    pub const STRING: AclCategories = AclCategories(1 << 7);
    /// Bits of strings.
    pub const BITMAP: AclCategories = AclCategories(1 << 8);
    /// HyperLogLogs.
    pub const HYPERLOGLOG: AclCategories = AclCategories(1 << 9);
    /// Geospatial indexes.
    pub const GEO: AclCategories = AclCategories(1 << 10);
    /// Streams.
    pub const STREAM: AclCategories = AclCategories(1 << 11);
    /// Publish/subscribe.
    pub const PUBSUB: AclCategories = AclCategories(1 << 12);
    /// Administration; implies dangerous.
    pub const ADMIN: AclCategories = AclCategories(1 << 13);
    /// Fast commands.
    pub const FAST: AclCategories = AclCategories(1 << 14);
    /// All commands that are not fast.
    pub const SLOW: AclCategories = AclCategories(1 << 15);
    /// May block the client.
    pub const BLOCKING: AclCategories = AclCategories(1 << 16);
    /// Can hurt when used without thought.
    pub const DANGEROUS: AclCategories = AclCategories(1 << 17);
    /// Act on the connection or other connections.
    pub const CONNECTION: AclCategories = AclCategories(1 << 18);
    /// Transactions.
    pub const TRANSACTION: AclCategories = AclCategories(1 << 19);
    /// Scripts and functions.
    pub const SCRIPTING: AclCategories = AclCategories(1 << 20);

    /// Every category with its name behind `@`, in the order of `ACL CAT` and `COMMAND INFO`.
    pub const NAMES: [(AclCategories, &'static str); 21] = [
        (AclCategories::KEYSPACE, "@keyspace"),
        (AclCategories::READ, "@read"),
        (AclCategories::WRITE, "@write"),
        (AclCategories::SET, "@set"),
        (AclCategories::SORTEDSET, "@sortedset"),
        (AclCategories::LIST, "@list"),
        (AclCategories::HASH, "@hash"),
        (AclCategories::STRING, "@string"),
        (AclCategories::BITMAP, "@bitmap"),
        (AclCategories::HYPERLOGLOG, "@hyperloglog"),
        (AclCategories::GEO, "@geo"),
        (AclCategories::STREAM, "@stream"),
        (AclCategories::PUBSUB, "@pubsub"),
        (AclCategories::ADMIN, "@admin"),
        (AclCategories::FAST, "@fast"),
        (AclCategories::SLOW, "@slow"),
        (AclCategories::BLOCKING, "@blocking"),
        (AclCategories::DANGEROUS, "@dangerous"),
        (AclCategories::CONNECTION, "@connection"),
        (AclCategories::TRANSACTION, "@transaction"),
        (AclCategories::SCRIPTING, "@scripting"),
    ];

    /// The union of a list of sets.
    pub const fn of(list: &[AclCategories]) -> AclCategories {
        let (mut bits, mut i) = (0, 0);
        while i < list.len() {
            bits |= list[i].0;
            i += 1;
        }
        AclCategories(bits)
    }

    /// The union of two sets.
    pub const fn or(self, other: AclCategories) -> AclCategories {
        AclCategories(self.0 | other.0)
    }

    /// Whether all of `other` is in this set.
    #[inline]
    pub const fn contains(self, other: AclCategories) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any of `other` is in this set.
    #[inline]
    pub const fn intersects(self, other: AclCategories) -> bool {
        self.0 & other.0 != 0
    }

    /// The category of a name in any case, without `@`.
    pub fn parse(name: &[u8]) -> Option<AclCategories> {
        let named = |(_, at): &&(AclCategories, &str)| at.as_bytes()[1..].eq_ignore_ascii_case(name);
        Self::NAMES.iter().find(named).map(|(category, _)| *category)
    }

    /// Names behind `@`, in the order of `COMMAND INFO`.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.iter().filter(move |(category, _)| self.contains(*category)).map(|(_, name)| *name)
    }

    /// Adds the categories that flags imply: a command is fast or slow, a reader of keys is
    /// `read` unless it runs scripts, administration is dangerous.
    pub(super) const fn implied_by(self, flags: Flags) -> AclCategories {
        let mut all = AclCategories(self.0 & !AclCategories::SLOW.0);
        if flags.contains(Flags::WRITE) {
            all = all.or(AclCategories::WRITE);
        }
        if flags.contains(Flags::READONLY) && !all.contains(AclCategories::SCRIPTING) {
            all = all.or(AclCategories::READ);
        }
        if flags.contains(Flags::ADMIN) {
            all = all.or(AclCategories::ADMIN).or(AclCategories::DANGEROUS);
        }
        if flags.contains(Flags::PUBSUB) {
            all = all.or(AclCategories::PUBSUB);
        }
        if flags.contains(Flags::BLOCKING) {
            all = all.or(AclCategories::BLOCKING);
        }
        if flags.contains(Flags::FAST) {
            return all.or(AclCategories::FAST);
        }
        all.or(AclCategories::SLOW)
    }
}
