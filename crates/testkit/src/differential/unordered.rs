//! How replies of collections are compared whose order is nobody's promise, or that were drawn at random, or that tell
//! times. Which ones, and why: `differences.rs`.

use std::fmt::Write as _;

use super::comparators::{Outcome, canonical, check, same_text, same_type};
use super::differences::Call;
use crate::reply::Value;

/// How far apart the clocks of two commands may be, in milliseconds.
const APART_MS: u64 = 3000;

/// Instants in milliseconds since 1970 are above it.
const INSTANT_MIN: i64 = 1_000_000_000_000;

impl Call<'_> {
    /// Whether an option stands among the arguments.
    fn has(&self, option: &str) -> bool {
        self.position(option).is_some()
    }

    fn position(&self, option: &str) -> Option<usize> {
        self.argv.iter().skip(1).position(|word| word.eq_ignore_ascii_case(option.as_bytes()))
    }
}

fn sorted(items: impl Iterator<Item = String>) -> String {
    let mut items: Vec<String> = items.collect();
    items.sort();
    items.join("\n")
}

/// The same rows in any order, whatever a row is.
pub fn same_rows(_: &Call, left: &Value, right: &Value) -> Outcome {
    same_type(left, right)?;
    same_text(&sorted(left.items.iter().map(canonical)), &sorted(right.items.iter().map(canonical)))
}

fn pairs(value: &Value) -> String {
    sorted(value.pairs().map(|(name, of)| format!("{} -> {}", canonical(name), canonical(of))))
}

/// The same pairs in any order: a map, or a flat array as RESP2 sends it.
pub fn same_pairs(_: &Call, left: &Value, right: &Value) -> Outcome {
    same_type(left, right)?;
    check(left.items.len() == right.items.len(), "the numbers of elements differ")?;
    same_text(&pairs(left), &pairs(right))
}

/// HSCAN and its kin: a cursor and an array; where one call has found everything on both servers, the same.
pub fn scan_of_key(call: &Call, left: &Value, right: &Value) -> Outcome {
    super::comparators::scan(call, left, right)?;
    let whole = |value: &Value| value.items[0].text == b"0";
    if !whole(left) || !whole(right) || call.argv.get(2).is_none_or(|cursor| cursor != b"0") {
        return Ok(());
    }
    let in_pairs = match call.argv[0].to_ascii_uppercase().as_slice() {
        b"HSCAN" => !call.has("NOVALUES"),
        b"ZSCAN" => !call.has("NOSCORES"),
        _ => false,
    };
    if in_pairs {
        same_pairs(call, &left.items[1], &right.items[1])
    } else {
        same_rows(call, &left.items[1], &right.items[1])
    }
}

/// Members drawn at random: as many, none twice unless the count is negative, the same when they are all there are.
pub fn drawn(call: &Call, left: &Value, right: &Value) -> Outcome {
    same_type(left, right)?;
    check(left.items.len() == right.items.len(), "the numbers of elements differ")?;
    let Some(count) = call.argv.get(2).and_then(|word| std::str::from_utf8(word).ok()?.parse::<i64>().ok())
    else {
        return Ok(());
    };
    let in_pairs = call.has("WITHVALUES") || call.has("WITHSCORES");
    // RESP3 nests pairs, and RESP2 does not.
    let flat = in_pairs && left.items.first().is_some_and(|item| !item.is_aggregate());
    let rows = |value: &Value| -> Vec<String> {
        let mut rows: Vec<String> = if flat {
            value
                .items
                .chunks(2)
                .map(|pair| pair.iter().map(canonical).collect::<Vec<_>>().join(" "))
                .collect()
        } else {
            value.items.iter().map(canonical).collect()
        };
        rows.sort();
        rows
    };
    let (left, right) = (rows(left), rows(right));
    if count < 0 {
        return Ok(());
    }
    let unique = |rows: &[String]| rows.windows(2).all(|pair| pair[0] != pair[1]);
    check(unique(&left) && unique(&right), "a member comes twice")?;
    if (left.len() as i64) < count { same_text(&left.join("\n"), &right.join("\n")) } else { Ok(()) }
}

/// Searches: sorted they are the same; the same in any order when they are not; as many of any.
pub fn geo_search(call: &Call, left: &Value, right: &Value) -> Outcome {
    same_type(left, right)?;
    if call.has("ANY") {
        return check(left.items.len() == right.items.len(), "the numbers of elements differ");
    }
    if call.has("ASC") || call.has("DESC") || call.has("COUNT") {
        return Err("replies differ".into());
    }
    same_rows(call, left, right)
}

