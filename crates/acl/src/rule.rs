//! Words of rules: why one is wrong, and how selectors spread over several arguments are put together.

/// Why a rule was refused. `Display` is Valkey's explanation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleError {
    /// Not a rule, or a pattern with spaces.
    Syntax,
    /// No such command or category.
    Unknown,
    /// A key pattern although all keys are allowed.
    KeysAreAll,
    /// A channel pattern although all channels are allowed.
    ChannelsAreAll,
    /// A password to remove that is not there.
    NoSuchPassword,
    /// Not 64 hexadecimal digits.
    BadHash,
    /// An argument of a subcommand.
    ArgumentOfSubcommand,
    /// A database number that is none.
    DatabaseRange,
    /// A user that is defined twice in a configuration file.
    DuplicateUser,
}

impl RuleError {
    /// Valkey's explanation.
    pub fn text(self) -> &'static str {
        match self {
            RuleError::Syntax => "Syntax error",
            RuleError::Unknown => "Unknown command or category name in ACL",
            RuleError::KeysAreAll => {
                "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any \
                 effect. Try 'resetkeys' to start with an empty list of patterns"
            }
            RuleError::ChannelsAreAll => {
                "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any \
                 effect. Try 'resetchannels' to start with an empty list of channels"
            }
            RuleError::NoSuchPassword => "The password you are trying to remove from the user does not exist",
            RuleError::BadHash => {
                "The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters"
            }
            RuleError::ArgumentOfSubcommand => "Allowing first-arg of a subcommand is not supported",
            RuleError::DatabaseRange => "The provided database ID is out of range",
            RuleError::DuplicateUser => {
                "Duplicate user found. A user can only be defined once in config files"
            }
        }
    }
}

impl std::fmt::Display for RuleError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.text())
    }
}

/// Joins arguments from one that begins with `(` to the one that ends with `)`. `Err`: the index of the argument whose
/// parenthesis stays open.
pub fn merge_selectors(rules: &[&[u8]]) -> Result<Vec<Vec<u8>>, usize> {
    let mut merged: Vec<Vec<u8>> = Vec::with_capacity(rules.len());
    let mut open: Option<(usize, Vec<u8>)> = None;
    for (at, rule) in rules.iter().enumerate() {
        match &mut open {
            None if rule.first() == Some(&b'(') && rule.last() != Some(&b')') => {
                open = Some((at, rule.to_vec()));
            }
            None => merged.push(rule.to_vec()),
            Some((_, text)) => {
                text.push(b' ');
                text.extend_from_slice(before_nul(rule));
                if rule.last() == Some(&b')')
                    && let Some((_, text)) = open.take()
                {
                    merged.push(text);
                }
            }
        }
    }
    match open {
        None => Ok(merged),
        Some((at, _)) => Err(at),
    }
}

/// Valkey takes most rules as texts that end at their first NUL.
pub(crate) fn before_nul(text: &[u8]) -> &[u8] {
    text.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// Whether a text has blanks or NULs, which the lines of an ACL file cannot hold.
pub(crate) fn has_spaces(text: &[u8]) -> bool {
    text.iter().any(|&byte| byte == 0 || is_space(byte))
}

pub(crate) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r')
}

/// The words of a selector's text, with the quotes of inline requests. `None` where a quote stays open.
pub(crate) fn words(text: &[u8]) -> Option<Vec<Vec<u8>>> {
    wire::resp::inline_words(before_nul(text))
}
