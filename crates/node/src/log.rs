//! The node's log, in the form of valkey-server: `PID:ROLE DATE LEVEL MESSAGE`.

use std::fs::File;
use std::io::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, Ordering};

/// How much an operator wants to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For developers.
    Debug = 0,
    /// Rarely useful.
    Verbose = 1,
    /// What an operator wants to know.
    Notice = 2,
    /// What an operator must know.
    Warning = 3,
    /// Nothing.
    Nothing = 4,
}

static LEVEL: AtomicU8 = AtomicU8::new(Level::Notice as u8);
static FILE: Mutex<Option<File>> = Mutex::new(None);

/// Sets the least level that is written; by its name in `loglevel`.
pub fn set_level(name: &str) {
    let level = match name {
        "debug" => Level::Debug,
        "verbose" => Level::Verbose,
        "warning" => Level::Warning,
        "nothing" => Level::Nothing,
        _ => Level::Notice,
    };
    LEVEL.store(level as u8, Ordering::Relaxed);
}

/// Writes to `path` from now on; to standard output when empty.
pub fn set_file(path: &str) -> std::io::Result<()> {
    let file =
        if path.is_empty() { None } else { Some(File::options().create(true).append(true).open(path)?) };
    *FILE.lock().unwrap_or_else(|e| e.into_inner()) = file;
    Ok(())
}

/// Writes a line.
pub fn write(level: Level, message: &str) {
    if (level as u8) < LEVEL.load(Ordering::Relaxed) {
        return;
    }
    let mark = match level {
        Level::Debug => '.',
        Level::Verbose => '-',
        Level::Notice => '*',
        Level::Warning | Level::Nothing => '#',
    };
    let line = format!("{}:M {} {mark} {message}\n", std::process::id(), date(sys::clock::wall_ms()));
    raw(&line);
}

/// Writes text as it is (the banner).
pub fn raw(text: &str) {
    let mut file = FILE.lock().unwrap_or_else(|e| e.into_inner());
    // A log that cannot be written must not stop the node.
    let _ = match file.as_mut() {
        Some(file) => file.write_all(text.as_bytes()),
        None => std::io::stdout().lock().write_all(text.as_bytes()),
    };
}

/// What an operator wants to know.
pub fn notice(message: &str) {
    write(Level::Notice, message);
}

/// What an operator must know.
pub fn warning(message: &str) {
    write(Level::Warning, message);
}

/// `23 Nov 2026 04:05:06.789`, in UTC.
fn date(at_ms: u64) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (seconds, ms) = (at_ms / 1000, at_ms % 1000);
    let (days, clock) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil_from_days(days as i64);
    let (h, m, s) = (clock / 3600, clock / 60 % 60, clock % 60);
    format!("{day:02} {} {year} {h:02}:{m:02}:{s:02}.{ms:03}", MONTHS[month as usize - 1])
}

/// The Gregorian date of a day since 1970-01-01.
pub fn civil_from_days(days: i64) -> (i64, u32, u32) {
    // Count years from 1 March, so that the leap day ends the year.
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = (doy - (153 * mp + 2) / 5 + 1) as u32;
    let month = if mp < 10 { mp + 3 } else { mp - 9 } as u32;
    (yoe + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_gregorian() {
        assert_eq!(date(0), "01 Jan 1970 00:00:00.000");
        assert_eq!(date(951_782_400_000), "29 Feb 2000 00:00:00.000");
        assert_eq!(date(1_795_406_706_789), "23 Nov 2026 04:05:06.789");
    }
}
