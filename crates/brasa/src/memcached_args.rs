//! The command line of memcached 1.6.18, for `brasa memcached` and for brasa called under that name.
//!
//! Every option that memcached has is known here. What it does is one of three: it sets a field of
//! [`MemcachedOptions`]; it tunes parts that this engine does not have and gets one line of warning
//! ([`extended::IGNORED`], [`IGNORED_SHORT`]); or it asks for what cannot be done and ends the program with a reason.
//! Wordings and exit codes of wrong values are memcached's, whose numbers are read as C's `atoi` reads them.

use std::path::PathBuf;

mod extended;
mod getopt;
mod help;
mod listen;
mod number;
#[cfg(test)]
mod tests;

pub use listen::Listener;

use number::atoi;

/// `EX_USAGE` of sysexits.h.
pub const USAGE: u8 = 64;
/// `EX_OSERR` of sysexits.h.
pub const OS_ERROR: u8 = 71;
const MIB: u64 = 1024 * 1024;

/// One-letter options without an effect here, and why.
pub const IGNORED_SHORT: &[(char, &str)] = &[
    ('f', "the engine has no slab classes of growing size"),
    ('n', "the engine has no smallest chunk: an item takes what it needs"),
    ('L', "the engine asks the kernel for huge pages itself"),
    ('k', "the engine does not lock pages; limit swapping with the system's own means"),
    ('r', "the limit of core files is left as the system sets it"),
    ('R', "a connection's turn is bounded by the engine itself"),
    ('N', "connections are dealt out by load, not by network queue"),
];

/// Which protocols a listener speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// The first byte of a connection decides.
    #[default]
    Auto,
    /// Text and meta commands only.
    Ascii,
    /// The binary protocol only.
    Binary,
}

/// A whole command line.
#[derive(Clone, Debug, PartialEq)]
pub struct MemcachedOptions {
    /// `-p`: TCP port of listeners that name none; 0 turns TCP off where no address is given.
    pub port: u16,
    /// `-l`: where to listen; empty means all addresses.
    pub listeners: Vec<Listener>,
    /// `-l` as it was written, for messages about it.
    pub listen_text: Option<String>,
    /// `-s`: a unix socket in the place of TCP.
    pub unix_socket: Option<PathBuf>,
    /// `-a`: permissions of the unix socket.
    pub unix_mask: u32,
    /// `-d`: go to the background.
    pub daemonize: bool,
    /// `-P`: where to write the process id.
    pub pid_file: Option<PathBuf>,
    /// `-u`: whom to become when started by root.
    pub user: Option<String>,
    /// `-c`: connections at a time.
    pub connections_max: u32,
    /// `-o maxconns_fast`: whether connections beyond that are closed at once with an error, or wait.
    pub closes_excess_connections: bool,
    /// `-m`: memory for items, in bytes.
    pub memory_bytes: u64,
    /// Not `-M`: items are evicted when memory is short; else storing fails.
    pub evicts: bool,
    /// `-t`: threads that serve connections.
    pub threads: u32,
    /// `-I`: largest item in bytes, its key included.
    pub item_bytes_max: u32,
    /// Not `-C`: items have CAS numbers.
    pub has_cas: bool,
    /// `-b`: backlog of listening sockets.
    pub backlog: i32,
    /// `-B`: what listeners speak that do not say.
    pub protocol: Protocol,
    /// `-D`: the byte that parts a key's prefix, for statistics per prefix.
    pub prefix_delimiter: u8,
    /// `-D` was given: statistics per prefix are collected from the start.
    pub has_prefix_statistics: bool,
    /// `-S`: clients must authenticate over the binary protocol.
    pub needs_sasl: bool,
    /// `-Y`: `user:password` lines that clients of the text protocol must match.
    pub auth_file: Option<PathBuf>,
    /// `-A`: the `shutdown` command works.
    pub has_shutdown: bool,
    /// Not `-F`: `flush_all` works.
    pub has_flush_all: bool,
    /// Not `-X`: `stats cachedump` and `lru_crawler metadump` work.
    pub has_dumping: bool,
    /// Not `-W`: `watch` works.
    pub has_watch: bool,
    /// `-v`, as often as it was given.
    pub verbose: u8,
    /// `-o idle_timeout`: seconds after which an idle connection is closed; 0 is never.
    pub idle_timeout_s: u32,
    /// `-o track_sizes`: `stats sizes` counts.
    pub tracks_sizes: bool,
    /// One line for each option that was accepted and has no effect.
    pub warnings: Vec<String>,
}

