//! What may differ between two servers, and why. Everything else must be the same bytes.
//!
//! A row names a command (and its subcommand), a comparator that still looks at all that is determined, and the
//! reason. An error reply is never covered by a row: errors are compared byte for byte, but for the client's own
//! words with NUL bytes in them and for one more eviction policy (see [`compare`]), and an error on one side only is always a difference.

use super::comparators as compare_by;
use super::unordered;
use crate::reply::Value;

/// The command whose replies are compared.
#[derive(Debug)]
pub struct Call<'a> {
    /// Its words, as sent to the left server.
    pub argv: &'a [Vec<u8>],
    /// Commands and subcommands (`client|kill`) that belong to this stage.
    pub stage: &'a [String],
    /// True when the right server is Brasa.
    pub brasa: bool,
}

/// Compares what a row leaves determined; the error says what differs.
pub type Comparator = fn(&Call, &Value, &Value) -> Result<(), String>;

/// A documented difference.
#[derive(Debug)]
pub struct Difference {
    /// The command's name, with a subcommand after a space.
    pub command: &'static str,
    /// What is compared instead of bytes.
    pub compare: Comparator,
    /// Why bytes cannot be compared.
    pub reason: &'static str,
    /// True when the row is for Brasa only: two real servers agree here.
    pub brasa_only: bool,
}

const fn row(command: &'static str, compare: Comparator, reason: &'static str) -> Difference {
    Difference { command, compare, reason, brasa_only: false }
}

/// A difference between Brasa and Valkey, not just between two runs.
const fn ours(command: &'static str, compare: Comparator, reason: &'static str) -> Difference {
    Difference { command, compare, reason, brasa_only: true }
}

const MOMENT: &str = "counts from the moment of the command, a little apart on two servers";
const ORDER: &str = "the order of a hash table is nobody's promise";
const RANDOM: &str = "random by definition";
const PROSE: &str = "free text: clients show it to people, and ours is our own";
const IDENTITY: &str = "ids, ports, addresses, ages and buffer sizes belong to one server";
const WALK: &str = "cursor and order of one call; whole walks are compared by `!scan` steps";
const PLACES: &str = "without ASC, DESC or COUNT in the order of cells; with ANY whichever are found first";
const UNSORTED: &str = "with `BY nosort` the order of a hash table; equal texts in any order";
const MEASURED: &str = "measured: memory, time";
const STAGE: &str = "commands of later stages are not there yet; those of this stage must be";

