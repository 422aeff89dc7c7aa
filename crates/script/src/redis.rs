//! `redis.*`, also called `server.*`: what a script may ask of the server.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use mlua::{Lua, MultiValue, Table, Value};
use sha1::{Digest, Sha1};
use sys::lend::Lent;
use wire::resp::parse::Span;

use crate::convert::value_of;
use crate::failure::{Failure, add_plain, function, raise};
use crate::host::LogLevel;
use crate::interpreter::{Registered, Request, Shared};
use crate::number::format_g;

/// What [`Shared`] holds of `redis.call`: arguments and reply, their room used again.
#[derive(Default)]
pub(crate) struct Exchange {
    pub(crate) args: Vec<u8>,
    pub(crate) spans: Vec<Span>,
    pub(crate) reply: Vec<u8>,
}

impl Exchange {
    /// The arguments as text, or why they cannot be.
    fn fill(&mut self, args: &MultiValue) -> Result<(), &'static str> {
        self.args.clear();
        self.spans.clear();
        if args.is_empty() {
            return Err("ERR Please specify at least one argument for this call");
        }
        for value in args {
            let from = self.args.len();
            match value {
                Value::String(s) => self.args.extend_from_slice(&s.as_bytes()),
                Value::Integer(n) => self.args.extend_from_slice(itoa::Buffer::new().format(*n).as_bytes()),
                Value::Number(n) => push_number(*n, &mut self.args),
                _ => return Err("ERR Command arguments must be strings or integers"),
            }
            self.spans.push(Span { start: from as u32, len: (self.args.len() - from) as u32 });
        }
        Ok(())
    }
}

fn push_number(n: f64, out: &mut Vec<u8>) {
    if n.abs() < 9_007_199_254_740_992.0 && n.trunc() == n {
        out.extend_from_slice(itoa::Buffer::new().format(n as i64).as_bytes());
    } else {
        out.extend_from_slice(wire::number::format_f64(n, &mut wire::number::DoubleBuf::new()));
    }
}

fn error_table(lua: &Lua, text: &str) -> mlua::Result<Value> {
    let table = lua.create_table_with_capacity(0, 1)?;
    table.raw_set("err", text)?;
    Ok(Value::Table(table))
}

/// `call` and, where `catches`, `pcall`.
fn call(lua: &Lua, shared: &Shared, catches: bool, args: MultiValue) -> mlua::Result<Value> {
    let fail = |text: &str| if catches { error_table(lua, text) } else { Err(raise(text, false)) };
    if shared.ended.get() {
        return Err(raise(crate::interpreter::END, false));
    }
    let mut exchange = std::mem::take(&mut *shared.exchange.borrow_mut());
    if let Err(text) = exchange.fill(&args) {
        *shared.exchange.borrow_mut() = exchange;
        return fail(text);
    }
    exchange.reply.clear();
    let mut request = Request::Call { exchange, resp3: shared.resp3.get(), ends: false };
    let reached = shared.lent.run(&mut request);
    let Request::Call { exchange, ends, .. } = request else { unreachable!("a request keeps its kind") };
    let result = if !reached {
        fail("ERR server.call can only be called inside a script invocation")
    } else if ends {
        shared.ended.set(true);
        Err(raise(crate::interpreter::END, false))
    } else {
        match exchange.reply.strip_prefix(b"-") {
            Some(text) if !catches => Err(raise(text.strip_suffix(b"\r\n").unwrap_or(text), true)),
            _ => value_of(lua, &exchange.reply, &mut 0),
        }
    };
    *shared.exchange.borrow_mut() = exchange;
    result
}

