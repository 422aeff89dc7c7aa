//! What is no command of a group: unknown names, inline commands, malformed requests.
//!
//! Protocol: <https://valkey.io/topics/protocol/>.

use super::{Family, Generator, row};
use crate::client::encode;
use crate::differential::generate::{Command, Gen};
use crate::differential::step::Action;

/// The family.
pub const FAMILY: Family =
    Family { name: "protocol", group: "", weight: 2, waits: false, generators: GENERATORS };

const GENERATORS: &[Generator] =
    &[row(6, unknown_command), row(4, inline), row(3, malformed), row(2, odd_arrays), row(2, large_pipeline)];

fn unknown_command(g: &mut Gen) {
    let long = "x".repeat(200);
    let names = ["NOPE", "", "GETT", "SE", "a b", "get\x00", "\r\n", "%s", long.as_str()];
    let mut command = Command::new("").arg("");
    if g.rng.percent(95) {
        let name = *g.rng.pick(&names);
        command = Command::new(&name.replace(' ', "_"));
    }
    // The text shows 128 bytes of arguments. Without NUL bytes, at which Valkey cuts each of them.
    for _ in 0..g.rng.below(6) {
        let length = g.rng.below(60);
        command = command.arg(g.text(length));
    }
    g.push_exact(command);
}

fn raw(g: &mut Gen, bytes: &[u8]) {
    if g.in_multi() {
        return unknown_command(g);
    }
    g.push_action(Action::Raw(bytes.to_vec()));
}

fn inline(g: &mut Gen) {
    let lines: &[&[u8]] = &[
        b"PING\r\n",
        b"PING\n",
        b"  PING  \r\n",
        b"\r\n",
        b"\n",
        b"   \r\n",
        b"SET s:0 value\r\n",
        b"SET s:0 \"a b\\x41\\n\\r\\t\\a\\b\\\\\\\"\"\r\n",
        b"SET s:0 'it\\'s'\r\n",
        b"SET s:0 'a\\nb'\r\n",
        b"SET s:0 \"\"\r\n",
        b"GET s:0\r\n",
        b"ECHO \"\\xzz\"\r\n",
        b"set s:1 x\r\nget s:1\r\nPING\r\n",
        b"GET\r\n",
        b"NOPE a b\r\n",
        b"ECHO \"open\r\n",
        b"ECHO 'open\r\n",
        b"ECHO \"a\"b\r\n",
        b"ECHO 'a'b\r\n",
        b"ECHO a\"b\"\r\n",
        b"ECHO a\tb\r\n",
        b"PING\r\r\n",
    ];
    let line = *g.rng.pick(lines);
    raw(g, line);
}

fn malformed(g: &mut Gen) {
    let requests: &[&[u8]] = &[
        b"*x\r\n",
        b"*1\r\nPING\r\n",
        b"*1\r\n:4\r\n",
        b"*1\r\n$x\r\n",
        b"*1\r\n$-1\r\n",
        b"*1\r\n$-5\r\n",
        b"*1\r\n$536870913\r\n",
        b"*1\r\n$99999999999999999999\r\n",
        b"*2147483648\r\n",
        b"*99999999999999999999\r\n",
        b"*1048577000000\r\n",
        b"*2\r\n$3\r\nGET\r\n*1\r\n",
        b"*1 \r\n$4\r\nPING\r\n",
        b"* 1\r\n$4\r\nPING\r\n",
        b"*+1\r\n$4\r\nPING\r\n",
        b"*01\r\n$4\r\nPING\r\n",
        b"*1\r\n$04\r\nPING\r\n",
        b"*1\r\n$4 \r\nPING\r\n",
        b"*1\r\n\r\n",
        b"*\r\n",
        b"*1\r\n$\r\n",
        b"*1\r\n$4\r\nPINGxx",
        b"PING\r\n*1\r\n$4\r\nPING\r\n*1\r\n!\r\n",
        b"POST / HTTP/1.1\r\n",
        b"Host: x\r\n",
        b"post\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n",
    ];
    let request = *g.rng.pick(requests);
    raw(g, request);
}

fn odd_arrays(g: &mut Gen) {
    let requests: &[&[u8]] = &[
        b"*0\r\n",
        b"*-1\r\n",
        b"*-10\r\n",
        b"*0\r\n*0\r\nPING\r\n",
        b"*1\r\n$0\r\n\r\n",
        b"*2\r\n$0\r\n\r\n$1\r\na\r\n",
    ];
    let request = *g.rng.pick(requests);
    raw(g, request);
}

/// Commands that change what the next ones mean, all in one piece: they must act as one by one.
fn large_pipeline(g: &mut Gen) {
    if g.in_multi() {
        return unknown_command(g);
    }
    let mut bytes = Vec::new();
    for _ in 0..20 + g.rng.below(100) {
        let command = match g.rng.below(10) {
            0 => Command::new("SELECT").arg(g.database()),
            1 => Command::new("SWAPDB").arg("0").arg("1"),
            2 => Command::new("INCR").arg("n:0"),
            3 => Command::new("HELLO").arg(g.rng.pick(&["1", "4"])),
            4 => Command::new("GET").arg(g.key()),
            5 => Command::new("SET").arg(g.key()).arg(g.short_value()),
            6 => Command::new("MSET").arg(g.key()).arg("1").arg(g.key()).arg("2"),
            7 => Command::new("MGET").args(g.keys(4)),
            8 => Command::new("DEL").args(g.keys(2)),
            _ => Command::new("DBSIZE"),
        };
        encode(&command.bytes(), &mut bytes);
    }
    g.push_action(Action::Raw(bytes));
}
