//! Refusals of `CONFIG SET` and reasons not to start, in the words clients and operators see.

use std::fmt;

use crate::words;

const UNKNOWN: &str = "Unknown option or number of arguments for CONFIG SET";

/// Why `CONFIG SET` changed nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParameterError {
    /// There is no such parameter.
    Unknown {
        /// The name as it was given.
        name: Vec<u8>,
    },
    /// One parameter refused its value.
    Failed {
        /// The parameter's name.
        name: String,
        /// Why, without a full stop unless the text has one.
        reason: String,
    },
}

impl ParameterError {
    /// A refusal that the caller found while giving a value its effect, such as a port that is taken. Call
    /// [`crate::Parameters::revert`] as well.
    pub fn failed(name: &str, reason: &str) -> ParameterError {
        ParameterError::Failed { name: name.to_string(), reason: reason.to_string() }
    }

    /// The text of the error reply, `ERR` included, without the leading dash.
    pub fn reply(&self) -> Vec<u8> {
        match self {
            // The client's own word, whatever bytes it has.
            ParameterError::Unknown { name } => [b"ERR ", UNKNOWN.as_bytes(), b" - '", name, b"'"].concat(),
            failed => format!("ERR {failed}").into_bytes(),
        }
    }
}

impl fmt::Display for ParameterError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ParameterError::Unknown { name } => {
                write!(out, "{UNKNOWN} - '{}'", String::from_utf8_lossy(name))
            }
            ParameterError::Failed { name, reason } => {
                write!(out, "CONFIG SET failed (possibly related to argument '{name}') - {reason}")
            }
        }
    }
}

impl std::error::Error for ParameterError {}

/// Why the node must not start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartError {
    /// A line of the configuration is wrong.
    Line {
        /// Its number, from 1, within its file; command-line directives count on from the file's last line.
        number: usize,
        /// The line without blanks at its ends.
        line: Vec<u8>,
        /// What is wrong with it.
        reason: String,
    },
    /// The configuration as a whole is wrong.
    Whole {
        /// What is wrong with it.
        reason: String,
    },
    /// A configuration file cannot be read.
    Open {
        /// Its path.
        path: String,
        /// The operating system's words.
        reason: String,
    },
}

impl StartError {
    /// What goes to standard error before exiting with status 1. `version` is the version to show.
    pub fn render(&self, version: &str) -> Vec<u8> {
        let header = format!("\n*** FATAL CONFIG FILE ERROR (Version {version}) ***\n");
        match self {
            StartError::Line { number, line, reason } => [
                header.as_bytes(),
                format!("Reading the configuration file, at line {number}\n>>> '").as_bytes(),
                line,
                format!("'\n{reason}\n").as_bytes(),
            ]
            .concat(),
            StartError::Whole { reason } => format!("{header}{reason}\n").into_bytes(),
            StartError::Open { path, reason } => {
                format!("Fatal error, can't open config file '{path}': {reason}\n").into_bytes()
            }
        }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Line { number, line, reason } => {
                write!(out, "line {number}: '{}': {reason}", String::from_utf8_lossy(line))
            }
            StartError::Whole { reason } => out.write_str(reason),
            StartError::Open { path, reason } => write!(out, "can't open config file '{path}': {reason}"),
        }
    }
}

impl std::error::Error for StartError {}

/// A directive this crate keeps but cannot judge: users, modules, renamed commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directive {
    /// The words of the line, the directive's name first and in lower case.
    pub words: Vec<Vec<u8>>,
    /// Number of the line, from 1.
    pub number: usize,
    /// The line itself.
    pub line: Vec<u8>,
}

impl Directive {
    /// The error to report when whoever acts on the directive finds it wrong.
    pub fn refused(&self, reason: impl Into<String>) -> StartError {
        StartError::Line {
            number: self.number,
            line: words::trim(&self.line).to_vec(),
            reason: reason.into(),
        }
    }
}