impl Default for MemcachedOptions {
    fn default() -> MemcachedOptions {
        MemcachedOptions {
            port: 11211,
            listeners: Vec::new(),
            listen_text: None,
            unix_socket: None,
            unix_mask: 0o700,
            daemonize: false,
            pid_file: None,
            user: None,
            connections_max: 1024,
            closes_excess_connections: true,
            memory_bytes: 64 * MIB,
            evicts: true,
            threads: 4,
            item_bytes_max: MIB as u32,
            has_cas: true,
            backlog: 1024,
            protocol: Protocol::Auto,
            prefix_delimiter: b':',
            has_prefix_statistics: false,
            needs_sasl: false,
            auth_file: None,
            has_shutdown: false,
            has_flush_all: true,
            has_dumping: true,
            has_watch: true,
            verbose: 0,
            idle_timeout_s: 0,
            tracks_sizes: false,
            warnings: Vec::new(),
        }
    }
}

/// What a command line asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// To serve.
    Serve(Box<MemcachedOptions>),
    /// To print this and end well: `-h`, `-i`, `-V`.
    Print(String),
}

/// Why the program ends before it serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// For standard error, without the last line feed.
    pub text: String,
    /// The exit code.
    pub code: u8,
}

impl Failure {
    pub fn new(code: u8, text: impl Into<String>) -> Failure {
        Failure { text: text.into(), code }
    }
}

/// What checks at the end need beside the options.
#[derive(Default)]
struct Seen {
    has_protocol: bool,
    item_bytes_max: Option<i64>,
    threads_napi: i64,
    port: Option<i64>,
    udp_port: i64,
    extended: extended::Seen,
}

/// Reads the arguments behind the program's name, which `program` is for messages.
pub fn parse(program: &str, args: &[String]) -> Result<Request, Failure> {
    let mut options = MemcachedOptions::default();
    let mut seen = Seen::default();
    for option in getopt::Options::new(program, args) {
        let (letter, value) = option.map_err(|text| Failure::new(1, text + "\nIllegal argument \"?\""))?;
        match letter {
            'h' => return Ok(Request::Print(help::usage(&options))),
            'i' => return Ok(Request::Print(help::license())),
            'V' => return Ok(Request::Print(help::VERSION.to_owned() + "\n")),
            _ => take(&mut options, &mut seen, letter, value.unwrap_or_default())?,
        }
    }
    check(&mut options, &seen)?;
    Ok(Request::Serve(Box::new(options)))
}

/// Takes in one option.
fn take(options: &mut MemcachedOptions, seen: &mut Seen, letter: char, value: &str) -> Result<(), Failure> {
    if let Some((_, why)) = IGNORED_SHORT.iter().find(|(ignored, _)| *ignored == letter) {
        check_ignored(seen, letter, value)?;
        options.warnings.push(format!("WARNING: -{letter} has no effect: {why}"));
        return Ok(());
    }
    let path = || Some(PathBuf::from(value));
    match letter {
        'A' => options.has_shutdown = true,
        'Z' => {
            return Err(Failure::new(USAGE, "This server is not built with TLS support."));
        }
        'a' => options.unix_mask = number::octal(value),
        'p' => seen.port = Some(atoi(value)),
        'U' => seen.udp_port = atoi(value),
        's' => options.unix_socket = path(),
        'm' => options.memory_bytes = u64::try_from(atoi(value)).unwrap_or(0) * MIB,
        'M' => options.evicts = false,
        'c' => {
            options.connections_max = above_zero(value, "Maximum connections must be greater than 0")?;
        }
        'v' => options.verbose = options.verbose.saturating_add(1),
        'l' => match &mut options.listen_text {
            Some(text) if text.contains(value) => {}
            Some(text) => *text = format!("{text},{value}"),
            None => options.listen_text = Some(value.to_owned()),
        },
        'd' => options.daemonize = true,
        'u' => options.user = Some(value.to_owned()),
        'P' => options.pid_file = path(),
        'e' => {
            let why = "-e cannot be done: the items of this engine are not kept in a file over a restart";
            return Err(Failure::new(USAGE, why));
        }
        't' => {
            options.threads = above_zero(value, "Number of threads must be greater than 0")?;
            if options.threads > 64 {
                // As memcached spells it.
                let text = "WARNING: Setting a high number of workerthreads is not recommended.\n \
                            Set this value to the number of cores in your machine or less.";
                options.warnings.push(text.to_owned());
            }
        }
        'D' => {
            options.prefix_delimiter =
                *value.as_bytes().first().ok_or_else(|| Failure::new(1, "No delimiter specified"))?;
            options.has_prefix_statistics = true;
        }
        'C' => options.has_cas = false,
        'b' => options.backlog = atoi(value) as i32,
        'B' => {
            seen.has_protocol = true;
            options.protocol = match value {
                "auto" => Protocol::Auto,
                "ascii" => Protocol::Ascii,
                "binary" => Protocol::Binary,
                _ => {
                    let text = format!(
                        "Invalid value for binding protocol: {value}\n -- should be one of auto, binary, or ascii"
                    );
                    return Err(Failure::new(USAGE, text));
                }
            };
        }
        'I' => seen.item_bytes_max = Some(number::size(value)),
        'S' => options.needs_sasl = true,
        'F' => options.has_flush_all = false,
        'X' => options.has_dumping = false,
        'W' => options.has_watch = false,
        'Y' => options.auth_file = path(),
        'o' => extended::take(options, &mut seen.extended, value)?,
        _ => unreachable!("getopt gives no letter that is not in its table"),
    }
    Ok(())
}

