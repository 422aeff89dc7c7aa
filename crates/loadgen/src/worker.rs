//! The loop of one generator thread: wait for replies, count them, send the next requests.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use mio::{Events, Poll};

use crate::{
    args::BenchArgs,
    connection::Connection,
    distribution::{Distribution, Sampler},
    random::Random,
    reply::{FixedForm, Scanner, Tally},
    schedule::Schedule,
    template::Mix,
};

/// Bytes read at once.
const READ_BYTES: usize = 512 * 1024;
/// How long replies may take after the last request was due.
const DRAIN: Duration = Duration::from_secs(5);
/// Latencies are kept up to this with three digits.
const LATENCY_MAX_NS: u64 = 600_000_000_000;

/// What all threads of a phase share.
pub(crate) struct Plan {
    /// Requests sent (closed loop) or due (open loop) from here on are measured.
    pub begin_ns: u64,
    /// No request is sent or due after this.
    pub end_ns: u64,
    /// Requests left to send, where their number is what ends the phase.
    pub budget: Option<AtomicU64>,
    /// Write every key once instead of drawing keys.
    pub fill: bool,
    pub mix: Mix,
    pub forms: Vec<FixedForm>,
}

impl Plan {
    /// Takes up to `wanted` requests from the budget.
    #[inline]
    fn claim(&self, wanted: u64) -> u64 {
        match &self.budget {
            None => wanted,
            Some(left) => left
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some(left.saturating_sub(wanted)))
                .map_or(0, |before| before.min(wanted)),
        }
    }
}

/// What one thread measured.
pub(crate) struct Outcome {
    /// Replies that came inside the window.
    pub inside: Tally,
    /// Errors that came outside of it are worth reporting too.
    pub outside: Tally,
    /// Nanoseconds from sent (closed) or due (open) to answered.
    pub latency: Histogram<u64>,
    /// Open loop: nanoseconds by which the generator itself was late to hand a request to the socket.
    pub send_delay: Histogram<u64>,
    /// Requests that got no reply in time; their latency so far is in the histogram.
    pub unanswered: u64,
    pub sent_bytes: u64,
    pub received_bytes: u64,
    /// CPU time of this thread in the window, where the system tells it.
    pub cpu_ns: Option<u64>,
    /// When the last reply came.
    pub last_reply_ns: u64,
}

pub(crate) fn new_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_MAX_NS, 3).expect("the bounds are valid")
}

/// CPU time of the calling thread.
fn thread_cpu_ns() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok()
}

/// One thread with its connections.
pub(crate) struct Worker<'a> {
    args: &'a BenchArgs,
    plan: &'a Plan,
    /// Zero of the run's clock.
    origin: Instant,
    poll: Poll,
    connections: Vec<Connection>,
    scratch: Vec<u8>,
    /// Open loop: this thread's part of the rate, and how many requests have come due.
    schedule: Option<Schedule>,
    issued: u64,
    out: Outcome,
}

