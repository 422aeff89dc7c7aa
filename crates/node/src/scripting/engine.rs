//! One thread's Lua, with what it has compiled.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use script::{Host, Interpreter, LogLevel, Program, Registered};
use wire::resp::parse::Span;

use super::store::{Learned, Sha};
use super::{Flags, Library, LibraryFunction, Source, sha_of, shebang};
use crate::node::Node;

/// Bytes that one thread's scripts may use.
const MEMORY_BYTES_MAX: usize = 512 << 20;
/// Compiled scripts after which those that the node has forgotten are dropped.
const PROGRAMS_MAX: usize = 1000;

/// A script, ready to run.
pub struct Compiled {
    pub source: Arc<Source>,
    pub program: Program,
}

/// A function, ready to run.
pub struct Callable {
    pub library: Arc<Library>,
    pub flags: Flags,
    pub function: Registered,
}

/// What an EVAL or FCALL runs.
#[derive(Clone)]
pub enum Target {
    Script(Rc<Compiled>),
    Function(Rc<Callable>),
}

impl Target {
    pub fn flags(&self) -> Flags {
        match self {
            Target::Script(compiled) => compiled.source.flags,
            Target::Function(callable) => callable.flags,
        }
    }

    pub fn learned(&self) -> &Learned {
        match self {
            Target::Script(compiled) => &compiled.source.learned,
            Target::Function(callable) => &callable.library.learned,
        }
    }
}

/// The thread's Lua.
pub struct Engine {
    pub lua: Interpreter,
    programs: HashMap<Sha, Rc<Compiled>>,
    functions: HashMap<Vec<u8>, Rc<Callable>>,
    libraries_version: u64,
    counted_bytes: u64,
}

thread_local! {
    static ENGINE: RefCell<Option<Engine>> = const { RefCell::new(None) };
}

/// Uses this thread's engine, made when first needed. The error is the reply's text.
pub fn with<R>(body: impl FnOnce(&mut Engine) -> R) -> Result<R, Vec<u8>> {
    ENGINE.with(|engine| {
        let Ok(mut engine) = engine.try_borrow_mut() else {
            return Err(b"ERR a script is running on this thread".to_vec());
        };
        if engine.is_none() {
            let lua = Interpreter::new(MEMORY_BYTES_MAX)
                .map_err(|error| format!("ERR the script engine cannot start: {error}").into_bytes())?;
            *engine = Some(Engine {
                lua,
                programs: HashMap::new(),
                functions: HashMap::new(),
                libraries_version: 0,
                counted_bytes: 0,
            });
        }
        Ok(body(engine.as_mut().expect("it was made above")))
    })
}

impl Engine {
    /// The script with this digest, if the node has it.
    pub fn by_sha(&mut self, node: &Node, sha: &Sha) -> Result<Option<Rc<Compiled>>, Vec<u8>> {
        if let Some(compiled) = self.programs.get(sha)
            && compiled.source.alive.load(Ordering::Relaxed)
        {
            return Ok(Some(compiled.clone()));
        }
        match node.scripts.script(sha) {
            Some(source) => self.compile(*sha, source).map(Some),
            None => {
                self.programs.remove(sha);
                Ok(None)
            }
        }
    }

    /// The script with this text, added to the node's when it is new.
    pub fn by_text(
        &mut self,
        node: &Node,
        text: &[u8],
        by_eval: bool,
    ) -> Result<(Sha, Rc<Compiled>), Vec<u8>> {
        let sha = sha_of(text);
        if let Some(compiled) = self.by_sha(node, &sha)? {
            if !by_eval {
                node.scripts.add(sha, text, compiled.source.flags, false);
            }
            return Ok((sha, compiled));
        }
        let (flags, code) = shebang::script(text)?;
        let program = self.program(code)?;
        let source = node.scripts.add(sha, text, flags, by_eval);
        let compiled = Rc::new(Compiled { source, program });
        self.keep(sha, compiled.clone());
        Ok((sha, compiled))
    }

    fn program(&self, code: &[u8]) -> Result<Program, Vec<u8>> {
        self.lua
            .compile(code)
            .map_err(|text| [b"ERR Error compiling script (new function): ", &text[..]].concat())
    }

