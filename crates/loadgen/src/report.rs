//! What a run found, as text for people and as JSON for programs.
//!
//! The JSON is stable: names stay, new ones are added at the end of their object. Units are in the names.

use std::{
    collections::BTreeMap,
    fmt::{self, Write},
};

use hdrhistogram::Histogram;

use crate::reply::Tally;

/// Latency percentiles in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Latency {
    /// Number of values.
    pub count: u64,
    /// Mean.
    pub mean_us: f64,
    /// Median.
    pub p50_us: f64,
    /// 90th percentile.
    pub p90_us: f64,
    /// 99th percentile.
    pub p99_us: f64,
    /// 99.9th percentile.
    pub p999_us: f64,
    /// Largest value.
    pub max_us: f64,
}

impl Latency {
    /// The percentiles of a histogram of nanoseconds.
    pub fn of(histogram: &Histogram<u64>) -> Latency {
        let us = |ns: u64| ns as f64 / 1e3;
        Latency {
            count: histogram.len(),
            mean_us: histogram.mean() / 1e3,
            p50_us: us(histogram.value_at_quantile(0.5)),
            p90_us: us(histogram.value_at_quantile(0.9)),
            p99_us: us(histogram.value_at_quantile(0.99)),
            p999_us: us(histogram.value_at_quantile(0.999)),
            max_us: us(histogram.max()),
        }
    }

    fn json(&self) -> String {
        format!(
            r#"{{"count":{},"mean_us":{:.3},"p50_us":{:.3},"p90_us":{:.3},"p99_us":{:.3},"p999_us":{:.3},"max_us":{:.3}}}"#,
            self.count, self.mean_us, self.p50_us, self.p90_us, self.p99_us, self.p999_us, self.max_us
        )
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "p50 {:.1} us, p90 {:.1}, p99 {:.1}, p99.9 {:.1}, max {:.1}",
            self.p50_us, self.p90_us, self.p99_us, self.p999_us, self.max_us
        )
    }
}

/// How filling the keys went.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Filled {
    /// Keys written.
    pub keys: u64,
    /// Time it took.
    pub seconds: f64,
}

/// The result of a run; the first fields repeat what was asked.
#[derive(Clone, Debug)]
pub struct Report {
    /// Address or socket path of the server.
    pub target: String,
    /// Commands with weights, or the custom request.
    pub commands: String,
    /// How keys were drawn.
    pub distribution: String,
    /// Value sizes with shares.
    pub value_bytes: String,
    /// Number of keys.
    pub keys: u64,
    /// Length of keys.
    pub key_bytes: usize,
    /// Generator threads.
    pub threads: usize,
    /// Connections in total.
    pub connections: usize,
    /// Requests in flight per connection.
    pub pipeline: usize,
    /// Open loop: requests per second asked for.
    pub rate: Option<f64>,
    /// Lifetime given to keys, in seconds.
    pub ttl_s: Option<u64>,
    /// Seed of the random choices.
    pub seed: u64,
    /// The filling of the keys before the run.
    pub filled: Option<Filled>,
    /// Length of the measured window.
    pub seconds: f64,
    /// Replies in the window, error replies included; a command on ten keys is one.
    pub operations: u64,
    /// Null replies in the window, as GET gives for missing keys.
    pub nulls: u64,
    /// Error replies of the whole run by text.
    pub errors: BTreeMap<String, u64>,
    /// Requests without a reply when the run gave up.
    pub unanswered: u64,
    /// Bytes sent in the whole run.
    pub sent_bytes: u64,
    /// Bytes received in the whole run.
    pub received_bytes: u64,
    /// From sent (closed loop) or due (open loop) to answered; unanswered requests count with their wait so far.
    pub latency: Latency,
    /// Open loop: how late the generator itself handed requests over. Latency below this is not the server's.
    pub send_delay: Option<Latency>,
    /// CPU time of the generator's threads in the window. Near `seconds * threads` the generator is the limit.
    pub generator_cpu_s: Option<f64>,
}

impl Report {
    /// Replies per second of the window.
    pub fn throughput_per_s(&self) -> f64 {
        if self.seconds > 0.0 { self.operations as f64 / self.seconds } else { 0.0 }
    }

    /// Share of its threads' time for which the generator was busy, 0 to 1.
    pub fn generator_busy(&self) -> Option<f64> {
        let available_s = self.seconds * self.threads as f64;
        self.generator_cpu_s.filter(|_| available_s > 0.0).map(|cpu_s| cpu_s / available_s)
    }

    /// Error replies in total.
    pub fn error_count(&self) -> u64 {
        self.errors.values().sum()
    }

    pub(crate) fn errors_of(tallies: &[&Tally]) -> BTreeMap<String, u64> {
        let mut errors = BTreeMap::new();
        for (text, count) in tallies.iter().flat_map(|tally| &tally.errors) {
            *errors.entry(String::from_utf8_lossy(text).into_owned()).or_default() += count;
        }
        errors
    }

