//! What a library function says when it cannot do what it was asked.

use mlua::{Function, Lua, MultiValue, Table, Value};

/// Why a library function failed.
#[derive(Debug)]
pub enum Failure {
    /// A text for the script; the caller's position goes before it.
    Text(Vec<u8>),
    /// A text that says no place: Lua's own, where it is C that did wrong.
    Placeless(&'static str),
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
pub(crate) fn string_arg(
    lua: &Lua,
    args: &[Value],
    at: usize,
    function: &str,
) -> Result<mlua::String, Failure> {
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

/// An error on its way through Lua. It is an object of ours there, so that the frames below it stay as they are; scripts
/// see what [`unwrapped`] makes of it.
#[derive(Debug)]
pub(crate) struct Raised {
    pub(crate) text: Vec<u8>,
    /// Scripts see a table with a field `err`, not a string.
    pub(crate) is_table: bool,
    /// A command's error, which is counted already.
    pub(crate) is_counted: bool,
}

impl std::fmt::Display for Raised {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.text))
    }
}

impl std::error::Error for Raised {}

/// An error that scripts see as a table.
pub(crate) fn raise(text: impl Into<Vec<u8>>, is_counted: bool) -> mlua::Error {
    mlua::Error::external(Raised { text: text.into(), is_table: true, is_counted })
}

fn find(error: &mlua::Error) -> Option<&Raised> {
    match error {
        mlua::Error::CallbackError { cause, .. } => find(cause),
        mlua::Error::WithContext { cause, .. } => find(cause),
        other => other.downcast_ref::<Raised>(),
    }
}

/// What scripts see of an error: a table with `err`, or a string.
pub(crate) fn unwrapped(lua: &Lua, error: &Value) -> mlua::Result<Value> {
    let Value::Error(error) = error else { return Ok(error.clone()) };
    let Some(raised) = find(error) else {
        return Ok(Value::String(lua.create_string(crate::interpreter::mlua_text(error))?));
    };
    let text = lua.create_string(&raised.text)?;
    if !raised.is_table {
        return Ok(Value::String(text));
    }
    let table = lua.create_table_with_capacity(0, 2)?;
    table.raw_set("err", text)?;
    if raised.is_counted {
        table.raw_set("ignore_error_stats_update", true)?;
    }
    Ok(Value::Table(table))
}

/// Where the caller of the function under way stands, as Lua puts it before a text: `user_script:1: `. Frames of our own
/// are passed over.
fn caller(lua: &Lua) -> String {
    for level in 1.. {
        let found = lua.inspect_stack(level, |debug| {
            let source = debug.source();
            let is_ours = source.source.as_deref() == Some("=brasa") || source.what == "tail";
            let text = match (debug.current_line(), source.short_src) {
                (Some(line), Some(name)) => format!("{name}:{line}: "),
                _ => String::new(),
            };
            (is_ours, text)
        });
        match found {
            Some((true, _)) => {}
            Some((false, text)) => return text,
            None => break,
        }
    }
    String::new()
}

/// A function of a library. Its errors are strings that say where its caller stands; where `plain`, tables that do not.
pub(crate) fn function(
    lua: &Lua,
    plain: bool,
    body: impl Fn(&Lua, &[Value]) -> Result<Vec<Value>, Failure> + 'static,
) -> mlua::Result<Function> {
    lua.create_function(move |lua, args: MultiValue| {
        let args: Vec<Value> = args.into_iter().collect();
        match body(lua, &args) {
            Ok(results) => Ok(MultiValue::from_vec(results)),
            Err(Failure::Text(text)) if plain => Err(raise(text, false)),
            Err(Failure::Placeless(text)) => {
                Err(mlua::Error::external(Raised { text: text.into(), is_table: plain, is_counted: false }))
            }
            Err(Failure::Text(text)) => {
                let text = [caller(lua).as_bytes(), &text].concat();
                Err(mlua::Error::external(Raised { text, is_table: false, is_counted: false }))
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
    table.raw_set(name, function(lua, false, body)?)
}

/// Puts a function into a table whose errors say no place.
pub(crate) fn add_plain(
    lua: &Lua,
    table: &Table,
    name: &str,
    body: impl Fn(&Lua, &[Value]) -> Result<Vec<Value>, Failure> + 'static,
) -> mlua::Result<()> {
    table.raw_set(name, function(lua, true, body)?)
}
