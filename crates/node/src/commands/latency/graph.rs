//! `LATENCY GRAPH`: samples as columns of characters, the time since each below it.
//!
//! A column is four rows high and each row has three levels (`_`, `o`, `#`), so a sample has twelve; what is below its
//! top is filled with `|`.

use crate::latency::Event;

const COLUMNS: usize = 80;
const ROWS: usize = 4;
const LEVELS: &[u8] = b"_o#";

/// The picture of an event's samples at Unix second `now_seconds`.
pub(super) fn draw(name: &str, event: &Event, now_seconds: i64) -> String {
    let low = event.samples.iter().map(|(_, ms)| *ms).min().unwrap_or(0);
    let high = event.samples.iter().map(|(_, ms)| *ms).max().unwrap_or(0);
    let mut out = format!("{name} - high {high} ms, low {low} ms (all time high {} ms)\n", event.max_ms);
    out.push_str(&"-".repeat(COLUMNS));
    out.push('\n');
    for (i, part) in event.samples.chunks(COLUMNS).enumerate() {
        if i > 0 {
            out.push('\n');
        }
        let columns: Vec<Column> = part
            .iter()
            .map(|(at, ms)| Column { level: level(*ms, low, high), label: age(now_seconds - at) })
            .collect();
        draw_part(&columns, &mut out);
    }
    out
}

struct Column {
    /// 0 to 11.
    level: usize,
    label: String,
}

/// A sample's height among the lowest and the highest.
fn level(ms: u64, low: u64, high: u64) -> usize {
    let steps = (LEVELS.len() * ROWS) as u64;
    ((ms - low) * steps / (high - low).max(1)).min(steps - 1) as usize
}

/// Seconds in one unit: `59s`, `2m`, `3h`, `4d`.
fn age(seconds: i64) -> String {
    let seconds = seconds.max(0);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

fn draw_part(columns: &[Column], out: &mut String) {
    let mut line = |each: &dyn Fn(&Column) -> u8| {
        out.extend(columns.iter().map(|column| char::from(each(column))));
        out.push('\n');
    };
    for row in (0..ROWS).rev() {
        line(&|column| match column.level.checked_sub(row * LEVELS.len()) {
            None => b' ',
            Some(above) => LEVELS.get(above).copied().unwrap_or(b'|'),
        });
    }
    line(&|_| b' ');
    let longest = columns.iter().map(|column| column.label.len()).max().unwrap_or(0);
    for i in 0..longest {
        line(&|column| column.label.as_bytes().get(i).copied().unwrap_or(b' '));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_those_of_valkey() {
        let event =
            Event { samples: vec![(97, 20), (98, 50), (100, 100)], max_ms: 100, sum_ms: 170, count: 3 };
        let expected = format!(
            "command - high 100 ms, low 20 ms (all time high 100 ms)\n{}\n  #\n  |\n o|\n_||\n   \n320\nsss\n",
            "-".repeat(80)
        );
        assert_eq!(draw("command", &event, 100), expected);
    }

    #[test]
    fn long_histories_continue_below() {
        let samples = (0..100).map(|i| (i, 5)).collect();
        let event = Event { samples, max_ms: 5, sum_ms: 500, count: 100 };
        let text = draw("e", &event, 100);
        assert_eq!(
            text.lines().filter(|line| line.starts_with("____")).map(str::len).collect::<Vec<_>>(),
            [80, 20]
        );
        assert!(text.lines().all(|line| line.len() <= 80));
    }
}
