//! One thread's Lua, and what runs in it.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

use mlua::{ChunkMode, Function, HookTriggers, Lua, LuaOptions, RegistryKey, StdLib, Table, Value, VmState};
use sys::lend::{Errand, Lent};

use crate::convert::{Protocol, c_text, reply_of};
use crate::failure::Failure;
use crate::host::{Host, LogLevel};
use crate::prng::Lrand48;
use crate::redis::Exchange;

/// Instructions between two looks at the clock.
const TICK_INSTRUCTIONS: u32 = 100_000;
/// The text of errors that end a script; no `pcall` sees it.
pub(crate) const END: &str = "the script was ended";
/// Flags of scripts and functions.
pub(crate) const FLAGS: [&str; 5] =
    ["no-writes", "allow-oom", "allow-stale", "no-cluster", "allow-cross-slot-keys"];

/// What a function of Lua asks of the host.
pub(crate) enum Request {
    Call { exchange: Exchange, resp3: bool, ends: bool },
    MayCall { exchange: Exchange, answer: Option<bool> },
    Log { level: LogLevel, text: Vec<u8> },
    SetRepl(i32),
    Tick { goes_on: bool },
}

/// What the functions of one interpreter share.
pub(crate) struct Shared {
    pub(crate) lent: Lent,
    pub(crate) exchange: RefCell<Exchange>,
    pub(crate) resp3: Cell<bool>,
    /// The script under way must end.
    pub(crate) ended: Cell<bool>,
    /// Functions of the library that is being loaded.
    pub(crate) registering: RefCell<Option<Vec<Registered>>>,
}

/// The lent side: requests to calls of the host.
struct Served<'a>(&'a mut dyn Host);

impl Errand for Served<'_> {
    fn run(&mut self, request: &mut dyn Any) {
        match request.downcast_mut::<Request>() {
            Some(Request::Call { exchange, resp3, ends }) => {
                let Exchange { args, spans, reply } = exchange;
                *ends = !self.0.call(args, spans, *resp3, reply);
            }
            Some(Request::MayCall { exchange, answer }) => {
                *answer = self.0.may_call(&exchange.args, &exchange.spans);
            }
            Some(Request::Log { level, text }) => self.0.log(*level, text),
            Some(Request::SetRepl(flags)) => self.0.set_repl(*flags),
            Some(Request::Tick { goes_on }) => *goes_on = self.0.tick(),
            None => {}
        }
    }
}

/// A compiled script.
pub struct Program(Function);

/// A function of a library.
pub struct Registered {
    /// Its name.
    pub name: Vec<u8>,
    /// Its description, if it has one.
    pub description: Option<Vec<u8>>,
    /// Its flags.
    pub flags: Vec<&'static &'static str>,
    pub(crate) callback: Option<Function>,
}

/// An error that a script ended with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptError {
    /// The reply's text, code first.
    pub text: Vec<u8>,
    /// Where it happened, as ` script: on @user_script:1.` says.
    pub place: Option<(Vec<u8>, i64)>,
    /// It is a command's error, which is counted already.
    pub is_counted: bool,
}

impl ScriptError {
    /// An error of no place.
    pub fn plain(text: impl Into<Vec<u8>>) -> Self {
        ScriptError { text: text.into(), place: None, is_counted: false }
    }

    /// The whole text for the client.
    pub fn reply(&self) -> Vec<u8> {
        let mut out = self.text.clone();
        if let Some((source, line)) = &self.place {
            out.extend_from_slice(b" script: on ");
            out.extend_from_slice(source);
            out.extend_from_slice(format!(":{line}.").as_bytes());
        }
        out
    }
}

/// How a run ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The reply is written.
    Done,
    /// With an error; nothing is written.
    Failed(ScriptError),
    /// The host ended it, at this place; nothing is written.
    Ended(Option<(Vec<u8>, i64)>),
}

/// One thread's Lua.
pub struct Interpreter {
    lua: Lua,
    shared: Rc<Shared>,
    run: Function,
    call_function: Function,
    prepare: Function,
    load_library: Function,
    memory_bytes_max: usize,
    /// What Lua may hold after a run without its garbage being collected.
    full_bytes: Cell<usize>,
    /// The name of scripts' chunks stays interned: the parser keeps a reference that the collector does not see
    /// (CVE-2025-49844).
    _names: [RegistryKey; 2],
}

