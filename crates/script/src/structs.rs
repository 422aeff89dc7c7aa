//! The library `struct`: values in and out of binary strings by a format.

use mlua::{Lua, Table, Value};

use crate::failure::{Failure, add, bad_argument, number_arg, string_arg};

const INT_BYTES_MAX: usize = 32;
const RESULTS_MAX: usize = 7900;

struct Format<'a> {
    text: &'a [u8],
    at: usize,
    big_endian: bool,
    align: usize,
    function: &'static str,
}

/// What an item of the format is, and how many bytes it takes.
struct Item {
    kind: u8,
    size: usize,
}

impl<'a> Format<'a> {
    fn new(text: &'a [u8], function: &'static str) -> Self {
        // C strings end at the first NUL.
        let text = text.split(|&b| b == 0).next().unwrap_or_default();
        Format { text, at: 0, big_endian: false, align: 1, function }
    }

    fn number(&mut self, default: usize) -> Result<usize, Failure> {
        let from = self.at;
        let mut n = 0usize;
        while let Some(digit) = self.text.get(self.at).filter(|b| b.is_ascii_digit()) {
            n = n * 10 + usize::from(digit - b'0');
            if n > i32::MAX as usize {
                return Err("integral size overflow".into());
            }
            self.at += 1;
        }
        Ok(if self.at == from { default } else { n })
    }

    fn next(&mut self) -> Result<Option<Item>, Failure> {
        let Some(&kind) = self.text.get(self.at) else { return Ok(None) };
        self.at += 1;
        let size = match kind {
            b'B' | b'b' | b'x' => 1,
            b'H' | b'h' => 2,
            b'L' | b'l' | b'T' | b'd' => 8,
            b'f' => 4,
            b'c' => self.number(1)?,
            b'i' | b'I' => {
                let size = self.number(4)?;
                if size > INT_BYTES_MAX {
                    let text = format!("integral size {size} is larger than limit of {INT_BYTES_MAX}");
                    return Err(text.into());
                }
                size
            }
            _ => 0,
        };
        Ok(Some(Item { kind, size }))
    }

    /// Bytes before an item that stands at `at`.
    fn padding(&self, item: &Item, at: usize) -> usize {
        if item.size == 0 || item.kind == b'c' {
            return 0;
        }
        let size = item.size.min(self.align);
        size.wrapping_sub(at & size.wrapping_sub(1)) & (size - 1)
    }

    fn control(&mut self, kind: u8) -> Result<(), Failure> {
        match kind {
            b' ' => {}
            b'>' => self.big_endian = true,
            b'<' => self.big_endian = false,
            b'!' => {
                let align = self.number(8)?;
                if !align.is_power_of_two() {
                    return Err(format!("alignment {align} is not a power of 2").into());
                }
                self.align = align;
            }
            _ => {
                let mut text =
                    format!("bad argument #1 to '{}' (invalid format option '", self.function).into_bytes();
                text.push(kind);
                text.extend_from_slice(b"')");
                return Err(Failure::Text(text));
            }
        }
        Ok(())
    }

    fn push(&self, out: &mut Vec<u8>, little: &[u8]) {
        let from = out.len();
        out.extend_from_slice(little);
        if self.big_endian {
            out[from..].reverse();
        }
    }
}

fn is_integer(kind: u8) -> bool {
    matches!(kind, b'b' | b'B' | b'h' | b'H' | b'l' | b'L' | b'T' | b'i' | b'I')
}

fn pack(lua: &Lua, args: &[Value]) -> Result<Vec<Value>, Failure> {
    let text = string_arg(lua, args, 0, "pack")?;
    let text = text.as_bytes();
    let mut format = Format::new(&text, "pack");
    let mut out = Vec::new();
    let mut arg = 1;
    let mut total = 0usize;
    while let Some(mut item) = format.next()? {
        let padding = format.padding(&item, total);
        total += padding;
        out.resize(out.len() + padding, 0);
        match item.kind {
            kind if is_integer(kind) => {
                let n = number_arg(lua, args, arg, "pack")?;
                arg += 1;
                let value = if n < 0.0 { n as i64 as u64 } else { n as u64 };
                let mut bytes = [0; INT_BYTES_MAX];
                bytes[..8].copy_from_slice(&value.to_le_bytes());
                format.push(&mut out, &bytes[..item.size]);
            }
            b'x' => out.push(0),
            b'f' => {
                format.push(&mut out, &(number_arg(lua, args, arg, "pack")? as f32).to_le_bytes());
                arg += 1;
            }
            b'd' => {
                format.push(&mut out, &number_arg(lua, args, arg, "pack")?.to_le_bytes());
                arg += 1;
            }
            b'c' | b's' => {
                let bytes = string_arg(lua, args, arg, "pack")?;
                let bytes = bytes.as_bytes();
                arg += 1;
                if item.size == 0 {
                    item.size = bytes.len();
                }
                if bytes.len() < item.size {
                    return Err(bad_argument(arg + 1, "pack", "string too short"));
                }
                out.extend_from_slice(&bytes[..item.size]);
                if item.kind == b's' {
                    out.push(0);
                    item.size += 1;
                }
            }
            kind => format.control(kind)?,
        }
        total += item.size;
    }
    Ok(vec![Value::String(lua.create_string(out)?)])
}

