//! `INFO` (<https://valkey.io/commands/info/>): the fields of Valkey 9.1 in its order, summed over all threads.
//!
//! What has no counterpart here (forks, Lua, active defragmentation, …) is given as the constant that is true of this
//! node: it never forks, so it has forked 0 times. Our own fields stand at the end of their sections.

mod figures;
mod memory;
mod node;
mod statistics;

use std::fmt::Write;

use commands::facts::server as facts;
use commands::{Args, CommandResult, Outcome};

use crate::ctx::NodeCtx;
use crate::registry::NodeSpec;

pub use figures::{ClientFigures, Totals, command_stats};

/// The family's rows.
pub const COMMANDS: &[NodeSpec] = &[NodeSpec { facts: &facts::INFO, gate: true, run: info }];

/// Writes a section's lines.
type Body = fn(&mut NodeCtx<'_>, &Totals, &mut String);

struct Section {
    /// As clients ask for it.
    name: &'static str,
    title: &'static str,
    /// Shown when no section is asked for.
    default: bool,
    /// Shown by `all` and `everything`.
    all: bool,
    body: Body,
}

const fn section(name: &'static str, title: &'static str, default: bool, body: Body) -> Section {
    Section { name, title, default, all: true, body }
}

/// All sections, in the order of the reply.
const SECTIONS: &[Section] = &[
    section("server", "Server", true, node::server),
    section("tls", "TLS", false, node::tls),
    section("clients", "Clients", true, node::clients),
    section("memory", "Memory", true, memory::memory),
    section("persistence", "Persistence", true, node::persistence),
    section("stats", "Stats", true, statistics::stats),
    section("replication", "Replication", true, node::replication),
    section("cpu", "CPU", true, node::cpu),
    section("modules", "Modules", true, |_, _, _| {}),
    section("commandstats", "Commandstats", false, statistics::commandstats),
    section("errorstats", "Errorstats", true, statistics::errorstats),
    section("latencystats", "Latencystats", false, statistics::latencystats),
    section("cluster", "Cluster", true, node::cluster),
    section("cluster_info", "Cluster Info", false, |_, _, _| {}),
    section("scriptingengines", "Scripting Engines", false, node::scripting_engines),
    section("keyspace", "Keyspace", true, statistics::keyspace),
    Section { name: "debug", title: "Debug", default: false, all: false, body: statistics::debug },
];

/// `INFO [section …]`: unknown sections are left out. O(commands + shards + threads), O(clients) for some sections.
pub fn info(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    let names: Vec<&[u8]> = args.from(1).collect();
    let asked = |name: &str| names.iter().any(|n| n.eq_ignore_ascii_case(name.as_bytes()));
    let all = asked("all") || asked("everything");
    let default = names.is_empty() || asked("default");
    let totals = Totals::of(ctx);
    let mut text = String::with_capacity(8192);
    for section in SECTIONS {
        if asked(section.name) || (default && section.default) || (all && section.all) {
            if !text.is_empty() {
                text.push_str("\r\n");
            }
            let _ = write!(text, "# {}\r\n", section.title);
            (section.body)(ctx, &totals, &mut text);
        }
    }
    ctx.data.reply.verbatim(b"txt", text.as_bytes());
    Ok(Outcome::Done)
}

/// Appends `name:value` and the line's end.
fn field(out: &mut String, name: &str, value: impl std::fmt::Display) {
    let _ = write!(out, "{name}:{value}\r\n");
}

/// Appends fields that are 0.
fn zeros(out: &mut String, names: &[&str]) {
    for name in names {
        field(out, name, 0);
    }
}

/// A size for people: `994.46K`.
pub fn human(bytes: u64) -> String {
    const UNITS: [char; 5] = ['K', 'M', 'G', 'T', 'P'];
    if bytes < 1024 {
        return format!("{bytes}B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.2}{}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_shortened_as_in_valkey() {
        assert_eq!(human(0), "0B");
        assert_eq!(human(1023), "1023B");
        assert_eq!(human(1_018_328), "994.46K");
        assert_eq!(human(25_276_502_016), "23.54G");
    }
}
