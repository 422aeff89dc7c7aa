//! The users a node starts with: `requirepass`, `user` directives, or an ACL file.

use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;

use acl::{RuleError, User, Users, is_valid_name, merge_selectors};
use parameters::table::{RowId, row};
use parameters::{Parameters, StartError};

use super::AccessControl;
use crate::{configure, log};

const FILE: RowId = row("aclfile");
const PASSWORD: RowId = row("requirepass");

/// Users as the parameters state them, before anybody connects.
///
/// # Errors
/// A wrong directive (with the line it stands on), or, as text, an ACL file that cannot be used.
pub fn load(parameters: &Parameters, access: &AccessControl) -> anyhow::Result<()> {
    configure::apply_access(parameters, access);
    let all_channels = access.all_channels.load(Relaxed);
    let path = parameters.get_str(FILE).to_vec();
    if !path.is_empty() && !parameters.users.is_empty() {
        anyhow::bail!(
            "Configuring Valkey with users defined in valkey.conf and at the same setting an ACL file path is \
             invalid. This setup is very likely to lead to configuration errors and security holes, please define \
             either an ACL file or declare users directly in your valkey.conf, but not both."
        );
    }
    let mut users = Users::default();
    set_password(&mut users, parameters.get_str(PASSWORD));
    for directive in &parameters.users {
        let words: Vec<&[u8]> = directive.words.iter().map(Vec::as_slice).collect();
        add(&mut users, &words[1..], all_channels)?;
    }
    if !path.is_empty() {
        users = read(&path, all_channels)
            .map_err(|why| anyhow::anyhow!("Aborting Valkey startup because of ACL errors: {why}"))?;
    }
    *access.users_mut() = users;
    access.settle();
    Ok(())
}

/// Finds what is wrong with `user` directives before anything starts, as an error of the configuration file.
pub fn check_directives(parameters: &Parameters) -> Result<(), StartError> {
    let mut seen: Vec<&[u8]> = Vec::new();
    for directive in &parameters.users {
        let words: Vec<&[u8]> = directive.words.iter().map(Vec::as_slice).collect();
        let name = words[1];
        if seen.contains(&name) {
            return Err(directive.refused(RuleError::DuplicateUser.text()));
        }
        seen.push(name);
        let Ok(rules) = merge_selectors(&words[2..]) else {
            return Err(directive.refused("Syntax error"));
        };
        let mut user = User::new(name, false);
        for rule in &rules {
            // Unknown commands are told of when users are made.
            if let Err(error) = user.apply(rule, false)
                && error != RuleError::Unknown
            {
                return Err(directive.refused(error.text()));
            }
        }
    }
    Ok(())
}

fn add(users: &mut Users, words: &[&[u8]], all_channels: bool) -> anyhow::Result<()> {
    let name = words[0];
    let shown = String::from_utf8_lossy(name).into_owned();
    if !is_valid_name(name) {
        log::warning("Spaces not allowed in ACL usernames");
        anyhow::bail!("Critical error while loading ACLs. Exiting.");
    }
    let mut user = User::new(name, all_channels);
    for rule in merge_selectors(&words[1..]).unwrap_or_default() {
        if let Err(error) = user.apply(&rule, all_channels) {
            let rule = String::from_utf8_lossy(&rule).into_owned();
            log::warning(&format!("Error loading ACL rule '{rule}' for the user named '{shown}': {error}"));
            anyhow::bail!("Critical error while loading ACLs. Exiting.");
        }
    }
    if !user.is_enabled() {
        log::notice(&format!(
            "The user '{shown}' is disabled (there is no 'on' modifier in the user description). Make sure this is \
             not a configuration error."
        ));
    }
    users.put(user);
    Ok(())
}

/// Gives the default user `requirepass`; an empty one is none.
pub fn set_password(users: &mut Users, password: &[u8]) {
    let mut user = User::clone(users.default_user());
    user.set_only_password(password);
    users.put(user);
}

/// Reads an ACL file. `Err` says why it cannot be used.
pub fn read(path: &[u8], all_channels: bool) -> Result<Users, String> {
    let shown = String::from_utf8_lossy(path).into_owned();
    let text = std::fs::read(Path::new(&shown)).map_err(|error| {
        let error = error.to_string();
        let error = error.split(" (os error").next().unwrap_or_default();
        format!("Error loading ACLs, opening file '{shown}': {error}")
    })?;
    acl::load(&shown, &text, all_channels).map_err(|error| error.to_string())
}
