//! Lua 5.1 for scripts and functions, in the sandbox that Valkey's scripts see.
//!
//! An [`Interpreter`] belongs to one thread. It knows no keys and no commands: what `redis.call` asks goes to a
//! [`Host`], which is lent to it for the time of a run. Texts of errors follow Valkey 9.1.
//!
//! Holes of Lua 5.1 that Redis and Valkey had to close, and where they are closed here: `tests/holes.rs`.

pub mod bit;
pub mod cjson;
pub mod cmsgpack;
mod convert;
mod failure;
pub mod fuzzing;
mod host;
mod interpreter;
pub mod number;
pub mod prng;
mod redis;
mod structs;

pub use convert::{Protocol, reply_of};
pub use failure::Failure;
pub use host::{Host, LogLevel};
/// Bytes of stack that a thread which runs scripts must have.
pub use sys::lua::STACK_BYTES;

pub use interpreter::{Interpreter, Outcome, Program, Registered, ScriptError};
