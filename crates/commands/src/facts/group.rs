//! Documentation groups and the ACL category that usually comes with each.

use super::AclCategories;

/// Documentation group of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Commands on keys of any type.
    Generic,
    /// Strings and counters.
    String,
    /// Lists.
    List,
    /// Sets.
    Set,
    /// Sorted sets.
    SortedSet,
    /// Hashes.
    Hash,
    /// Publish/subscribe.
    Pubsub,
    /// Transactions.
    Transactions,
    /// Connections.
    Connection,
    /// The server itself.
    Server,
    /// Scripts and functions.
    Scripting,
    /// HyperLogLogs.
    Hyperloglog,
    /// Cluster mode.
    Cluster,
    /// Geospatial indexes.
    Geo,
    /// Streams.
    Stream,
    /// Bits of strings.
    Bitmap,
}

impl Group {
    /// The name `COMMAND DOCS` prints.
    pub const fn name(self) -> &'static str {
        match self {
            Group::Generic => "generic",
            Group::String => "string",
            Group::List => "list",
            Group::Set => "set",
            Group::SortedSet => "sorted-set",
            Group::Hash => "hash",
            Group::Pubsub => "pubsub",
            Group::Transactions => "transactions",
            Group::Connection => "connection",
            Group::Server => "server",
            Group::Scripting => "scripting",
            Group::Hyperloglog => "hyperloglog",
            Group::Cluster => "cluster",
            Group::Geo => "geo",
            Group::Stream => "stream",
            Group::Bitmap => "bitmap",
        }
    }

    /// The category that members of the group have unless their row says otherwise. Flags imply
    /// those of publish/subscribe and of the server.
    pub(super) const fn acl(self) -> AclCategories {
        match self {
            Group::Generic => AclCategories::KEYSPACE,
            Group::String => AclCategories::STRING,
            Group::List => AclCategories::LIST,
            Group::Set => AclCategories::SET,
            Group::SortedSet => AclCategories::SORTEDSET,
            Group::Hash => AclCategories::HASH,
            Group::Transactions => AclCategories::TRANSACTION,
            Group::Connection => AclCategories::CONNECTION,
            Group::Scripting => AclCategories::SCRIPTING,
            Group::Hyperloglog => AclCategories::HYPERLOGLOG,
            Group::Geo => AclCategories::GEO,
            Group::Stream => AclCategories::STREAM,
            Group::Bitmap => AclCategories::BITMAP,
            Group::Pubsub | Group::Server | Group::Cluster => AclCategories::NONE,
        }
    }
}
