//! The node's scripts and libraries, shared by all threads, and the script that runs for too long.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use sha1::{Digest, Sha1};
use structures::lock::TryMutex;

use super::Flags;

/// Runs under the gate without anything new after which it is known how a source uses keys.
const LEARNED: u32 = 16;
/// Names of commands that look at all keys, as sources write them.
const ALL_KEYS: &[&str] =
    &["keys", "scan", "randomkey", "dbsize", "flushall", "flushdb", "swapdb", "sort", "sort_ro"];
/// Scripts of EVAL that are kept.
const EVAL_SCRIPTS_MAX: usize = 500;

/// Forty hexadecimal digits.
pub type Sha = [u8; 40];

/// The digest of a source.
pub fn sha_of(source: &[u8]) -> Sha {
    let mut sha = [0; 40];
    for (digits, byte) in sha.chunks_exact_mut(2).zip(Sha1::digest(source)) {
        digits[0] = b"0123456789abcdef"[usize::from(byte >> 4)];
        digits[1] = b"0123456789abcdef"[usize::from(byte & 15)];
    }
    sha
}

/// Which keys a source uses. Each holds what those before it hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Uses {
    /// Those it declares.
    Declared,
    /// Others, all of which it has asked for by its first write.
    OthersFirst,
    /// Others after it has written.
    OthersLater,
    /// All of a database.
    All,
}

impl Uses {
    const EACH: [Uses; 4] = [Uses::Declared, Uses::OthersFirst, Uses::OthersLater, Uses::All];
}

/// How a source has used keys so far: runs in the low byte, [`Uses`] in the next.
#[derive(Default)]
pub struct Learned {
    known: AtomicU32,
    /// Its text names a command that looks at all keys.
    names_all: bool,
}

impl Learned {
    /// Nothing but what the text says.
    pub fn of(text: &[u8]) -> Self {
        let text = text.to_ascii_lowercase();
        let is_quoted = |at: usize, name: &str| {
            let end = at + name.len();
            at > 0
                && text.get(at..end) == Some(name.as_bytes())
                && matches!(text[at - 1], b'\'' | b'"')
                && matches!(text.get(end), Some(b'\'' | b'"'))
        };
        let names_all = (0..text.len()).any(|at| ALL_KEYS.iter().any(|name| is_quoted(at, name)));
        Learned { known: AtomicU32::new(0), names_all }
    }

    /// What it uses, when that is known; without it, and for all keys, it runs under the gate.
    pub fn uses(&self) -> Option<Uses> {
        let known = self.known.load(Ordering::Relaxed);
        let uses = Uses::EACH[(known >> 8) as usize];
        let is_sure = uses == Uses::Declared || (uses < Uses::All && !self.names_all);
        (known & 0xff >= LEARNED && is_sure).then_some(uses)
    }

    /// A run has ended. What is new makes it learn again.
    pub fn ran(&self, uses: Uses) {
        let uses = uses as u32;
        let _ = self.known.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |known| {
            let (before, runs) = (known >> 8, known & 0xff);
            if uses > before { Some(uses << 8 | 1) } else { (runs < LEARNED).then_some(known + 1) }
        });
    }
}

/// A script.
pub struct Source {
    /// Its text, as it came.
    pub text: Box<[u8]>,
    /// What its first line says.
    pub flags: Flags,
    /// See [`Learned`].
    pub learned: Learned,
    /// It is still among the node's scripts.
    pub alive: AtomicBool,
}

/// A function.
#[derive(Clone)]
pub struct LibraryFunction {
    /// Its name.
    pub name: Vec<u8>,
    /// Its description.
    pub description: Option<Vec<u8>>,
    /// Its flags.
    pub flags: Flags,
}

/// A library of functions.
pub struct Library {
    /// Its name.
    pub name: Vec<u8>,
    /// Its text, as it came.
    pub text: Vec<u8>,
    /// Its functions, in order of registration.
    pub functions: Vec<LibraryFunction>,
    /// See [`Learned`]; for all its functions together.
    pub learned: Learned,
}

#[derive(Default)]
struct Inner {
    scripts: HashMap<Sha, Arc<Source>>,
    /// Scripts that only EVAL has brought, the one used longest ago first.
    by_eval: VecDeque<Sha>,
    libraries: BTreeMap<Vec<u8>, Arc<Library>>,
    /// By the name in lower case: a call may use any.
    functions: HashMap<Vec<u8>, Arc<Library>>,
}