/// Adds the functions to `host`, what the prelude makes `redis` of.
pub(crate) fn functions(lua: &Lua, host: &Table, shared: &Rc<Shared>) -> mlua::Result<()> {
    let s = shared.clone();
    host.raw_set("call", lua.create_function(move |lua, args: MultiValue| call(lua, &s, false, args))?)?;
    let s = shared.clone();
    host.raw_set("pcall", lua.create_function(move |lua, args: MultiValue| call(lua, &s, true, args))?)?;
    let s = shared.clone();
    host.raw_set("ended", lua.create_function(move |_, ()| Ok(s.ended.get()))?)?;
    for (name, field) in [("error_reply", "err"), ("status_reply", "ok")] {
        let reply = move |lua: &Lua, args: MultiValue| {
            let table = lua.create_table()?;
            match (args.len(), args.front()) {
                (1, Some(Value::String(text))) if field == "err" => {
                    let text = text.as_bytes();
                    let text = text.strip_prefix(b"-").unwrap_or(&text);
                    // A single word is no code and a text: it gets the general code.
                    let shown = if text.contains(&b' ') { text.to_vec() } else { [b"ERR ", text].concat() };
                    table.raw_set("err", lua.create_string(shown)?)?;
                }
                (1, Some(Value::String(text))) => table.raw_set("ok", text)?,
                _ => table.raw_set("err", "ERR wrong number or type of arguments")?,
            }
            Ok(table)
        };
        host.raw_set(name, lua.create_function(reply)?)?;
    }
    add_plain(lua, host, "sha1hex", |lua, args| {
        if args.len() != 1 {
            return Err("ERR wrong number of arguments".into());
        }
        let text = lua.coerce_string(args[0].clone())?;
        let digest = Sha1::digest(text.as_ref().map(|t| t.as_bytes().to_vec()).unwrap_or_default());
        let hex: String = digest.iter().map(|b| format!("{b:02x}")).collect();
        Ok(vec![Value::String(lua.create_string(hex)?)])
    })?;
    let s = shared.clone();
    add_plain(lua, host, "log", move |lua, args| {
        if args.len() < 2 {
            return Err("ERR server.log() requires two arguments or more.".into());
        }
        let level = match &args[0] {
            Value::Number(n) => *n,
            Value::Integer(n) => *n as f64,
            _ => return Err("ERR First argument must be a number (log level).".into()),
        };
        let level = match level as i64 {
            0 => LogLevel::Debug,
            1 => LogLevel::Verbose,
            2 => LogLevel::Notice,
            3 => LogLevel::Warning,
            _ => return Err("ERR Invalid log level.".into()),
        };
        let mut text = Vec::new();
        for (i, value) in args[1..].iter().enumerate() {
            if let Some(part) = lua.coerce_string(value.clone())? {
                if i > 0 {
                    text.push(b' ');
                }
                text.extend_from_slice(&part.as_bytes());
            }
        }
        s.lent.run(&mut Request::Log { level, text });
        Ok(vec![])
    })?;
    let s = shared.clone();
    add_plain(lua, host, "setresp", move |lua, args| {
        let [version] = args else { return Err("ERR server.setresp() requires one argument.".into()) };
        match lua.coerce_number(version.clone())? {
            Some(n) if (2.0..4.0).contains(&n) => s.resp3.set(n >= 3.0),
            _ => return Err("ERR RESP version must be 2 or 3.".into()),
        }
        Ok(vec![])
    })?;
    let s = shared.clone();
    add_plain(lua, host, "set_repl", move |lua, args| {
        let [flags] = args else { return Err("ERR server.set_repl() requires one argument.".into()) };
        let flags = lua.coerce_number(flags.clone())?.unwrap_or(0.0) as i64;
        if flags & !3 != 0 {
            return Err(
                "ERR Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.".into()
            );
        }
        s.lent.run(&mut Request::SetRepl(flags as i32));
        Ok(vec![])
    })?;
    let s = shared.clone();
    add_plain(lua, host, "acl_check_cmd", move |_, args| {
        let mut exchange = Exchange::default();
        exchange.fill(&args.iter().cloned().collect()).map_err(Failure::from)?;
        let mut request = Request::MayCall { exchange, answer: None };
        s.lent.run(&mut request);
        match request {
            Request::MayCall { answer: Some(may), .. } => Ok(vec![Value::Boolean(may)]),
            _ => Err("ERR Invalid command passed to server.acl_check_cmd()".into()),
        }
    })?;
    let s = shared.clone();
    host.raw_set("register_function", function(lua, true, move |_, args| register(&s, args))?)?;
    Ok(())
}

/// A string, or a number as one.
fn text(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::String(text) => Some(text.as_bytes().to_vec()),
        Value::Number(n) => Some(format_g(*n, 14).into_bytes()),
        Value::Integer(n) => Some(n.to_string().into_bytes()),
        _ => None,
    }
}

/// Names of functions and libraries.
pub(crate) fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_')
}

