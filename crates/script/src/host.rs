//! What a script may ask of the server that runs it.

use wire::resp::parse::Span;

/// Levels of `redis.log`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// `LOG_DEBUG`.
    Debug,
    /// `LOG_VERBOSE`.
    Verbose,
    /// `LOG_NOTICE`.
    Notice,
    /// `LOG_WARNING`.
    Warning,
}

/// The server, as a script sees it.
pub trait Host {
    /// Runs a command, whose arguments `spans` mark in `args`. Appends its reply to `reply`, in RESP3 when `resp3`; an error reply begins with `-`. `false`: the
    /// script must end here, and what it does from now on does not count.
    fn call(&mut self, args: &[u8], spans: &[Span], resp3: bool, reply: &mut Vec<u8>) -> bool;

    /// Whether the script's user may run a command with these arguments; `None` when there is no such command.
    fn may_call(&mut self, args: &[u8], spans: &[Span]) -> Option<bool>;

    /// `redis.log`.
    fn log(&mut self, level: LogLevel, text: &[u8]);

    /// Called every hundred thousand instructions. `false`: the script must end here.
    fn tick(&mut self) -> bool;

    /// `redis.set_repl`: which consumers the effects are for. Brasa's log has them all.
    fn set_repl(&mut self, flags: i32);
}