/// Wrong values of options without an effect are refused as memcached does.
fn check_ignored(seen: &mut Seen, letter: char, value: &str) -> Result<(), Failure> {
    match letter {
        'f' if number::atof(value) <= 1.0 => Err(Failure::new(1, "Factor must be greater than 1")),
        'n' if atoi(value) == 0 => Err(Failure::new(1, "Chunk size must be greater than 0")),
        'R' if atoi(value) == 0 => {
            Err(Failure::new(1, "Number of requests per event must be greater than 0"))
        }
        'N' => {
            seen.threads_napi = atoi(value);
            let text = "Maximum number of NAPI IDs must be greater than 0";
            if seen.threads_napi <= 0 { Err(Failure::new(1, text)) } else { Ok(()) }
        }
        _ => Ok(()),
    }
}

fn above_zero(value: &str, text: &str) -> Result<u32, Failure> {
    match u32::try_from(atoi(value)) {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(Failure::new(1, text)),
    }
}

/// Checks that concern several options, in memcached's order.
fn check(options: &mut MemcachedOptions, seen: &Seen) -> Result<(), Failure> {
    let usage = |text: String| Err(Failure::new(USAGE, text));
    if seen.threads_napi > i64::from(options.threads) {
        let (ids, threads) = (seen.threads_napi, options.threads);
        return usage(format!(
            "Number of napi_ids({ids}) cannot be greater than number of threads({threads})"
        ));
    }
    let item_bytes_max = seen.item_bytes_max.unwrap_or(MIB as i64);
    if item_bytes_max < 1024 {
        return usage("Item max size cannot be less than 1024 bytes.".to_owned());
    }
    if item_bytes_max as u64 > options.memory_bytes / 2 {
        return usage("Cannot set item size limit higher than 1/2 of memory max.".to_owned());
    }
    if item_bytes_max > 1 << 30 {
        return usage("Cannot set item size limit higher than a gigabyte.".to_owned());
    }
    options.item_bytes_max = item_bytes_max as u32;
    extended::check(&seen.extended, item_bytes_max)?;
    if options.needs_sasl {
        if seen.has_protocol && options.protocol != Protocol::Binary {
            return usage("ERROR: You cannot allow the ASCII protocol while using SASL.".to_owned());
        }
        options.protocol = Protocol::Binary;
        if seen.udp_port != 0 {
            return usage("ERROR: Cannot enable UDP while using binary SASL authentication.".to_owned());
        }
    }
    if options.auth_file.is_some() {
        if seen.has_protocol && options.protocol != Protocol::Ascii {
            let text = "ERROR: You cannot allow the BINARY protocol while using ascii authentication tokens.";
            return usage(text.to_owned());
        }
        options.protocol = Protocol::Ascii;
    }
    if seen.udp_port != 0 {
        return usage(format!(
            "-U {} cannot be done: this server does not speak UDP; use -U 0",
            seen.udp_port
        ));
    }
    if let Some(port) = seen.port {
        let invalid = || Failure::new(USAGE, format!("ERROR: Invalid port number {port}."));
        options.port = u16::try_from(port).map_err(|_| invalid())?;
    }
    if let Some(text) = &options.listen_text {
        options.listeners = listen::parse(text)?;
    }
    Ok(())
}
