//! `LATENCY` (<https://valkey.io/topics/latency-monitor/>): spikes that the monitor recorded, and histograms of all
//! commands.

mod doctor;
mod graph;

use commands::facts::server_sub as facts;
use commands::{Args, CommandError, CommandResult, Outcome};

use crate::commands::info::command_stats;
use crate::ctx::NodeCtx;
use crate::registry::NodeSpec;
use crate::stats::{CommandStats, Histogram};

/// The family's rows.
pub const COMMANDS: &[NodeSpec] = &[
    NodeSpec { facts: &facts::LATENCY_DOCTOR, gate: false, run: doctor::latency_doctor },
    NodeSpec { facts: &facts::LATENCY_GRAPH, gate: false, run: latency_graph },
    NodeSpec { facts: &facts::LATENCY_HELP, gate: false, run: super::command::help },
    NodeSpec { facts: &facts::LATENCY_HISTOGRAM, gate: true, run: latency_histogram },
    NodeSpec { facts: &facts::LATENCY_HISTORY, gate: false, run: latency_history },
    NodeSpec { facts: &facts::LATENCY_LATEST, gate: false, run: latency_latest },
    NodeSpec { facts: &facts::LATENCY_RESET, gate: false, run: latency_reset },
];

/// `LATENCY LATEST`: every event with its latest, longest, total and number of spikes. O(events).
pub fn latency_latest(ctx: &mut NodeCtx<'_>, _: &Args<'_>) -> CommandResult {
    let events = ctx.node.latency.events();
    let reply = &mut ctx.data.reply;
    reply.array(events.len());
    for (name, event) in &events {
        let (at_seconds, latest_ms) = event.samples.last().copied().unwrap_or_default();
        reply.array(6);
        reply.bulk(name.as_bytes());
        reply.int(at_seconds);
        for ms in [latest_ms, event.max_ms, event.sum_ms, event.count] {
            reply.int(ms as i64);
        }
    }
    Ok(Outcome::Done)
}

/// `LATENCY HISTORY event`: its samples, oldest first. O(samples).
pub fn latency_history(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    let samples = ctx.node.latency.event(args.get(2)).map(|(_, event)| event.samples).unwrap_or_default();
    let reply = &mut ctx.data.reply;
    reply.array(samples.len());
    for (at_seconds, ms) in samples {
        reply.array(2);
        reply.int(at_seconds);
        reply.int(ms as i64);
    }
    Ok(Outcome::Done)
}

/// `LATENCY RESET [event …]`: forgets events, says how many there were. O(events).
pub fn latency_reset(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    let names: Vec<&[u8]> = args.from(2).collect();
    let count = ctx.node.latency.reset(&names);
    ctx.data.reply.int(count as i64);
    Ok(Outcome::Done)
}

/// `LATENCY GRAPH event`: its samples as a picture of characters. O(samples).
pub fn latency_graph(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    let Some((name, event)) = ctx.node.latency.event(args.get(2)) else {
        let shown = String::from_utf8_lossy(args.get(2)).into_owned();
        return Err(CommandError::owned(format!("ERR No samples available for event '{shown}'")));
    };
    let text = graph::draw(name, &event, ctx.data.space.now_ms / 1000);
    ctx.data.reply.verbatim(b"txt", text.as_bytes());
    Ok(Outcome::Done)
}

/// `LATENCY HISTOGRAM [command …]`: how many calls stayed within 1, 2, 4, … µs (1.024, 2.048, … to be exact). O(commands).
pub fn latency_histogram(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    let sums = command_stats(ctx);
    let node = ctx.node;
    let has_calls = |stats: &CommandStats| stats.latency.as_ref().is_some_and(|h| h.total() > 0);
    let mut shown: Vec<usize> = Vec::new();
    if args.len() == 2 {
        shown.extend((0..sums.len()).filter(|&i| has_calls(&sums[i])));
    }
    for name in args.from(2) {
        let all = || node.registry.all().iter().enumerate();
        let is = |full: &str| full.as_bytes().eq_ignore_ascii_case(name);
        let of_container = |full: &str| full.split_once('|').is_some_and(|(container, _)| is(container));
        let is_container = all().any(|(_, command)| of_container(command.facts.name));
        let matching = all().filter(|(_, command)| {
            let full = command.facts.name;
            if is_container { of_container(full) } else { is(full) }
        });
        shown.extend(matching.map(|(i, _)| i).filter(|&i| has_calls(&sums[i])));
    }
    ctx.data.reply.map(shown.len());
    for i in shown {
        if let Some(histogram) = &sums[i].latency {
            ctx.data.reply.bulk(node.registry.get(i as u16).facts.name.as_bytes());
            reply_histogram(ctx, histogram);
        }
    }
    Ok(Outcome::Done)
}

fn reply_histogram(ctx: &mut NodeCtx<'_>, histogram: &Histogram) {
    let reply = &mut ctx.data.reply;
    reply.map(2);
    reply.bulk(b"calls");
    reply.int(histogram.total() as i64);
    reply.bulk(b"histogram_usec");
    let steps = steps(histogram);
    reply.map(steps.len());
    for (us, within) in steps {
        reply.int(us as i64);
        reply.int(within as i64);
    }
}

/// The bounds, µs, up to which more calls are counted than up to the one before.
fn steps(histogram: &Histogram) -> Vec<(u64, u64)> {
    let mut steps: Vec<(u64, u64)> = Vec::new();
    let mut before = 0;
    for bits in 10..63 {
        if before == histogram.total() {
            break;
        }
        let within = histogram.within_ns((1 << bits) - 1);
        if within > before {
            steps.push(((1 << bits) / 1000, within));
            before = within;
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_count_everything_once() {
        let ticks_per_ms = 1_000_000_000_000 / sys::clock::tsc_to_ns(1_000_000).max(1);
        let mut histogram = Histogram::default();
        for us in [0, 1, 1, 40, 1_200_000] {
            // Well inside the step, whatever the clock's rate makes of the buckets.
            histogram.record((us * 1000 + 300) * ticks_per_ms / 1_000_000);
        }
        assert_eq!(steps(&histogram), [(1, 1), (2, 3), (65, 4), (2_147_483, 5)]);
        assert!(steps(&Histogram::default()).is_empty());
    }
}