/// SORT: the same in any order where nothing is sorted, or by texts that can be equal; as many of a part of those.
pub fn sort(call: &Call, left: &Value, right: &Value) -> Outcome {
    same_type(left, right)?;
    let by = call.position("BY").and_then(|at| call.argv.get(at + 2));
    let unsorted = by.is_some_and(|pattern| !pattern.contains(&b'*') || call.has("ALPHA"));
    check(unsorted, "replies differ")?;
    check(left.items.len() == right.items.len(), "the numbers of elements differ")?;
    if call.has("LIMIT") { Ok(()) } else { same_rows(call, left, right) }
}

/// The id of a new message: the time of day, where it was asked for.
pub fn new_id(call: &Call, left: &Value, right: &Value) -> Outcome {
    same_type(left, right)?;
    check(call.has("*"), "replies differ")?;
    let id = |value: &Value| {
        let (ms, seq) = std::str::from_utf8(value.text).ok()?.split_once('-')?;
        Some((ms.parse::<u64>().ok()?, seq.parse::<u64>().ok()?))
    };
    let (Some(left), Some(right)) = (id(left), id(right)) else { return Err("no id of a message".into()) };
    check(left.0.abs_diff(right.0) <= APART_MS, "ids are further apart than time explains")
}

/// The same but for integers that tell durations or instants: these may be a little apart. Which integers tell
/// durations is the caller's to say, by the name in front of them or by their place in a row.
fn same_but_for_times(left: &Value, right: &Value, is_duration: bool, rows_of: Option<usize>) -> Outcome {
    same_type(left, right)?;
    if left.kind == b':' {
        let (Some(l), Some(r)) = (left.integer(), right.integer()) else { return Err("no integer".into()) };
        let instants = l > INSTANT_MIN && r > INSTANT_MIN;
        let near = (is_duration || instants) && l.abs_diff(r) <= APART_MS && l >= 0 && r >= 0;
        return check(l == r || near, &format!("{l} against {r}"));
    }
    if !left.is_aggregate() {
        return check(left.text == right.text, &format!("{} against {}", canonical(left), canonical(right)));
    }
    check(left.items.len() == right.items.len(), "the numbers of elements differ")?;
    let mut name: &[u8] = b"";
    for (place, (l, r)) in left.items.iter().zip(&right.items).enumerate() {
        let duration = matches!(name, b"idle" | b"inactive") || rows_of == Some(place);
        if name == b"radix-tree-nodes" && l.kind == b':' {
            // Inner nodes of a tree that only one of the two has.
            name = b"";
            continue;
        }
        same_but_for_times(l, r, duration, None).map_err(|what| {
            let mut text = what;
            if !name.is_empty() {
                let _ = write!(text, " ({})", String::from_utf8_lossy(name));
            }
            text
        })?;
        name = if matches!(l.kind, b'$' | b'+') { l.text } else { b"" };
    }
    Ok(())
}

/// XINFO: idle times and instants are a little apart.
pub fn stream_info(_: &Call, left: &Value, right: &Value) -> Outcome {
    same_but_for_times(left, right, false, None)
}

/// XPENDING: rows of id, consumer, idle time and number of deliveries.
pub fn pending(_: &Call, left: &Value, right: &Value) -> Outcome {
    same_type(left, right)?;
    check(left.items.len() == right.items.len(), "the numbers of elements differ")?;
    for (l, r) in left.items.iter().zip(&right.items) {
        same_but_for_times(l, r, false, (l.items.len() == 4).then_some(2))?;
    }
    Ok(())
}