fn integer(bytes: &[u8], big_endian: bool, signed: bool) -> f64 {
    let mut value = 0u64;
    let mut step = |b: &u8| value = value << 8 | u64::from(*b);
    if big_endian {
        bytes.iter().for_each(&mut step)
    } else {
        bytes.iter().rev().for_each(&mut step)
    }
    if !signed {
        return value as f64;
    }
    // Beyond eight bytes the shift is the machine's: it goes by the low bits of the count.
    let mask = u64::MAX.wrapping_shl((bytes.len() as u32).wrapping_mul(8).wrapping_sub(1));
    if value & mask != 0 {
        value |= mask;
    }
    value as i64 as f64
}

fn unpack(lua: &Lua, args: &[Value]) -> Result<Vec<Value>, Failure> {
    let text = string_arg(lua, args, 0, "unpack")?;
    let text = text.as_bytes();
    let data = string_arg(lua, args, 1, "unpack")?;
    let data = data.as_bytes();
    let from = match args.get(2) {
        None | Some(Value::Nil) => 1,
        Some(_) => number_arg(lua, args, 2, "unpack")? as i64,
    };
    if from == 0 {
        return Err(bad_argument(3, "unpack", "offset must be 1 or greater"));
    }
    let mut at = (from as usize).wrapping_sub(1);
    let mut format = Format::new(&text, "unpack");
    let mut results: Vec<Value> = Vec::new();
    let short = || bad_argument(2, "unpack", "data string too short");
    while let Some(mut item) = format.next()? {
        at = at.wrapping_add(format.padding(&item, at));
        if item.size > data.len() || at > data.len() - item.size {
            return Err(short());
        }
        if results.len() >= RESULTS_MAX {
            return Err("stack overflow (too many results)".into());
        }
        let bytes = &data[at..at + item.size];
        let ordered = |bytes: &[u8]| {
            let mut copy = bytes.to_vec();
            if format.big_endian {
                copy.reverse();
            }
            copy
        };
        match item.kind {
            kind if is_integer(kind) => {
                results.push(Value::Number(integer(bytes, format.big_endian, kind.is_ascii_lowercase())));
            }
            b'x' => {}
            b'f' => {
                let bytes = ordered(bytes).try_into().expect("four bytes");
                results.push(Value::Number(f64::from(f32::from_le_bytes(bytes))));
            }
            b'd' => {
                let bytes = ordered(bytes).try_into().expect("eight bytes");
                results.push(Value::Number(f64::from_le_bytes(bytes)));
            }
            b'c' => {
                if item.size == 0 {
                    let size = match results.last() {
                        Some(Value::Number(n)) => *n,
                        Some(v @ Value::String(_)) => match lua.coerce_number(v.clone())? {
                            Some(n) => n,
                            None => return Err("format 'c0' needs a previous size".into()),
                        },
                        _ => return Err("format 'c0' needs a previous size".into()),
                    };
                    results.pop();
                    item.size = if size < 0.0 { usize::MAX } else { size as usize };
                    if item.size > data.len() || at > data.len() - item.size {
                        return Err(short());
                    }
                }
                results.push(Value::String(lua.create_string(&data[at..at + item.size])?));
            }
            b's' => {
                let Some(len) = data[at..].iter().position(|&b| b == 0) else {
                    return Err("unfinished string in data".into());
                };
                results.push(Value::String(lua.create_string(&data[at..at + len])?));
                item.size = len + 1;
            }
            kind => format.control(kind)?,
        }
        at += item.size;
    }
    results.push(Value::Number((at + 1) as f64));
    Ok(results)
}

fn size(lua: &Lua, args: &[Value]) -> Result<Vec<Value>, Failure> {
    let text = string_arg(lua, args, 0, "size")?;
    let text = text.as_bytes();
    let mut format = Format::new(&text, "size");
    let mut at = 0usize;
    while let Some(item) = format.next()? {
        at = at.wrapping_add(format.padding(&item, at));
        match item.kind {
            b's' => return Err(bad_argument(1, "size", "option 's' has no fixed size")),
            b'c' if item.size == 0 => return Err(bad_argument(1, "size", "option 'c0' has no fixed size")),
            kind if !kind.is_ascii_alphanumeric() => format.control(kind)?,
            _ => {}
        }
        at = at.wrapping_add(item.size);
    }
    Ok(vec![Value::Number(at as f64)])
}

/// The library's table.
pub(crate) fn library(lua: &Lua) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    add(lua, &table, "pack", pack)?;
    add(lua, &table, "unpack", unpack)?;
    add(lua, &table, "size", size)?;
    Ok(table)
}