    fn compile(&mut self, sha: Sha, source: Arc<Source>) -> Result<Rc<Compiled>, Vec<u8>> {
        let program = self.program(shebang::script(&source.text)?.1)?;
        let compiled = Rc::new(Compiled { source, program });
        self.keep(sha, compiled.clone());
        Ok(compiled)
    }

    fn keep(&mut self, sha: Sha, compiled: Rc<Compiled>) {
        if self.programs.len() >= PROGRAMS_MAX {
            self.programs.retain(|_, compiled| compiled.source.alive.load(Ordering::Relaxed));
        }
        self.programs.insert(sha, compiled);
    }

    /// A function by its name.
    pub fn function(&mut self, node: &Node, name: &[u8]) -> Result<Option<Rc<Callable>>, Vec<u8>> {
        let version = node.scripts.libraries_version.load(Ordering::Relaxed);
        if version != self.libraries_version {
            self.functions.clear();
            self.libraries_version = version;
        }
        if let Some(callable) = self.functions.get(name) {
            return Ok(Some(callable.clone()));
        }
        let lower = name.to_ascii_lowercase();
        if let Some(callable) = self.functions.get(&lower) {
            return Ok(Some(callable.clone()));
        }
        let Some(library) = node.scripts.library_of(name) else { return Ok(None) };
        let (_, code) = shebang::library(&library.text)?;
        for function in self.lua.load_library(code, &mut Loading)? {
            let flags = flags_of(&function);
            let name = function.name.to_ascii_lowercase();
            self.functions.insert(name, Rc::new(Callable { library: library.clone(), flags, function }));
        }
        Ok(self.functions.get(&lower).cloned())
    }

    /// Counts what Lua holds now.
    pub fn count_memory(&mut self, node: &Node) {
        let bytes = self.lua.memory_bytes() as u64;
        if bytes != self.counted_bytes {
            node.scripts.vm_bytes.fetch_add(bytes.wrapping_sub(self.counted_bytes), Ordering::Relaxed);
            self.counted_bytes = bytes;
        }
    }
}

fn flags_of(function: &Registered) -> Flags {
    let mut flags = Flags::default();
    for name in &function.flags {
        flags.add(name.as_bytes());
    }
    flags
}

/// `SCRIPT LOAD`: keeps a script; its digest. The error is the reply's text.
pub fn load_script(node: &Node, text: &[u8]) -> Result<Sha, Vec<u8>> {
    with(|engine| engine.by_text(node, text, false))?.map(|(sha, _)| sha)
}

/// Runs a library's code once, to see what it registers. The error is the reply's text.
pub fn load_library(text: &[u8]) -> Result<Library, Vec<u8>> {
    let (name, code) = shebang::library(text)?;
    let registered = with(|engine| engine.lua.load_library(code, &mut Loading))??;
    if registered.is_empty() {
        return Err(b"ERR No functions registered".to_vec());
    }
    let functions = registered
        .into_iter()
        .map(|function| LibraryFunction {
            flags: flags_of(&function),
            name: function.name,
            description: function.description,
        })
        .collect();
    Ok(Library { name, text: text.to_vec(), functions, learned: Learned::of(text) })
}

/// The host while a library loads: there are no commands, and it must not take long.
struct Loading;

/// Looks at the clock, a hundred thousand instructions each, that a library's code may take.
impl Host for Loading {
    fn call(&mut self, _: &[u8], _: &[Span], _: bool, _: &mut Vec<u8>) -> bool {
        false
    }
    fn may_call(&mut self, _: &[u8], _: &[Span]) -> Option<bool> {
        None
    }
    fn log(&mut self, level: LogLevel, text: &[u8]) {
        super::host::log(level, text);
    }
    fn tick(&mut self) -> bool {
        // Half a second, as Valkey gives it, is some five hundred of these; a library only registers functions.
        LOADING_TICKS.with(|ticks| {
            ticks.set(ticks.get() + 1);
            ticks.get() % 500 != 0
        })
    }
    fn set_repl(&mut self, _: i32) {}
}

thread_local! {
    static LOADING_TICKS: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
}
