//! The first line of scripts and libraries: `#!lua name=x flags=a,b`.

/// What a script or function says about itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// It has no shebang: it says nothing, and every command decides for itself.
    pub is_silent: bool,
    /// `no-writes`.
    pub no_writes: bool,
    /// `allow-oom`.
    pub allow_oom: bool,
    /// `allow-stale`.
    pub allow_stale: bool,
    /// `no-cluster`.
    pub no_cluster: bool,
    /// `allow-cross-slot-keys`.
    pub cross_slot: bool,
}

impl Flags {
    /// Adds a flag by its name. `false` when there is none of that name.
    pub fn add(&mut self, name: &[u8]) -> bool {
        let flag = match name {
            b"no-writes" => &mut self.no_writes,
            b"allow-oom" => &mut self.allow_oom,
            b"allow-stale" => &mut self.allow_stale,
            b"no-cluster" => &mut self.no_cluster,
            b"allow-cross-slot-keys" => &mut self.cross_slot,
            _ => return false,
        };
        *flag = true;
        true
    }

    /// Names of the flags that are set.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        [
            (self.no_writes, "no-writes"),
            (self.allow_oom, "allow-oom"),
            (self.allow_stale, "allow-stale"),
            (self.no_cluster, "no-cluster"),
            (self.cross_slot, "allow-cross-slot-keys"),
        ]
        .into_iter()
        .filter_map(|(set, name)| set.then_some(name))
    }
}

/// The line, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub struct Shebang<'a> {
    /// The engine.
    pub engine: &'a [u8],
    /// What follows it.
    pub options: Vec<&'a [u8]>,
    /// The rest of the source, from the end of the line on: its first line is empty, so that lines keep their numbers.
    pub rest: &'a [u8],
}

/// Why it cannot be.
#[derive(Debug, PartialEq, Eq)]
pub enum ShebangError {
    /// There is none.
    Missing,
    /// The line has no end.
    Unfinished,
}

impl<'a> Shebang<'a> {
    /// Takes the first line of a source apart.
    pub fn of(source: &'a [u8]) -> Result<Self, ShebangError> {
        if !source.starts_with(b"#!") {
            return Err(ShebangError::Missing);
        }
        let end = source.iter().position(|&b| b == b'\n').ok_or(ShebangError::Unfinished)?;
        let mut words = source[..end].split(|b| b.is_ascii_whitespace()).filter(|word| !word.is_empty());
        let engine = words.next().and_then(|word| word.strip_prefix(b"#!")).unwrap_or_default();
        Ok(Shebang { engine, options: words.collect(), rest: &source[end..] })
    }
}

/// The flags of a script for EVAL and its code. The error is the reply's text.
pub fn script(source: &[u8]) -> Result<(Flags, &[u8]), Vec<u8>> {
    let shebang = match Shebang::of(source) {
        Err(ShebangError::Missing) => return Ok((Flags { is_silent: true, ..Flags::default() }, source)),
        Err(ShebangError::Unfinished) => return Err(b"ERR Invalid script shebang".to_vec()),
        Ok(shebang) => shebang,
    };
    if !shebang.engine.eq_ignore_ascii_case(b"lua") {
        return Err([b"ERR Could not find scripting engine '", shebang.engine, b"'"].concat());
    }
    let mut flags = Flags::default();
    for option in shebang.options {
        let Some(names) = option.strip_prefix(b"flags=") else {
            return Err([b"ERR Unknown lua shebang option: ", option].concat());
        };
        for name in names.split(|&b| b == b',').filter(|name| !name.is_empty()) {
            if !flags.add(name) {
                return Err([b"ERR Unexpected flag in script shebang: ", name].concat());
            }
        }
    }
    Ok((flags, shebang.rest))
}

/// Words may stand in quotes, as on a command line.
fn unquoted(word: &[u8]) -> &[u8] {
    word.strip_prefix(b"\"").and_then(|word| word.strip_suffix(b"\"")).unwrap_or(word)
}

/// The name of a library and its code. The error is the reply's text.
pub fn library(source: &[u8]) -> Result<(Vec<u8>, &[u8]), Vec<u8>> {
    let shebang = match Shebang::of(source) {
        Err(ShebangError::Missing) => return Err(b"ERR Missing library metadata".to_vec()),
        Err(ShebangError::Unfinished) => return Err(b"ERR Invalid library metadata".to_vec()),
        Ok(shebang) => shebang,
    };
    if !shebang.engine.eq_ignore_ascii_case(b"lua") {
        return Err([b"ERR Engine '", shebang.engine, b"' not found"].concat());
    }
    let mut name = None;
    for option in shebang.options {
        match option.strip_prefix(b"name=") {
            Some(_) if name.is_some() => {
                return Err(b"ERR Invalid metadata value, name argument was given multiple times".to_vec());
            }
            Some(given) => name = Some(given),
            None => return Err([b"ERR Invalid metadata value given: ", option].concat()),
        }
    }
    let name = name.map(unquoted).ok_or_else(|| b"ERR Library name was not given".to_vec())?;
    if name.is_empty() || !name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_') {
        return Err(b"ERR Library names can only contain letters, numbers, or underscores(_) and must be at least one \
                     character long"
            .to_vec());
    }
    Ok((name.to_vec(), shebang.rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_scripts_say() {
        assert!(script(b"return 1").unwrap().0.is_silent);
        let (flags, rest) = script(b"#!lua flags=no-writes,allow-oom\nreturn 1").unwrap();
        assert_eq!(
            (flags.names().collect::<Vec<_>>(), rest),
            (vec!["no-writes", "allow-oom"], &b"\nreturn 1"[..])
        );
        assert_eq!(script(b"#!lua").unwrap_err(), b"ERR Invalid script shebang");
        assert_eq!(script(b"#!lua flags=x\n").unwrap_err(), b"ERR Unexpected flag in script shebang: x");
        assert_eq!(script(b"#!js\n").unwrap_err(), b"ERR Could not find scripting engine 'js'");
    }

    #[test]
    fn what_libraries_say() {
        assert_eq!(library(b"#!lua name=ab\nx").unwrap(), (b"ab".to_vec(), &b"\nx"[..]));
        assert_eq!(library(b"#!lua\nx").unwrap_err(), b"ERR Library name was not given");
        assert_eq!(library(b"x").unwrap_err(), b"ERR Missing library metadata");
    }
}