/// TTLs of fields: a little apart where there are any.
pub fn field_times(_: &Call, left: &Value, right: &Value) -> Outcome {
    same_type(left, right)?;
    check(left.items.len() == right.items.len(), "the numbers of elements differ")?;
    for (l, r) in left.items.iter().zip(&right.items) {
        same_but_for_times(l, r, true, None)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    type Comparator = fn(&Call, &Value, &Value) -> Outcome;

    fn compare(by: Comparator, command: &str, left: &[u8], right: &[u8]) -> Outcome {
        let argv: Vec<Vec<u8>> = command.split(' ').map(|word| word.as_bytes().to_vec()).collect();
        let call = Call { argv: &argv, stage: &[], brasa: true };
        by(&call, &Value::parse(left).unwrap(), &Value::parse(right).unwrap())
    }

    #[test]
    fn pairs_stay_together() {
        let (ab, ba) = (b"*4\r\n+a\r\n+1\r\n+b\r\n+2\r\n", b"*4\r\n+b\r\n+2\r\n+a\r\n+1\r\n");
        assert_eq!(compare(same_pairs, "HGETALL h", ab, ba), Ok(()));
        let mixed = b"*4\r\n+b\r\n+1\r\n+a\r\n+2\r\n";
        assert!(compare(same_pairs, "HGETALL h", ab, mixed).is_err());
        assert!(compare(same_pairs, "HGETALL h", ab, b"%2\r\n+a\r\n+1\r\n+b\r\n+2\r\n").is_err());
    }

    #[test]
    fn whole_walks_of_one_call_are_compared() {
        let scan = |cursor: &str, members: &str| {
            let members: Vec<&str> = members.split(' ').collect();
            let mut out = format!("*2\r\n${}\r\n{cursor}\r\n*{}\r\n", cursor.len(), members.len());
            members.iter().for_each(|member| out += &format!("+{member}\r\n"));
            out.into_bytes()
        };
        assert_eq!(compare(scan_of_key, "SSCAN s 0", &scan("0", "a b"), &scan("0", "b a")), Ok(()));
        assert!(compare(scan_of_key, "SSCAN s 0", &scan("0", "a b"), &scan("0", "b c")).is_err());
        assert_eq!(compare(scan_of_key, "SSCAN s 0", &scan("0", "a b"), &scan("9", "b")), Ok(()));
        assert!(compare(scan_of_key, "HSCAN s 0", &scan("0", "a 1 b 2"), &scan("0", "a 2 b 1")).is_err());
        assert_eq!(compare(scan_of_key, "HSCAN s 0 NOVALUES", &scan("0", "a b"), &scan("0", "b a")), Ok(()));
    }

    #[test]
    fn draws_have_their_number() {
        let (ab, bc) = (b"*2\r\n+a\r\n+b\r\n", b"*2\r\n+b\r\n+c\r\n");
        assert_eq!(compare(drawn, "SRANDMEMBER s 2", ab, bc), Ok(()));
        assert!(compare(drawn, "SRANDMEMBER s 3", ab, bc).is_err(), "these are all there are");
        assert!(compare(drawn, "SRANDMEMBER s 2", ab, b"*2\r\n+b\r\n+b\r\n").is_err());
        assert_eq!(compare(drawn, "SRANDMEMBER s -2", ab, b"*2\r\n+b\r\n+b\r\n"), Ok(()));
        assert!(compare(drawn, "SRANDMEMBER s -2", ab, b"*1\r\n+b\r\n").is_err());
    }

    #[test]
    fn searches_and_sorts_keep_what_is_determined() {
        let (ab, ba, ac) = (b"*2\r\n+a\r\n+b\r\n", b"*2\r\n+b\r\n+a\r\n", b"*2\r\n+a\r\n+c\r\n");
        assert_eq!(compare(geo_search, "GEOSEARCH g", ab, ba), Ok(()));
        assert!(compare(geo_search, "GEOSEARCH g ASC", ab, ba).is_err());
        assert!(compare(geo_search, "GEOSEARCH g", ab, ac).is_err());
        assert_eq!(compare(geo_search, "GEOSEARCH g COUNT 2 ANY", ab, ac), Ok(()));
        assert_eq!(compare(sort, "SORT k BY nosort", ab, ba), Ok(()));
        assert!(compare(sort, "SORT k BY nosort", ab, ac).is_err());
        assert!(compare(sort, "SORT k", ab, ba).is_err());
        assert!(compare(sort, "SORT k BY w:*", ab, ba).is_err());
    }

    #[test]
    fn times_may_be_apart_and_numbers_not() {
        let consumer = |pending: u32, idle: i64| {
            format!("*1\r\n*4\r\n$7\r\npending\r\n:{pending}\r\n$4\r\nidle\r\n:{idle}\r\n").into_bytes()
        };
        assert_eq!(compare(stream_info, "XINFO CONSUMERS", &consumer(2, 5), &consumer(2, 9)), Ok(()));
        assert!(compare(stream_info, "XINFO CONSUMERS", &consumer(2, 5), &consumer(3, 5)).is_err());
        assert!(compare(stream_info, "XINFO CONSUMERS", &consumer(2, 5), &consumer(2, -1)).is_err());
        let row = |idle: u32, count: u32| {
            format!("*1\r\n*4\r\n$3\r\n1-1\r\n$1\r\nc\r\n:{idle}\r\n:{count}\r\n").into_bytes()
        };
        assert_eq!(compare(pending, "XPENDING", &row(1, 1), &row(2, 1)), Ok(()));
        assert!(compare(pending, "XPENDING", &row(1, 1), &row(1, 2)).is_err());
        assert_eq!(compare(field_times, "HTTL", b"*2\r\n:100\r\n:-1\r\n", b"*2\r\n:101\r\n:-1\r\n"), Ok(()));
        assert!(compare(field_times, "HTTL", b"*1\r\n:-2\r\n", b"*1\r\n:-1\r\n").is_err());
        assert_eq!(compare(new_id, "XADD k * f v", b"$9\r\n1700000-0\r\n", b"$9\r\n1700002-5\r\n"), Ok(()));
        assert!(compare(new_id, "XADD k 5-* f v", b"$3\r\n5-1\r\n", b"$3\r\n5-2\r\n").is_err());
    }
}
