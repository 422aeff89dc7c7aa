//! All users of a node.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::rule::{before_nul, merge_selectors};
use crate::selector::{Selector, any_allows};
use crate::user::User;

/// All users by name, in the order in which they are listed. There always is `default`.
#[derive(Clone, Debug)]
pub struct Users {
    users: BTreeMap<Box<[u8]>, Arc<User>>,
}

impl Default for Users {
    fn default() -> Self {
        let user = User::default_user();
        Users { users: BTreeMap::from([(user.name.clone(), Arc::new(user))]) }
    }
}

impl Users {
    /// The user of a name.
    pub fn get(&self, name: &[u8]) -> Option<&Arc<User>> {
        self.users.get(name)
    }

    /// The user that new connections act as.
    pub fn default_user(&self) -> &Arc<User> {
        self.users.get(&b"default"[..]).expect("nobody can delete it")
    }

    /// All users, by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Arc<User>> {
        self.users.values()
    }

    /// Whether any user can be refused something.
    pub fn has_restricted(&self) -> bool {
        self.iter().any(|user| !user.is_unrestricted())
    }

    /// Adds or replaces a user.
    pub fn put(&mut self, user: User) -> Arc<User> {
        let user = Arc::new(user);
        self.users.insert(user.name.clone(), user.clone());
        user
    }

    /// Removes a user; `default` stays. `true` if there was one.
    pub fn remove(&mut self, name: &[u8]) -> bool {
        name != b"default" && self.users.remove(name).is_some()
    }

    /// Takes over users that are the same in both, so that their connections see no change.
    pub fn keep_unchanged(&mut self, before: &Users) {
        for (name, user) in &mut self.users {
            if let Some(known) = before.users.get(name).filter(|known| **known == *user) {
                *user = known.clone();
            }
        }
    }

    /// What `ACL SETUSER` makes of a user, which need not exist yet: all rules are applied, or none. `Err` is the text
    /// behind `ERR `. The result is not yet among the users ([`Users::put`]).
    pub fn changed(&self, name: &[u8], rules: &[&[u8]], all_channels: bool) -> Result<User, Vec<u8>> {
        let rules = merge_selectors(rules).map_err(|at| {
            let open = before_nul(rules[at]);
            [b"Unmatched parenthesis in acl selector starting at '", open, b"'."].concat()
        })?;
        let known = self.get(name).map(|user| User::clone(user));
        let mut user = known.unwrap_or_else(|| User::new(name, all_channels));
        for rule in &rules {
            user.apply(rule, all_channels).map_err(|error| {
                let parts = [b"Error in ACL SETUSER modifier '", before_nul(rule), b"': "];
                [&parts.concat(), error.text().as_bytes()].concat()
            })?;
        }
        Ok(user)
    }
}

/// The channels that are left to a user whose permissions change, if it loses some: its subscribers to others have to
/// go. `None` where all it had stays.
pub fn lost_channels(before: &User, after: &User) -> Option<Vec<Box<[u8]>>> {
    if after.selectors().iter().any(|selector| selector.all_channels) {
        return None;
    }
    let left: Vec<Box<[u8]>> =
        after.selectors().iter().flat_map(|selector| selector.channels.iter().cloned()).collect();
    let keeps = |selector: &Selector| {
        !selector.all_channels && selector.channels.iter().all(|pattern| left.contains(pattern))
    };
    if before.selectors().iter().all(keeps) { None } else { Some(left) }
}

/// Whether a subscription may go on with the channels that are left.
pub fn may_keep(left: &[Box<[u8]>], channel: &[u8], is_pattern: bool) -> bool {
    any_allows(left, channel, is_pattern)
}
