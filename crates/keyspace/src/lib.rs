//! The keyspace: sharded tables of entries, with TTLs, eviction and memory accounting.
//!
//! A *shard* holds the keys of one hash range (or one slot) across all databases behind one lock. Commands run to
//! completion on the thread that read them, under the locks of the shards they name; see [`Space`], the view that
//! handlers work on. Clock and randomness are arguments: nothing here asks the system for either.

pub mod aside;
pub mod blocked;
pub mod evict;
pub mod expire;
pub mod gate;
pub mod key;
pub mod notify;
pub mod scan;
pub mod shard;
pub mod snapshot;
pub mod space;
#[cfg(test)]
mod testing;
pub mod track;
pub mod watch;

pub use key::{Key, KeyHasher, Sharding, slot_of};
pub use notify::Class;
pub use shard::{Keyspace, KeyspaceOptions, Locked, Shard};
pub use space::{Space, SpaceCounters, Ttl, WrongType};
pub use structures::entry::{EntryRef, Item, Marks, NewValue, Value};
pub use structures::object::{INLINE_MAX_BYTES, Object, Variant};