fn register(shared: &Shared, args: &[Value]) -> Result<Vec<Value>, Failure> {
    let mut registering = shared.registering.borrow_mut();
    let Some(registered) = registering.as_mut() else {
        return Err("ERR server.register_function can only be called on FUNCTION LOAD command".into());
    };
    let mut new = Registered { name: Vec::new(), description: None, flags: Vec::new(), callback: None };
    match args {
        [Value::Table(named)] => named_arguments(named, &mut new)?,
        [_] => {
            return Err(
                "ERR calling server.register_function with a single argument is only applicable to Lua \
                        table (representing named arguments)."
                    .into(),
            );
        }
        [name, callback] => {
            new.name = text(name).ok_or_else(|| {
                Failure::from("ERR first argument to server.register_function must be a string")
            })?;
            let Value::Function(callback) = callback else {
                return Err("ERR second argument to server.register_function must be a function".into());
            };
            new.callback = Some(callback.clone());
        }
        _ => return Err("ERR wrong number of arguments to server.register_function".into()),
    }
    if !is_name(&new.name) {
        return Err("ERR Function names can only contain letters, numbers, or underscores(_) and must be at least one \
                    character long"
            .into());
    }
    if registered.iter().any(|r| r.name == new.name) {
        return Err("ERR Function already exists in the library".into());
    }
    registered.push(new);
    Ok(vec![])
}

fn named_arguments(named: &Table, new: &mut Registered) -> Result<(), Failure> {
    for pair in named.pairs::<Value, Value>() {
        let (key, value) = pair?;
        let Value::String(key) = key else {
            return Err("ERR named argument key given to server.register_function is not a string".into());
        };
        match (&key.as_bytes()[..], value) {
            (b"function_name", value) => {
                new.name = text(&value).ok_or_else(|| {
                    Failure::from(
                        "ERR function_name argument given to server.register_function must be a string",
                    )
                })?;
            }
            (b"description", value) => {
                new.description = Some(text(&value).ok_or_else(|| {
                    Failure::from(
                        "ERR description argument given to server.register_function must be a string",
                    )
                })?);
            }
            (b"callback", Value::Function(callback)) => new.callback = Some(callback),
            (b"callback", _) => {
                return Err(
                    "ERR callback argument given to server.register_function must be a function".into()
                );
            }
            (b"flags", Value::Table(flags)) => {
                for flag in flags.sequence_values::<Value>() {
                    match flag? {
                        Value::String(flag) => {
                            let flag = flag.as_bytes();
                            match crate::interpreter::FLAGS.iter().find(|f| f.as_bytes() == &flag[..]) {
                                Some(flag) => new.flags.push(flag),
                                None => return Err("ERR unknown flag given".into()),
                            }
                        }
                        _ => return Err("ERR unknown flag given".into()),
                    }
                }
            }
            (b"flags", _) => {
                return Err(
                    "ERR flags argument to server.register_function must be a table representing function \
                            flags"
                        .into(),
                );
            }
            _ => return Err("ERR unknown argument given to server.register_function".into()),
        }
    }
    if new.name.is_empty() && !named.contains_key("function_name")? {
        return Err("ERR server.register_function must get a function name argument".into());
    }
    if new.callback.is_none() {
        return Err("ERR server.register_function must get a callback argument".into());
    }
    Ok(())
}

/// The numbers of `redis`.
pub(crate) fn constants(lua: &Lua) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    for (name, n) in [
        ("LOG_DEBUG", 0),
        ("LOG_VERBOSE", 1),
        ("LOG_NOTICE", 2),
        ("LOG_WARNING", 3),
        ("REPL_NONE", 0),
        ("REPL_AOF", 1),
        ("REPL_SLAVE", 2),
        ("REPL_REPLICA", 2),
        ("REPL_ALL", 3),
        ("REDIS_VERSION_NUM", 0x0007_0204),
        ("VALKEY_VERSION_NUM", 0x0009_0102),
    ] {
        table.raw_set(name, n)?;
    }
    for (name, text) in [("REDIS_VERSION", "7.2.4"), ("VALKEY_VERSION", "9.1.2"), ("SERVER_NAME", "valkey")] {
        table.raw_set(name, text)?;
    }
    Ok(table)
}

/// What all functions share.
pub(crate) fn shared() -> Rc<Shared> {
    Rc::new(Shared {
        lent: Lent::default(),
        exchange: RefCell::default(),
        resp3: Cell::new(false),
        ended: Cell::new(false),
        registering: RefCell::new(None),
    })
}
