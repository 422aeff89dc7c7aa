//! `LATENCY DOCTOR`: what the recorded spikes say, in words.

use std::fmt::Write;
use std::sync::atomic::Ordering;

use commands::{Args, CommandResult, Outcome};

use crate::ctx::NodeCtx;
use crate::latency::Event;

/// `LATENCY DOCTOR`. O(samples).
pub(super) fn latency_doctor(ctx: &mut NodeCtx<'_>, _: &Args<'_>) -> CommandResult {
    let settings = &ctx.node.settings;
    let threshold_ms = settings.latency_threshold_ms.load(Ordering::Relaxed);
    let slower_than_us = settings.slower_than_us.load(Ordering::Relaxed);
    let text = report(&ctx.node.latency.events(), threshold_ms, slower_than_us);
    ctx.data.reply.verbatim(b"txt", text.as_bytes());
    Ok(Outcome::Done)
}

fn report(events: &[(&'static str, Event)], threshold_ms: u64, slower_than_us: i64) -> String {
    if threshold_ms == 0 {
        return "The latency monitor is off. CONFIG SET latency-monitor-threshold <milliseconds> turns it on.\n".into();
    }
    if events.is_empty() {
        return format!(
            "Nothing took {threshold_ms} ms or longer since the monitor was turned on or reset.\n"
        );
    }
    let mut text = format!("Events that took {threshold_ms} ms or longer:\n\n");
    for (i, (name, event)) in events.iter().enumerate() {
        let samples = event.samples.len().max(1) as u64;
        let sum: u64 = event.samples.iter().map(|(_, ms)| ms).sum();
        let mean = sum / samples;
        let deviation = event.samples.iter().map(|(_, ms)| ms.abs_diff(mean)).sum::<u64>() / samples;
        let span = match (event.samples.first(), event.samples.last()) {
            (Some((first, _)), Some((last, _))) => (last - first) as f64,
            _ => 0.0,
        };
        let _ = writeln!(
            text,
            "{}. {name}: {} spikes, {mean} ms on average (deviation {deviation} ms), one every {:.2} s, {} ms at worst.",
            i + 1,
            event.count,
            span / samples as f64,
            event.max_ms
        );
    }
    text.push_str("\nWhat may help:\n\n");
    for advice in advice(events, threshold_ms, slower_than_us) {
        let _ = writeln!(text, "- {advice}");
    }
    text
}

/// One line for each thing that may help.
fn advice(events: &[(&'static str, Event)], threshold_ms: u64, slower_than_us: i64) -> Vec<String> {
    let has = |event: &str| events.iter().any(|(name, _)| *name == event);
    let mut lines = Vec::new();
    if has("command") {
        if slower_than_us < 0 || slower_than_us as u64 > threshold_ms * 1000 {
            lines.push(format!(
                "Let the command log name slow commands: CONFIG SET commandlog-execution-slower-than {}.",
                threshold_ms * 1000
            ));
        }
        lines.push(
            "Read COMMANDLOG GET 10 slow: the commands there work on much data at once; split them.".into(),
        );
    }
    if has("fast-command") {
        lines.push(
            "Commands that take constant time were slow: look for a machine short of processors, for swapping (INFO \
             memory: used_memory_rss below used_memory), and for DEBUG SLEEP."
                .into(),
        );
    }
    if has("expire-cycle") {
        lines.push("Many keys expire at the same time: spread their expiry times.".into());
    }
    if has("eviction-cycle") {
        lines.push(
            "Eviction frees large values: store smaller ones, or leave more room below maxmemory.".into(),
        );
    }
    if lines.is_empty() {
        lines.push("Raise latency-monitor-threshold if spikes of this length do not matter.".into());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_follow_what_was_recorded() {
        assert!(report(&[], 0, 10_000).contains("is off"));
        assert!(report(&[], 10, 10_000).contains("Nothing took 10 ms"));
        let event = Event { samples: vec![(10, 20), (14, 40)], max_ms: 90, sum_ms: 150, count: 3 };
        let text = report(&[("command", event)], 10, -1);
        assert!(
            text.contains(
                "1. command: 3 spikes, 30 ms on average (deviation 10 ms), one every 2.00 s, 90 ms"
            )
        );
        assert!(text.contains("commandlog-execution-slower-than 10000"));
    }
}
