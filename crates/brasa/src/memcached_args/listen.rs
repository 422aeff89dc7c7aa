//! The value of `-l`: addresses parted by commas or semicolons, each with its own port and protocol if it wants.

use super::{Failure, OS_ERROR, Protocol, number};

/// One address to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Address or host name; not looked up yet.
    pub host: String,
    /// Its port, where it names one; else that of `-p`.
    pub port: Option<u16>,
    /// What it speaks, where it says so (`proto[ascii]:`); else that of `-B`.
    pub protocol: Option<Protocol>,
}

/// Reads the list; what is empty in it is passed over.
pub fn parse(text: &str) -> Result<Vec<Listener>, Failure> {
    let entries = text.split([',', ';']).filter(|entry| !entry.is_empty());
    entries.map(|entry| one(entry, text)).collect()
}

fn one(entry: &str, all: &str) -> Result<Listener, Failure> {
    let fail = |why: String| {
        Failure::new(OS_ERROR, format!("{why}\nfailed to listen on one of interface(s) {all}: Success"))
    };
    if entry.starts_with("notls") {
        return Err(fail("'notls' option is valid only when SSL is enabled".to_owned()));
    }
    let mut entry = entry;
    let mut protocol = None;
    if let Some(rest) = entry.strip_prefix("proto[") {
        let (name, rest) =
            rest.split_once(']').ok_or_else(|| fail(format!("Invalid protocol spec: \"[{rest}\"")))?;
        protocol = match name {
            "ascii" => Some(Protocol::Ascii),
            "binary" => Some(Protocol::Binary),
            "negotiating" => Some(Protocol::Auto),
            "proxy" => return Err(fail(format!("Server not built with proxy: \"{all}\""))),
            _ => None,
        };
        entry = rest.strip_prefix(':').unwrap_or(rest);
    }
    if let Some(rest) = entry.strip_prefix("tag[") {
        // Tags tell the proxy's routes apart; they mean nothing to a listener that stores.
        let (tag, rest) =
            rest.split_once(']').ok_or_else(|| fail(format!("Invalid tag in socket config: \"[{rest}\"")))?;
        if tag.is_empty() || tag.len() > 8 {
            return Err(fail(format!("Listener tags must be between 1 and 8 characters: \"{tag}\"")));
        }
        entry = rest.strip_prefix(':').unwrap_or(rest);
    }
    let (host, port) = split_port(entry);
    let port = match port {
        None => None,
        Some(port) => Some(
            number::whole(port)
                .and_then(|number| u16::try_from(number).ok())
                .ok_or_else(|| fail(format!("Invalid port number: \"{port}\"")))?,
        ),
    };
    Ok(Listener { host: host.to_owned(), port, protocol })
}

/// `host:port`, `[v6]:port`, or an address alone: one with several colons and no brackets has no port.
fn split_port(entry: &str) -> (&str, Option<&str>) {
    if let Some((host, rest)) = entry.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
        return (host, rest.strip_prefix(':'));
    }
    match entry.split_once(':') {
        Some((host, port)) if !port.contains(':') => (host, Some(port)),
        _ => (entry, None),
    }
}
