//! The values of all parameters, and `CONFIG GET` and `CONFIG SET` on them.
//!
//! See <https://valkey.io/commands/config-get/> and <https://valkey.io/commands/config-set/>. A change is
//! all or nothing: the caller gets the list of rows that changed, gives them their effect, and hands the list
//! back to [`Parameters::revert`] if the world refuses.

use std::path::{Path, PathBuf};

use crate::accept::{Refusal, Situation, accept, cores};
use crate::error::{Directive, ParameterError};
use crate::glob;
use crate::row::{Default as RowDefault, Kind, Mutability};
use crate::table::{self, RowId};
use crate::value::{OutputBufferLimit, Value, word_of};

const LIMITS: RowId = table::row("client-output-buffer-limit");
const DIR: RowId = table::row("dir");
const PROTECTED: RowId = table::row("enable-protected-configs");

/// Who asks for a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A client with `CONFIG SET`. `local` is whether it came over a Unix socket or the loopback interface.
    Client {
        /// See above.
        local: bool,
    },
    /// The node itself, for instance on `REPLICAOF`. It may change anything.
    Node,
}

/// What a change did; the undo information for [`Parameters::revert`].
#[derive(Clone, Debug, PartialEq)]
#[must_use = "changed rows have no effect until the node gives them one"]
pub struct Applied {
    /// Rows whose value is another one now, in the order they were named.
    pub changed: Vec<RowId>,
    previous: Vec<(RowId, Value)>,
}

/// One value for every row of the table, and the directives that are not rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameters {
    pub(crate) values: Vec<Value>,
    /// Rows that a file or the command line named.
    pub(crate) given: Vec<bool>,
    /// The configuration file's absolute path, if one was named.
    pub config_file: Option<PathBuf>,
    /// `user` lines, for the access list.
    pub users: Vec<Directive>,
    /// `loadmodule` lines.
    pub modules: Vec<Directive>,
    /// `rename-command <name> <new name or empty>` lines.
    pub renamed_commands: Vec<Directive>,
    /// Settings of modules: words whose first holds a dot.
    pub module_settings: Vec<Directive>,
}

impl Default for Parameters {
    fn default() -> Parameters {
        Parameters::new()
    }
}

impl Parameters {
    /// All defaults. The directory is the process's working directory, `/` if that is gone.
    pub fn new() -> Parameters {
        let directory = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
        Parameters {
            values: table::all().map(|id| default_of(id, &directory)).collect(),
            given: vec![false; table::COUNT],
            config_file: None,
            users: Vec::new(),
            modules: Vec::new(),
            renamed_commands: Vec::new(),
            module_settings: Vec::new(),
        }
    }

    /// The value of a row.
    pub fn value(&self, id: RowId) -> &Value {
        &self.values[id.index()]
    }

    /// Whether a file or the command line gave this row a value.
    pub fn is_given(&self, id: RowId) -> bool {
        self.given[id.index()]
    }

    /// A switch. Panics if the row is none: that is a mistake in the calling code, as for all getters here.
    pub fn get_bool(&self, id: RowId) -> bool {
        match self.value(id) {
            Value::Bool(on) => *on,
            _ => panic!("{} is no switch", id.row().name),
        }
    }

    /// A number: an integer, an octal number, or bytes (the largest `i64` if there are more).
    pub fn get_int(&self, id: RowId) -> i64 {
        match self.value(id) {
            Value::Int(number) => *number,
            Value::Bytes(bytes) => i64::try_from(*bytes).unwrap_or(i64::MAX),
            _ => panic!("{} is no number", id.row().name),
        }
    }

    /// A number of bytes; negative numbers count as 0.
    pub fn get_bytes(&self, id: RowId) -> u64 {
        match self.value(id) {
            Value::Bytes(bytes) => *bytes,
            Value::Int(number) => u64::try_from(*number).unwrap_or(0),
            _ => panic!("{} is no number", id.row().name),
        }
    }

