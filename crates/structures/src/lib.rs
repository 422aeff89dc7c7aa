//! The data structures under the keyspace: entries in a slab, the hash-ordered table, chunked strings, HyperLogLog,
//! bit operations, the lock. They know nothing of commands, clients or time.
//!
//! `unsafe` is allowed here (and in `sys`): the API is safe, each block says why it holds, and the tests run under
//! AddressSanitizer.

pub mod big_string;
pub mod bits;
pub mod blob;
pub mod entry;
pub mod hash;
pub mod hashed;
pub mod hll;
pub mod intset;
pub mod list;
pub mod listpack;
pub mod lock;
pub mod object;
pub mod set;
pub mod siphash;
pub mod slab;
pub mod stream;
pub mod table;
pub mod tree;
pub mod zset;
