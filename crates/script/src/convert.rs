//! Replies to Lua values, and Lua values to replies.

use mlua::{Lua, Table, Value};

use crate::failure::Failure;

/// The protocol of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// RESP2.
    V2,
    /// RESP3.
    V3,
}

/// Depth of nested tables in a script's result.
const DEPTH_MAX: usize = 1000;

fn line(bytes: &[u8], at: &mut usize) -> (u8, std::ops::Range<usize>) {
    let kind = bytes.get(*at).copied().unwrap_or(b'_');
    let from = (*at + 1).min(bytes.len());
    let len = bytes[from..].iter().position(|&b| b == b'\r').unwrap_or(bytes.len() - from);
    *at = (from + len + 2).min(bytes.len());
    (kind, from..from + len)
}

fn number(text: &[u8]) -> i64 {
    std::str::from_utf8(text).ok().and_then(|t| t.parse().ok()).unwrap_or(0)
}

/// The Lua value of the reply at `at`; `at` moves behind it.
pub(crate) fn value_of(lua: &Lua, bytes: &[u8], at: &mut usize) -> mlua::Result<Value> {
    let (kind, text) = line(bytes, at);
    let text = &bytes[text];
    let single = |name: &str, value: Value| -> mlua::Result<Value> {
        let table = lua.create_table_with_capacity(0, 1)?;
        table.raw_set(name, value)?;
        Ok(Value::Table(table))
    };
    Ok(match kind {
        b':' => Value::Number(number(text) as f64),
        b'$' => match number(text) {
            len if len >= 0 => {
                let from = *at;
                *at = (from + len as usize + 2).min(bytes.len());
                Value::String(lua.create_string(&bytes[from..from + len as usize])?)
            }
            _ => Value::Boolean(false),
        },
        b'+' => single("ok", Value::String(lua.create_string(text)?))?,
        b'-' => {
            let table = lua.create_table_with_capacity(0, 2)?;
            table.raw_set("err", lua.create_string(text)?)?;
            table.raw_set("ignore_error_stats_update", true)?;
            Value::Table(table)
        }
        b'*' | b'>' => match number(text) {
            count if count >= 0 => Value::Table(sequence(lua, bytes, at, count as usize)?),
            _ => Value::Boolean(false),
        },
        b'%' => {
            let map = lua.create_table()?;
            for _ in 0..number(text) {
                let key = value_of(lua, bytes, at)?;
                let value = value_of(lua, bytes, at)?;
                map.raw_set(key, value)?;
            }
            single("map", Value::Table(map))?
        }
        b'~' => {
            let set = lua.create_table()?;
            for _ in 0..number(text) {
                set.raw_set(value_of(lua, bytes, at)?, true)?;
            }
            single("set", Value::Table(set))?
        }
        b'|' => {
            // What is said about a reply; scripts see the reply alone.
            for _ in 0..number(text) * 2 {
                value_of(lua, bytes, at)?;
            }
            value_of(lua, bytes, at)?
        }
        b'#' => Value::Boolean(text == b"t"),
        b',' => single("double", Value::Number(crate::number::parse_prefix(text).0))?,
        b'(' => single("big_number", Value::String(lua.create_string(text)?))?,
        b'=' => {
            let from = *at;
            let len = number(text).max(4) as usize;
            *at = (from + len + 2).min(bytes.len());
            let inner = lua.create_table()?;
            inner.raw_set("format", lua.create_string(&bytes[from..from + 3])?)?;
            inner.raw_set("string", lua.create_string(&bytes[from + 4..from + len])?)?;
            single("verbatim_string", Value::Table(inner))?
        }
        _ => Value::Nil,
    })
}

fn sequence(lua: &Lua, bytes: &[u8], at: &mut usize, count: usize) -> mlua::Result<Table> {
    let table = lua.create_table_with_capacity(count.min(1 << 16), 0)?;
    for i in 1..=count {
        let value = value_of(lua, bytes, at)?;
        table.raw_set(i, value)?;
    }
    Ok(table)
}

fn push_line(out: &mut Vec<u8>, marker: u8, text: &[u8]) {
    out.push(marker);
    out.extend(text.iter().map(|&b| if b == b'\r' || b == b'\n' { b' ' } else { b }));
    out.extend_from_slice(b"\r\n");
}

/// A text as C has it, which Valkey takes errors, states and large numbers for: it ends at its first NUL.
pub(crate) fn c_text(text: &[u8]) -> &[u8] {
    text.split(|&byte| byte == 0).next().unwrap_or_default()
}

fn push_header(out: &mut Vec<u8>, marker: u8, count: i64) {
    out.push(marker);
    out.extend_from_slice(itoa::Buffer::new().format(count).as_bytes());
    out.extend_from_slice(b"\r\n");
}

