//! Lua values to JSON.

use mlua::{Lua, Table, Value};

use super::Options;
use crate::failure::Failure;
use crate::number::format_g;

fn refuse(what: &str, why: &str) -> Failure {
    format!("Cannot serialise {what}: {why}").into()
}

pub(super) fn encode(
    lua: &Lua,
    value: &Value,
    options: &Options,
    out: &mut Vec<u8>,
    depth: i64,
) -> Result<(), Failure> {
    match value {
        Value::String(s) => push_text(&s.as_bytes(), out),
        Value::Integer(n) => push_number(*n as f64, options, out)?,
        Value::Number(n) => push_number(*n, options, out)?,
        Value::Boolean(b) => out.extend_from_slice(if *b { b"true" } else { b"false" }),
        Value::Nil => out.extend_from_slice(b"null"),
        Value::Table(table) => {
            let depth = depth + 1;
            if depth > options.encode_depth_max.min(super::DEPTH_MAX) {
                return Err(format!("Cannot serialise, excessive nesting ({depth})").into());
            }
            match array_len(table, options)? {
                Some(len) if len > 0 => {
                    out.push(b'[');
                    for i in 1..=len {
                        if i > 1 {
                            out.push(b',');
                        }
                        encode(lua, &table.raw_get(i)?, options, out, depth)?;
                    }
                    out.push(b']');
                }
                _ => push_object(lua, table, options, out, depth)?,
            }
        }
        Value::LightUserData(p) if p.0.is_null() => out.extend_from_slice(b"null"),
        other => return Err(refuse(crate::failure::type_name(Some(other)), "type not supported")),
    }
    Ok(())
}

/// The length of the array that a table is; `None` for an object.
fn array_len(table: &Table, options: &Options) -> Result<Option<i64>, Failure> {
    let (mut max, mut items) = (0i64, 0i64);
    for pair in table.pairs::<Value, Value>() {
        let n = match pair?.0 {
            Value::Integer(n) => n as f64,
            Value::Number(n) => n,
            _ => return Ok(None),
        };
        if n == 0.0 || n.floor() != n || !(1.0..=9e15).contains(&n) {
            return Ok(None);
        }
        max = max.max(n as i64);
        items += 1;
    }
    if options.sparse_ratio > 0 && max > items * options.sparse_ratio && max > options.sparse_safe {
        if !options.sparse_convert {
            return Err(refuse("table", "excessively sparse array"));
        }
        return Ok(None);
    }
    Ok(Some(max))
}

fn push_object(
    lua: &Lua,
    table: &Table,
    options: &Options,
    out: &mut Vec<u8>,
    depth: i64,
) -> Result<(), Failure> {
    out.push(b'{');
    let mut first = true;
    for pair in table.pairs::<Value, Value>() {
        let (key, item) = pair?;
        if !first {
            out.push(b',');
        }
        first = false;
        match &key {
            Value::Integer(_) | Value::Number(_) => {
                out.push(b'"');
                encode(lua, &key, options, out, depth)?;
                out.push(b'"');
            }
            Value::String(s) => push_text(&s.as_bytes(), out),
            other => {
                let what = crate::failure::type_name(Some(other));
                return Err(refuse(what, "table key must be a number or string"));
            }
        }
        out.push(b':');
        encode(lua, &item, options, out, depth)?;
    }
    out.push(b'}');
    Ok(())
}

fn push_number(n: f64, options: &Options, out: &mut Vec<u8>) -> Result<(), Failure> {
    if !n.is_finite() {
        match options.encode_invalid {
            0 => return Err(refuse("number", "must not be NaN or Inf")),
            2 => {
                out.extend_from_slice(b"null");
                return Ok(());
            }
            _ => {}
        }
    }
    out.extend_from_slice(format_g(n, options.precision as usize).as_bytes());
    Ok(())
}

fn push_text(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for &b in text {
        match b {
            b'"' | b'\\' | b'/' => out.extend_from_slice(&[b'\\', b]),
            8 => out.extend_from_slice(b"\\b"),
            9 => out.extend_from_slice(b"\\t"),
            10 => out.extend_from_slice(b"\\n"),
            12 => out.extend_from_slice(b"\\f"),
            13 => out.extend_from_slice(b"\\r"),
            0..=31 | 127 => out.extend_from_slice(format!("\\u{b:04x}").as_bytes()),
            _ => out.push(b),
        }
    }
    out.push(b'"');
}
