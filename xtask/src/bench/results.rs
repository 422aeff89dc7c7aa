//! The results as tables and as JSON, and where they are written.

use std::{
    env,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::Result;
use loadgen::report::{Latency, quoted};

use super::{
    handover,
    measure::{Sample, Setup},
    memory, messaging,
    plan::Plan,
    proc::{Machine, core_list},
    redis_benchmark,
    servers::{Binary, Kind},
    stall,
};

/// What ratios refer to.
const REFERENCE: Kind = Kind::Valkey;

/// The project's root.
fn root() -> PathBuf {
    let manifest = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    Path::new(&manifest).parent().map_or_else(|| PathBuf::from("."), Path::to_owned)
}

/// Where cargo puts what it builds.
pub fn target_dir() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Everything that a run found.
pub struct Results {
    setup: Setup,
    title: String,
    subject: &'static str,
    machine: Machine,
    date: String,
    command_line: String,
    /// Servers that took part.
    pub binaries: Vec<Binary>,
    /// Throughput samples.
    pub samples: Vec<Sample>,
    /// What redis-benchmark saw.
    pub redis_benchmark: Vec<redis_benchmark::Row>,
    /// Blocked clients that were served.
    pub handovers: Vec<handover::Row>,
    /// Rounds of exchanges.
    pub exchanges: Vec<messaging::Row>,
    /// Memory rows.
    pub memory: Vec<memory::Row>,
    /// Stall rows.
    pub stalls: Vec<stall::Row>,
    notes: Vec<String>,
}

impl Results {
    /// Empty results of a run that starts now.
    pub fn new(setup: &Setup, plan: &Plan) -> Results {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let arguments: Vec<String> = env::args().skip(1).collect();
        Results {
            setup: setup.clone(),
            title: format!("{}{} benchmark", plan.name[..1].to_uppercase(), &plan.name[1..]),
            subject: plan.subject,
            machine: Machine::read(),
            date: date_of(since.as_secs() / 86_400),
            command_line: format!("cargo xtask {}", arguments.join(" ")),
            binaries: Vec::new(),
            samples: Vec::new(),
            redis_benchmark: Vec::new(),
            handovers: Vec::new(),
            exchanges: Vec::new(),
            memory: Vec::new(),
            stalls: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Prints a remark and keeps it for the files.
    pub fn note(&mut self, note: String) {
        println!("note: {note}");
        self.notes.push(note);
    }

    /// Writes both files and returns their paths below the project's root.
    pub fn write(&self, name: &str) -> Result<Vec<String>> {
        let folder = root().join("benches/results");
        fs::create_dir_all(&folder)?;
        let mut paths = Vec::new();
        for (extension, text) in [("md", self.markdown()), ("json", self.json())] {
            let file = format!("{}-{name}.{extension}", self.date);
            fs::write(folder.join(&file), text)?;
            paths.push(format!("benches/results/{file}"));
        }
        Ok(paths)
    }

    /// The report for people.
    pub fn markdown(&self) -> String {
        let mut out = String::new();
        self.head(&mut out).expect("writing to a string");
        self.throughput_table(&mut out).expect("writing to a string");
        self.redis_benchmark_table(&mut out).expect("writing to a string");
        self.handover_table(&mut out).expect("writing to a string");
        self.exchange_table(&mut out).expect("writing to a string");
        self.memory_table(&mut out).expect("writing to a string");
        self.stall_table(&mut out).expect("writing to a string");
        if !self.notes.is_empty() {
            out.push_str("\n## Notes\n\n");
            self.notes.iter().for_each(|note| out.push_str(&format!("- {}\n", note.replace('\n', " | "))));
        }
        out
    }

    fn head(&self, out: &mut String) -> std::fmt::Result {
        let (machine, setup) = (&self.machine, &self.setup);
        writeln!(out, "# {}, {}\n", self.title, self.date)?;
        writeln!(out, "- Command: `{}`, seed {}", self.command_line, setup.seed)?;
        writeln!(
            out,
            "- Machine: {}, {} processors, {:.0} GiB, Linux {}, TCP {} on loopback",
            machine.cpu,
            machine.cores,
            machine.memory_bytes as f64 / f64::from(1 << 30),
            machine.kernel,
            machine.congestion_control
        )?;
        for binary in &self.binaries {
            let preloaded = if binary.preloaded() { ", jemalloc preloaded" } else { "" };
            writeln!(out, "- {}: {}{preloaded}", binary.kind.name(), binary.version)?;
        }
        writeln!(
            out,
            "- {}; {} connections; server on core {}, load on core {}, but in cells named \
             `shared`, where both use cores {}. Samples of {} s after {} s of warm-up, repeated above {}% steal or {}% of other processes; niceness {}",
            self.subject,
            setup.connections,
            setup.server_core,
            setup.load_core,
            core_list(&[setup.server_core, setup.load_core]),
            setup.seconds,
            setup.warm_up,
            setup.steal_percent_max,
            setup.others_percent_max,
            setup.nice
        )
    }

    fn cells(&self) -> Vec<&'static str> {
        let mut cells: Vec<&'static str> = Vec::new();
        for sample in &self.samples {
            if !cells.contains(&sample.cell) {
                cells.push(sample.cell);
            }
        }
        cells
    }

    fn of(&self, cell: &str, server: Kind) -> Vec<&Sample> {
        self.samples.iter().filter(|sample| sample.cell == cell && sample.server == server).collect()
    }

    fn throughput_table(&self, out: &mut String) -> std::fmt::Result {
        if self.samples.is_empty() {
            return Ok(());
        }
        writeln!(
            out,
            "\n## Throughput, closed loop\n\nMedians over the rounds; ratios to {} of the same round as \
             min / median / max. CPU is the server's, kernel included. Latency under a closed loop is mostly \
             queueing. Load: share of its core that the generator used; near 100% it is the limit. \
             Others: share of both cores that other processes took, hypervisor included.\n",
            REFERENCE.name()
        )?;
        writeln!(
            out,
            "| cell | server | CPU us/op | CPU ratio | ops/s | ops ratio | p50 us | p99 us | p99 ratio | p99.9 us | \
             max us | load | others |"
        )?;
        writeln!(out, "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")?;
        for cell in self.cells() {
            let reference = self.of(cell, REFERENCE);
            for &server in Kind::ALL {
                let samples = self.of(cell, server);
                if samples.is_empty() {
                    continue;
                }
                let middle =
                    |value: fn(&Sample) -> f64| median(samples.iter().map(|sample| value(sample)).collect());
                let ratio = |value: fn(&Sample) -> f64| {
                    if server == REFERENCE { "1".to_owned() } else { ratios(&samples, &reference, value) }
                };
                writeln!(
                    out,
                    "| {cell} | {} | {:.3} | {} | {:.0} | {} | {:.1} | {:.1} | {} | {:.1} | {:.1} | {:.0}% | {:.0}% |",
                    server.name(),
                    middle(|s| s.cpu_us_per_op),
                    ratio(|s| s.cpu_us_per_op),
                    middle(|s| s.report.throughput_per_s()),
                    ratio(|s| s.report.throughput_per_s()),
                    middle(|s| s.report.latency.p50_us),
                    middle(|s| s.report.latency.p99_us),
                    ratio(|s| s.report.latency.p99_us),
                    middle(|s| s.report.latency.p999_us),
                    middle(|s| s.report.latency.max_us),
                    middle(|s| s.report.generator_busy().unwrap_or(0.0) * 100.0),
                    middle(|s| s.steal_percent + s.others_percent),
                )?;
            }
        }
        Ok(())
    }

    fn redis_benchmark_table(&self, out: &mut String) -> std::fmt::Result {
        if self.redis_benchmark.is_empty() {
            return Ok(());
        }
        writeln!(
            out,
            "\n## Under redis-benchmark\n\nOne sample each, its start included; it is the limit where servers show \
             the same throughput.\n\n| cell | server | CPU us/op | CPU ratio | ops/s | p50 us | p99 us |\n\
             |---|---|--:|--:|--:|--:|--:|"
        )?;
        let mut rows: Vec<_> = self.redis_benchmark.iter().collect();
        let order =
            |row: &redis_benchmark::Row| self.redis_benchmark.iter().position(|first| first.cell == row.cell);
        rows.sort_by_key(|row| (order(row), row.server));
        for row in &rows {
            let mut same = rows.iter().filter(|other| other.cell == row.cell);
            let reference = same.find(|other| other.server == REFERENCE);
            let ratio = reference.map_or(f64::NAN, |other| row.cpu_us_per_op / other.cpu_us_per_op);
            let (cell, server) = (&row.cell, row.server.name());
            writeln!(
                out,
                "| {cell} | {server} | {:.3} | {ratio:.2} | {:.0} | {:.0} | {:.0} |",
                row.cpu_us_per_op, row.ops_per_s, row.p50_us, row.p99_us
            )?;
        }
        Ok(())
    }

    fn handover_table(&self, out: &mut String) -> std::fmt::Result {
        if self.handovers.is_empty() {
            return Ok(());
        }
        writeln!(
            out,
            "\n## BLPOP hand-over\n\nPairs of clients: one waits in BLPOP, the other sends LPUSH; a hand-over is both \
             commands. Latency from the push being sent to the waiting client's reply.\n\n\
             | pairs | server | CPU us | CPU ratio | hand-overs/s | p50 us | p99 us | p99.9 us |\n\
             |--:|---|--:|--:|--:|--:|--:|--:|"
        )?;
        let mut rows: Vec<_> = self.handovers.iter().collect();
        rows.sort_by_key(|row| (row.pairs, row.server));
        for row in &rows {
            let mut same = rows.iter().filter(|other| other.pairs == row.pairs);
            let reference = same.find(|other| other.server == REFERENCE);
            writeln!(
                out,
                "| {} | {} | {:.2} | {:.2} | {:.0} | {:.1} | {:.1} | {:.1} |",
                row.pairs,
                row.server.name(),
                row.cpu_us,
                reference.map_or(f64::NAN, |other| row.cpu_us / other.cpu_us),
                row.per_s,
                row.latency.p50_us,
                row.latency.p99_us,
                row.latency.p999_us,
            )?;
        }
        Ok(())
    }

    fn exchange_table(&self, out: &mut String) -> std::fmt::Result {
        if self.exchanges.is_empty() {
            return Ok(());
        }
        writeln!(
            out,
            "\n## Exchanges\n\nClients that send at once and then wait for all that must come. An operation is: of \
             multi-of-10 a transaction of ten SETs, of publish a message for one listener, of tracking a GET and a SET \
             by another client (and, with tracking on, the news of it). Medians, and ratios of the same round: min / \
             median / max.\n\n| exchange | server | CPU us | CPU ratio | operations/s | ratio |\n|---|---|--:|--:|--:|--:|"
        )?;
        let mut names: Vec<&str> = self.exchanges.iter().map(|row| row.name).collect();
        names.dedup();
        for name in names {
            let of = |server| -> Vec<&messaging::Row> {
                self.exchanges.iter().filter(|row| row.name == name && row.server == server).collect()
            };
            let reference = of(REFERENCE);
            let mut servers: Vec<Kind> =
                self.exchanges.iter().filter(|row| row.name == name).map(|row| row.server).collect();
            servers.sort();
            servers.dedup();
            for server in servers {
                let rows = of(server);
                let spread = |value: fn(&messaging::Row) -> f64| {
                    let both = rows.iter().zip(&reference);
                    spread(both.map(|(own, other)| value(own) / value(other)).collect())
                };
                writeln!(
                    out,
                    "| {name} | {} | {:.3} | {} | {:.0} | {} |",
                    server.name(),
                    median(rows.iter().map(|row| row.cpu_us).collect()),
                    spread(|row| row.cpu_us),
                    median(rows.iter().map(|row| row.per_s).collect()),
                    spread(|row| row.per_s),
                )?;
            }
        }
        Ok(())
    }

    fn memory_table(&self, out: &mut String) -> std::fmt::Result {
        if self.memory.is_empty() {
            return Ok(());
        }
        writeln!(
            out,
            "\n## Memory\n\nBytes per key (per element where a scenario is a type and a number of elements) beyond the empty server's; overhead is what remains without the bytes of \
             key and value.\n"
        )?;
        writeln!(
            out,
            "| scenario | server | keys | RSS/key | RSS ratio | RSS overhead | used/key | used ratio | used overhead | RSS MiB |"
        )?;
        writeln!(out, "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|")?;
        let mut rows: Vec<&memory::Row> = self.memory.iter().collect();
        let order = |row: &memory::Row| self.memory.iter().position(|first| first.scenario == row.scenario);
        rows.sort_by_key(|row| (order(row), row.server));
        for row in rows {
            let number = |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.1}"));
            let mut same = self.memory.iter().filter(|other| other.scenario == row.scenario);
            let reference = same.find(|other| other.server == REFERENCE);
            let ratio = |value: fn(&memory::Row) -> Option<f64>| {
                let both = value(row).zip(reference.and_then(value));
                both.map_or("–".to_owned(), |(own, reference)| format!("{:.2}", own / reference))
            };
            writeln!(
                out,
                "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {:.1} |",
                row.scenario,
                row.server.name(),
                row.keys,
                number(row.rss_per_key()),
                ratio(memory::Row::rss_per_key),
                number(row.rss_per_key().map(|bytes| bytes - row.payload_bytes)),
                number(row.used_per_key()),
                ratio(memory::Row::used_per_key),
                number(row.used_per_key().map(|bytes| bytes - row.payload_bytes)),
                row.rss_bytes.1 as f64 / f64::from(1 << 20),
            )?;
        }
        Ok(())
    }

    fn stall_table(&self, out: &mut String) -> std::fmt::Result {
        if self.stalls.is_empty() {
            return Ok(());
        }
        writeln!(
            out,
            "\n## Stalls\n\nLatency of 1,000 pings per second, from their scheduled instant; \"late\" is the part of \
             the pinging client itself, below which nothing can be said of the server, and \"kept off CPU\" the time \
             for which other processes had the server's core.\n"
        )?;
        writeln!(
            out,
            "| keys | server | s | keys at the end | evicted | p50 us | p99.9 us | max us | late p99.9 us | late max us | kept off CPU ms | steal |"
        )?;
        writeln!(out, "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")?;
        let mut rows: Vec<&stall::Row> = self.stalls.iter().collect();
        let order = |row: &stall::Row| self.stalls.iter().position(|first| first.phase == row.phase);
        rows.sort_by_key(|row| (order(row), row.server));
        for row in rows {
            let urgent = if row.pings.urgent { "" } else { " (no real-time priority)" };
            writeln!(
                out,
                "| {} | {} | {:.1} | {} | {} | {:.0} | {:.0} | {:.0} | {:.0} | {:.0}{urgent} | {:.0} | {:.1}% |",
                row.phase,
                row.server.name(),
                row.seconds,
                row.keys,
                row.evicted.map_or("–".to_owned(), |evicted| evicted.to_string()),
                row.pings.latency.p50_us,
                row.pings.latency.p999_us,
                row.pings.latency.max_us,
                row.pings.lateness.p999_us,
                row.pings.lateness.max_us,
                row.server_delayed_ms,
                row.steal_percent,
            )?;
        }
        Ok(())
    }

    /// The same for programs: one element per line.
    pub fn json(&self) -> String {
        let list = |items: Vec<String>| {
            if items.is_empty() { "[]".to_owned() } else { format!("[\n{}\n]", items.join(",\n")) }
        };
        let pair = |bytes: Option<(u64, u64)>| bytes.map_or("null".to_owned(), |(a, b)| format!("[{a},{b}]"));
        let machine = &self.machine;
        let servers = self.binaries.iter().map(|binary| {
            format!(
                r#"{{"server":{},"version":{},"jemalloc_preloaded":{}}}"#,
                quoted(binary.kind.name()),
                quoted(&binary.version),
                binary.preloaded()
            )
        });
        let samples = self.samples.iter().map(|sample| {
            format!(
                r#"{{"cell":{},"server":{},"round":{},"cpu_us_per_op":{:.5},"cpus_used":{:.4},"steal_percent":{:.2},"others_percent":{:.2},"attempts":{},"report":{}}}"#,
                quoted(sample.cell),
                quoted(sample.server.name()),
                sample.round,
                sample.cpu_us_per_op,
                sample.cpus_used,
                sample.steal_percent,
                sample.others_percent,
                sample.attempts,
                sample.report.to_json()
            )
        });
        let redis_benchmark = self.redis_benchmark.iter().map(|row| {
            format!(
                r#"{{"cell":{},"server":{},"cpu_us_per_op":{:.5},"ops_per_s":{:.1},"p50_us":{:.1},"p99_us":{:.1}}}"#,
                quoted(&row.cell),
                quoted(row.server.name()),
                row.cpu_us_per_op,
                row.ops_per_s,
                row.p50_us,
                row.p99_us
            )
        });
        let handovers = self.handovers.iter().map(|row| {
            format!(
                r#"{{"pairs":{},"server":{},"cpu_us":{:.4},"per_s":{:.1},"latency":{}}}"#,
                row.pairs,
                quoted(row.server.name()),
                row.cpu_us,
                row.per_s,
                latency_json(&row.latency)
            )
        });
        let exchanges = self.exchanges.iter().map(|row| {
            format!(
                r#"{{"name":{},"server":{},"cpu_us":{:.4},"per_s":{:.1}}}"#,
                quoted(row.name),
                quoted(row.server.name()),
                row.cpu_us,
                row.per_s
            )
        });
        let memory = self.memory.iter().map(|row| {
            format!(
                r#"{{"scenario":{},"server":{},"keys":{},"payload_bytes":{:.1},"rss_bytes":{},"used_bytes":{}}}"#,
                quoted(&row.scenario),
                quoted(row.server.name()),
                row.keys,
                row.payload_bytes,
                pair(Some(row.rss_bytes)),
                pair(row.used_bytes)
            )
        });
        let stalls = self.stalls.iter().map(|row| {
            format!(
                r#"{{"phase":{},"server":{},"seconds":{:.1},"keys":{},"evicted":{},"server_delayed_ms":{:.1},"steal_percent":{:.2},"ping":{},"late":{}}}"#,
                quoted(&row.phase),
                quoted(row.server.name()),
                row.seconds,
                row.keys,
                row.evicted.map_or("null".to_owned(), |evicted| evicted.to_string()),
                row.server_delayed_ms,
                row.steal_percent,
                latency_json(&row.pings.latency),
                latency_json(&row.pings.lateness)
            )
        });
        format!(
            "{{\n\"date\":{},\n\"command\":{},\n\"seed\":{},\n\"machine\":{{\"cpu\":{},\"processors\":{},\"memory_bytes\":{},\
             \"kernel\":{},\"congestion_control\":{}}},\n\"servers\":{},\n\"samples\":{},\n\"redis_benchmark\":{},\n\"handovers\":{},\n\"exchanges\":{},\n\"memory\":{},\n\"stalls\":{},\n\
             \"notes\":{}\n}}\n",
            quoted(&self.date),
            quoted(&self.command_line),
            self.setup.seed,
            quoted(&machine.cpu),
            machine.cores,
            machine.memory_bytes,
            quoted(&machine.kernel),
            quoted(&machine.congestion_control),
            list(servers.collect()),
            list(samples.collect()),
            list(redis_benchmark.collect()),
            list(handovers.collect()),
            list(exchanges.collect()),
            list(memory.collect()),
            list(stalls.collect()),
            list(self.notes.iter().map(|note| quoted(note)).collect())
        )
    }
}

fn latency_json(latency: &Latency) -> String {
    format!(
        r#"{{"count":{},"p50_us":{:.1},"p99_us":{:.1},"p999_us":{:.1},"max_us":{:.1}}}"#,
        latency.count, latency.p50_us, latency.p99_us, latency.p999_us, latency.max_us
    )
}

/// The middle value, or the mean of the two middle ones; NaN of none.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[n / 2],
        n => (values[n / 2 - 1] + values[n / 2]) / 2.0,
    }
}

