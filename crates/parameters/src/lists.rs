//! Directives with a format of their own: save points, buffer limits, event letters, scores, percentiles,
//! listening addresses and the primary's address.

use crate::accept::{Refusal, Situation};
use crate::number::{c_integer, fraction, memory};
use crate::value::{CLIENT_CLASSES, EVENT_LETTERS, EVENTS_ALL, OutputBufferLimit, SavePoint, Value};

/// Most addresses `bind` takes.
const BIND_MAX: usize = 16;

const WRONG_COUNT: &str = "wrong number of arguments";

/// Listening addresses; none at all means to listen nowhere.
pub fn words(parts: &[&[u8]]) -> Result<Value, Refusal> {
    if parts.len() > BIND_MAX {
        return Err("Too many bind addresses specified.".into());
    }
    Ok(Value::Words(parts.iter().map(|part| part.to_vec()).collect()))
}

/// `save`: at run time the list replaces the old one, in files every line after the first adds to it. An
/// empty line forgets what was there.
pub fn save_points(parts: &[&[u8]], situation: &Situation<'_>) -> Result<Value, Refusal> {
    const INVALID: &str = "Invalid save parameters";
    let parts = if let [[]] = parts { &[] } else { parts };
    if !parts.len().is_multiple_of(2) {
        return Err(INVALID.into());
    }
    let mut points = match situation.current {
        Value::Save(points) if !situation.run_time && situation.repeated && !parts.is_empty() => {
            points.clone()
        }
        _ => Vec::new(),
    };
    for pair in parts.chunks_exact(2) {
        let seconds = c_integer(pair[0], 10).filter(|seconds| *seconds >= 1).ok_or(INVALID)?;
        let changes = c_integer(pair[1], 10).filter(|changes| *changes >= 0).ok_or(INVALID)?;
        // The counter is 32 bits wide where this format comes from, and longer numbers lose their top.
        points.push(SavePoint { seconds, changes: changes as i32 });
    }
    Ok(Value::Save(points))
}

/// `client-output-buffer-limit`: classes not named keep their limits; one bad word refuses all.
pub fn output_buffer_limits(parts: &[&[u8]], current: &Value) -> Result<Value, Refusal> {
    let Value::Limits(mut limits) = current.clone() else { unreachable!("the row holds limits") };
    if !parts.len().is_multiple_of(4) {
        return Err("Wrong number of arguments in buffer limit configuration.".into());
    }
    for group in parts.chunks_exact(4) {
        let class =
            client_class(group[0]).ok_or("Invalid client class specified in buffer limit configuration.")?;
        limits[class] = limit(group)
            .ok_or("Error in hard, soft or soft_seconds setting in buffer limit configuration.")?;
    }
    Ok(Value::Limits(limits))
}

fn client_class(word: &[u8]) -> Option<usize> {
    let word = if word.eq_ignore_ascii_case(b"replica") { b"slave" } else { word };
    CLIENT_CLASSES.iter().position(|class| class.as_bytes().eq_ignore_ascii_case(word))
}

fn limit(group: &[&[u8]]) -> Option<OutputBufferLimit> {
    // Seconds too have 32 bits, and are judged after they were cut.
    let soft_seconds = c_integer(group[3], 10)? as i32;
    let limit =
        OutputBufferLimit { hard_bytes: memory(group[1])?, soft_bytes: memory(group[2])?, soft_seconds };
    (soft_seconds >= 0).then_some(limit)
}

/// `notify-keyspace-events`.
pub fn event_letters(word: &[u8]) -> Result<Value, Refusal> {
    let mut bits = 0;
    for letter in word {
        let known = EVENT_LETTERS.iter().find(|(known, _)| known == letter).map(|(_, bit)| *bit);
        bits |= match (letter, known) {
            (b'A', _) => EVENTS_ALL,
            (_, Some(bit)) => bit,
            _ => return Err("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.".into()),
        };
    }
    Ok(Value::Events(bits))
}

/// `oom-score-adj-values`.
pub fn oom_scores(parts: &[&[u8]]) -> Result<Value, Refusal> {
    if parts.len() != 3 {
        return Err(WRONG_COUNT.into());
    }
    let mut scores = [0; 3];
    for (score, part) in scores.iter_mut().zip(parts) {
        let number = c_integer(part, 10).filter(|number| (-2000..=2000).contains(number));
        *score =
            number.ok_or("Invalid oom-score-adj-values, elements must be between -2000 and 2000.")? as i32;
    }
    Ok(Value::Scores(scores))
}

/// `latency-tracking-info-percentiles`.
pub fn percentiles(parts: &[&[u8]]) -> Result<Value, Refusal> {
    let mut list = Vec::with_capacity(parts.len());
    for part in parts {
        let value = fraction(part).ok_or("Invalid latency-tracking-info-percentiles parameters")?;
        if !(0.0..=100.0).contains(&value) {
            return Err("latency-tracking-info-percentiles parameters should sit between [0.0,100.0]".into());
        }
        list.push(value);
    }
    Ok(Value::Percentiles(list))
}

/// `replicaof`.
pub fn replica_of(parts: &[&[u8]]) -> Result<Value, Refusal> {
    let [host, port] = parts else { return Err(WRONG_COUNT.into()) };
    if host.eq_ignore_ascii_case(b"no") && port.eq_ignore_ascii_case(b"one") {
        return Ok(Value::Primary(None));
    }
    let port = c_integer(port, 10).and_then(|port| u16::try_from(port).ok()).ok_or("Invalid primary port")?;
    Ok(Value::Primary(Some((host.to_vec(), port))))
}
