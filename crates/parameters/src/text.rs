//! Demands on texts: names of files, addresses, the process title.

use std::ffi::OsStr;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use crate::accept::{Refusal, Situation};
use crate::row::{Row, TextCheck};

/// Longest text of an IPv6 address, a buffer's size in the cluster's wire format.
const ADDRESS_MAX_BYTES: usize = 45;

/// Locales whose order of strings this engine has; sorting is by bytes in all of them.
const LOCALES: [&[u8]; 5] = [b"", b"C", b"POSIX", b"C.UTF-8", b"C.utf8"];

/// Variables of the process title, and whether they are certain to expand to something.
const TITLE_VARIABLES: [(&[u8], bool); 7] = [
    (b"title", false),
    (b"listen-addr", true),
    (b"server-mode", false),
    (b"port", true),
    (b"tls-port", true),
    (b"unixsocket", false),
    (b"config-file", true),
];

/// The text to keep for `row`, or why it is refused.
pub fn accept(row: &Row, word: &[u8], situation: &Situation<'_>) -> Result<Vec<u8>, Refusal> {
    let name = row.name;
    let path = word.contains(&b'/') || word.contains(&b'\\');
    let demand = |holds: bool, reason: &'static str| if holds { Ok(()) } else { Err(Refusal::from(reason)) };
    match row.check {
        TextCheck::None => {}
        TextCheck::Directory => return directory(word, situation),
        TextCheck::NotEmpty | TextCheck::FileName | TextCheck::DirectoryName if word.is_empty() => {
            return Err(format!("{name} can't be empty").into());
        }
        TextCheck::NotEmpty => {}
        TextCheck::FileName if path => return Err(format!("{name} can't be a path, just a filename").into()),
        TextCheck::DirectoryName if path => {
            return Err(format!("{name} can't be a path, just a dirname").into());
        }
        TextCheck::FileName | TextCheck::DirectoryName => {}
        TextCheck::AtMost256 if word.len() > 256 => {
            return Err(format!("{name} must be less than or equal to 256 characters").into());
        }
        TextCheck::AtMost256 => {}
        TextCheck::Hostname => {
            demand(word.len() < 256, "Hostnames must be less than 256 characters")?;
            let plain = word.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'));
            demand(plain, "Hostnames may only contain alphanumeric characters, hyphens or dots")?;
        }
        TextCheck::AnnounceIp => {
            demand(
                word.iter().all(|byte| announced(*byte)),
                "cluster-announce-ip contains invalid character",
            )?;
            demand(word.len() <= ADDRESS_MAX_BYTES, "cluster-announce-ip is too long")?;
        }
        TextCheck::NodeName => {
            let plain = word.iter().all(|byte| announced(*byte));
            demand(plain, "Announced human node name contained invalid character")?;
        }
        TextCheck::Ipv4 => demand(is_address::<Ipv4Addr>(word), "Invalid IPv4 address")?,
        TextCheck::Ipv6 => demand(is_address::<Ipv6Addr>(word), "Invalid IPv6 address")?,
        TextCheck::TitleTemplate => {
            demand(title(word), "template format is invalid or contains unknown variables")?;
        }
        TextCheck::Locale => demand(LOCALES.contains(&word), "Invalid locale name")?,
        TextCheck::Rdma => demand(!situation.run_time, "No RDMA building support.")?,
    }
    Ok(word.to_vec())
}

fn directory(word: &[u8], situation: &Situation<'_>) -> Result<Vec<u8>, Refusal> {
    if word.is_empty() {
        return Err("dir can't be empty".into());
    }
    let path = situation.directory.join(OsStr::from_bytes(word));
    let path = path.canonicalize().map_err(|error| system_text(&error))?;
    // Listing the directory itself is more than entering it needs, so only its kind is looked at.
    if !path.is_dir() {
        return Err("Not a directory".into());
    }
    Ok(path.into_os_string().into_vec())
}

/// The operating system's words for an error, without the number the standard library adds.
pub fn system_text(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_string()
}

/// Bytes that may stand in addresses and names on the cluster bus: no blanks, quotes, brackets or other
/// characters that would have to be quoted in the nodes file.
fn announced(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'/' | b':' | b'_' | b'`') || byte >= 0x80
}

fn is_address<A: std::str::FromStr>(word: &[u8]) -> bool {
    word.is_empty() || std::str::from_utf8(word).is_ok_and(|text| text.parse::<A>().is_ok())
}

/// Whether a title template has only known variables and cannot come out blank. `{{` stands for a brace.
fn title(template: &[u8]) -> bool {
    let mut visible = false;
    let mut at = 0;
    while at < template.len() {
        let rest = &template[at..];
        if rest.starts_with(b"{{") {
            visible = true;
            at += 2;
        } else if rest[0] == b'{' {
            let Some(end) = rest.iter().position(|byte| *byte == b'}') else { return false };
            let Some((_, certain)) = TITLE_VARIABLES.iter().find(|(name, _)| *name == &rest[1..end]) else {
                return false;
            };
            visible |= certain;
            at += end + 1;
        } else {
            visible |= rest[0] != b' ';
            at += 1;
        }
    }
    visible
}
