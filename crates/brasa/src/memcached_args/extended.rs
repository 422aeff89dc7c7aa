//! The value of `-o`: options parted by commas, each with a value behind `=` or none.

use super::{
    Failure, MemcachedOptions, USAGE,
    number::{atof, atoi, whole},
};

/// Extended options without an effect here, and why.
pub const IGNORED: &[(&str, &str)] = &[
    ("hashpower", TABLE),
    ("no_hashexpand", TABLE),
    ("hash_algorithm", TABLE),
    ("slab_reassign", SLABS),
    ("no_slab_reassign", SLABS),
    ("slab_automove", SLABS),
    ("no_slab_automove", SLABS),
    ("slab_automove_ratio", SLABS),
    ("slab_automove_window", SLABS),
    ("slab_automove_freeratio", SLABS),
    ("slab_sizes", SLABS),
    ("slab_chunk_max", SLABS),
    ("no_chunked_items", SLABS),
    ("lru_crawler", CRAWLER),
    ("no_lru_crawler", CRAWLER),
    ("lru_crawler_sleep", CRAWLER),
    ("lru_crawler_tocrawl", CRAWLER),
    ("lru_maintainer", LRU),
    ("no_lru_maintainer", LRU),
    ("hot_lru_pct", LRU),
    ("warm_lru_pct", LRU),
    ("hot_max_factor", LRU),
    ("warm_max_factor", LRU),
    ("temporary_ttl", LRU),
    ("tail_repair_time", LRU),
    ("watcher_logbuf_size", BUFFERS),
    ("worker_logbuf_size", BUFFERS),
    ("read_buf_mem_limit", BUFFERS),
    ("resp_obj_mem_limit", BUFFERS),
    ("sock_cookie_id", "sockets are not marked for filters"),
    ("drop_privileges", "system calls are not filtered"),
];

const TABLE: &str = "the engine's table chooses its own size and hash";
const SLABS: &str = "the engine has no slab classes";
const CRAWLER: &str = "the engine finds expired items without a crawler";
const LRU: &str = "the engine evicts by its own rule, not from segments of an LRU list";
const BUFFERS: &str = "the engine sizes and frees buffers itself";

/// Accepted in silence: they say what is so anyway, or belong to test harnesses.
const NOTHING_TO_DO: &[&str] = &[
    "modern",
    "no_modern",
    "no_drop_privileges",
    "relaxed_privileges",
    "inline_ascii_resp",
    "no_inline_ascii_resp",
];

/// What is refused, by the beginning of its name, and why.
const REFUSED: &[(&str, &str)] = &[
    ("ext_", "this server does not store items outside of memory"),
    ("proxy_", "this server is no proxy"),
    ("ssl_", "this server is not built with TLS support"),
];

/// What checks at the end look at.
pub struct Seen {
    chunk_bytes_max: Option<i64>,
    hot_percent: i64,
    warm_percent: i64,
    has_temporary_ttl: bool,
    has_maintainer: bool,
}

impl Default for Seen {
    fn default() -> Seen {
        Seen {
            chunk_bytes_max: None,
            hot_percent: 20,
            warm_percent: 40,
            has_temporary_ttl: false,
            has_maintainer: true,
        }
    }
}

/// Takes in the whole list.
pub fn take(options: &mut MemcachedOptions, seen: &mut Seen, list: &str) -> Result<(), Failure> {
    // As getsubopt reads it: a comma at the end adds nothing, one in the middle an option without a name.
    let list = list.strip_suffix(',').unwrap_or(list);
    if list.is_empty() {
        return Ok(());
    }
    list.split(',').try_for_each(|entry| one(options, seen, entry))
}

fn one(options: &mut MemcachedOptions, seen: &mut Seen, entry: &str) -> Result<(), Failure> {
    let (name, value) = match entry.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (entry, None),
    };
    match name {
        "maxconns_fast" => options.closes_excess_connections = true,
        "no_maxconns_fast" => options.closes_excess_connections = false,
        "idle_timeout" => {
            let value = value.ok_or_else(|| missing("numeric argument for idle_timeout"))?;
            options.idle_timeout_s = u32::try_from(atoi(value)).unwrap_or(0);
        }
        "track_sizes" => options.tracks_sizes = true,
        _ if NOTHING_TO_DO.contains(&name) => {
            if name == "no_modern" {
                options.closes_excess_connections = false;
                seen.has_maintainer = false;
            }
        }
        _ => {
            if let Some((_, why)) = IGNORED.iter().find(|(ignored, _)| *ignored == name) {
                ignored(seen, name, value)?;
                options.warnings.push(format!("WARNING: -o {name} has no effect: {why}"));
            } else {
                let why = REFUSED.iter().find(|(begin, _)| name.starts_with(begin));
                let why = why.map_or(String::new(), |(_, why)| format!(": {why}"));
                return Err(Failure::new(1, format!("Illegal suboption \"{entry}\"{why}")));
            }
        }
    }
    Ok(())
}

