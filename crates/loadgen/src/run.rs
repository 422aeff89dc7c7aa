//! A whole run: fill the keys, start the threads, mark the measured window, gather what they saw.

use std::{
    sync::atomic::AtomicU64,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow};

use crate::{
    args::BenchArgs,
    reply::{FixedForm, Tally},
    report::{Filled, Latency, Report},
    template::{Mix, likely_replies},
    worker::{Outcome, Plan, Worker, new_histogram},
};

/// Batch size of the fill, whatever the run's own is: quick, and still no long queue in front of other clients.
const FILL_PIPELINE: usize = 16;

/// The edges of the measured window, for those who measure the server at the same instants.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Moment {
    /// Measuring begins.
    Begin,
    /// Measuring has ended.
    End,
}

/// Runs what `args` describe: fills first if asked, then measures.
///
/// Errors when the server cannot be reached, closes a connection or does not speak RESP. Error *replies* are no
/// failure of the run: the report counts them by text.
pub fn run(args: &BenchArgs) -> Result<Report> {
    run_observed(args, |_| ())
}

/// As [`run`], calling `observe` on the calling thread at both edges of the measured window.
pub fn run_observed(args: &BenchArgs, mut observe: impl FnMut(Moment)) -> Result<Report> {
    args.check()?;
    let filled = if args.load { Some(fill(args)?) } else { None };
    let mix = Mix::of_args(args)?;
    let warm_up_ns = if args.requests.is_some() { 0 } else { (args.warm_up * 1e9) as u64 };
    let plan = Plan {
        begin_ns: warm_up_ns,
        end_ns: if args.requests.is_some() { u64::MAX } else { warm_up_ns + (args.seconds * 1e9) as u64 },
        budget: args.requests.map(AtomicU64::new),
        fill: false,
        mix,
        forms: likely_replies(args),
    };
    let outcomes = phase(args, &plan, &mut observe)?;
    let end_ns = if args.requests.is_some() {
        outcomes.iter().map(|outcome| outcome.last_reply_ns).max().unwrap_or(0)
    } else {
        plan.end_ns
    };
    let seconds = end_ns.saturating_sub(plan.begin_ns) as f64 / 1e9;
    Ok(gather(args, outcomes, seconds, filled))
}

/// Writes every key once, as `--load` does before a run; any error reply fails it.
pub fn fill(args: &BenchArgs) -> Result<Filled> {
    let args = BenchArgs { pipeline: FILL_PIPELINE, requests: None, rate: None, ..args.clone() };
    args.check()?;
    let mix = Mix::fill(&args)?;
    let plan = Plan {
        begin_ns: 0,
        end_ns: u64::MAX,
        budget: None,
        fill: true,
        mix,
        forms: vec![FixedForm::status("OK")],
    };
    let outcomes = phase(&args, &plan, &mut |_| ()).context("while filling the keys")?;
    let mut tally = Tally::default();
    outcomes.iter().for_each(|outcome| tally.add(&outcome.inside));
    if let Some((text, count)) = tally.errors.iter().max_by_key(|(_, count)| **count) {
        return Err(anyhow!("filling the keys failed {count} times: {}", String::from_utf8_lossy(text)));
    }
    let last_ns = outcomes.iter().map(|outcome| outcome.last_reply_ns).max().unwrap_or(0);
    Ok(Filled { keys: tally.replies, seconds: last_ns as f64 / 1e9 })
}

/// Connects, starts the threads, marks the window and waits for them.
fn phase(args: &BenchArgs, plan: &Plan, observe: &mut impl FnMut(Moment)) -> Result<Vec<Outcome>> {
    // Connecting thousands of sockets takes a while: the clock starts behind it.
    let workers =
        (0..args.threads).map(|index| Worker::new(args, plan, index)).collect::<Result<Vec<_>>>()?;
    let origin = Instant::now();
    thread::scope(|scope| {
        let running: Vec<_> =
            workers.into_iter().map(|worker| scope.spawn(move || worker.run(origin))).collect();
        let timed = plan.end_ns != u64::MAX;
        sleep_until(origin, plan.begin_ns);
        observe(Moment::Begin);
        if timed {
            sleep_until(origin, plan.end_ns);
            observe(Moment::End);
        }
        let outcomes = running
            .into_iter()
            .map(|worker| worker.join().map_err(|_| anyhow!("a generator thread panicked"))?)
            .collect::<Result<Vec<_>>>();
        if !timed {
            observe(Moment::End);
        }
        outcomes
    })
}

fn sleep_until(start: Instant, at_ns: u64) {
    let left = Duration::from_nanos(at_ns).saturating_sub(start.elapsed());
    if !left.is_zero() {
        thread::sleep(left);
    }
}

fn gather(args: &BenchArgs, outcomes: Vec<Outcome>, seconds: f64, filled: Option<Filled>) -> Report {
    let (mut inside, mut outside) = (Tally::default(), Tally::default());
    let (mut latency, mut send_delay) = (new_histogram(), new_histogram());
    let (mut unanswered, mut sent_bytes, mut received_bytes) = (0, 0, 0);
    let mut cpu_ns = Some(0);
    for outcome in &outcomes {
        inside.add(&outcome.inside);
        outside.add(&outcome.outside);
        latency.add(&outcome.latency).expect("the histograms have the same bounds");
        send_delay.add(&outcome.send_delay).expect("the histograms have the same bounds");
        unanswered += outcome.unanswered;
        sent_bytes += outcome.sent_bytes;
        received_bytes += outcome.received_bytes;
        cpu_ns = cpu_ns.zip(outcome.cpu_ns).map(|(sum, ns)| sum + ns);
    }
    Report {
        target: match &args.unix_socket {
            Some(path) => path.display().to_string(),
            None => format!("{}:{}", args.host, args.port),
        },
        commands: match &args.template[..] {
            [] => args.commands.to_string(),
            requests => requests.join("; "),
        },
        distribution: args.distribution.to_string(),
        value_bytes: args.value_bytes.to_string(),
        keys: args.keys,
        key_bytes: args.key_bytes,
        threads: args.threads,
        connections: args.connections,
        pipeline: args.pipeline,
        rate: args.rate,
        ttl_s: args.ttl,
        seed: args.seed,
        filled,
        seconds,
        operations: inside.replies,
        nulls: inside.nulls,
        errors: Report::errors_of(&[&inside, &outside]),
        unanswered,
        sent_bytes,
        received_bytes,
        latency: Latency::of(&latency),
        send_delay: args.rate.map(|_| Latency::of(&send_delay)),
        generator_cpu_s: cpu_ns.map(|ns: u64| ns as f64 / 1e9),
    }
}
