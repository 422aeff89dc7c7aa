//! The latency monitor: events that took longer than `latency-monitor-threshold`.

use std::collections::BTreeMap;
use std::sync::Mutex;

/// Samples kept per event.
const HISTORY: usize = 160;

/// What is known of one event.
#[derive(Clone, Default, Debug, PartialEq, Eq)]
pub struct Event {
    /// Unix seconds and ms of each sample, oldest first.
    pub samples: Vec<(i64, u64)>,
    /// The longest ever, ms.
    pub max_ms: u64,
    /// Sum of all durations, ms.
    pub sum_ms: u64,
    /// Number of all samples.
    pub count: u64,
}

/// All events, by name (`command`, `fast-command`, `expire-cycle`, `eviction-cycle`).
#[derive(Default)]
pub struct LatencyMonitor {
    events: Mutex<BTreeMap<&'static str, Event>>,
}

impl LatencyMonitor {
    /// Records that `event` took `duration_ms` at Unix second `at_seconds`. Samples of one second merge to the
    /// longest.
    pub fn record(&self, event: &'static str, at_seconds: i64, duration_ms: u64) {
        let mut events = self.events.lock().unwrap_or_else(|e| e.into_inner());
        let event = events.entry(event).or_default();
        event.max_ms = event.max_ms.max(duration_ms);
        event.sum_ms += duration_ms;
        event.count += 1;
        if let Some((second, longest)) = event.samples.last_mut()
            && *second == at_seconds
        {
            *longest = (*longest).max(duration_ms);
            return;
        }
        if event.samples.len() == HISTORY {
            event.samples.remove(0);
        }
        event.samples.push((at_seconds, duration_ms));
    }

    /// A copy of all events.
    pub fn events(&self) -> Vec<(&'static str, Event)> {
        let events = self.events.lock().unwrap_or_else(|e| e.into_inner());
        events.iter().map(|(name, event)| (*name, event.clone())).collect()
    }

    /// A copy of one event; its name is matched exactly.
    pub fn event(&self, name: &[u8]) -> Option<(&'static str, Event)> {
        let events = self.events.lock().unwrap_or_else(|e| e.into_inner());
        events.iter().find(|(n, _)| n.as_bytes() == name).map(|(n, event)| (*n, event.clone()))
    }

    /// Forgets the named events, or all when `names` is empty. Returns how many there were.
    pub fn reset(&self, names: &[&[u8]]) -> usize {
        let mut events = self.events.lock().unwrap_or_else(|e| e.into_inner());
        let before = events.len();
        events.retain(|name, _| {
            !names.is_empty() && !names.iter().any(|n| n.eq_ignore_ascii_case(name.as_bytes()))
        });
        before - events.len()
    }
}