    /// The report as one line of JSON.
    pub fn to_json(&self) -> String {
        let number = |value: Option<f64>| value.map_or("null".to_owned(), |value| format!("{value:.3}"));
        let mut out = String::from("{");
        let mut field = |name: &str, value: String| {
            let comma = if out.len() > 1 { "," } else { "" };
            write!(out, "{comma}\"{name}\":{value}").expect("writing to a string");
        };
        field("target", quoted(&self.target));
        field("commands", quoted(&self.commands));
        field("distribution", quoted(&self.distribution));
        field("value_bytes", quoted(&self.value_bytes));
        field("keys", self.keys.to_string());
        field("key_bytes", self.key_bytes.to_string());
        field("threads", self.threads.to_string());
        field("connections", self.connections.to_string());
        field("pipeline", self.pipeline.to_string());
        field("rate_per_s", number(self.rate));
        field("ttl_s", self.ttl_s.map_or("null".to_owned(), |ttl_s| ttl_s.to_string()));
        field("seed", self.seed.to_string());
        field("filled_keys", self.filled.map_or("null".to_owned(), |filled| filled.keys.to_string()));
        field("filled_s", number(self.filled.map(|filled| filled.seconds)));
        field("seconds", format!("{:.6}", self.seconds));
        field("operations", self.operations.to_string());
        field("throughput_per_s", format!("{:.1}", self.throughput_per_s()));
        field("nulls", self.nulls.to_string());
        let errors: Vec<String> =
            self.errors.iter().map(|(text, count)| format!("{}:{count}", quoted(text))).collect();
        field("errors", format!("{{{}}}", errors.join(",")));
        field("unanswered", self.unanswered.to_string());
        field("sent_bytes", self.sent_bytes.to_string());
        field("received_bytes", self.received_bytes.to_string());
        field("latency", self.latency.json());
        field("send_delay", self.send_delay.map_or("null".to_owned(), |delay| delay.json()));
        field("generator_cpu_s", number(self.generator_cpu_s));
        out.push('}');
        out
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} on {}: {} keys of {} B, values of {} B, {}, seed {}",
            self.commands,
            self.target,
            self.keys,
            self.key_bytes,
            self.value_bytes,
            self.distribution,
            self.seed
        )?;
        let rate = self.rate.map_or("closed loop".to_owned(), |rate| format!("open loop at {rate:.0}/s"));
        writeln!(
            f,
            "{rate}, {} connections, pipeline {}, {} threads, {:.2} s",
            self.connections, self.pipeline, self.threads, self.seconds
        )?;
        if let Some(filled) = self.filled {
            writeln!(f, "filled      {} keys in {:.2} s", filled.keys, filled.seconds)?;
        }
        writeln!(f, "throughput  {:.0} ops/s ({} operations)", self.throughput_per_s(), self.operations)?;
        writeln!(f, "latency     {}", self.latency)?;
        if let Some(delay) = &self.send_delay {
            writeln!(f, "send delay  {delay} (the generator's own)")?;
        }
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        writeln!(
            f,
            "traffic     {:.1} MiB out, {:.1} MiB in",
            mib(self.sent_bytes),
            mib(self.received_bytes)
        )?;
        if self.nulls > 0 {
            writeln!(f, "nulls       {}", self.nulls)?;
        }
        if let Some(busy) = self.generator_busy() {
            let warning =
                if busy > 0.95 && self.rate.is_none() { ": it may be the limit, add --threads" } else { "" };
            writeln!(f, "generator   {:.0}% busy{warning}", busy * 100.0)?;
        }
        if self.unanswered > 0 {
            writeln!(f, "unanswered  {}", self.unanswered)?;
        }
        for (text, count) in &self.errors {
            writeln!(f, "error       {count} x {text}")?;
        }
        Ok(())
    }
}

/// A JSON string (RFC 8259, section 7).
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c if c < ' ' => write!(out, "\\u{:04x}", u32::from(c)).expect("writing to a string"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped() {
        assert_eq!(quoted("a\"b\\c\nd\u{1}\u{e9}"), "\"a\\\"b\\\\c\\nd\\u0001\u{e9}\"");
    }

    #[test]
    fn percentiles_come_out_in_microseconds() {
        let mut histogram = crate::worker::new_histogram();
        (1..=1000u64).for_each(|us| histogram.record(us * 1000).expect("in range"));
        let latency = Latency::of(&histogram);
        assert!((latency.p50_us - 500.0).abs() < 1.0, "{latency:?}");
        assert!((latency.p999_us - 999.0).abs() < 1.5, "{latency:?}");
        assert_eq!(latency.count, 1000);
    }
}
