//! From the command line to values: `[CONFIG-FILE] [--directive value…]… [-]`.
//!
//! The command line is turned into further lines of the configuration, after the file and standard input, so
//! one grammar and one set of error texts serve all three. See
//! <https://valkey.io/topics/valkey.conf/> and the server's `--help`.

use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::error::{Directive, StartError};
use crate::glob;
use crate::parameters::Parameters;
use crate::table::{self, RowId};
use crate::text::system_text;
use crate::value::Value;
use crate::words::{quoted, split, trim};

/// Directives that once existed; a single word after them is read over.
const RETIRED: [&str; 7] = [
    "dynamic-hz",
    "events-per-io-thread",
    "io-threads-do-reads",
    "list-max-ziplist-entries",
    "list-max-ziplist-value",
    "lua-replicate-commands",
    "sanitize-dump-payload",
];

/// How deep `include` may nest, so that a file including itself ends in an error.
const INCLUDE_DEPTH_MAX: usize = 64;

const BAD: &str = "Bad directive or wrong number of arguments";
const CLUSTER_ENABLED: RowId = table::row("cluster-enabled");
const LOGFILE: RowId = table::row("logfile");
const REPLICAOF: RowId = table::row("replicaof");

/// Reads the configuration that `args` (without the program's name) ask for. `stdin` is read only if the last
/// argument is `-`. Help, version and the other modes of the program are the caller's affair, to be dealt
/// with before.
pub fn load<A: AsRef<OsStr>>(args: &[A], stdin: &mut dyn Read) -> Result<Parameters, StartError> {
    let args: Vec<&[u8]> = args.iter().map(|arg| arg.as_ref().as_bytes()).collect();
    let mut parameters = Parameters::new();
    let mut text = Vec::new();
    let named = args.first().filter(|arg| !arg.starts_with(b"-"));
    if let Some(name) = named {
        let path = parameters.directory().join(OsStr::from_bytes(name));
        text = read_all(&path, &path.to_string_lossy())?;
        parameters.config_file = Some(path);
    }
    let (options, from_stdin) = option_lines(&args[usize::from(named.is_some())..]);
    if from_stdin {
        stdin
            .read_to_end(&mut text)
            .map_err(|error| StartError::Open { path: "-".to_string(), reason: system_text(&error) })?;
    }
    if !options.is_empty() {
        text.push(b'\n');
        text.extend(options);
    }
    parameters.read_lines(&text, 0)?;
    parameters.check_whole()?;
    Ok(parameters)
}

/// Turns arguments into lines. An argument that starts with two dashes begins a line, unless it is the first
/// value of the line before it.
fn option_lines(args: &[&[u8]]) -> (Vec<u8>, bool) {
    let mut lines = Vec::new();
    let mut name_may_follow = true;
    for (index, arg) in args.iter().enumerate() {
        let next = args.get(index + 1);
        if *arg == b"-" && next.is_none() {
            return (lines, true);
        }
        let Some(name) = arg.strip_prefix(b"--").filter(|_| name_may_follow) else {
            lines.extend(quoted(arg));
            lines.push(b' ');
            name_may_follow = true;
            continue;
        };
        if !lines.is_empty() {
            lines.push(b'\n');
        }
        lines.extend(name);
        lines.push(b' ');
        // "--port 7000" as one argument is a whole line already.
        name_may_follow = split(arg).is_none_or(|words| words.len() != 1);
        // These two may go without a value, as scripts with an empty variable make them do.
        let lonely = next.is_none_or(|next| next.starts_with(b"--"));
        if lonely && name.eq_ignore_ascii_case(b"save") {
            lines.extend(b"\"\"");
            name_may_follow = true;
        } else if lonely && name.eq_ignore_ascii_case(b"sentinel") {
            name_may_follow = true;
        }
    }
    (lines, false)
}

impl Parameters {
    /// Reads configuration text into `self`, as a file of that content would be.
    pub fn read_text(&mut self, text: &[u8]) -> Result<(), StartError> {
        self.read_lines(text, 0)
    }

