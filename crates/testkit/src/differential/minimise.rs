//! Cuts a failing sequence down (ddmin: Zeller and Hildebrandt, *Simplifying and Isolating Failure-Inducing
//! Input*, 2002), then shortens long arguments.
//!
//! Every trial replays from an empty keyspace and must fail at the same command in the same way.

use std::time::{Duration, Instant};

use super::coverage::Coverage;
use super::pair::{Mismatch, Pair};
use super::side::PairError;
use super::step::{Action, Step, Word};

/// Returns a shorter sequence that fails in the same way, and its mismatch. Takes about `time_max` at most.
pub fn minimise(
    pair: &mut Pair,
    steps: &[Step],
    mismatch: &Mismatch,
    time_max: Duration,
) -> Result<(Vec<Step>, Mismatch), PairError> {
    let mut search = Search {
        pair,
        original: mismatch.clone(),
        best: mismatch.clone(),
        deadline: Instant::now() + time_max,
    };
    let reached = (mismatch.step + 1).min(steps.len());
    let mut groups = grouped(&steps[..reached]);
    let mut chunk = groups.len().div_ceil(2);
    while chunk >= 1 && !search.is_late() {
        let before = groups.len();
        let mut start = 0;
        while start < groups.len() && !search.is_late() {
            let end = (start + chunk).min(groups.len());
            let rest: Vec<Vec<Step>> = [&groups[..start], &groups[end..]].concat();
            if search.fails(&rest.concat())? {
                groups = rest;
            } else {
                start = end;
            }
        }
        // One more pass with single steps while it still removes any.
        if chunk == 1 && groups.len() == before {
            break;
        }
        chunk = if chunk == 1 { 1 } else { chunk.div_ceil(2) };
    }
    let mut steps = groups.concat();
    shorten(&mut search, &mut steps)?;
    Ok((steps, search.best))
}

/// Steps in groups of those that are glued together.
fn grouped(steps: &[Step]) -> Vec<Vec<Step>> {
    let mut groups: Vec<Vec<Step>> = Vec::new();
    for step in steps {
        match groups.last_mut() {
            Some(group) if step.glued => group.push(step.clone()),
            _ => groups.push(vec![step.clone()]),
        }
    }
    groups
}

struct Search<'a> {
    pair: &'a mut Pair,
    original: Mismatch,
    best: Mismatch,
    deadline: Instant,
}

impl Search<'_> {
    fn is_late(&self) -> bool {
        Instant::now() > self.deadline
    }

    fn fails(&mut self, steps: &[Step]) -> Result<bool, PairError> {
        let found = self.pair.run(steps, &mut Coverage::default())?;
        let same = found.filter(|found| found.signature() == self.original.signature());
        let fails = same.is_some();
        self.best = same.unwrap_or_else(|| self.best.clone());
        Ok(fails)
    }
}

/// Halves long arguments while the sequence still fails.
fn shorten(search: &mut Search, steps: &mut [Step]) -> Result<(), PairError> {
    for index in 0..steps.len() {
        let words = if let Action::Command(words) = &steps[index].action { words.len() } else { 0 };
        for word in 1..words {
            while let Some(half) = half_of(&steps[index], word)
                && !search.is_late()
            {
                let mut trial = steps.to_vec();
                if let Action::Command(words) = &mut trial[index].action {
                    words[word] = Word::Bytes(half);
                }
                if !search.fails(&trial)? {
                    break;
                }
                steps[index] = trial.swap_remove(index);
            }
        }
    }
    Ok(())
}

/// The first half of a long argument.
fn half_of(step: &Step, word: usize) -> Option<Vec<u8>> {
    let Action::Command(words) = &step.action else { return None };
    let Word::Bytes(bytes) = words.get(word)? else { return None };
    (bytes.len() >= 32).then(|| bytes[..bytes.len() / 2].to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn glued_steps_stay_together() {
        let lines = ["0 SET k v", "0 MULTI", "+0 GET k", "+1 EXEC", "1 PING"];
        let steps: Vec<Step> = lines.iter().map(|line| Step::parse(line).unwrap()).collect();
        let sizes: Vec<usize> = grouped(&steps).iter().map(Vec::len).collect();
        assert_eq!(sizes, [1, 3, 1]);
    }
}
