//! Which words a full memory has for scripts, and which come first.

use crate::{Peers, same};

const SCRIPTS: &[&str] = &[
    "return redis.call('SET', KEYS[1], 'v')",
    "return redis.call('GET', KEYS[1])",
    "return 1",
    "#!lua\nreturn 1",
    "#!lua\nreturn redis.call('SET', KEYS[1], 'v')",
    "#!lua flags=allow-oom\nreturn redis.call('SET', KEYS[1], 'v')",
    "#!lua flags=no-writes\nreturn redis.call('GET', KEYS[1])",
    "#!lua flags=no-writes\nreturn redis.call('SET', KEYS[1], 'v')",
    "#!lua flags=no-writes,allow-oom\nreturn redis.call('SET', KEYS[1], 'v')",
    "#!lua flags=nonsense\nreturn 1",
    "redis.call('DEL', KEYS[1]) return redis.call('SET', KEYS[1], 'v')",
    "return redis.pcall('SET', KEYS[1], 'v')",
];

const LIBRARY: &str = "#!lua name=lib\n\
    local function set(keys) return redis.call('SET', keys[1], 'v') end\n\
    redis.register_function('plain', set)\n\
    redis.register_function{function_name='ro', callback=set, flags={'no-writes'}}\n\
    redis.register_function{function_name='oom', callback=set, flags={'allow-oom'}}";

#[test]
fn full_memory_refuses_in_the_same_order_and_words() {
    let peers = Peers::start(&[]);
    let mut clients = peers.connect();
    same(&mut clients, &["FUNCTION", "LOAD", LIBRARY]);
    let mut calls: Vec<Vec<String>> = Vec::new();
    for script in SCRIPTS {
        for name in ["EVAL", "EVAL_RO"] {
            calls.push([name, script, "1", "k"].map(String::from).to_vec());
        }
    }
    for function in ["plain", "ro", "oom", "none"] {
        for name in ["FCALL", "FCALL_RO"] {
            calls.push([name, function, "1", "k"].map(String::from).to_vec());
        }
    }
    for limit in ["0", "1"] {
        same(&mut clients, &["CONFIG", "SET", "maxmemory", limit]);
        for call in &calls {
            same(&mut clients, call);
            // In a transaction.
            same(&mut clients, &["MULTI"]);
            same(&mut clients, call);
            same(&mut clients, &["EXEC"]);
        }
        // Queued while there is room, run when there is none.
        for call in &calls {
            same(&mut clients, &["CONFIG", "SET", "maxmemory", "0"]);
            same(&mut clients, &["MULTI"]);
            same(&mut clients, call);
            same(&mut clients, &["CONFIG", "SET", "maxmemory", limit]);
            same(&mut clients, &["EXEC"]);
            same(&mut clients, &["CONFIG", "SET", "maxmemory", limit]);
        }
    }
}
