//! Counters of one thread. INFO, COMMANDLOG and LATENCY add them up under the gate.

use std::collections::{BTreeMap, VecDeque};

use sys::clock::tsc_to_ns;

/// Calls of one command.
#[derive(Clone, Default)]
pub struct CommandStats {
    /// Times it ran.
    pub calls: u64,
    /// Time it took, in clock ticks (see `sys::clock::tsc`).
    pub ticks: u64,
    /// Times it was refused before it ran.
    pub rejected: u64,
    /// Times it ran and failed.
    pub failed: u64,
    /// How long it took.
    pub latency: Option<Box<Histogram>>,
}

const SUB_BITS: u32 = 3;
const BUCKETS: usize = 40 << SUB_BITS;

/// Durations in buckets an eighth of a power of two wide. Counted in clock ticks, so that recording one converts
/// nothing; read in ns.
#[derive(Clone)]
pub struct Histogram {
    counts: [u64; BUCKETS],
    total: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Histogram { counts: [0; BUCKETS], total: 0 }
    }
}

impl Histogram {
    fn index(ticks: u64) -> usize {
        let ticks = ticks.max(1 << SUB_BITS);
        let exponent = 63 - ticks.leading_zeros();
        let sub = (ticks >> (exponent - SUB_BITS)) & ((1 << SUB_BITS) - 1);
        ((((exponent - SUB_BITS) as usize) << SUB_BITS) | sub as usize).min(BUCKETS - 1)
    }

    /// The largest duration that falls in a bucket, ticks.
    fn upper(index: usize) -> u64 {
        let exponent = (index >> SUB_BITS) as u32 + SUB_BITS;
        let sub = (index & ((1 << SUB_BITS) - 1)) as u64;
        ((((1 << SUB_BITS) | sub) + 1) << (exponent - SUB_BITS)) - 1
    }

    /// Counts a duration, in clock ticks.
    pub fn record(&mut self, ticks: u64) {
        self.counts[Self::index(ticks)] += 1;
        self.total += 1;
    }

    /// Durations counted.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Adds another histogram.
    pub fn merge(&mut self, other: &Histogram) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.total += other.total;
    }

    /// The duration that `percent` of all stay within, in ns.
    pub fn percentile_ns(&self, percent: f64) -> u64 {
        let rank = ((percent / 100.0 * self.total as f64).ceil() as u64).max(1);
        let mut seen = 0;
        for (i, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return tsc_to_ns(Self::upper(i));
            }
        }
        0
    }

    /// How many durations surely stay within `ns`: those of buckets that end there or before.
    pub fn within_ns(&self, ns: u64) -> u64 {
        let ends_within = |i: usize| tsc_to_ns(Self::upper(i)) <= ns;
        self.counts.iter().enumerate().take_while(|(i, _)| ends_within(*i)).map(|(_, c)| c).sum()
    }
}

/// An entry of the command log.
#[derive(Clone)]
pub struct LoggedCommand {
    /// Order among all threads.
    pub id: u64,
    /// Unix seconds.
    pub at_seconds: i64,
    /// Microseconds, or bytes for the large-request and large-reply logs.
    pub value: i64,
    /// The command, shortened as clients expect.
    pub args: Vec<Vec<u8>>,
    /// The client's address.
    pub addr: String,
    /// The client's name.
    pub name: Vec<u8>,
}

/// The three command logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogKind {
    /// Slow commands.
    Slow = 0,
    /// Large requests.
    LargeRequest = 1,
    /// Large replies.
    LargeReply = 2,
}

