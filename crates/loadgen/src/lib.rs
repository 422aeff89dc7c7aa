//! A lean RESP load generator: one core of it must outrun any server it measures.
//!
//! Requests are pre-encoded templates in which only key digits, numbers and a few value bytes are patched; replies
//! are counted, not decoded. A closed loop keeps a fixed number of requests in flight and measures capacity; an
//! open loop (`--rate`) starts requests on a schedule and counts latency from the *intended* start, so a server
//! that stalls cannot hide the requests which it kept from being sent (Gil Tene's "coordinated omission").
//!
//! Wire format: <https://valkey.io/topics/protocol/>.
//!
//! Map: [`args`] (options), [`template`] (requests), [`distribution`] (which key), [`reply`] (counting replies),
//! [`schedule`] (open-loop arithmetic), `connection` and `worker` (sockets and the loop of one thread),
//! [`run`](mod@run) (threads, load phase, measured window), [`report`] (results as text and JSON).

pub mod args;
mod connection;
pub mod distribution;
pub mod random;
pub mod reply;
pub mod report;
pub mod run;
pub mod schedule;
pub mod template;
mod worker;

pub use args::BenchArgs;
pub use report::Report;
pub use run::{Moment, fill, run, run_observed};