    fn read_lines(&mut self, text: &[u8], depth: usize) -> Result<(), StartError> {
        for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
            let line = trim(line);
            if line.is_empty() || line[0] == b'#' {
                continue;
            }
            let mut directive = Directive { words: Vec::new(), number: index + 1, line: line.to_vec() };
            let Some(words) = split(line) else {
                return Err(directive.refused("Unbalanced quotes in configuration line"));
            };
            directive.words = words;
            if let Some(name) = directive.words.first_mut() {
                name.make_ascii_lowercase();
                self.read_directive(directive, depth)?;
            }
        }
        Ok(())
    }

    fn read_directive(&mut self, directive: Directive, depth: usize) -> Result<(), StartError> {
        let values: Vec<&[u8]> = directive.words[1..].iter().map(Vec::as_slice).collect();
        let name = directive.words[0].as_slice();
        if let Some((id, _)) = table::find(name) {
            return self.set_from_file(id, &values).map_err(|reason| directive.refused(reason));
        }
        match (name, values.as_slice()) {
            (_, [_]) if RETIRED.iter().any(|retired| retired.as_bytes() == name) => Ok(()),
            (b"include", [pattern]) => {
                if depth == INCLUDE_DEPTH_MAX {
                    return Err(directive.refused("too many nested includes"));
                }
                self.include(pattern, depth)
            }
            (b"rename-command", [_, _]) => {
                self.renamed_commands.push(directive);
                Ok(())
            }
            (b"user", [_, ..]) => {
                self.users.push(directive);
                Ok(())
            }
            (b"loadmodule", [_, ..]) => {
                self.modules.push(directive);
                Ok(())
            }
            (b"sentinel", []) => Ok(()),
            (b"sentinel", _) => Err(directive.refused("sentinel directive while not in sentinel mode")),
            (name, []) if name.contains(&b'.') => {
                Err(directive.refused("Module config specified without value"))
            }
            (name, _) if name.contains(&b'.') => {
                self.module_settings.push(directive);
                Ok(())
            }
            _ => Err(directive.refused(BAD)),
        }
    }

    fn include(&mut self, pattern: &[u8], depth: usize) -> Result<(), StartError> {
        let path = self.directory().join(OsStr::from_bytes(pattern));
        if !glob::is_pattern(pattern) {
            let text = read(&path).map_err(|error| StartError::Open {
                path: String::from_utf8_lossy(pattern).into_owned(),
                reason: system_text(&error),
            })?;
            return self.read_lines(&text, depth + 1);
        }
        for path in expand(&path) {
            let text = read_all(&path, &path.to_string_lossy())?;
            self.read_lines(&text, depth + 1)?;
        }
        Ok(())
    }

    /// What can only be said once everything was read.
    fn check_whole(&mut self) -> Result<(), StartError> {
        let logfile = self.get_str(LOGFILE);
        if !logfile.is_empty() {
            let path = self.directory().join(OsStr::from_bytes(logfile));
            let opened = std::fs::OpenOptions::new().append(true).create(true).open(path);
            opened.map_err(|error| StartError::Whole {
                reason: format!("Can't open the log file: {}", system_text(&error)),
            })?;
        }
        if self.get_bool(CLUSTER_ENABLED) && *self.value(REPLICAOF) != Value::Primary(None) {
            let reason = "replicaof directive not allowed in cluster mode".to_string();
            return Err(StartError::Whole { reason });
        }
        Ok(())
    }
}

/// The text of a file, or of all files if the path is a pattern; a pattern may match nothing.
fn read_all(path: &Path, shown: &str) -> Result<Vec<u8>, StartError> {
    let open =
        |error: std::io::Error| StartError::Open { path: shown.to_string(), reason: system_text(&error) };
    if !glob::is_pattern(path.as_os_str().as_bytes()) {
        return read(path).map_err(open);
    }
    let mut text = Vec::new();
    for path in expand(path) {
        text.extend(read(&path).map_err(open)?);
    }
    Ok(text)
}

/// A directory reads as empty, like an empty file.
fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    if path.is_dir() { Ok(Vec::new()) } else { std::fs::read(path) }
}

/// The existing paths that match a pattern, sorted. Names that start with a dot need a dot in the pattern.
fn expand(pattern: &Path) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::new()];
    for component in pattern.components() {
        let part = component.as_os_str();
        if !glob::is_pattern(part.as_bytes()) {
            found.iter_mut().for_each(|path| path.push(part));
            continue;
        }
        found = found.iter().flat_map(|directory| entries(directory, part.as_bytes())).collect();
    }
    found.retain(|path| path.exists());
    found.sort();
    found
}

fn entries(directory: &Path, pattern: &[u8]) -> Vec<PathBuf> {
    let Ok(listing) = std::fs::read_dir(directory) else { return Vec::new() };
    let fits = |name: &[u8]| {
        (pattern.starts_with(b".") || !name.starts_with(b".")) && glob::matches(pattern, name, false)
    };
    listing.flatten().filter(|entry| fits(entry.file_name().as_bytes())).map(|entry| entry.path()).collect()
}