fn push_bulk(out: &mut Vec<u8>, bytes: &[u8]) {
    push_header(out, b'$', bytes.len() as i64);
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

fn push_null(out: &mut Vec<u8>, protocol: Protocol) {
    out.extend_from_slice(if protocol == Protocol::V3 { b"_\r\n" } else { b"$-1\r\n" });
}

/// Appends the reply that a script's result stands for. With `booleans` (after `setresp(3)`) false is no null.
/// `on_error` sees the texts of errors in it, and nothing for those that were counted when a command failed.
pub fn reply_of(
    value: &Value,
    protocol: Protocol,
    booleans: bool,
    out: &mut Vec<u8>,
    on_error: &mut dyn FnMut(Option<&[u8]>),
) -> Result<(), Failure> {
    push(value, protocol, booleans, out, on_error, 0)
}

fn push(
    value: &Value,
    protocol: Protocol,
    booleans: bool,
    out: &mut Vec<u8>,
    on_error: &mut dyn FnMut(Option<&[u8]>),
    depth: usize,
) -> Result<(), Failure> {
    match value {
        Value::String(s) => push_bulk(out, &s.as_bytes()),
        Value::Boolean(b) if booleans => match protocol {
            Protocol::V3 => out.extend_from_slice(if *b { b"#t\r\n" } else { b"#f\r\n" }),
            Protocol::V2 => out.extend_from_slice(if *b { b":1\r\n" } else { b":0\r\n" }),
        },
        Value::Boolean(true) => out.extend_from_slice(b":1\r\n"),
        Value::Integer(n) => push_header(out, b':', *n),
        Value::Number(n) => push_header(out, b':', integer_of(*n)),
        Value::Table(table) => push_table(table, protocol, booleans, out, on_error, depth)?,
        _ => push_null(out, protocol),
    }
    Ok(())
}

/// As a C compiler for x86-64 converts: what does not fit is the smallest number.
fn integer_of(n: f64) -> i64 {
    if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&n) { n as i64 } else { i64::MIN }
}

fn push_table(
    table: &Table,
    protocol: Protocol,
    booleans: bool,
    out: &mut Vec<u8>,
    on_error: &mut dyn FnMut(Option<&[u8]>),
    depth: usize,
) -> Result<(), Failure> {
    if depth >= DEPTH_MAX {
        push_line(out, b'-', b"ERR reached lua stack limit");
        return Ok(());
    }
    // Nearly every table is an array, or holds `ok` or `err`: no use in asking for the rest when it has a first item.
    if let Value::String(text) = table.raw_get::<Value>("err")? {
        let text = text.as_bytes();
        let is_new = table.raw_get::<Value>("ignore_error_stats_update")?.is_nil();
        on_error(is_new.then_some(&text));
        push_line(out, b'-', c_text(&text));
        return Ok(());
    }
    if let Value::String(text) = table.raw_get::<Value>("ok")? {
        push_line(out, b'+', c_text(&text.as_bytes()));
        return Ok(());
    }
    match table.raw_get::<Value>("double")? {
        Value::Number(n) => return push_double(n, protocol, out),
        Value::Integer(n) => return push_double(n as f64, protocol, out),
        _ => {}
    }
    if let Value::Table(map) = table.raw_get::<Value>("map")? {
        let mut body = Vec::new();
        let mut pairs = 0;
        for pair in map.pairs::<Value, Value>() {
            let (key, item) = pair?;
            push(&key, protocol, booleans, &mut body, on_error, depth + 1)?;
            push(&item, protocol, booleans, &mut body, on_error, depth + 1)?;
            pairs += 1;
        }
        match protocol {
            Protocol::V3 => push_header(out, b'%', pairs),
            Protocol::V2 => push_header(out, b'*', pairs * 2),
        }
        out.extend_from_slice(&body);
        return Ok(());
    }
    if let Value::Table(set) = table.raw_get::<Value>("set")? {
        let mut body = Vec::new();
        let mut count = 0;
        for pair in set.pairs::<Value, Value>() {
            push(&pair?.0, protocol, booleans, &mut body, on_error, depth + 1)?;
            count += 1;
        }
        push_header(out, if protocol == Protocol::V3 { b'~' } else { b'*' }, count);
        out.extend_from_slice(&body);
        return Ok(());
    }
    if let Value::String(digits) = table.raw_get::<Value>("big_number")? {
        match protocol {
            Protocol::V3 => push_line(out, b'(', c_text(&digits.as_bytes())),
            Protocol::V2 => {
                let text: Vec<u8> = c_text(&digits.as_bytes())
                    .iter()
                    .map(|&b| if b == b'\r' || b == b'\n' { b' ' } else { b })
                    .collect();
                push_bulk(out, &text);
            }
        }
        return Ok(());
    }
    if let Value::Table(verbatim) = table.raw_get::<Value>("verbatim_string")?
        && let (Value::String(format), Value::String(text)) =
            (verbatim.raw_get::<Value>("format")?, verbatim.raw_get::<Value>("string")?)
    {
        let text = text.as_bytes();
        match protocol {
            Protocol::V3 => {
                push_header(out, b'=', text.len() as i64 + 4);
                let mut shown = [b' '; 3];
                for (to, from) in shown.iter_mut().zip(format.as_bytes().iter()) {
                    *to = *from;
                }
                out.extend_from_slice(&shown);
                out.push(b':');
                out.extend_from_slice(&text);
                out.extend_from_slice(b"\r\n");
            }
            Protocol::V2 => push_bulk(out, &text),
        }
        return Ok(());
    }
    let mut body = Vec::new();
    let mut count = 0;
    loop {
        let item: Value = table.raw_get(count + 1)?;
        if item.is_nil() {
            break;
        }
        push(&item, protocol, booleans, &mut body, on_error, depth + 1)?;
        count += 1;
    }
    push_header(out, b'*', count);
    out.extend_from_slice(&body);
    Ok(())
}

fn push_double(n: f64, protocol: Protocol, out: &mut Vec<u8>) -> Result<(), Failure> {
    let mut buffer = wire::number::DoubleBuf::new();
    let text = wire::number::format_f64(n, &mut buffer);
    match protocol {
        Protocol::V3 => push_line(out, b',', text),
        Protocol::V2 => push_bulk(out, text),
    }
    Ok(())
}