impl Interpreter {
    /// An interpreter whose scripts may use `memory_bytes_max` bytes.
    pub fn new(memory_bytes_max: usize) -> mlua::Result<Self> {
        let libs = StdLib::TABLE | StdLib::STRING | StdLib::MATH | StdLib::OS;
        let lua = Lua::new_with(libs, LuaOptions::new().catch_rust_panics(false))?;
        sys::lua::bound_patterns(&lua)?;
        let shared = crate::redis::shared();
        let host = lua.create_table()?;
        crate::redis::functions(&lua, &host, &shared)?;
        host.raw_set("constants", crate::redis::constants(&lua)?)?;
        host.raw_set("END", END)?;
        host.raw_set("cjson", crate::cjson::library(&lua)?)?;
        host.raw_set("cmsgpack", crate::cmsgpack::library(&lua)?)?;
        host.raw_set("bit", crate::bit::library(&lua)?)?;
        host.raw_set("struct", crate::structs::library(&lua)?)?;
        let unwrap = |lua: &Lua, error: Value| crate::failure::unwrapped(lua, &error);
        host.raw_set("unwrap", lua.create_function(unwrap)?)?;
        crate::failure::add(&lua, &host, "unpack", unpack)?;
        host.raw_set(
            "where",
            lua.create_function(|lua, level: usize| {
                let found = lua.inspect_stack(level, |debug| {
                    let source = debug.source();
                    let is_ours = source.what == "C"
                        || source.what == "tail"
                        || source.source.as_deref() == Some("=brasa");
                    let text = source.source.map(|s| s.into_owned()).unwrap_or_default();
                    (is_ours, text, debug.current_line().unwrap_or(0))
                });
                match found {
                    None => Ok((Value::Nil, Value::Nil, Value::Nil)),
                    Some((is_ours, text, line)) => Ok((
                        Value::Boolean(is_ours),
                        Value::String(lua.create_string(text)?),
                        Value::Number(line as f64),
                    )),
                }
            })?,
        )?;
        random(&lua, &host)?;
        let prelude = lua.load(include_str!("prelude.lua")).set_name("=brasa").into_function()?;
        let made: Table = prelude.call(host)?;
        let names = ["@user_script", "@user_function"]
            .map(|name| lua.create_string(name).and_then(|name| lua.create_registry_value(name)));
        let [script, library] = names;
        let s = shared.clone();
        lua.set_global_hook(HookTriggers::new().every_nth_instruction(TICK_INSTRUCTIONS), move |_, _| {
            let mut request = Request::Tick { goes_on: true };
            if !s.ended.get() {
                s.lent.run(&mut request);
            }
            match request {
                Request::Tick { goes_on: true } if !s.ended.get() => Ok(VmState::Continue),
                _ => {
                    s.ended.set(true);
                    Err(mlua::Error::runtime(END))
                }
            }
        })?;
        lua.set_memory_limit(memory_bytes_max)?;
        // What building it left: scripts begin with little.
        lua.gc_collect()?;
        lua.gc_collect()?;
        Ok(Interpreter {
            run: made.raw_get("run")?,
            call_function: made.raw_get("call_function")?,
            prepare: made.raw_get("prepare")?,
            load_library: made.raw_get("load_library")?,
            memory_bytes_max,
            full_bytes: Cell::new(memory_bytes_max / 4),
            _names: [script?, library?],
            lua,
            shared,
        })
    }

    /// Bytes that Lua holds.
    pub fn memory_bytes(&self) -> usize {
        self.lua.used_memory()
    }

    /// Collects what no script holds any more.
    pub fn collect(&self) {
        let _ = self.lua.gc_collect();
    }

    /// Compiles a script. The error is the compiler's text.
    pub fn compile(&self, source: &[u8]) -> Result<Program, Vec<u8>> {
        self.chunk(source, "@user_script")
            .and_then(|f| self.prepare.call::<Function>(f).map(Program).map_err(|e| mlua_text(&e)))
    }

    fn chunk(&self, source: &[u8], name: &str) -> Result<Function, Vec<u8>> {
        // `set_mode` refuses bytecode (CVE-2015-4335); the parser would take it by its first byte.
        self.lua
            .load(source)
            .set_name(name)
            .set_mode(ChunkMode::Text)
            .into_function()
            .map_err(|e| mlua_text(&e))
    }

    fn strings(&self, items: &[&[u8]]) -> mlua::Result<Table> {
        let table = self.lua.create_table_with_capacity(items.len(), 0)?;
        for (i, item) in items.iter().enumerate() {
            table.raw_set(i + 1, self.lua.create_string(item)?)?;
        }
        Ok(table)
    }

