//! What a library function says when it cannot do what it was asked.

use mlua::{Function, Lua, MultiValue, Table, Value};

/// Why a library function failed.
#[derive(Debug)]
pub enum Failure {
    /// A text for the script; the caller's position goes before it.
    Text(Vec<u8>),
    /// The interpreter's own error: no memory.
    Lua(mlua::Error),
}

impl From<mlua::Error> for Failure {
    fn from(error: mlua::Error) -> Self {
        Failure::Lua(error)
    }
}

impl From<String> for Failure {
    fn from(text: String) -> Self {
        Failure::Text(text.into_bytes())
    }
}

impl From<&str> for Failure {
    fn from(text: &str) -> Self {
        Failure::Text(text.as_bytes().to_vec())
    }
}

/// Lua's words for an argument that does not do.
pub(crate) fn bad_argument(number: usize, function: &str, why: &str) -> Failure {
    format!("bad argument #{number} to '{function}' ({why})").into()
}

/// The name of a value's type, `no value` where there is none.
pub(crate) fn type_name(value: Option<&Value>) -> &'static str {
    match value {
        None => "no value",
        Some(value) => value.type_name_lua(),
    }
}

trait TypeName {
    fn type_name_lua(&self) -> &'static str;
}

impl TypeName for Value {
    fn type_name_lua(&self) -> &'static str {
        match self {
            Value::Nil => "nil",
            Value::Boolean(_) => "boolean",
            Value::Integer(_) | Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Table(_) => "table",
            Value::Function(_) => "function",
            Value::Thread(_) => "thread",
            _ => "userdata",
        }
    }
}

/// A number argument, or a string that is one.
pub(crate) fn number_arg(lua: &Lua, args: &[Value], at: usize, function: &str) -> Result<f64, Failure> {
    match args.get(at) {
        Some(Value::Integer(n)) => Ok(*n as f64),
        Some(Value::Number(n)) => Ok(*n),
        Some(v @ Value::String(_)) => lua
            .coerce_number(v.clone())?
            .ok_or_else(|| bad_argument(at + 1, function, "number expected, got string")),
        other => {
            let why = format!("number expected, got {}", type_name(other));
            Err(bad_argument(at + 1, function, &why))
        }
    }
}

/// A string argument, or a number as text.
pub(crate) fn string_arg(lua: &Lua, args: &[Value], at: usize, function: &str) -> Result<mlua::String, Failure> {
    match args.get(at) {
        Some(Value::String(s)) => Ok(s.clone()),
        Some(v @ (Value::Integer(_) | Value::Number(_))) => {
            lua.coerce_string(v.clone())?.ok_or_else(|| bad_argument(at + 1, function, "string expected"))
        }
        other => {
            let why = format!("string expected, got {}", type_name(other));
            Err(bad_argument(at + 1, function, &why))
        }
    }
}

/// A function of a library: its results after `true`, or `false` and a text.
pub(crate) fn function(
    lua: &Lua,
    body: impl Fn(&Lua, &[Value]) -> Result<Vec<Value>, Failure> + 'static,
) -> mlua::Result<Function> {
    lua.create_function(move |lua, args: MultiValue| {
        let args: Vec<Value> = args.into_iter().collect();
        match body(lua, &args) {
            Ok(mut results) => {
                results.insert(0, Value::Boolean(true));
                Ok(MultiValue::from_vec(results))
            }
            Err(Failure::Text(text)) => {
                let text = lua.create_string(text)?;
                Ok(MultiValue::from_vec(vec![Value::Boolean(false), Value::String(text)]))
            }
            Err(Failure::Lua(error)) => Err(error),
        }
    })
}

/// Puts a function into a table.
pub(crate) fn add(
    lua: &Lua,
    table: &Table,
    name: &str,
    body: impl Fn(&Lua, &[Value]) -> Result<Vec<Value>, Failure> + 'static,
) -> mlua::Result<()> {
    table.raw_set(name, function(lua, body)?)
}
