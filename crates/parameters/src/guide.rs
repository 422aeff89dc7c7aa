//! The parameter reference in `docs/guide/parameters.md`, rendered from the table so that it cannot lie.

use std::fmt::Write;

use crate::row::{Choices, Default, Kind, Mutability, Row, Unit};
use crate::table::GROUPS;

/// All parameters as Markdown: a heading and a table per group.
pub fn markdown_table() -> String {
    let mut out = String::new();
    for (title, rows) in GROUPS {
        let _ = write!(
            out,
            "## {title}\n\n| Parameter | Value | Default | At run time | State |\n| --- | --- | --- | --- | --- |\n"
        );
        for row in *rows {
            let _ = writeln!(
                out,
                "| {} | {} | {} | {} | {} |",
                names(row),
                values(row).replace('|', "\\|"),
                default(row),
                mutability(row),
                if row.acted_on() { "acted on" } else { "accepted, no effect yet" }
            );
        }
        out.push('\n');
    }
    out
}

fn names(row: &Row) -> String {
    let alias = row.alias.map(|alias| format!(" (`{alias}`)")).unwrap_or_default();
    format!("`{}`{alias}", row.name)
}

fn values(row: &Row) -> String {
    let unit = match row.unit {
        Unit::None => "",
        Unit::Bytes => " bytes",
        Unit::Microseconds => " µs",
        Unit::Milliseconds => " ms",
        Unit::Seconds => " s",
        Unit::Minutes => " min",
        Unit::Percent => " %",
        Unit::PerSecond => " per second",
    };
    match row.kind {
        Kind::Bool => "`yes` or `no`".to_string(),
        Kind::Int { min, max } => {
            let (min, max) = row.clamp.unwrap_or((min, max));
            let zero = if row.zero_is_cores { ", 0 = number of cores" } else { "" };
            let power = if row.zero_or_power_of_two { ", a power of two; 0 = automatic" } else { "" };
            format!("{} to {}{unit}{zero}{power}", bound(min), bound(max))
        }
        Kind::Memory { min, .. } if min > 0 => format!("size, at least {min}{unit}"),
        Kind::Memory { .. } => "size".to_string(),
        Kind::SignedMemory { min, .. } => format!("size, or {min}"),
        Kind::MemoryOrPercent => "size, or 0% to 100%".to_string(),
        Kind::Octal { max } => format!("octal, up to {max:o}"),
        Kind::Choice(choices) => words(choices, " or "),
        Kind::Flags(choices) => format!("any of {}", words(choices, ", ")),
        Kind::Text => "text".to_string(),
        Kind::Words => "up to 16 addresses".to_string(),
        Kind::SavePoints => "pairs of seconds and changes".to_string(),
        Kind::OutputBufferLimits => "class, hard size, soft size, soft seconds; repeated".to_string(),
        Kind::EventLetters => "letters out of `Ag$lshzxeKEtmdn`".to_string(),
        Kind::OomScores => "three numbers from -2000 to 2000".to_string(),
        Kind::Percentiles => "numbers from 0 to 100".to_string(),
        Kind::ReplicaOf => "host and port, or `no one`".to_string(),
    }
}

fn bound(number: i64) -> String {
    match number {
        i64::MAX => "2^63-1".to_string(),
        i64::MIN => "-2^63".to_string(),
        number => number.to_string(),
    }
}

fn words(choices: Choices, between: &str) -> String {
    choices.iter().map(|(word, _)| format!("`{word}`")).collect::<Vec<_>>().join(between)
}

fn default(row: &Row) -> String {
    match row.default {
        Default::Fixed("") => "empty".to_string(),
        Default::Fixed(text) => format!("`{text}`"),
        Default::Cores => "number of cores".to_string(),
        Default::WorkingDirectory => "working directory".to_string(),
    }
}

fn mutability(row: &Row) -> String {
    let change = match row.mutability {
        Mutability::Modifiable => "yes",
        Mutability::Immutable => "no",
        Mutability::Protected => "protected",
    };
    format!("{change}{}", if row.hidden { ", hidden" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_a_line_of_five_cells() {
        let text = markdown_table();
        for row in &crate::table::ROWS {
            let start = format!("| `{}`", row.name);
            let line = text.lines().find(|line| {
                line.strip_prefix(start.as_str()).is_some_and(|rest| rest.starts_with([' ', '`']))
            });
            let cells = line.unwrap_or_else(|| panic!("no line for {}", row.name)).split(" | ").count();
            assert_eq!(cells, 5, "{}", row.name);
        }
        assert!(text.contains("| `hz` | 1 to 500 per second | `10` | yes | acted on |"));
        assert!(text.contains("| `shards` | 0 to 1024, a power of two; 0 = automatic | `0` | no |"));
    }
}