    /// Runs a script. Its reply goes to `out`; `on_error` sees the errors in it that a client may count.
    #[allow(clippy::too_many_arguments)]
    pub fn run(
        &self,
        program: &Program,
        keys: &[&[u8]],
        args: &[&[u8]],
        host: &mut dyn Host,
        protocol: Protocol,
        out: &mut Vec<u8>,
        on_error: &mut dyn FnMut(Option<&[u8]>),
    ) -> Outcome {
        self.invoke(&self.run, &program.0, keys, args, host, protocol, out, on_error)
    }

    /// Runs a function of a library.
    #[allow(clippy::too_many_arguments)]
    pub fn call(
        &self,
        function: &Registered,
        keys: &[&[u8]],
        args: &[&[u8]],
        host: &mut dyn Host,
        protocol: Protocol,
        out: &mut Vec<u8>,
        on_error: &mut dyn FnMut(Option<&[u8]>),
    ) -> Outcome {
        match &function.callback {
            Some(callback) => {
                self.invoke(&self.call_function, callback, keys, args, host, protocol, out, on_error)
            }
            None => Outcome::Failed(ScriptError::plain("ERR Function not found")),
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn invoke(
        &self,
        how: &Function,
        what: &Function,
        keys: &[&[u8]],
        args: &[&[u8]],
        host: &mut dyn Host,
        protocol: Protocol,
        out: &mut Vec<u8>,
        on_error: &mut dyn FnMut(Option<&[u8]>),
    ) -> Outcome {
        self.shared.ended.set(false);
        self.shared.resp3.set(false);
        let mut served = Served(host);
        let result: mlua::Result<(bool, Value)> = self.shared.lent.with(&mut served, || {
            let (keys, args) = (self.strings(keys)?, self.strings(args)?);
            how.call((what, keys, args))
        });
        let outcome = self.outcome(result, protocol, out, on_error);
        // What the script made is garbage now, and the next one begins with room: whether this one got an error for the
        // lack of it, caught that, or just did not. The collector goes to work by itself only at twice what it left.
        let held = self.memory_bytes();
        if held > self.full_bytes.get() {
            self.collect();
            let left = self.memory_bytes();
            self.full_bytes
                .set((left + left / 2).clamp(self.memory_bytes_max / 4, self.memory_bytes_max / 8 * 7));
        }
        outcome
    }

    fn outcome(
        &self,
        result: mlua::Result<(bool, Value)>,
        protocol: Protocol,
        out: &mut Vec<u8>,
        on_error: &mut dyn FnMut(Option<&[u8]>),
    ) -> Outcome {
        let from = out.len();
        if self.shared.ended.get() {
            return Outcome::Ended(match &result {
                Ok((false, error)) => script_error(error).place,
                _ => None,
            });
        }
        match result {
            Ok((true, value)) => match reply_of(&value, protocol, self.shared.resp3.get(), out, on_error) {
                Ok(()) => Outcome::Done,
                Err(_) => {
                    out.truncate(from);
                    Outcome::Failed(ScriptError::plain("ERR not enough memory"))
                }
            },
            Ok((false, error)) => Outcome::Failed(script_error(&error)),
            Err(error) => Outcome::Failed(ScriptError::plain([b"ERR ", &mlua_text(&error)[..]].concat())),
        }
    }

    /// Runs the code of a library, which registers its functions. The error is the reply's text.
    pub fn load_library(&self, code: &[u8], host: &mut dyn Host) -> Result<Vec<Registered>, Vec<u8>> {
        let chunk = self
            .chunk(code, "@user_function")
            .map_err(|text| [b"ERR Error compiling function: ", &text[..]].concat())?;
        self.shared.ended.set(false);
        *self.shared.registering.borrow_mut() = Some(Vec::new());
        let mut served = Served(host);
        let result: mlua::Result<(bool, Value)> =
            self.shared.lent.with(&mut served, || self.load_library.call(chunk));
        let registered = self.shared.registering.borrow_mut().take().unwrap_or_default();
        let failed = |text: &[u8]| {
            if text.starts_with(b"ERR Function") {
                text.to_vec()
            } else {
                [b"ERR Error registering functions: ", text].concat()
            }
        };
        if self.shared.ended.get() {
            return Err(b"ERR FUNCTION LOAD timeout".to_vec());
        }
        match result {
            Ok((true, _)) => Ok(registered),
            Ok((false, error)) => Err(failed(&script_error(&error).text)),
            Err(error) => Err(failed(&mlua_text(&error))),
        }
    }
}

/// `math.random` and `math.randomseed`.
fn random(lua: &Lua, host: &Table) -> mlua::Result<()> {
    let rng = Rc::new(RefCell::new(Lrand48::default()));
    let r = rng.clone();
    crate::failure::add(lua, host, "random", move |lua, args| {
        let unit = r.borrow_mut().unit();
        let bound = |at| crate::failure::number_arg(lua, args, at, "random").map(f64::trunc);
        let (low, high) = match args.len() {
            0 => return Ok(vec![Value::Number(unit)]),
            1 => (1.0, bound(0)?),
            2 => (bound(0)?, bound(1)?),
            _ => return Err("wrong number of arguments".into()),
        };
        if low > high {
            return Err(crate::failure::bad_argument(args.len(), "random", "interval is empty"));
        }
        Ok(vec![Value::Number((unit * (high - low + 1.0)).floor() + low)])
    })?;
    crate::failure::add(lua, host, "randomseed", move |lua, args| {
        let seed = crate::failure::number_arg(lua, args, 0, "randomseed")?;
        rng.borrow_mut().seed(seed as i64 as i32);
        Ok(vec![])
    })
}

/// `unpack`: the count is worked out in doubles, which do not overflow (CVE-2025-46817).
fn unpack(lua: &Lua, args: &[Value]) -> Result<Vec<Value>, Failure> {
    const RESULTS_MAX: f64 = 7990.0;
    let Some(Value::Table(table)) = args.first() else {
        let why = format!("table expected, got {}", crate::failure::type_name(args.first()));
        return Err(crate::failure::bad_argument(1, "unpack", &why));
    };
    let bound = |at: usize, default: f64| match args.get(at) {
        None | Some(Value::Nil) => Ok(default),
        Some(_) => crate::failure::number_arg(lua, args, at, "unpack").map(f64::trunc),
    };
    let from = bound(1, 1.0)?;
    let to = bound(2, table.raw_len() as f64)?;
    if to - from >= RESULTS_MAX {
        return Err("too many results to unpack".into());
    }
    let mut values = Vec::new();
    let mut at = from;
    while at <= to {
        values.push(table.raw_get::<Value>(at)?);
        at += 1.0;
    }
    Ok(values)
}

/// The text of an error that Lua holds as an object of ours.
fn error_text(error: &Value) -> Vec<u8> {
    match error {
        Value::Error(error) => mlua_text(error),
        _ => b"unknown error".to_vec(),
    }
}

pub(crate) fn mlua_text(error: &mlua::Error) -> Vec<u8> {
    let text = match error {
        mlua::Error::CallbackError { cause, .. } => return mlua_text(cause),
        mlua::Error::MemoryError(_) => "not enough memory".to_owned(),
        mlua::Error::RuntimeError(text) => text.clone(),
        mlua::Error::SyntaxError { message, .. } => message.clone(),
        other => other.to_string(),
    };
    // Only the first line: what follows is a trace of the stack.
    text.split("\nstack traceback").next().unwrap_or_default().as_bytes().to_vec()
}

/// What the handler made of an error.
fn script_error(error: &Value) -> ScriptError {
    let Value::Table(table) = error else {
        return match error {
            Value::String(text) => ScriptError::plain([b"ERR ", &text.as_bytes()[..]].concat()),
            other => ScriptError::plain([b"ERR ", &error_text(other)[..]].concat()),
        };
    };
    let field = |name: &str| table.raw_get::<Value>(name).unwrap_or(Value::Nil);
    let text = match field("err") {
        Value::String(text) => text.as_bytes().to_vec(),
        Value::Number(n) => crate::number::format_g(n, 14).into_bytes(),
        Value::Integer(n) => crate::number::format_g(n as f64, 14).into_bytes(),
        _ => b"ERR unknown error".to_vec(),
    };
    let text = c_text(&text).to_vec();
    let place = match (field("source"), field("line")) {
        (Value::String(source), Value::Number(line)) => Some((source.as_bytes().to_vec(), line as i64)),
        (Value::String(source), Value::Integer(line)) => Some((source.as_bytes().to_vec(), line)),
        _ => None,
    };
    ScriptError { text, place, is_counted: matches!(field("ignore"), Value::Boolean(true)) }
}