impl<'a> Worker<'a> {
    /// Connects this thread's share of the connections. `index` is the thread's number.
    pub fn new(args: &'a BenchArgs, plan: &'a Plan, index: usize) -> Result<Worker<'a>> {
        let poll = Poll::new().context("cannot make a poller")?;
        let mut connections = Vec::new();
        let total = args.connections as u64;
        for number in (index..args.connections).step_by(args.threads) {
            let number = number as u64;
            let start =
                |number: u64| (u128::from(args.draws()) * u128::from(number) / u128::from(total)) as u64;
            let distribution = if plan.fill { Distribution::Sequential } else { args.distribution };
            let mut connection = Connection::open(
                args,
                poll.registry(),
                connections.len(),
                Sampler::new(distribution, args.draws(), start(number)),
                Random::new(args.seed, number),
                Scanner::new(plan.forms.clone()),
            )?;
            if plan.fill {
                connection.allowance = start(number + 1) - start(number);
            }
            connections.push(connection);
        }
        let schedule = args.rate.filter(|_| !plan.fill).map(|rate| {
            let offset_ns = index as f64 * 1e9 / rate;
            Schedule::new(offset_ns as u64, rate / args.threads as f64, connections.len() as u64)
        });
        let out = Outcome {
            inside: Tally::default(),
            outside: Tally::default(),
            latency: new_histogram(),
            send_delay: new_histogram(),
            unanswered: 0,
            sent_bytes: 0,
            received_bytes: 0,
            cpu_ns: None,
            last_reply_ns: 0,
        };
        let scratch = vec![0; READ_BYTES];
        Ok(Worker {
            args,
            plan,
            origin: Instant::now(),
            poll,
            connections,
            scratch,
            schedule,
            issued: 0,
            out,
        })
    }

    /// Runs until the plan's end and until every reply has come or [`DRAIN`] is over.
    ///
    /// `origin` is the zero of the clock that all threads and the plan share.
    pub fn run(mut self, origin: Instant) -> Result<Outcome> {
        self.origin = origin;
        let mut events = Events::with_capacity(1024);
        let (mut cpu_begin_ns, mut cpu_ended) = (None, false);
        if self.schedule.is_none() {
            let now_ns = self.now_ns();
            for at in 0..self.connections.len() {
                self.next_batch(at, now_ns)?;
            }
        }
        loop {
            let now_ns = self.now_ns();
            if cpu_begin_ns.is_none() && now_ns >= self.plan.begin_ns {
                cpu_begin_ns = thread_cpu_ns();
            }
            if !cpu_ended && now_ns >= self.plan.end_ns {
                cpu_ended = true;
                self.out.cpu_ns = thread_cpu_ns().zip(cpu_begin_ns).map(|(end, begin)| end - begin);
            }
            self.issue_due(now_ns)?;
            let idle = self.connections.iter().all(|c| c.in_flight == 0 && c.due == 0);
            let nothing_to_come = now_ns >= self.plan.end_ns || self.schedule.is_none();
            if idle && nothing_to_come || now_ns >= self.plan.end_ns.saturating_add(DRAIN.as_nanos() as u64) {
                break;
            }
            match self.poll.poll(&mut events, Some(self.patience(now_ns))) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                result => result.context("cannot wait for replies")?,
            }
            for event in &events {
                let at = event.token().0;
                if event.is_writable() && self.connections[at].in_flight > 0 {
                    self.connections[at].flush()?;
                }
                if event.is_readable() {
                    self.receive(at, event.is_read_closed() || event.is_error())?;
                }
            }
        }
        if !cpu_ended {
            self.out.cpu_ns = thread_cpu_ns().zip(cpu_begin_ns).map(|(end, begin)| end - begin);
        }
        self.give_up_on_unanswered();
        Ok(self.out)
    }

    /// Nanoseconds since the run's zero.
    #[inline]
    fn now_ns(&self) -> u64 {
        self.origin.elapsed().as_nanos() as u64
    }

    /// How long to wait for events. The poller counts whole milliseconds and rounds up, so the open loop polls
    /// without waiting when the next request is nearer than that.
    fn patience(&self, now_ns: u64) -> Duration {
        let until_end = self.plan.end_ns.saturating_sub(now_ns).clamp(1_000_000, 100_000_000);
        let Some(schedule) = &self.schedule else { return Duration::from_nanos(until_end) };
        let until_due = schedule.due_ns(self.issued).saturating_sub(now_ns);
        if now_ns >= self.plan.end_ns {
            Duration::from_millis(1)
        } else if until_due >= 2_000_000 {
            Duration::from_millis((until_due / 1_000_000 - 1).min(100))
        } else {
            Duration::ZERO
        }
    }

    /// Open loop: hands the requests that have come due to their connections.
    fn issue_due(&mut self, now_ns: u64) -> Result<()> {
        let Some(schedule) = &self.schedule else { return Ok(()) };
        let first = self.issued;
        let mut due_ns = schedule.due_ns(self.issued);
        while due_ns <= now_ns && due_ns < self.plan.end_ns {
            self.connections[schedule.connection_of(self.issued) as usize].due += 1;
            if due_ns >= self.plan.begin_ns {
                self.out.send_delay.saturating_record(now_ns - due_ns);
            }
            self.issued += 1;
            due_ns = schedule.due_ns(self.issued);
        }
        let touched = (self.issued - first).min(self.connections.len() as u64);
        for i in first..first + touched {
            self.send_due((i % self.connections.len() as u64) as usize)?;
        }
        Ok(())
    }

    /// Open loop: sends what is due on one connection, within the limit of unanswered requests.
    fn send_due(&mut self, at: usize) -> Result<()> {
        let connection = &mut self.connections[at];
        let room = (self.args.pipeline as u64).saturating_sub(connection.in_flight);
        let count = connection.due.min(room);
        if count > 0 {
            connection.due -= count;
            connection.encode(&self.plan.mix, count);
            connection.flush()?;
        }
        Ok(())
    }

    /// Closed loop: sends the next batch unless the run is over.
    fn next_batch(&mut self, at: usize, now_ns: u64) -> Result<()> {
        if now_ns >= self.plan.end_ns {
            return Ok(());
        }
        let connection = &mut self.connections[at];
        let count = self.plan.claim((self.args.pipeline as u64).min(connection.allowance));
        if count > 0 {
            connection.batch_at_ns = now_ns;
            connection.encode(&self.plan.mix, count);
            connection.flush()?;
        }
        Ok(())
    }

    /// Reads and counts what a connection has. `to_the_end`: the peer closed, so read until that shows.
    fn receive(&mut self, at: usize, to_the_end: bool) -> Result<()> {
        let plan = self.plan;
        loop {
            let Some((filled, more)) = self.connections[at].read(&mut self.scratch)? else { return Ok(()) };
            let now_ns = self.now_ns();
            let connection = &mut self.connections[at];
            let inside = (plan.begin_ns..plan.end_ns).contains(&now_ns);
            let tally = if inside { &mut self.out.inside } else { &mut self.out.outside };
            let first = connection.answered;
            let replies = connection.count(&self.scratch[..filled], tally)?;
            if replies > 0 {
                self.out.last_reply_ns = now_ns;
            }
            match &self.schedule {
                None => {
                    if (plan.begin_ns..plan.end_ns).contains(&connection.batch_at_ns) {
                        let latency_ns = now_ns - connection.batch_at_ns;
                        self.out.latency.saturating_record_n(latency_ns.max(1), replies);
                    }
                    if connection.in_flight == 0 {
                        self.next_batch(at, now_ns)?;
                    }
                }
                Some(schedule) => {
                    for nth in first..first + replies {
                        let due_ns = schedule.due_on_connection_ns(at as u64, nth);
                        if due_ns >= plan.begin_ns {
                            self.out.latency.saturating_record((now_ns - due_ns).max(1));
                        }
                    }
                    if replies > 0 {
                        self.send_due(at)?;
                    }
                }
            }
            if !more && !to_the_end {
                return Ok(());
            }
        }
    }

    /// What never came is the slowest of all: it enters the histogram with the time it has waited.
    fn give_up_on_unanswered(&mut self) {
        let now_ns = self.now_ns();
        for (at, connection) in self.connections.iter().enumerate() {
            let waiting = connection.in_flight + connection.due;
            self.out.unanswered += waiting;
            self.out.sent_bytes += connection.sent_bytes;
            self.out.received_bytes += connection.received_bytes;
            for nth in connection.answered..connection.answered + waiting {
                let since_ns = match &self.schedule {
                    None => connection.batch_at_ns,
                    Some(schedule) => schedule.due_on_connection_ns(at as u64, nth),
                };
                self.out.latency.saturating_record(now_ns.saturating_sub(since_ns).max(1));
            }
        }
    }
}
