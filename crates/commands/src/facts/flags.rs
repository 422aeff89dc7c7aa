//! Command flags and documentation marks (<https://valkey.io/commands/command/#flags>).

/// A set of command flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Flags(u32);

impl Flags {
    /// No flag.
    pub const NONE: Flags = Flags(0);
    /// May modify the keyspace.
    pub const WRITE: Flags = Flags(1 << 0);
    /// Reads keys and never modifies them.
    pub const READONLY: Flags = Flags(1 << 1);
    /// May grow memory: refused above `maxmemory`.
    pub const DENYOOM: Flags = Flags(1 << 2);
    /// Administrative.
    pub const ADMIN: Flags = Flags(1 << 3);
    /// Part of publish/subscribe.
    pub const PUBSUB: Flags = Flags(1 << 4);
    /// Not callable from scripts.
    pub const NOSCRIPT: Flags = Flags(1 << 5);
    /// May block the client.
    pub const BLOCKING: Flags = Flags(1 << 6);
    /// Allowed while the dataset loads.
    pub const LOADING: Flags = Flags(1 << 7);
    /// Allowed on a replica whose data is stale.
    pub const STALE: Flags = Flags(1 << 8);
    /// Not shown to `MONITOR`.
    pub const SKIP_MONITOR: Flags = Flags(1 << 9);
    /// Not recorded in the command log.
    pub const SKIP_COMMANDLOG: Flags = Flags(1 << 10);
    /// Works on a slot being imported without a preceding `ASKING`.
    pub const ASKING: Flags = Flags(1 << 11);
    /// Constant or logarithmic time, never delayed.
    pub const FAST: Flags = Flags(1 << 12);
    /// Allowed before authentication.
    pub const NO_AUTH: Flags = Flags(1 << 13);
    /// Not a write, but may produce replication traffic. Not shown to clients.
    pub const MAY_REPLICATE: Flags = Flags(1 << 14);
    /// Takes keys but may be called without any.
    pub const NO_MANDATORY_KEYS: Flags = Flags(1 << 15);
    /// Needs `enable-debug-command` or `enable-module-command`. Not shown to clients.
    pub const PROTECTED: Flags = Flags(1 << 16);
    /// Refused while a replica loads asynchronously.
    pub const NO_ASYNC_LOADING: Flags = Flags(1 << 17);
    /// Refused inside a transaction.
    pub const NO_MULTI: Flags = Flags(1 << 18);
    /// Allowed while a script or function runs too long.
    pub const ALLOW_BUSY: Flags = Flags(1 << 19);
    /// Legacy key positions are missing or incomplete; derived from the key specs.
    pub const MOVABLEKEYS: Flags = Flags(1 << 20);
    /// May delete expired keys that argv does not name. Not shown to clients.
    pub const TOUCHES_ARBITRARY_KEYS: Flags = Flags(1 << 21);

    /// Flags that `COMMAND INFO` shows, in its order.
    const SHOWN: [(Flags, &'static str); 19] = [
        (Flags::WRITE, "write"),
        (Flags::READONLY, "readonly"),
        (Flags::DENYOOM, "denyoom"),
        (Flags::ADMIN, "admin"),
        (Flags::PUBSUB, "pubsub"),
        (Flags::NOSCRIPT, "noscript"),
        (Flags::BLOCKING, "blocking"),
        (Flags::LOADING, "loading"),
        (Flags::STALE, "stale"),
        (Flags::SKIP_MONITOR, "skip_monitor"),
        (Flags::SKIP_COMMANDLOG, "skip_commandlog"),
        (Flags::ASKING, "asking"),
        (Flags::FAST, "fast"),
        (Flags::NO_AUTH, "no_auth"),
        (Flags::NO_MANDATORY_KEYS, "no_mandatory_keys"),
        (Flags::NO_ASYNC_LOADING, "no_async_loading"),
        (Flags::NO_MULTI, "no_multi"),
        (Flags::ALLOW_BUSY, "allow_busy"),
        (Flags::MOVABLEKEYS, "movablekeys"),
    ];

    /// The union of a list of sets.
    pub const fn of(list: &[Flags]) -> Flags {
        let (mut bits, mut i) = (0, 0);
        while i < list.len() {
            bits |= list[i].0;
            i += 1;
        }
        Flags(bits)
    }

    /// The union of two sets.
    pub const fn or(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }

    /// Whether all of `other` is in this set.
    #[inline]
    pub const fn contains(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any of `other` is in this set.
    #[inline]
    pub const fn intersects(self, other: Flags) -> bool {
        self.0 & other.0 != 0
    }

    /// Names that `COMMAND INFO` shows, in its order.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::SHOWN.iter().filter(move |(flag, _)| self.contains(*flag)).map(|(_, name)| *name)
    }
}

/// A set of documentation marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct DocFlags(u8);

impl DocFlags {
    /// No mark.
    pub const NONE: DocFlags = DocFlags(0);
    /// Superseded by another command.
    pub const DEPRECATED: DocFlags = DocFlags(1);
    /// Meant for servers and tools, not for applications.
    pub const SYSCMD: DocFlags = DocFlags(2);

    /// The union of two sets.
    pub const fn or(self, other: DocFlags) -> DocFlags {
        DocFlags(self.0 | other.0)
    }

    /// Whether all of `other` is in this set.
    pub const fn contains(self, other: DocFlags) -> bool {
        self.0 & other.0 == other.0
    }

    /// Names in the order of `COMMAND DOCS`.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        [(DocFlags::DEPRECATED, "deprecated"), (DocFlags::SYSCMD, "syscmd")]
            .into_iter()
            .filter(move |(flag, _)| self.contains(*flag))
            .map(|(_, name)| name)
    }
}
