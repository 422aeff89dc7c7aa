//! Bytes per key, in what the server accounts (`used_memory`) and in what it takes from the system (RSS).

use std::{thread, time::Duration};

use anyhow::{Context, Result};
use loadgen::{BenchArgs, args::ValueSizes, distribution::Distribution};

use super::{
    cells::Data,
    measure::{self, Setup},
    proc,
    servers::{Binary, Kind, Server, Start},
};

/// Allocators return memory some seconds later than it is freed; every server gets as long.
const SETTLE: Duration = Duration::from_secs(4);
const KEY_BYTES: usize = 16;
/// Random deletes per key after which a tenth is left: e^-2.3026 = 0.1.
const DELETES_PER_KEY: f64 = std::f64::consts::LN_10;

/// One scenario, on a fresh server.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// Name for `--only`, tables and JSON.
    pub name: &'static str,
    /// Value sizes in the generator's spelling; nothing is written where it is empty.
    sizes: &'static str,
    ttl_s: Option<u64>,
    /// Afterwards: delete nine tenths at random, then write all keys with values of this size.
    refill: Option<&'static str>,
}

/// An empty node.
pub const IDLE: Scenario = Scenario { name: "memory-idle", sizes: "", ttl_s: None, refill: None };
/// The goal's scenario.
pub const FIXED: Scenario = Scenario { name: "memory-16-64", sizes: "64", ..IDLE };
/// With lifetimes.
pub const WITH_TTL: Scenario = Scenario { name: "memory-16-64-ttl", ttl_s: Some(86_400), ..FIXED };
/// Larger values.
pub const KIBIBYTE: Scenario = Scenario { name: "memory-16-1024", sizes: "1024", ..IDLE };
/// Values of several sizes.
pub const MIXED: Scenario =
    Scenario { name: "memory-mixed", sizes: "16:0.25,64:0.35,200:0.2,500:0.15,1500:0.05", ..IDLE };
/// What the refill of [`CHURN`] would take without its past.
pub const AS_REFILLED: Scenario = Scenario { name: "memory-16-192", sizes: "192", ..IDLE };
/// Nine tenths deleted and all written anew, three times as large.
pub const CHURN: Scenario = Scenario { name: "memory-churn", refill: Some("192"), ..FIXED };

/// One line of the memory table.
#[derive(Clone, Debug)]
pub struct Row {
    /// Name of the scenario, with the stage where it has several.
    pub scenario: String,
    /// The server.
    pub server: Kind,
    /// Keys present.
    pub keys: u64,
    /// Mean key and value bytes of a key.
    pub payload_bytes: f64,
    /// RSS of the server when it was empty and now.
    pub rss_bytes: (u64, u64),
    /// The same of `used_memory`, where the server tells it.
    pub used_bytes: Option<(u64, u64)>,
}

impl Row {
    /// RSS per key beyond the empty server's.
    pub fn rss_per_key(&self) -> Option<f64> {
        per_key(self.rss_bytes, self.keys)
    }

    /// `used_memory` per key beyond the empty server's.
    pub fn used_per_key(&self) -> Option<f64> {
        per_key(self.used_bytes?, self.keys).filter(|&bytes| bytes > 0.0)
    }
}

fn per_key((before, after): (u64, u64), keys: u64) -> Option<f64> {
    (keys > 0).then(|| (after as f64 - before as f64) / keys as f64)
}

/// RSS and `used_memory` now.
fn usage(server: &Server) -> Result<(u64, Option<u64>)> {
    thread::sleep(SETTLE);
    let used = server.client()?.info("memory", "used_memory").ok().and_then(|text| text.parse().ok());
    Ok((proc::rss_bytes(server.pid())?, used))
}

/// Runs a scenario on a fresh server.
pub fn run(binary: &Binary, scenario: &Scenario, port: u16, setup: &Setup) -> Result<Vec<Row>> {
    let server = Server::start(
        binary,
        Start { port, io_threads: 1, cores: &[setup.server_core], echo_bytes: (0, 0) },
    )?;
    let empty = usage(&server)?;
    let mut rows = Vec::new();
    let mut row = |stage: &str, sizes: Option<&ValueSizes>| -> Result<()> {
        let now = usage(&server)?;
        rows.push(Row {
            scenario: format!("{}{stage}", scenario.name),
            server: binary.kind,
            keys: server.client()?.number(&["DBSIZE"])?,
            payload_bytes: sizes.map_or(0.0, |sizes| KEY_BYTES as f64 + mean(sizes)),
            rss_bytes: (empty.0, now.0),
            used_bytes: empty.1.zip(now.1),
        });
        Ok(())
    };
    if scenario.sizes.is_empty() {
        row("", None)?;
        return Ok(rows);
    }
    let parse = |text: &str| text.parse::<ValueSizes>().map_err(anyhow::Error::msg);
    let sizes = parse(scenario.sizes)?;
    let fill = |value_bytes: &ValueSizes| {
        let args =
            BenchArgs { value_bytes: value_bytes.clone(), ttl: scenario.ttl_s, ..BenchArgs::default() };
        loadgen::fill(&setup.bench_args(server.port, args)).context("filling")
    };
    fill(&sizes)?;
    let Some(refill) = scenario.refill else {
        row("", Some(&sizes))?;
        return Ok(rows);
    };
    let delete = BenchArgs {
        template: vec!["DEL __key__".to_owned()],
        distribution: Distribution::Uniform,
        requests: Some((setup.keys as f64 * DELETES_PER_KEY) as u64),
        pipeline: 16,
        ..BenchArgs::default()
    };
    loadgen::run(&setup.bench_args(server.port, delete)).context("deleting")?;
    row(": a tenth left", Some(&sizes))?;
    let refill = parse(refill)?;
    fill(&refill)?;
    row(": refilled", Some(&refill))?;
    Ok(rows)
}

/// Bytes per element of the collections in `data`, on a fresh server; what the keys take is in them.
pub fn of_elements(binary: &Binary, data: &Data, port: u16, setup: &Setup) -> Result<Row> {
    let (keys, elements) = data.size.context("no collections")?;
    let server = Server::start(
        binary,
        Start { port, io_threads: 1, cores: &[setup.server_core], echo_bytes: (0, 0) },
    )?;
    let empty = usage(&server)?;
    measure::fill(&server, data, setup)?;
    let now = usage(&server)?;
    Ok(Row {
        scenario: data.name.to_owned(),
        server: binary.kind,
        keys: keys * elements,
        payload_bytes: data.element_bytes as f64,
        rss_bytes: (empty.0, now.0),
        used_bytes: empty.1.zip(now.1),
    })
}

fn mean(sizes: &ValueSizes) -> f64 {
    let total: f64 = sizes.0.iter().map(|&(_, share)| share).sum();
    sizes.0.iter().map(|&(value_bytes, share)| value_bytes as f64 * share / total).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_parse_and_average() {
        for scenario in [FIXED, WITH_TTL, KIBIBYTE, MIXED, AS_REFILLED, CHURN] {
            scenario.sizes.parse::<ValueSizes>().expect(scenario.name);
        }
        assert!((mean(&"64:3,1024:1".parse().expect("sizes")) - 304.0).abs() < 1e-9);
    }

    #[test]
    fn a_key_costs_what_was_added() {
        assert_eq!(per_key((1_000, 13_000), 100), Some(120.0));
        assert_eq!(per_key((1_000, 1_000), 0), None);
    }
}
