//! A user: whether it may log in, with which passwords, and what it may do.

use crate::password::{self, Hash};
use crate::rule::{RuleError, before_nul, has_spaces};
use crate::selector::Selector;

/// A user, compiled. Shared by its connections; a change makes a new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Its name.
    pub name: Box<[u8]>,
    enabled: bool,
    nopass: bool,
    passwords: Vec<Hash>,
    /// The root selector, then the others.
    selectors: Vec<Selector>,
    is_unrestricted: bool,
}

/// Whether a user may have this name: no blanks, no NULs.
pub fn is_valid_name(name: &[u8]) -> bool {
    !has_spaces(name)
}

impl User {
    /// A new user: off, without passwords or permissions. `all_channels` is `acl-pubsub-default allchannels`.
    pub fn new(name: &[u8], all_channels: bool) -> User {
        User {
            name: name.into(),
            enabled: false,
            nopass: false,
            passwords: Vec::new(),
            selectors: vec![Selector::new(all_channels)],
            is_unrestricted: false,
        }
    }

    /// The default user as a node starts with it: no password, everything allowed.
    pub fn default_user() -> User {
        let mut user = User::new(b"default", false);
        for rule in ["+@all", "~*", "&*", "on", "nopass"] {
            user.apply(rule.as_bytes(), false).expect("these rules are right");
        }
        user
    }

    /// Whether it may log in.
    pub fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// Whether any password will do.
    pub fn has_no_password(&self) -> bool {
        self.nopass
    }

    /// Whether some selector allows everything: then no check can refuse anything.
    #[inline]
    pub fn is_unrestricted(&self) -> bool {
        self.is_unrestricted
    }

    /// The selectors, the root one first.
    pub fn selectors(&self) -> &[Selector] {
        &self.selectors
    }

    /// Hashes of its passwords in hexadecimal.
    pub fn passwords(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.passwords.iter().map(|hash| hash.as_slice())
    }

    /// Its flags, in Valkey's order.
    pub fn flags(&self) -> impl Iterator<Item = &'static str> {
        let enabled = if self.enabled { "on" } else { "off" };
        std::iter::once(enabled).chain(self.nopass.then_some("nopass"))
    }

    /// Whether it may log in with this password. O(password + passwords).
    pub fn accepts(&self, password: &[u8]) -> bool {
        if !self.enabled {
            return false;
        }
        if self.nopass {
            return true;
        }
        let hash = password::hash(password);
        self.passwords.iter().fold(false, |found, one| found | password::same(one, &hash))
    }

    /// Applies one rule of `ACL SETUSER`. After an error the user is as before.
    pub fn apply(&mut self, rule: &[u8], all_channels: bool) -> Result<(), RuleError> {
        let word = before_nul(rule);
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        if rule.is_empty() {
            return Ok(());
        }
        if is("on") || is("off") {
            self.enabled = is("on");
        } else if is("skip-sanitize-payload") || is("sanitize-payload") {
            // Payloads are always checked.
        } else if is("nopass") || is("resetpass") {
            self.nopass = is("nopass");
            self.passwords.clear();
        } else if is("clearselectors") {
            self.selectors.truncate(1);
        } else if is("reset") {
            *self = User::new(&self.name, all_channels);
        } else {
            match rule {
                [b'>' | b'#', ..] => {
                    let hash = hash_of(rule)?;
                    if !self.passwords.contains(&hash) {
                        self.passwords.push(hash);
                    }
                    self.nopass = false;
                }
                [b'<' | b'!', ..] => {
                    let hash = hash_of(rule)?;
                    let at = self.passwords.iter().position(|one| *one == hash);
                    self.passwords.remove(at.ok_or(RuleError::NoSuchPassword)?);
                }
                [b'(', .., b')'] => self.selectors.push(Selector::parse(rule, all_channels)?),
                _ => self.selectors[0].apply(rule)?,
            }
        }
        self.is_unrestricted = self.selectors.iter().any(Selector::is_unrestricted);
        Ok(())
    }

    /// Gives it one password and no other; an empty one is none (`requirepass`).
    pub fn set_only_password(&mut self, password: &[u8]) {
        self.passwords.clear();
        self.nopass = password.is_empty();
        if !password.is_empty() {
            self.passwords.push(password::hash(password));
        }
    }

    /// Its rules as ACL LIST and ACL files show them.
    pub fn describe(&self) -> Vec<u8> {
        let mut parts: Vec<Vec<u8>> = self.flags().map(|flag| flag.into()).collect();
        parts.extend(self.passwords().map(|hash| [b"#", hash].concat()));
        for (at, selector) in self.selectors.iter().enumerate() {
            let text = selector.describe();
            parts.push(if at == 0 { text } else { [b"(", text.as_slice(), b")"].concat() });
        }
        parts.join(&b' ')
    }

    /// As [`User::describe`], behind `user` and its name.
    pub fn line(&self) -> Vec<u8> {
        [b"user ", &*self.name, b" ", &self.describe()].concat()
    }
}

/// The hash behind `>password`, `<password`, `#hash` or `!hash`.
fn hash_of(rule: &[u8]) -> Result<Hash, RuleError> {
    match rule[0] {
        b'>' | b'<' => Ok(password::hash(&rule[1..])),
        _ => password::parse(&rule[1..]).ok_or(RuleError::BadHash),
    }
}