/// Counters of one thread.
#[derive(Default)]
pub struct Stats {
    /// By command number.
    pub commands: Vec<CommandStats>,
    /// Commands run.
    pub total_commands: u64,
    /// Connections taken.
    pub total_connections: u64,
    /// Bytes read from clients.
    pub net_input_bytes: u64,
    /// Bytes written to clients.
    pub net_output_bytes: u64,
    /// Reads and writes of sockets.
    pub total_reads: u64,
    /// See `total_reads`.
    pub total_writes: u64,
    /// Clients cut off for their query buffer.
    pub query_buffer_disconnections: u64,
    /// Clients cut off for their output buffer.
    pub output_buffer_disconnections: u64,
    /// Connections closed for `maxmemory-clients`.
    pub evicted_clients: u64,
    /// Connections given to other threads.
    pub moved_connections: u64,
    /// Error replies.
    pub error_replies: u64,
    /// Error replies by code.
    pub errors: BTreeMap<String, u64>,
    /// Batches.
    pub ticks: u64,
    /// The command logs, newest first.
    pub logs: [VecDeque<LoggedCommand>; 3],
    /// Microseconds spent in active expiry.
    pub expire_cycle_us: u64,
    /// Times active expiry ran out of its share of time.
    pub expire_time_cap_reached: u64,
    /// Times a client was parked on a busy shard.
    pub parked: u64,
    /// Commands and input bytes of the last samples, for the rates of INFO.
    pub rates: Rates,
    /// Time of commands that ran inside others (transactions, scripts), in clock ticks: the others' time holds it too.
    pub nested_ticks: u64,
    /// Time spent in batches, in clock ticks.
    pub busy_ticks: u64,
    /// The longest batch, in clock ticks.
    pub busy_max_ticks: u64,
    /// The most commands in one batch.
    pub batch_commands_max: u64,
}

/// Per-second rates over the last samples.
#[derive(Default, Clone, Copy)]
pub struct Rates {
    last: (i64, u64, u64, u64),
    last_batches: (i64, u64, u64),
    last_cpu: (i64, u64),
    /// Commands per second.
    pub ops: f64,
    /// Input bytes per second.
    pub input: f64,
    /// Output bytes per second.
    pub output: f64,
    /// Batches per second.
    pub batches: f64,
    /// Mean duration of a batch, µs.
    pub batch_us: f64,
    /// CPU time of the thread per second.
    pub cpu: f64,
}

impl Rates {
    /// Takes a sample of batches and of the time in them at `now_ms`.
    pub fn sample_batches(&mut self, now_ms: i64, batches: u64, busy_ticks: u64) {
        let (then, count, ticks) = self.last_batches;
        let seconds = (now_ms - then) as f64 / 1000.0;
        if then != 0 && seconds > 0.0 {
            let new = batches.saturating_sub(count);
            self.batches += (new as f64 / seconds - self.batches) / 4.0;
            if new > 0 {
                let us = tsc_to_ns(busy_ticks.saturating_sub(ticks)) as f64 / 1000.0;
                self.batch_us += (us / new as f64 - self.batch_us) / 4.0;
            }
        }
        self.last_batches = (now_ms, batches, busy_ticks);
    }

    /// Takes a sample of the thread's CPU time at `now_ms`.
    pub fn sample_cpu(&mut self, now_ms: i64, cpu_ns: u64) {
        let (then, ns) = self.last_cpu;
        if then != 0 && now_ms > then {
            let share = cpu_ns.saturating_sub(ns) as f64 / ((now_ms - then) as f64 * 1e6);
            self.cpu += (share - self.cpu) / 4.0;
        }
        self.last_cpu = (now_ms, cpu_ns);
    }

    /// Takes a sample at `now_ms`.
    pub fn sample(&mut self, now_ms: i64, commands: u64, input: u64, output: u64) {
        let (then, c, i, o) = self.last;
        let seconds = (now_ms - then) as f64 / 1000.0;
        if then != 0 && seconds > 0.0 {
            // A moving average over about sixteen samples, as clients of INFO know it.
            let mix = |old: f64, delta: u64| old + (delta as f64 / seconds - old) / 4.0;
            self.ops = mix(self.ops, commands.saturating_sub(c));
            self.input = mix(self.input, input.saturating_sub(i));
            self.output = mix(self.output, output.saturating_sub(o));
        }
        self.last = (now_ms, commands, input, output);
    }
}

/// With this many error codes, new ones that scripts make up count as [`OTHER_CODES`], as in Valkey.
const ERROR_CODES_MAX: usize = 128;
/// Error codes of scripts beyond the limit.
const OTHER_CODES: &str = "ERRORSTATS_OVERFLOW";
/// Bytes of an error reply, its `-` counted, in which its code must end.
const ERROR_CODE_BYTES: usize = 32;

/// The first word of an error's text; a text that has none within reach counts as `ERR`.
fn error_code(text: &[u8]) -> &[u8] {
    let reach = text.len().min(ERROR_CODE_BYTES - 1);
    text[..reach].iter().position(|&b| b == b' ').map_or(b"ERR", |end| &text[..end])
}

