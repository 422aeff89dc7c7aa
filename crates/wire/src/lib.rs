//! Bytes to requests and replies: RESP2 and RESP3, numbers as clients see them, glob patterns.
//!
//! Everything here is a pure function of its input: no sockets, no clock, no keyspace. That is what lets the
//! node, the load generator, the control plane and the tests share one codec, and what lets it be fuzzed
//! without a server. The protocol is the one documented at <https://valkey.io/topics/protocol/>; where that
//! page is silent, the observed behaviour of valkey-server 9.1 decides, and the comment at the spot says so.
//!
//! Invariant: nothing allocates by a length a peer merely declared.

pub mod glob;
pub mod long_double;
pub mod memcached;
pub mod number;
pub mod resp;

#[doc(hidden)]
pub mod fuzzing;

#[cfg(test)]
mod prng;
