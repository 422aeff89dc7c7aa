//! What tests of running servers share: a process harness, a client that keeps raw bytes, the differential
//! tester and the hostile-client scripts.
//!
//! The oracle is a real `valkey-server`: the same bytes go to both servers and what comes back is compared
//! byte for byte. What may differ stands in one file, [`differential::differences`], each with its reason.

pub mod client;
pub mod differential;
pub mod faults;
pub mod replay;
pub mod reply;
pub mod rng;
pub mod server;
