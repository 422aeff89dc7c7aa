//! `brasa memcached`: memcached's options become those of a node that speaks its protocol.

use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::process::ExitCode;

use node::memcached::Options;
use node::startup::StartOptions;

use crate::memcached_args::{Failure, MemcachedOptions, OS_ERROR, Protocol, Request, USAGE, parse};

/// `EX_NOUSER` of sysexits.h.
const NO_USER: u8 = 67;
/// `EX_NOINPUT` of sysexits.h.
const NO_INPUT: u8 = 66;

/// The node's options and directives for what memcached's options ask for.
fn translate(asked: &MemcachedOptions) -> Result<(Options, Vec<String>), Failure> {
    let speaks_binary = asked.listeners.iter().any(|listener| listener.protocol == Some(Protocol::Binary));
    if asked.needs_sasl {
        let text = "-S cannot be done: SASL belongs to the binary protocol, which this version does not speak; -Y FILE \
                    asks for a password in the text protocol";
        return Err(Failure::new(USAGE, text));
    }
    if asked.protocol == Protocol::Binary || speaks_binary {
        let text = "-B binary cannot be done: this version speaks the text protocol only, classic and meta";
        return Err(Failure::new(USAGE, text));
    }
    if let Some(user) = &asked.user
        && !is_present_user(user)
    {
        return Err(Failure::new(
            NO_USER,
            format!("can't become the user {user}: start the server as {user}"),
        ));
    }
    let passwords = match &asked.auth_file {
        None => None,
        Some(path) => {
            let fail = |why: String| {
                Failure::new(NO_INPUT, format!("Could not load authfile [{}]: {why}", path.display()))
            };
            let text = std::fs::read(path).map_err(|error| fail(error.to_string()))?;
            let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
            let lines: Vec<Vec<u8>> =
                lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line).to_vec()).collect();
            if lines.is_empty() || lines.iter().any(|line| !line.contains(&b':')) {
                return Err(fail("lines of user:password are needed".to_owned()));
            }
            Some(lines)
        }
    };
    let mut directives = Vec::new();
    let mut directive = |name: &str, value: &str| directives.extend([format!("--{name}"), value.to_owned()]);
    directive("databases", "1");
    directive("protected-mode", "no");
    directive("io-threads", &asked.threads.min(64).to_string());
    directive("maxclients", &asked.connections_max.to_string());
    directive("maxmemory", &asked.memory_bytes.to_string());
    directive("maxmemory-policy", if asked.evicts { "allkeys-s3fifo" } else { "noeviction" });
    directive("loglevel", ["warning", "notice", "verbose", "debug"][usize::from(asked.verbose.min(3))]);
    directive("tcp-backlog", &asked.backlog.max(1).to_string());
    directive("timeout", &asked.idle_timeout_s.to_string());
    if asked.daemonize {
        directive("daemonize", "yes");
    }
    if let Some(path) = &asked.pid_file {
        directive("pidfile", &path.to_string_lossy());
    }
    let mut port = asked.port;
    match &asked.unix_socket {
        Some(path) => {
            directive("unixsocket", &path.to_string_lossy());
            directive("unixsocketperm", &format!("{:o}", asked.unix_mask));
            directive("port", "0");
            port = 0;
        }
        None => {
            let mut ports: Vec<u16> =
                asked.listeners.iter().map(|listener| listener.port.unwrap_or(port)).collect();
            ports.dedup();
            if let [first, rest @ ..] = &ports[..] {
                if !rest.is_empty() {
                    let text = "-l: this version listens on one port, which all addresses share";
                    return Err(Failure::new(OS_ERROR, text));
                }
                port = *first;
            }
            directive("port", &port.to_string());
            directives.push("--bind".to_owned());
            match &asked.listeners[..] {
                [] => directives.extend(["*", "-::*"].map(str::to_owned)),
                all => directives.extend(all.iter().map(|listener| listener.host.clone())),
            }
        }
    }
    let options = Options {
        item_max_bytes: asked.item_bytes_max as usize,
        may_flush: asked.has_flush_all,
        may_shut_down: asked.has_shutdown,
        evicts: asked.evicts,
        memory_bytes: asked.memory_bytes,
        port,
        interfaces: asked.listen_text.clone(),
        socket: asked.unix_socket.as_ref().map(|path| path.to_string_lossy().into_owned()),
        threads: asked.threads as usize,
        connections: asked.connections_max,
        verbosity: u32::from(asked.verbose),
        passwords,
    };
    Ok((options, directives))
}

