//! The library `cmsgpack`: MessagePack, as <https://msgpack.org> has it, with the limits and texts of Redis's library.

use mlua::{Lua, Table, Value};

use crate::failure::{Failure, add, bad_argument, number_arg, string_arg};

/// Depth of nested tables that are packed; what lies deeper becomes nil.
const PACK_DEPTH_MAX: usize = 16;
/// Depth of nested values that are unpacked, and values that one call gives.
const UNPACK_DEPTH_MAX: usize = 190;
const RESULTS_MAX: usize = 7900;

fn head(out: &mut Vec<u8>, small: Option<u8>, wide: [Option<u8>; 3], n: usize) {
    match (small, wide) {
        (Some(byte), _) => out.push(byte),
        (_, [Some(byte), ..]) if n <= 0xff => out.extend_from_slice(&[byte, n as u8]),
        (_, [_, Some(byte), _]) if n <= 0xffff => {
            out.push(byte);
            out.extend_from_slice(&(n as u16).to_be_bytes());
        }
        (_, [_, _, byte]) => {
            out.push(byte.unwrap_or(0xc0));
            out.extend_from_slice(&(n as u32).to_be_bytes());
        }
    }
}

fn pack_int(out: &mut Vec<u8>, n: i64) {
    match n {
        -32..=127 => out.push(n as u8),
        128..=0xff => out.extend_from_slice(&[0xcc, n as u8]),
        0x100..=0xffff => {
            out.push(0xcd);
            out.extend_from_slice(&(n as u16).to_be_bytes());
        }
        0x1_0000..=0xffff_ffff => {
            out.push(0xce);
            out.extend_from_slice(&(n as u32).to_be_bytes());
        }
        0x1_0000_0000.. => {
            out.push(0xcf);
            out.extend_from_slice(&n.to_be_bytes());
        }
        -128..=-33 => out.extend_from_slice(&[0xd0, n as u8]),
        -32768..=-129 => {
            out.push(0xd1);
            out.extend_from_slice(&(n as i16).to_be_bytes());
        }
        -2_147_483_648..=-32769 => {
            out.push(0xd2);
            out.extend_from_slice(&(n as i32).to_be_bytes());
        }
        _ => {
            out.push(0xd3);
            out.extend_from_slice(&n.to_be_bytes());
        }
    }
}

fn pack_number(out: &mut Vec<u8>, n: f64) {
    let whole = n as i64;
    if n.is_finite() && whole as f64 == n && whole != i64::MAX {
        pack_int(out, whole);
    } else if f64::from(n as f32) == n {
        out.push(0xca);
        out.extend_from_slice(&(n as f32).to_be_bytes());
    } else {
        out.push(0xcb);
        out.extend_from_slice(&n.to_be_bytes());
    }
}

/// Whether the keys are 1 to n; n.
fn array_len(table: &Table) -> Result<Option<usize>, Failure> {
    let (mut count, mut max) = (0usize, 0usize);
    for pair in table.pairs::<Value, Value>() {
        let n = match pair?.0 {
            Value::Integer(n) => n as f64,
            Value::Number(n) => n,
            _ => return Ok(None),
        };
        if !(n > 0.0 && n.fract() == 0.0 && n < 2_147_483_648.0) {
            return Ok(None);
        }
        count += 1;
        max = max.max(n as usize);
    }
    Ok((count == max).then_some(max))
}

fn pack(out: &mut Vec<u8>, value: &Value, depth: usize) -> Result<(), Failure> {
    match value {
        Value::Boolean(b) => out.push(0xc2 + u8::from(*b)),
        Value::Integer(n) => pack_int(out, *n),
        Value::Number(n) => pack_number(out, *n),
        Value::String(s) => {
            let bytes = s.as_bytes();
            let n = bytes.len();
            head(out, (n < 32).then_some(0xa0 | n as u8), [Some(0xd9), Some(0xda), Some(0xdb)], n);
            out.extend_from_slice(&bytes);
        }
        Value::Table(_) if depth >= PACK_DEPTH_MAX => out.push(0xc0),
        Value::Table(table) => match array_len(table)? {
            Some(n) => {
                head(out, (n < 16).then_some(0x90 | n as u8), [None, Some(0xdc), Some(0xdd)], n);
                for i in 1..=n {
                    pack(out, &table.raw_get(i)?, depth + 1)?;
                }
            }
            None => {
                let mut n = 0;
                let mut body = Vec::new();
                for pair in table.pairs::<Value, Value>() {
                    let (key, item) = pair?;
                    pack(&mut body, &key, depth + 1)?;
                    pack(&mut body, &item, depth + 1)?;
                    n += 1;
                }
                head(out, (n < 16).then_some(0x80 | n as u8), [None, Some(0xde), Some(0xdf)], n);
                out.extend_from_slice(&body);
            }
        },
        _ => out.push(0xc0),
    }
    Ok(())
}

struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], Failure> {
        if self.0.len() < n {
            return Err("Missing bytes in input.".into());
        }
        let (taken, rest) = self.0.split_at(n);
        self.0 = rest;
        Ok(taken)
    }

    fn unsigned(&mut self, n: usize) -> Result<u64, Failure> {
        Ok(self.take(n)?.iter().fold(0, |value, &b| value << 8 | u64::from(b)))
    }

    fn value(&mut self, lua: &Lua, depth: usize) -> Result<Value, Failure> {
        let kind = self.take(1)?[0];
        let number = |n: f64| Ok(Value::Number(n));
        match kind {
            0..=0x7f => number(f64::from(kind)),
            0xe0..=0xff => number(f64::from(kind as i8)),
            0x80..=0x8f => self.map(lua, usize::from(kind & 15), depth),
            0x90..=0x9f => self.array(lua, usize::from(kind & 15), depth),
            0xa0..=0xbf => self.text(lua, usize::from(kind & 31)),
            0xc0 => Ok(Value::Nil),
            0xc2 | 0xc3 => Ok(Value::Boolean(kind == 0xc3)),
            0xca => number(f64::from(f32::from_bits(self.unsigned(4)? as u32))),
            0xcb => number(f64::from_bits(self.unsigned(8)?)),
            0xcc => number(self.unsigned(1)? as f64),
            0xcd => number(self.unsigned(2)? as f64),
            0xce => number(self.unsigned(4)? as f64),
            0xcf => number(self.unsigned(8)? as f64),
            0xd0 => number(f64::from(self.unsigned(1)? as i8)),
            0xd1 => number(f64::from(self.unsigned(2)? as i16)),
            0xd2 => number(f64::from(self.unsigned(4)? as i32)),
            0xd3 => number(self.unsigned(8)? as i64 as f64),
            0xd9..=0xdb => {
                let n = self.unsigned(1 << (kind - 0xd9))? as usize;
                self.text(lua, n)
            }
            0xdc | 0xdd => {
                let n = self.unsigned(2 << (kind - 0xdc))? as usize;
                self.array(lua, n, depth)
            }
            0xde | 0xdf => {
                let n = self.unsigned(2 << (kind - 0xde))? as usize;
                self.map(lua, n, depth)
            }
            _ => Err("Bad data format in input.".into()),
        }
    }

    fn text(&mut self, lua: &Lua, n: usize) -> Result<Value, Failure> {
        Ok(Value::String(lua.create_string(self.take(n)?)?))
    }

    fn deeper(depth: usize) -> Result<usize, Failure> {
        if depth >= UNPACK_DEPTH_MAX {
            return Err("Bad data format in input.".into());
        }
        Ok(depth + 1)
    }

    fn array(&mut self, lua: &Lua, n: usize, depth: usize) -> Result<Value, Failure> {
        let depth = Self::deeper(depth)?;
        let table = lua.create_table()?;
        for i in 1..=n {
            table.raw_set(i, self.value(lua, depth)?)?;
        }
        Ok(Value::Table(table))
    }

    fn map(&mut self, lua: &Lua, n: usize, depth: usize) -> Result<Value, Failure> {
        let depth = Self::deeper(depth)?;
        let table = lua.create_table()?;
        for _ in 0..n {
            let key = self.value(lua, depth)?;
            let item = self.value(lua, depth)?;
            match &key {
                Value::Nil => return Err(Failure::Placeless("table index is nil")),
                Value::Number(n) if n.is_nan() => return Err(Failure::Placeless("table index is NaN")),
                _ => table.raw_set(key, item)?,
            }
        }
        Ok(Value::Table(table))
    }
}

/// Values of `bytes` from `offset` on, at most `limit` of them; all when neither is given.
fn unpack(lua: &Lua, bytes: &[u8], limit: i64, offset: i64) -> Result<Vec<Value>, Failure> {
    let all = limit == 0 && offset == 0;
    if offset < 0 || limit < 0 {
        let len = bytes.len();
        return Err(format!("Invalid request to unpack with offset of {offset} and limit of {len}.").into());
    }
    if offset as usize > bytes.len() {
        return Err(format!("Start offset {offset} greater than input length {}.", bytes.len()).into());
    }
    let mut cursor = Cursor(&bytes[offset as usize..]);
    let mut values = Vec::new();
    while !cursor.0.is_empty() && (all || (values.len() as i64) < limit) {
        if values.len() >= RESULTS_MAX {
            return Err("stack overflow (in function mp_unpack_full)".into());
        }
        values.push(cursor.value(lua, 0)?);
    }
    if !all {
        let next = if cursor.0.is_empty() { -1.0 } else { (bytes.len() - cursor.0.len()) as f64 };
        values.insert(0, Value::Number(next));
    }
    Ok(values)
}

/// The library's table.
pub(crate) fn library(lua: &Lua) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    table.raw_set("_NAME", "cmsgpack")?;
    table.raw_set("_VERSION", "lua-cmsgpack 0.4.0")?;
    table.raw_set("_COPYRIGHT", "Copyright (C) 2012, Redis Ltd.")?;
    table.raw_set("_DESCRIPTION", "MessagePack C implementation for Lua")?;
    add(lua, &table, "pack", |lua, args| {
        if args.is_empty() {
            return Err(bad_argument(0, "pack", "MessagePack pack needs input."));
        }
        let mut out = Vec::new();
        for value in args {
            pack(&mut out, value, 0)?;
        }
        Ok(vec![Value::String(lua.create_string(out)?)])
    })?;
    add(lua, &table, "unpack", |lua, args| {
        unpack(lua, &string_arg(lua, args, 0, "unpack")?.as_bytes(), 0, 0)
    })?;
    let optional = |lua: &Lua, args: &[Value], at: usize, name: &str, default: i64| match args.get(at) {
        None | Some(Value::Nil) => Ok::<i64, Failure>(default),
        Some(_) => Ok(number_arg(lua, args, at, name)? as i64),
    };
    add(lua, &table, "unpack_one", move |lua, args| {
        let offset = optional(lua, args, 1, "unpack_one", 0)?;
        unpack(lua, &string_arg(lua, args, 0, "unpack_one")?.as_bytes(), 1, offset)
    })?;
    add(lua, &table, "unpack_limit", move |lua, args| {
        let limit = number_arg(lua, args, 1, "unpack_limit")? as i64;
        let offset = optional(lua, args, 2, "unpack_limit", 0)?;
        unpack(lua, &string_arg(lua, args, 0, "unpack_limit")?.as_bytes(), limit, offset)
    })?;
    Ok(table)
}
