//! The library `bit`: 32-bit operations on the low bits of numbers, results as signed numbers.

use mlua::{Lua, Table, Value};

use crate::failure::{Failure, add, bad_argument, number_arg};

/// A function of one number and its name in the library; then of two.
type Unary = (&'static str, fn(u32) -> u32);
type Binary = (&'static str, fn(u32, u32) -> u32);

/// The low 32 bits of a number: whole numbers wrap around, fractions round to the nearest even.
fn low_bits(value: f64) -> u32 {
    if !value.is_finite() {
        return 0;
    }
    let whole = value.round_ties_even();
    (whole.rem_euclid(4_294_967_296.0)) as u64 as u32
}

fn arg(lua: &Lua, args: &[Value], at: usize, name: &str) -> Result<u32, Failure> {
    Ok(low_bits(number_arg(lua, args, at, name)?))
}

fn signed(bits: u32) -> Result<Vec<Value>, Failure> {
    Ok(vec![Value::Number(f64::from(bits as i32))])
}

/// `bit.tohex`: the low `|digits|` hexadecimal digits, at most eight, in capitals when `digits` is negative.
fn tohex(bits: u32, digits: i32) -> String {
    let upper = digits < 0;
    // The magnitude of the smallest number is none of its type's: CVE-2024-31449.
    let count = digits.unsigned_abs().min(8) as usize;
    let text = if upper { format!("{bits:08X}") } else { format!("{bits:08x}") };
    text[8 - count..].to_owned()
}

/// The library's table.
pub(crate) fn library(lua: &Lua) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    let unary: [Unary; 3] = [("tobit", |a| a), ("bnot", |a| !a), ("bswap", u32::swap_bytes)];
    for (name, op) in unary {
        add(lua, &table, name, move |lua, args| signed(op(arg(lua, args, 0, name)?)))?;
    }
    let many: [Binary; 3] = [("band", |a, b| a & b), ("bor", |a, b| a | b), ("bxor", |a, b| a ^ b)];
    for (name, op) in many {
        add(lua, &table, name, move |lua, args| {
            let mut result = arg(lua, args, 0, name)?;
            for at in 1..args.len() {
                result = op(result, arg(lua, args, at, name)?);
            }
            signed(result)
        })?;
    }
    let shifts: [Binary; 5] = [
        ("lshift", |a, n| a << (n & 31)),
        ("rshift", |a, n| a >> (n & 31)),
        ("arshift", |a, n| ((a as i32) >> (n & 31)) as u32),
        ("rol", |a, n| a.rotate_left(n & 31)),
        ("ror", |a, n| a.rotate_right(n & 31)),
    ];
    for (name, op) in shifts {
        add(lua, &table, name, move |lua, args| {
            let bits = arg(lua, args, 0, name)?;
            signed(op(bits, arg(lua, args, 1, name)?))
        })?;
    }
    add(lua, &table, "tohex", |lua, args| {
        let bits = arg(lua, args, 0, "tohex")?;
        let digits = match args.get(1) {
            None | Some(Value::Nil) => 8,
            Some(Value::Boolean(_) | Value::Table(_) | Value::Function(_)) => {
                return Err(bad_argument(2, "tohex", "number expected"));
            }
            Some(_) => arg(lua, args, 1, "tohex")? as i32,
        };
        Ok(vec![Value::String(lua.create_string(tohex(bits, digits))?)])
    })?;
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_of_any_width() {
        assert_eq!(tohex(255, 8), "000000ff");
        assert_eq!(tohex(255, -3), "0FF");
        assert_eq!(tohex(255, i32::MIN), "000000FF");
        assert_eq!(tohex(255, 0), "");
    }

    #[test]
    fn numbers_wrap_around() {
        assert_eq!(low_bits(-1.0), u32::MAX);
        assert_eq!(low_bits(4_294_967_297.0), 1);
        assert_eq!(low_bits(2.5), 2);
        assert_eq!(low_bits(f64::NAN), 0);
    }
}