/// All documented differences.
pub const DIFFERENCES: &[Difference] = &[
    row("TTL", compare_by::within_seconds, MOMENT),
    row("PTTL", compare_by::within_milliseconds, MOMENT),
    row("EXPIRETIME", compare_by::within_seconds, MOMENT),
    row("PEXPIRETIME", compare_by::within_milliseconds, MOMENT),
    row("TIME", compare_by::time, MOMENT),
    row("OBJECT IDLETIME", compare_by::within_seconds, MOMENT),
    row("OBJECT FREQ", compare_by::same_kind, "the counter grows with a probability and decays with time"),
    row("KEYS", compare_by::same_members, ORDER),
    row(
        "SCAN",
        compare_by::scan,
        "cursor and order of one call; whole iterations are compared by `!scan` steps",
    ),
    row("RANDOMKEY", compare_by::same_kind, RANDOM),
    row("LOLWUT", compare_by::same_kind, "drawn at random, and ours is our own"),
    row("CLIENT ID", compare_by::same_kind, IDENTITY),
    row("CLIENT GETREDIR", compare_by::redirect, IDENTITY),
    row("CLIENT TRACKINGINFO", compare_by::redirect, IDENTITY),
    row("CLIENT LIST", compare_by::client_lines, IDENTITY),
    row("CLIENT INFO", compare_by::client_lines, IDENTITY),
    row("HELLO", compare_by::hello, "the connection's id, and the modules that are loaded"),
    row("INFO", compare_by::info, MEASURED),
    row(
        "CONFIG GET",
        compare_by::config_get,
        "paths, ports and sizes of the machine; the order of parameters",
    ),
    row("SLOWLOG GET", compare_by::slowlog, MEASURED),
    row("COMMANDLOG GET", compare_by::slowlog, MEASURED),
    row("LATENCY HISTOGRAM", compare_by::latency_histogram, MEASURED),
    row("LATENCY LATEST", compare_by::same_kind, MEASURED),
    row("LATENCY HISTORY", compare_by::same_kind, MEASURED),
    row("MEMORY USAGE", compare_by::same_kind, MEASURED),
    row("MEMORY STATS", compare_by::same_keys, MEASURED),
    row("MEMORY DOCTOR", compare_by::same_kind, PROSE),
    row("MEMORY MALLOC-STATS", compare_by::both_texts, MEASURED),
    row("LATENCY DOCTOR", compare_by::same_kind, PROSE),
    row(
        "DEBUG OBJECT",
        compare_by::debug_object,
        "an address, a clock, the length that a compressor reaches",
    ),
    row("COMMAND", compare_by::command_info, ORDER),
    row("COMMAND INFO", compare_by::command_info, ORDER),
    row("COMMAND DOCS", compare_by::command_docs, ORDER),
    row("COMMAND LIST", compare_by::command_list, ORDER),
    row("SMEMBERS", unordered::same_rows, ORDER),
    row("SINTER", unordered::same_rows, ORDER),
    row("SUNION", unordered::same_rows, ORDER),
    row("SDIFF", unordered::same_rows, ORDER),
    row("HKEYS", unordered::same_rows, ORDER),
    row("HVALS", unordered::same_rows, ORDER),
    row("HGETALL", unordered::same_pairs, ORDER),
    row("HSCAN", unordered::scan_of_key, WALK),
    row("SSCAN", unordered::scan_of_key, WALK),
    row("ZSCAN", unordered::scan_of_key, WALK),
    row("SRANDMEMBER", unordered::drawn, RANDOM),
    row("HRANDFIELD", unordered::drawn, RANDOM),
    row("ZRANDMEMBER", unordered::drawn, RANDOM),
    row("SPOP", unordered::drawn, RANDOM),
    row("HTTL", unordered::field_times, MOMENT),
    row("HPTTL", unordered::field_times, MOMENT),
    row("HEXPIRETIME", unordered::field_times, MOMENT),
    row("HPEXPIRETIME", unordered::field_times, MOMENT),
    row("GEOSEARCH", unordered::geo_search, PLACES),
    row("GEORADIUS", unordered::geo_search, PLACES),
    row("GEORADIUS_RO", unordered::geo_search, PLACES),
    row("GEORADIUSBYMEMBER", unordered::geo_search, PLACES),
    row("GEORADIUSBYMEMBER_RO", unordered::geo_search, PLACES),
    row("SORT", unordered::sort, UNSORTED),
    row("SORT_RO", unordered::sort, UNSORTED),
    row("XADD", unordered::new_id, "`*` takes the time of day"),
    row("XPENDING", unordered::pending, MOMENT),
    row("XINFO CONSUMERS", unordered::stream_info, MOMENT),
    row("XINFO GROUPS", unordered::stream_info, MOMENT),
    row("XINFO STREAM", unordered::stream_info, "instants; inner nodes of a tree that only Valkey has"),
    ours("XGROUP HELP", compare_by::same_kind, PROSE),
    ours("XINFO HELP", compare_by::same_kind, PROSE),
    ours("COMMAND COUNT", compare_by::same_kind, STAGE),
    ours("OBJECT HELP", compare_by::same_kind, PROSE),
    ours("CLIENT HELP", compare_by::same_kind, PROSE),
    ours("COMMAND HELP", compare_by::same_kind, PROSE),
    ours("CONFIG HELP", compare_by::same_kind, PROSE),
    ours("MEMORY HELP", compare_by::same_kind, PROSE),
    ours("LATENCY HELP", compare_by::same_kind, PROSE),
    ours("SLOWLOG HELP", compare_by::same_kind, PROSE),
    ours("COMMANDLOG HELP", compare_by::same_kind, PROSE),
    ours("FUNCTION HELP", compare_by::same_kind, PROSE),
    ours("DEBUG HELP", compare_by::same_kind, PROSE),
];