impl Stats {
    /// Counters for `commands` commands.
    pub fn new(commands: usize) -> Self {
        Stats { commands: vec![CommandStats::default(); commands], ..Stats::default() }
    }

    /// Counts a batch that began at clock tick `started`, with `commands` commands run in it.
    #[inline]
    pub fn end_batch(&mut self, started: u64, commands: u64) {
        let ticks = sys::clock::tsc().wrapping_sub(started);
        self.busy_ticks += ticks;
        self.busy_max_ticks = self.busy_max_ticks.max(ticks);
        self.batch_commands_max = self.batch_commands_max.max(commands);
    }

    /// Takes a sample of everything that INFO gives a rate of.
    pub fn sample(&mut self, now_ms: i64) {
        self.rates.sample(now_ms, self.total_commands, self.net_input_bytes, self.net_output_bytes);
        self.rates.sample_batches(now_ms, self.ticks, self.busy_ticks);
        self.rates.sample_cpu(now_ms, sys::clock::thread_cpu_ns());
    }

    /// Time that commands took, in clock ticks.
    pub fn command_ticks(&self) -> u64 {
        let all: u64 = self.commands.iter().map(|c| c.ticks).sum();
        all.saturating_sub(self.nested_ticks)
    }

    /// Counts an error reply by its text (without `-`).
    pub fn count_error(&mut self, text: &[u8]) {
        self.count_code(error_code(text), usize::MAX);
    }

    /// Counts an error reply whose text a script made up.
    pub fn count_script_error(&mut self, text: &[u8]) {
        self.count_code(error_code(text), ERROR_CODES_MAX);
    }

    fn count_code(&mut self, code: &[u8], most: usize) {
        self.error_replies += 1;
        let code = String::from_utf8_lossy(code);
        if let Some(count) = self.errors.get_mut(code.as_ref()) {
            *count += 1;
            return;
        }
        let code = if self.errors.len() < most { code.into_owned() } else { OTHER_CODES.to_owned() };
        *self.errors.entry(code).or_default() += 1;
    }

    /// Forgets everything that CONFIG RESETSTAT forgets.
    pub fn reset(&mut self) {
        let commands = self.commands.len();
        let logs = std::mem::take(&mut self.logs);
        let rates = self.rates;
        *self = Stats::new(commands);
        self.logs = logs;
        self.rates = rates;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histogram_buckets_hold_what_they_say() {
        let mut h = Histogram::default();
        for ticks in [1, 9, 100, 1000, 10_000, 1_000_000, 5_000_000_000] {
            let i = Histogram::index(ticks);
            assert!(ticks <= Histogram::upper(i), "{ticks}");
            assert!(i == 0 || ticks > Histogram::upper(i - 1) || ticks <= 8, "{ticks}");
            h.record(ticks);
        }
        assert_eq!(h.total(), 7);
        assert!((tsc_to_ns(1000)..tsc_to_ns(1200)).contains(&h.percentile_ns(50.0)));
        assert_eq!(h.within_ns(tsc_to_ns(16_000)), 5);
    }

    #[test]
    fn error_codes_are_bounded_where_scripts_make_them_up() {
        let mut stats = Stats::new(0);
        for i in 0..200 {
            stats.count_script_error(format!("E{i} text").as_bytes());
        }
        stats.count_error(b"WRONGTYPE Operation against a key");
        stats.count_error(b"plain");
        stats.count_error(&[b'x'; 100]);
        assert_eq!(stats.errors[OTHER_CODES], 72);
        assert_eq!(stats.errors["WRONGTYPE"], 1);
        assert_eq!(stats.errors["ERR"], 2);
        assert_eq!((stats.errors.len(), stats.error_replies), (131, 203));
    }

    #[test]
    fn time_inside_other_commands_counts_once() {
        let mut stats = Stats::new(2);
        stats.commands[0].ticks = 500;
        stats.commands[1].ticks = 300;
        stats.nested_ticks = 300;
        assert_eq!(stats.command_ticks(), 500);
    }

    #[test]
    fn rates_of_batches_come_near_the_truth() {
        let mut rates = Rates::default();
        for i in 0..200 {
            rates.sample_batches(1000 + 100 * i, 50 * i as u64, 0);
        }
        assert!((rates.batches - 500.0).abs() < 1.0, "{}", rates.batches);
    }
}