/// Ratios to the reference's sample of the same round: `min / median / max`.
fn ratios(samples: &[&Sample], reference: &[&Sample], value: fn(&Sample) -> f64) -> String {
    let of_round = |sample: &&Sample| {
        let same = reference.iter().find(|other| other.round == sample.round)?;
        Some(value(sample) / value(same))
    };
    spread(samples.iter().filter_map(of_round).collect())
}

/// `min / median / max`.
fn spread(all: Vec<f64>) -> String {
    if all.is_empty() {
        return "–".to_owned();
    }
    let (min, max) = all.iter().fold((f64::MAX, f64::MIN), |(min, max), &r| (min.min(r), max.max(r)));
    format!("{min:.2} / {:.2} / {max:.2}", median(all))
}

/// The date (Gregorian, UTC) of a day counted from 1970-01-01.
fn date_of(days: u64) -> String {
    let leap = |year: u64| year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    let (mut year, mut day) = (1970, days);
    while day >= 365 + u64::from(leap(year)) {
        day -= 365 + u64::from(leap(year));
        year += 1;
    }
    let mut month = 1;
    for length in [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if day < length {
            break;
        }
        day -= length;
        month += 1;
    }
    format!("{year}-{month:02}-{:02}", day + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        assert_eq!(date_of(0), "1970-01-01");
        assert_eq!(date_of(11_016), "2000-02-29");
        assert_eq!(date_of(20_454), "2026-01-01");
        assert_eq!(date_of(20_453), "2025-12-31");
    }

    #[test]
    fn medians() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(vec![]).is_nan());
    }
}