fn missing(what: &str) -> Failure {
    Failure::new(1, format!("Missing {what}"))
}

/// Refuses wrong values of an option without an effect as memcached does.
fn ignored(seen: &mut Seen, name: &str, value: Option<&str>) -> Result<(), Failure> {
    let needed = || value.ok_or_else(|| missing(&format!("{name} argument")));
    let needed_number = || value.ok_or_else(|| missing(&format!("numeric argument for {name}")));
    let fail_if = |wrong: bool, text: &str| if wrong { Err(Failure::new(1, text)) } else { Ok(()) };
    match name {
        "hashpower" => {
            let power = atoi(needed_number()?);
            fail_if(power < 12, &format!("Initial hashtable multiplier of {power} is too low"))?;
            let text = format!(
                "Initial hashtable multiplier of {power} is too high\n\
                 Choose a value based on \"STAT hash_power_level\" from a running instance"
            );
            fail_if(power > 32, &text)
        }
        "hash_algorithm" => fail_if(
            !["jenkins", "murmur3", "xxh3"].contains(&needed()?),
            "Unknown hash_algorithm option (jenkins, murmur3, xxh3)",
        ),
        "slab_automove" => {
            let mode = value.map_or(1, atoi);
            fail_if(!(0..=2).contains(&mode), "slab_automove must be between 0 and 2")
        }
        "slab_automove_ratio" => {
            let ratio = atof(needed()?);
            fail_if(ratio <= 0.0 || ratio > 1.0, "slab_automove_ratio must be > 0 and < 1")
        }
        "slab_automove_window" => fail_if(atoi(needed()?) < 3, "slab_automove_window must be > 2"),
        "slab_chunk_max" => {
            let kib = whole(needed()?);
            let kib = kib.ok_or_else(|| Failure::new(1, "could not parse argument to slab_chunk_max"))?;
            seen.chunk_bytes_max = Some(i64::from(kib));
            Ok(())
        }
        "tail_repair_time" => {
            let seconds = atoi(needed_number()?);
            fail_if(seconds < 10, "Cannot set tail_repair_time to less than 10 seconds")
        }
        "lru_crawler_sleep" => {
            let value = value.ok_or_else(|| missing("lru_crawler_sleep value"))?;
            fail_if(
                !(0..=1_000_000).contains(&atoi(value)),
                "LRU crawler sleep must be between 0 and 1 second",
            )
        }
        "lru_crawler_tocrawl" => {
            let value = value.ok_or_else(|| missing("lru_crawler_tocrawl value"))?;
            fail_if(whole(value).is_none(), "lru_crawler_tocrawl takes a numeric 32bit value")
        }
        "hot_lru_pct" | "warm_lru_pct" => {
            let percent = atoi(needed()?);
            let place = if name == "hot_lru_pct" { &mut seen.hot_percent } else { &mut seen.warm_percent };
            *place = percent;
            fail_if(!(1..80).contains(&percent), &format!("{name} must be > 1 and < 80"))
        }
        "hot_max_factor" | "warm_max_factor" => {
            fail_if(atof(needed()?) <= 0.0, &format!("{name} must be > 0"))
        }
        "temporary_ttl" => {
            seen.has_temporary_ttl = true;
            needed().map(drop)
        }
        "lru_maintainer" | "no_lru_maintainer" => {
            seen.has_maintainer = name == "lru_maintainer";
            Ok(())
        }
        "watcher_logbuf_size" | "worker_logbuf_size" | "read_buf_mem_limit" => {
            fail_if(whole(needed()?).is_none(), &format!("could not parse argument to {name}"))
        }
        _ => Ok(()),
    }
}

/// Checks that concern several options, with memcached's wording and order.
pub fn check(seen: &Seen, item_bytes_max: i64) -> Result<(), Failure> {
    let usage = |text: String| Err(Failure::new(USAGE, text));
    if let Some(chunk) = seen.chunk_bytes_max {
        // memcached takes the number for bytes, though its help speaks of kilobytes.
        if chunk > item_bytes_max {
            return usage(format!(
                "slab_chunk_max (bytes: {chunk}) cannot be larger than -I (item_size_max {item_bytes_max})"
            ));
        }
        if chunk == 0 || item_bytes_max % chunk != 0 {
            return usage(format!(
                "-I (item_size_max: {item_bytes_max}) must be evenly divisible by slab_chunk_max (bytes: {chunk})"
            ));
        }
    }
    if seen.hot_percent + seen.warm_percent > 80 {
        return usage("hot_lru_pct + warm_lru_pct cannot be more than 80% combined".to_owned());
    }
    if seen.has_temporary_ttl && !seen.has_maintainer {
        return usage("temporary_ttl requires lru_maintainer to be enabled".to_owned());
    }
    Ok(())
}