/// Whether the process runs as this user already.
fn is_present_user(name: &str) -> bool {
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    if is_root { name == "root" } else { std::env::var("USER").is_ok_and(|user| user == name) }
}

/// What was asked for and has no effect here.
fn warnings(asked: &MemcachedOptions) -> Vec<String> {
    let mut all = asked.warnings.clone();
    let mut warn = |is_asked: bool, text: String| {
        if is_asked {
            all.push(format!("WARNING: {text}"));
        }
    };
    let delimiter = char::from(asked.prefix_delimiter);
    warn(
        asked.has_prefix_statistics,
        format!("-D {delimiter} has no effect: there are no statistics by prefix"),
    );
    warn(!asked.has_cas, "-C has no effect: items always have a CAS number, at no cost to others".to_owned());
    warn(asked.tracks_sizes, "-o track_sizes has no effect: sizes are not counted".to_owned());
    let waits = !asked.closes_excess_connections;
    warn(
        waits,
        "-o no_maxconns_fast has no effect: connections above the limit are closed at once".to_owned(),
    );
    // That nothing is dumped or watched needs to be said to those alone who might look for it.
    let expects = asked.verbose > 0 && (asked.has_dumping || asked.has_watch);
    warn(
        expects,
        "\"watch\", \"stats cachedump\" and \"lru_crawler metadump\" are refused, as with -X -W".to_owned(),
    );
    all
}

/// Runs a memcached with its own command line (without the program's name) until it stops.
pub fn run(args: &[OsString]) -> ExitCode {
    let args: Vec<String> = args.iter().map(|arg| arg.to_string_lossy().into_owned()).collect();
    let serve = |asked: Box<MemcachedOptions>| {
        let (options, directives) = translate(&asked)?;
        for warning in warnings(&asked) {
            eprintln!("{warning}");
        }
        let directives: Vec<OsString> = directives.into_iter().map(OsString::from).collect();
        Ok(node::run(&directives, StartOptions { announce_ready: false, memcached: Some(options) }))
    };
    let result = parse("memcached", &args).and_then(|request| match request {
        Request::Print(text) => {
            print!("{text}");
            Ok(ExitCode::SUCCESS)
        }
        Request::Serve(asked) => serve(asked),
    });
    result.unwrap_or_else(|failure| {
        eprintln!("{}", failure.text);
        ExitCode::from(failure.code)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translated(line: &str) -> Result<(Options, String), Failure> {
        let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let Request::Serve(asked) = parse("memcached", &args)? else { panic!("{line} asks for a server") };
        translate(&asked).map(|(options, directives)| (options, directives.join(" ")))
    }

    #[test]
    fn options_reach_the_node() {
        let (options, directives) =
            translated("-p 2222 -m 100 -t 2 -c 7 -I 2m -MAF -l 127.0.0.1,::1 -o idle_timeout=9").unwrap();
        assert_eq!((options.port, options.memory_bytes, options.item_max_bytes), (2222, 100 << 20, 2 << 20));
        assert!(!options.evicts && !options.may_flush && options.may_shut_down);
        for part in [
            "--port 2222 --bind 127.0.0.1 ::1",
            "--io-threads 2",
            "--maxclients 7",
            "--timeout 9",
            "noeviction",
        ] {
            assert!(directives.contains(part), "{directives}");
        }
        let (options, directives) = translated("-s /tmp/a -a 777 -l 127.0.0.1:5").unwrap();
        assert_eq!((options.port, options.socket.as_deref()), (0, Some("/tmp/a")));
        assert!(directives.contains("--unixsocketperm 777 --port 0"));
        assert_eq!(translated("-l 127.0.0.1:5").unwrap().0.port, 5);
    }

    #[test]
    fn what_is_not_there_is_refused() {
        for line in [
            "-S",
            "-B binary",
            "-l proto[binary]:127.0.0.1",
            "-l 127.0.0.1:1,127.0.0.2:2",
            "-u nobody-at-all",
        ] {
            assert!(translated(line).is_err(), "{line}");
        }
        assert_eq!(translated("-Y /nowhere").unwrap_err().code, NO_INPUT);
    }
}
