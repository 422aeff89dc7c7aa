//! The library `cjson`: JSON (RFC 8259) with the options, limits and texts of lua-cjson 2.1.

mod decode;
mod encode;

use std::cell::RefCell;
use std::rc::Rc;

use mlua::{Lua, Table, Value};

use crate::failure::{Failure, add, bad_argument, number_arg};

/// Name, least and greatest value, and place of an option that is a number.
type NumberOption = (&'static str, i64, i64, fn(&mut Options) -> &mut i64);

/// Depth that nothing passes, whatever a script sets: every level takes some of the thread's stack.
const DEPTH_MAX: i64 = 1500;

/// What the library's functions set.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) sparse_convert: bool,
    pub(crate) sparse_ratio: i64,
    pub(crate) sparse_safe: i64,
    pub(crate) encode_depth_max: i64,
    pub(crate) decode_depth_max: i64,
    /// 0: refused, 1: as they are, 2: null.
    pub(crate) encode_invalid: i64,
    pub(crate) decode_invalid: bool,
    pub(crate) precision: i64,
    pub(crate) keep_buffer: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            sparse_convert: false,
            sparse_ratio: 2,
            sparse_safe: 10,
            encode_depth_max: 1000,
            decode_depth_max: 1000,
            encode_invalid: 0,
            decode_invalid: true,
            precision: 14,
            keep_buffer: true,
        }
    }
}

fn whole(
    lua: &Lua,
    args: &[Value],
    at: usize,
    name: &str,
    (min, max): (i64, i64),
    set: &mut i64,
) -> Result<(), Failure> {
    if !matches!(args.get(at), None | Some(Value::Nil)) {
        let n = number_arg(lua, args, at, name)? as i64;
        if n < min || n > max {
            return Err(bad_argument(at + 1, name, &format!("expected integer between {min} and {max}")));
        }
        *set = n;
    }
    Ok(())
}

fn switch(args: &[Value], at: usize, name: &str, words: &[&str], set: &mut i64) -> Result<(), Failure> {
    match args.get(at) {
        None | Some(Value::Nil) => {}
        Some(Value::Boolean(b)) => *set = i64::from(*b),
        Some(Value::String(s)) => {
            let word = s.as_bytes();
            match words.iter().position(|w| w.as_bytes() == &word[..]) {
                Some(at) => *set = at as i64,
                None => {
                    let text = format!("invalid option '{}'", String::from_utf8_lossy(&word));
                    return Err(bad_argument(at + 1, name, &text));
                }
            }
        }
        other => {
            let why = format!("string expected, got {}", crate::failure::type_name(other));
            return Err(bad_argument(at + 1, name, &why));
        }
    }
    Ok(())
}

fn count(args: &[Value], max: usize, name: &str) -> Result<(), Failure> {
    if args.len() > max {
        return Err(bad_argument(max + 1, name, "found too many arguments"));
    }
    Ok(())
}

/// The library's table.
pub(crate) fn library(lua: &Lua) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    let options = Rc::new(RefCell::new(Options::default()));
    table.raw_set("_NAME", "cjson")?;
    table.raw_set("_VERSION", "2.1.0")?;
    table.raw_set("null", Value::NULL)?;
    let o = options.clone();
    add(lua, &table, "encode", move |lua, args| {
        let [value] = args else { return Err(bad_argument(1, "encode", "expected 1 argument")) };
        let mut out = Vec::new();
        encode::encode(lua, value, &o.borrow(), &mut out, 0)?;
        Ok(vec![Value::String(lua.create_string(out)?)])
    })?;
    let o = options.clone();
    add(lua, &table, "decode", move |lua, args| {
        let [_] = args else { return Err(bad_argument(1, "decode", "expected 1 argument")) };
        let text = crate::failure::string_arg(lua, args, 0, "decode")?;
        Ok(vec![decode::decode(lua, &text.as_bytes(), &o.borrow())?])
    })?;
    let o = options.clone();
    add(lua, &table, "encode_sparse_array", move |lua, args| {
        let name = "encode_sparse_array";
        count(args, 3, name)?;
        let o = &mut *o.borrow_mut();
        let mut convert = i64::from(o.sparse_convert);
        switch(args, 0, name, &["off", "on"], &mut convert)?;
        o.sparse_convert = convert != 0;
        whole(lua, args, 1, name, (0, i64::from(i32::MAX)), &mut o.sparse_ratio)?;
        whole(lua, args, 2, name, (0, i64::from(i32::MAX)), &mut o.sparse_safe)?;
        Ok(vec![
            Value::Boolean(o.sparse_convert),
            Value::Number(o.sparse_ratio as f64),
            Value::Number(o.sparse_safe as f64),
        ])
    })?;
    let numbers: [NumberOption; 3] = [
        ("encode_max_depth", 1, i64::from(i32::MAX), |o| &mut o.encode_depth_max),
        ("decode_max_depth", 1, i64::from(i32::MAX), |o| &mut o.decode_depth_max),
        ("encode_number_precision", 1, 14, |o| &mut o.precision),
    ];
    for (name, min, max, field) in numbers {
        let o = options.clone();
        add(lua, &table, name, move |lua, args| {
            count(args, 1, name)?;
            let o = &mut *o.borrow_mut();
            whole(lua, args, 0, name, (min, max), field(o))?;
            Ok(vec![Value::Number(*field(o) as f64)])
        })?;
    }
    let o = options.clone();
    add(lua, &table, "encode_keep_buffer", move |_, args| {
        count(args, 1, "encode_keep_buffer")?;
        let o = &mut *o.borrow_mut();
        let mut keep = i64::from(o.keep_buffer);
        switch(args, 0, "encode_keep_buffer", &["off", "on"], &mut keep)?;
        o.keep_buffer = keep != 0;
        Ok(vec![Value::Boolean(o.keep_buffer)])
    })?;
    let o = options.clone();
    add(lua, &table, "encode_invalid_numbers", move |lua, args| {
        count(args, 1, "encode_invalid_numbers")?;
        let o = &mut *o.borrow_mut();
        switch(args, 0, "encode_invalid_numbers", &["off", "on", "null"], &mut o.encode_invalid)?;
        Ok(vec![match o.encode_invalid {
            2 => Value::String(lua.create_string("null")?),
            n => Value::Boolean(n != 0),
        }])
    })?;
    let o = options;
    add(lua, &table, "decode_invalid_numbers", move |_, args| {
        count(args, 1, "decode_invalid_numbers")?;
        let o = &mut *o.borrow_mut();
        let mut invalid = i64::from(o.decode_invalid);
        switch(args, 0, "decode_invalid_numbers", &["off", "on"], &mut invalid)?;
        o.decode_invalid = invalid != 0;
        Ok(vec![Value::Boolean(o.decode_invalid)])
    })?;
    Ok(table)
}
