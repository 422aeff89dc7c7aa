//! Files of users: a line `user <name> <rules>` for each.

use std::fmt;

use crate::rule::{RuleError, before_nul, is_space, merge_selectors};
use crate::user::{User, is_valid_name};
use crate::users::Users;

/// All that is wrong with a file, in one line. Nothing of the file holds then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileError(pub String);

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for FileError {}

/// Reads a file's text; `path` is for error texts. Without a line for it the default user is as at a start. O(text).
pub fn load(path: &str, text: &[u8], all_channels: bool) -> Result<Users, FileError> {
    let mut users = Users::default();
    let mut names: std::collections::BTreeSet<Vec<u8>> = Default::default();
    let mut errors = String::new();
    for (number, line) in before_nul(text).split(|&byte| byte == b'\n').enumerate() {
        let number = number + 1;
        let line = trimmed(line, b" \t\r\n");
        if line.is_empty() {
            continue;
        }
        let words: Vec<&[u8]> = line.split(|&byte| byte == b' ').collect();
        if words[0] != b"user" || words.len() < 2 {
            errors += &format!("{path}:{number} should start with user keyword followed by the username. ");
            continue;
        }
        let name = words[1];
        let shown = String::from_utf8_lossy(name);
        if !is_valid_name(name) {
            errors += &format!("'{path}:{number}: username '{shown}' contains invalid characters. ");
            continue;
        }
        if !names.insert(name.to_vec()) {
            errors += &format!("WARNING: Duplicate user '{shown}' found on line {number}. ");
            continue;
        }
        let mut user = User::new(name, all_channels);
        let Ok(rules) = merge_selectors(&words[2..]) else {
            errors += &format!("{path}:{number}: Unmatched parenthesis in selector definition.");
            continue;
        };
        let mut has_syntax_error = false;
        for rule in &rules {
            let rule = trimmed(rule, b"\t\r\n");
            match user.apply(rule, all_channels) {
                Ok(()) => {}
                // A command that is missing is no secret; of the rest only the first error is told.
                Err(error @ RuleError::Unknown) => {
                    let rule = String::from_utf8_lossy(rule);
                    errors += &format!("{path}:{number}: Error in applying operation '{rule}': {error}. ");
                }
                Err(error) if !has_syntax_error => {
                    errors += &format!("{path}:{number}: {error}. ");
                    has_syntax_error = true;
                }
                Err(_) => {}
            }
        }
        users.put(user);
    }
    if errors.is_empty() {
        return Ok(users);
    }
    errors += "WARNING: ACL errors detected, no change to the previously active ACL rules was performed";
    Err(FileError(errors))
}

/// The text of a file with these users.
pub fn save(users: &Users) -> Vec<u8> {
    users.iter().flat_map(|user| [user.line(), b"\n".to_vec()].concat()).collect()
}

fn trimmed<'a>(text: &'a [u8], off: &[u8]) -> &'a [u8] {
    debug_assert!(off.iter().all(|&byte| is_space(byte)), "blanks only");
    let is_off = |byte: &u8| off.contains(byte);
    let from = text.iter().position(|byte| !is_off(byte)).unwrap_or(text.len());
    let to = text.iter().rposition(|byte| !is_off(byte)).map_or(from, |last| last + 1);
    &text[from..to]
}