    /// The word of a choice, in lower case.
    pub fn get_enum(&self, id: RowId) -> &'static str {
        match (id.row().kind, self.value(id)) {
            (Kind::Choice(choices), Value::Choice(number)) => word_of(choices, *number),
            _ => panic!("{} is no choice", id.row().name),
        }
    }

    /// The bits of a set of words, as numbered in the table.
    pub fn get_flags(&self, id: RowId) -> u32 {
        match self.value(id) {
            Value::Choice(bits) | Value::Events(bits) => *bits,
            _ => panic!("{} is no set of words", id.row().name),
        }
    }

    /// A text.
    pub fn get_str(&self, id: RowId) -> &[u8] {
        match self.value(id) {
            Value::Text(text) => text,
            _ => panic!("{} is no text", id.row().name),
        }
    }

    /// Several words, such as the addresses of `bind`.
    pub fn get_words(&self, id: RowId) -> &[Vec<u8>] {
        match self.value(id) {
            Value::Words(words) => words,
            _ => panic!("{} is no list of words", id.row().name),
        }
    }

    /// The limits of `client-output-buffer-limit`: normal clients, replicas, subscribers.
    pub fn output_buffer_limits(&self) -> [OutputBufferLimit; 3] {
        match self.value(LIMITS) {
            Value::Limits(limits) => *limits,
            _ => unreachable!("the row holds limits"),
        }
    }

    /// The directory relative paths start from.
    pub fn directory(&self) -> &Path {
        use std::os::unix::ffi::OsStrExt;
        Path::new(std::ffi::OsStr::from_bytes(self.get_str(DIR)))
    }

    /// The value of a row as `CONFIG GET` prints it.
    pub fn text(&self, id: RowId) -> Vec<u8> {
        self.value(id).text(id.row())
    }

    /// The reply of `CONFIG GET`: names with values, sorted by name. A pattern yields all names and aliases it
    /// matches but hidden ones; a full name yields that parameter, spelled as it was asked for.
    pub fn config_get(&self, patterns: &[&[u8]]) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut found: Vec<(Vec<u8>, RowId)> = Vec::new();
        for pattern in patterns {
            let matched: Vec<(Vec<u8>, RowId)> = if glob::is_pattern(pattern) {
                matching(pattern).collect()
            } else {
                table::find(pattern).map(|(id, _)| (pattern.to_vec(), id)).into_iter().collect()
            };
            for (name, id) in matched {
                if !found.iter().any(|(known, _)| known.eq_ignore_ascii_case(&name)) {
                    found.push((name, id));
                }
            }
        }
        found.sort();
        found.into_iter().map(|(name, id)| (name, self.text(id))).collect()
    }

    /// `CONFIG SET` of one parameter.
    pub fn set(&mut self, name: &[u8], value: &[u8], origin: Origin) -> Result<Applied, ParameterError> {
        self.set_many(&[(name, value)], origin)
    }

    /// `CONFIG SET`: all of the changes, or none and the first thing wrong. Unknown, immutable, protected and
    /// repeated names are found before any value is looked at.
    pub fn set_many(&mut self, pairs: &[(&[u8], &[u8])], origin: Origin) -> Result<Applied, ParameterError> {
        let rows = self.named(pairs, origin)?;
        let mut previous: Vec<(RowId, Value)> = Vec::with_capacity(rows.len());
        for ((id, name), (_, value)) in rows.iter().zip(pairs) {
            let accepted = self.accepted(*id, &[value], true);
            if !previous.iter().any(|(known, _)| known == id) {
                previous.push((*id, self.values[id.index()].clone()));
            }
            match accepted {
                Ok(value) => self.values[id.index()] = value,
                Err(reason) => {
                    self.restore(previous);
                    return Err(ParameterError::failed(name, &reason));
                }
            }
        }
        let changed = previous.iter().filter(|(id, old)| self.value(*id) != old).map(|(id, _)| *id).collect();
        Ok(Applied { changed, previous })
    }

    /// Takes a change back because it could not be given effect.
    pub fn revert(&mut self, applied: Applied) {
        self.restore(applied.previous);
    }

    /// Accepts words for a row as a line of a file would.
    pub(crate) fn set_from_file(&mut self, id: RowId, words: &[&[u8]]) -> Result<(), Refusal> {
        let value = self.accepted(id, words, false)?;
        self.values[id.index()] = value;
        self.given[id.index()] = true;
        Ok(())
    }

    fn accepted(&self, id: RowId, words: &[&[u8]], run_time: bool) -> Result<Value, Refusal> {
        let situation = Situation {
            current: self.value(id),
            run_time,
            repeated: self.is_given(id),
            directory: self.directory(),
        };
        accept(id.row(), words, &situation)
    }

    fn named(
        &self,
        pairs: &[(&[u8], &[u8])],
        origin: Origin,
    ) -> Result<Vec<(RowId, &'static str)>, ParameterError> {
        let mut rows: Vec<(RowId, &'static str)> = Vec::with_capacity(pairs.len());
        for (given, _) in pairs {
            let spelled = || String::from_utf8_lossy(given).into_owned();
            let Some((id, name)) = table::find(given) else {
                return Err(ParameterError::Unknown { name: given.to_vec() });
            };
            if let Some(reason) = self.forbidden(id, origin) {
                return Err(ParameterError::failed(&spelled(), reason));
            }
            // A name and its alias are two parameters in this respect: the later one wins.
            if rows.contains(&(id, name)) {
                return Err(ParameterError::failed(&spelled(), "duplicate parameter"));
            }
            rows.push((id, name));
        }
        Ok(rows)
    }

    fn forbidden(&self, id: RowId, origin: Origin) -> Option<&'static str> {
        let Origin::Client { local } = origin else { return None };
        let open = match self.get_enum(PROTECTED) {
            "yes" => true,
            "local" => local,
            _ => false,
        };
        match id.row().mutability {
            Mutability::Immutable => Some("can't set immutable config"),
            Mutability::Protected if !open => Some("can't set protected config"),
            _ => None,
        }
    }

    fn restore(&mut self, previous: Vec<(RowId, Value)>) {
        for (id, value) in previous {
            self.values[id.index()] = value;
        }
    }
}

fn matching(pattern: &[u8]) -> impl Iterator<Item = (Vec<u8>, RowId)> {
    table::all().filter(|id| !id.row().hidden).flat_map(move |id| {
        let names = id.row().names().filter(|name| glob::matches(pattern, name.as_bytes(), true));
        names.map(move |name| (name.as_bytes().to_vec(), id))
    })
}

/// The value a row starts with.
pub(crate) fn default_of(id: RowId, directory: &Path) -> Value {
    use std::os::unix::ffi::OsStrExt;
    let row = id.row();
    let text = match row.default {
        RowDefault::Fixed(text) => text,
        RowDefault::WorkingDirectory => return Value::Text(directory.as_os_str().as_bytes().to_vec()),
        RowDefault::Cores => {
            let Kind::Int { min, max } = row.kind else { unreachable!("cores are a number") };
            return Value::Int(cores().clamp(min, max));
        }
    };
    if let (Kind::ReplicaOf, "") = (row.kind, text) {
        return Value::Primary(None);
    }
    let none = OutputBufferLimit { hard_bytes: 0, soft_bytes: 0, soft_seconds: 0 };
    let current = Value::Limits([none; 3]);
    let situation = Situation { current: &current, run_time: false, repeated: false, directory };
    accept(row, &[text.as_bytes()], &situation)
        .unwrap_or_else(|reason| panic!("default of {}: {reason}", row.name))
}