/// What runs for too long.
pub struct Running {
    /// The function's name, none for a script.
    pub function: Option<Vec<u8>>,
    /// The command.
    pub command: Vec<Vec<u8>>,
    /// Monotonic ns of its beginning.
    pub since_ns: u64,
}

/// The node's scripts.
pub struct Scripts {
    inner: Mutex<Inner>,
    /// Raised when libraries change.
    pub libraries_version: AtomicU64,
    /// Scripts that left the list of EVAL's.
    pub evicted: AtomicU64,
    /// Bytes of all threads' interpreters.
    pub vm_bytes: AtomicU64,
    /// `DEBUG SET-DISABLE-DENY-SCRIPTS`: scripts may run every command.
    pub allow_all: AtomicBool,
    /// A script runs for longer than `busy-reply-threshold`.
    pub busy: AtomicBool,
    /// It was asked to end.
    pub kill: AtomicBool,
    /// It has written.
    pub has_written: AtomicBool,
    /// What it is.
    pub running: Mutex<Option<Running>>,
    /// The turn of scripts that ask for keys after they have written. Its thread may wait for a shard while it holds
    /// others: nobody else does, so whoever has that shard lets go of it.
    pub turn: TryMutex<()>,
}

impl Default for Scripts {
    fn default() -> Self {
        Scripts {
            inner: Mutex::default(),
            libraries_version: AtomicU64::new(0),
            evicted: AtomicU64::new(0),
            vm_bytes: AtomicU64::new(0),
            allow_all: AtomicBool::new(false),
            busy: AtomicBool::new(false),
            kill: AtomicBool::new(false),
            has_written: AtomicBool::new(false),
            running: Mutex::default(),
            turn: TryMutex::new(()),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|e| e.into_inner())
}

impl Scripts {
    /// A script by its digest.
    pub fn script(&self, sha: &Sha) -> Option<Arc<Source>> {
        lock(&self.inner).scripts.get(sha).cloned()
    }

    /// Adds a script, or says that it is there. `by_eval`: it may go when there are too many.
    pub fn add(&self, sha: Sha, text: &[u8], flags: Flags, by_eval: bool) -> Arc<Source> {
        let mut inner = lock(&self.inner);
        if let Some(source) = inner.scripts.get(&sha).cloned() {
            if !by_eval {
                inner.by_eval.retain(|other| *other != sha);
            }
            return source;
        }
        let source = Arc::new(Source {
            text: text.into(),
            flags,
            learned: Learned::of(text),
            alive: AtomicBool::new(true),
        });
        if by_eval {
            if inner.by_eval.len() >= EVAL_SCRIPTS_MAX
                && let Some(oldest) = inner.by_eval.pop_front()
                && let Some(old) = inner.scripts.remove(&oldest)
            {
                old.alive.store(false, Ordering::Relaxed);
                self.evicted.fetch_add(1, Ordering::Relaxed);
            }
            inner.by_eval.push_back(sha);
        }
        inner.scripts.insert(sha, source.clone());
        source
    }

    /// `SCRIPT FLUSH`.
    pub fn flush_scripts(&self) {
        let mut inner = lock(&self.inner);
        for source in inner.scripts.values() {
            source.alive.store(false, Ordering::Relaxed);
        }
        inner.scripts.clear();
        inner.by_eval.clear();
    }

    /// Number of scripts and bytes of their texts.
    pub fn script_figures(&self) -> (usize, usize) {
        let inner = lock(&self.inner);
        let bytes = inner.scripts.values().map(|s| s.text.len() + size_of::<Source>() + 64).sum();
        (inner.scripts.len(), bytes)
    }

    /// The library that has a function.
    pub fn library_of(&self, function: &[u8]) -> Option<Arc<Library>> {
        lock(&self.inner).functions.get(&function.to_ascii_lowercase()).cloned()
    }

    /// All libraries, by name.
    pub fn libraries(&self) -> Vec<Arc<Library>> {
        lock(&self.inner).libraries.values().cloned().collect()
    }