/// The name under which a command's row stands: upper case, with the subcommand when it has a row or looks like one.
pub fn command_name(argv: &[Vec<u8>]) -> String {
    let word = |index: usize| {
        argv.get(index).map_or_else(String::new, |word| crate::reply::escape(&word.to_ascii_uppercase(), 40))
    };
    let containers = [
        "CLIENT",
        "CONFIG",
        "COMMAND",
        "DEBUG",
        "MEMORY",
        "LATENCY",
        "OBJECT",
        "SLOWLOG",
        "COMMANDLOG",
        "FUNCTION",
        "PFDEBUG",
        "XGROUP",
        "XINFO",
    ];
    let name = word(0);
    if argv.len() > 1 && containers.contains(&name.as_str()) { format!("{name} {}", word(1)) } else { name }
}

/// An eviction policy of Brasa's own, which the error of CONFIG SET lists behind the others.
const OWN_POLICY: &str = ", allkeys-s3fifo";

/// An error text with the client's words as Valkey shows them: up to their first NUL byte, since they are C
/// strings to it. Brasa shows them whole.
fn cut_at_nul(argv: &[Vec<u8>], text: &[u8]) -> Vec<u8> {
    let mut text = text.to_vec();
    for word in argv {
        let Some(nul) = word.iter().position(|&byte| byte == 0) else { continue };
        // Line ends become blanks in error texts.
        let shown: Vec<u8> =
            word.iter().map(|&byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { byte }).collect();
        while let Some(at) = text.windows(shown.len()).position(|window| window.eq_ignore_ascii_case(&shown))
        {
            text.drain(at + nul..at + shown.len());
        }
    }
    text
}

/// Compares two replies that are not the same bytes.
pub fn compare(call: &Call, left: &Value, right: &Value) -> Result<(), String> {
    if left.is_error() && right.is_error() && call.brasa {
        let shown = cut_at_nul(call.argv, right.text);
        if shown == left.text
            || String::from_utf8_lossy(&shown).replace(OWN_POLICY, "").as_bytes() == left.text
        {
            return Ok(());
        }
    }
    let name = command_name(call.argv);
    if call.brasa && name == "LOLWUT" {
        // Picture and options are our own: nothing to compare, errors included.
        return Ok(());
    }
    if left.is_error() || right.is_error() {
        return Err("replies differ".into());
    }
    let row = DIFFERENCES.iter().find(|row| row.command == name && (call.brasa || !row.brasa_only));
    match row {
        Some(row) => (row.compare)(call, left, right),
        None => Err("replies differ".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn differ(command: &str, left: &[u8], right: &[u8], brasa: bool) -> bool {
        let argv: Vec<Vec<u8>> = command.split(' ').map(|word| word.as_bytes().to_vec()).collect();
        let call = Call { argv: &argv, stage: &[], brasa };
        compare(&call, &Value::parse(left).unwrap(), &Value::parse(right).unwrap()).is_err()
    }

    #[test]
    fn rows_mask_only_what_they_say() {
        assert!(!differ("ttl k", b":100\r\n", b":101\r\n", true));
        assert!(differ("TTL k", b":-1\r\n", b":-2\r\n", true));
        assert!(differ("TTL k", b":100\r\n", b"-ERR\r\n", true));
        assert!(differ("GET k", b"$1\r\na\r\n", b"$1\r\nb\r\n", true));
        assert!(!differ("KEYS *", b"*2\r\n+a\r\n+b\r\n", b"*2\r\n+b\r\n+a\r\n", true));
        assert!(differ("KEYS *", b"*2\r\n+a\r\n+b\r\n", b"*2\r\n+b\r\n+b\r\n", true));
        let (cut, whole) = (b"-ERR unknown 'a' x\r\n", b"-ERR unknown 'a\0b' x\r\n");
        assert!(!differ("A\0B", cut, whole, true));
        assert!(differ("A\0B", cut, whole, false));
        assert!(differ("A\0C", cut, whole, true));
        assert!(differ("OBJECT HELP", b"*1\r\n+a\r\n", b"*1\r\n+b\r\n", false));
        assert!(!differ("OBJECT HELP", b"*1\r\n+a\r\n", b"*1\r\n+b\r\n", true));
    }

    #[test]
    fn each_command_has_one_row_and_a_reason() {
        for (index, row) in DIFFERENCES.iter().enumerate() {
            assert!(!row.reason.is_empty());
            assert!(DIFFERENCES[..index].iter().all(|other| other.command != row.command), "{}", row.command);
        }
    }
}
