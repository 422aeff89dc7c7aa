//! The main cells under redis-benchmark, the load generator that users know: a check that our own does not flatter us.
//!
//! It tops out at about a million requests per second, so what it shows of a fast server is CPU time, not throughput.

use std::{env, path::PathBuf};

use anyhow::{Context, Result, ensure};
use loadgen::BenchArgs;

use super::{
    cells::{Place, STRINGS, VALUE_BYTES},
    measure::{self, Setup},
    proc,
    results::Results,
    servers::{Binary, Kind, Server, Start},
};

/// Commands and pipelines with the number of requests of a sample.
const SAMPLES: &[(&str, u64, u64)] = &[
    ("get", 1, 300_000),
    ("set", 1, 300_000),
    ("get", 16, 2_000_000),
    ("set", 16, 2_000_000),
    ("get", 64, 3_000_000),
    ("set", 64, 3_000_000),
];

/// One sample.
#[derive(Clone, Debug)]
pub struct Row {
    /// Command and pipeline.
    pub cell: String,
    /// The server.
    pub server: Kind,
    /// What redis-benchmark counted.
    pub ops_per_s: f64,
    /// Median latency.
    pub p50_us: f64,
    /// 99th percentile.
    pub p99_us: f64,
    /// The server's CPU time per request, kernel time included.
    pub cpu_us_per_op: f64,
}

/// Runs all samples against one server.
pub fn run(binary: &Binary, port: u16, setup: &Setup, results: &mut Results) -> Result<()> {
    let program = env::var_os("REDIS_BENCHMARK").map_or_else(|| "redis-benchmark".into(), PathBuf::from);
    let (server_cores, load_cores) = setup.cores(Place::Apart);
    let start = Start { port, io_threads: 1, cores: &server_cores, echo_bytes: (0, 0) };
    let server = Server::start(binary, start)?;
    proc::pin(std::process::id(), &load_cores)?;
    measure::fill(&server, STRINGS, setup)?;
    let key_bytes = BenchArgs::default().key_bytes;
    ensure!(key_bytes == 16, "redis-benchmark names keys of 16 bytes");
    for &(command, pipeline, requests) in SAMPLES {
        let begin_ns = proc::scheduled(server.pid())?.cpu_ns;
        let output = proc::tied(&program)
            .args(["-h", "127.0.0.1", "-p", &port.to_string(), "-t", command, "--csv"])
            .args(["-c", &setup.connections.to_string(), "-P", &pipeline.to_string()])
            .args(["-n", &requests.to_string(), "-r", &setup.keys.to_string()])
            .args(["-d", &VALUE_BYTES.to_string()])
            .output()
            .with_context(|| format!("cannot run {} (package redis-tools)", program.display()))?;
        let cpu_ns = proc::scheduled(server.pid())?.cpu_ns - begin_ns;
        ensure!(output.status.success(), "redis-benchmark ended with {}", output.status);
        let text = String::from_utf8_lossy(&output.stdout);
        let [ops_per_s, p50_us, p99_us] = figures(&text, command)?;
        results.redis_benchmark.push(Row {
            cell: format!("{command}-p{pipeline}"),
            server: binary.kind,
            ops_per_s,
            p50_us,
            p99_us,
            cpu_us_per_op: cpu_ns as f64 / 1e3 / requests as f64,
        });
    }
    Ok(())
}

/// Requests per second, p50 and p99 in microseconds, of a line such as
/// `"GET","1000000.00","0.5","0.1","0.4","0.9","1.2","3.0"`: average, least, p50, p95, p99 and most in milliseconds.
fn figures(csv: &str, command: &str) -> Result<[f64; 3]> {
    let wanted = format!("\"{}\"", command.to_uppercase());
    let line = csv
        .lines()
        .find(|line| line.starts_with(&wanted))
        .with_context(|| format!("no {wanted} in: {csv}"))?;
    let fields: Vec<f64> =
        line.split(',').skip(1).filter_map(|field| field.trim_matches('"').parse().ok()).collect();
    let [ops_per_s, _, _, p50_ms, _, p99_ms, _] = fields[..] else {
        anyhow::bail!("redis-benchmark printed other columns: {line}")
    };
    Ok([ops_per_s, p50_ms * 1e3, p99_ms * 1e3])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_its_csv() {
        let csv = "\"test\",\"rps\",\"avg_latency_ms\",\"min_latency_ms\",\"p50_latency_ms\",\"p95_latency_ms\",\
                   \"p99_latency_ms\",\"max_latency_ms\"\n\"GET\",\"81300.81\",\"0.4\",\"0.1\",\"0.407\",\"0.7\",\
                   \"1.007\",\"2.0\"\n";
        let [ops_per_s, p50_us, p99_us] = figures(csv, "get").expect("a line");
        assert!(
            (ops_per_s - 81_300.81).abs() < 1e-6
                && (p50_us - 407.0).abs() < 1e-6
                && (p99_us - 1007.0).abs() < 1e-6
        );
        assert!(figures(csv, "set").is_err());
    }
}