    /// Adds a library. The error is the reply's text.
    pub fn add_library(&self, library: Library, replace: bool) -> Result<(), Vec<u8>> {
        let mut inner = lock(&self.inner);
        let old = inner.libraries.get(&library.name).cloned();
        if old.is_some() && !replace {
            return Err([b"ERR Library '", &library.name[..], b"' already exists"].concat());
        }
        for function in &library.functions {
            if let Some(other) = inner.functions.get(&function.name.to_ascii_lowercase())
                && other.name != library.name
            {
                return Err([b"ERR Function ", &function.name[..], b" already exists"].concat());
            }
        }
        for function in old.iter().flat_map(|old| &old.functions) {
            inner.functions.remove(&function.name.to_ascii_lowercase());
        }
        let library = Arc::new(library);
        for function in &library.functions {
            inner.functions.insert(function.name.to_ascii_lowercase(), library.clone());
        }
        inner.libraries.insert(library.name.clone(), library);
        self.libraries_version.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Adds the libraries of a payload, all or none. The error is the reply's text.
    pub fn restore(&self, libraries: Vec<Library>, flush: bool, replace: bool) -> Result<(), Vec<u8>> {
        let mut inner = lock(&self.inner);
        let mut kept: BTreeMap<Vec<u8>, Arc<Library>> = BTreeMap::new();
        if !flush {
            kept.extend(inner.libraries.iter().map(|(name, library)| (name.clone(), library.clone())));
        }
        for library in libraries {
            if kept.contains_key(&library.name) && !replace {
                return Err([b"ERR Library ", &library.name[..], b" already exists"].concat());
            }
            kept.insert(library.name.clone(), Arc::new(library));
        }
        let mut functions = HashMap::new();
        for library in kept.values() {
            for function in &library.functions {
                if functions.insert(function.name.to_ascii_lowercase(), library.clone()).is_some() {
                    return Err([b"ERR Function ", &function.name[..], b" already exists"].concat());
                }
            }
        }
        (inner.libraries, inner.functions) = (kept, functions);
        self.libraries_version.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Whether a library of this name is there.
    pub fn has_library(&self, name: &[u8]) -> bool {
        lock(&self.inner).libraries.contains_key(name)
    }

    /// `FUNCTION DELETE`. `false` when there is none.
    pub fn delete_library(&self, name: &[u8]) -> bool {
        let mut inner = lock(&self.inner);
        let Some(old) = inner.libraries.remove(name) else { return false };
        for function in &old.functions {
            inner.functions.remove(&function.name.to_ascii_lowercase());
        }
        self.libraries_version.fetch_add(1, Ordering::Relaxed);
        true
    }

    /// `FUNCTION FLUSH`.
    pub fn flush_libraries(&self) {
        let mut inner = lock(&self.inner);
        inner.libraries.clear();
        inner.functions.clear();
        self.libraries_version.fetch_add(1, Ordering::Relaxed);
    }

    /// Numbers of libraries and functions, and bytes of their texts.
    pub fn library_figures(&self) -> (usize, usize, usize) {
        let inner = lock(&self.inner);
        let bytes = inner.libraries.values().map(|l| l.text.len() + size_of::<Library>()).sum();
        (inner.libraries.len(), inner.functions.len(), bytes)
    }

    /// Whether clients get BUSY.
    #[inline]
    pub fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(learned: &Learned, uses: Uses, runs: u32) -> Option<Uses> {
        (0..runs).for_each(|_| learned.ran(uses));
        learned.uses()
    }

    #[test]
    fn what_a_source_uses_is_known_after_runs_without_news() {
        let learned = Learned::of(b"return 1");
        assert_eq!(after(&learned, Uses::Declared, LEARNED - 1), None);
        assert_eq!(after(&learned, Uses::Declared, 1), Some(Uses::Declared));
        assert_eq!(after(&learned, Uses::OthersFirst, 1), None, "it learns again");
        assert_eq!(
            after(&learned, Uses::Declared, LEARNED),
            Some(Uses::OthersFirst),
            "what it once did it may do"
        );
        assert_eq!(after(&learned, Uses::OthersLater, LEARNED), Some(Uses::OthersLater));
        assert_eq!(after(&learned, Uses::All, 100), None);
        assert_eq!(after(&learned, Uses::Declared, 100), None);
    }

    #[test]
    fn sources_that_name_commands_on_all_keys_stay_under_the_gate() {
        for text in
            ["redis.call('KEYS', '*')", "local c = \"scan\" redis.call(c, 0)", "redis.pcall('Sort', KEYS[1])"]
        {
            let learned = Learned::of(text.as_bytes());
            assert_eq!(after(&learned, Uses::Declared, LEARNED), Some(Uses::Declared));
            assert_eq!(after(&learned, Uses::OthersFirst, LEARNED), None, "{text}");
        }
        for text in ["KEYS[1]", "-- scan all", "'monkeys'", "'", "\"sort"] {
            assert_eq!(
                after(&Learned::of(text.as_bytes()), Uses::OthersLater, LEARNED),
                Some(Uses::OthersLater)
            );
        }
    }
}
