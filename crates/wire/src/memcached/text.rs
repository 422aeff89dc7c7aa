//! The text protocol, classic and meta: one request at a time, a command that stores with its data.
//!
//! A `get` of many keys is given out key by key, so that a node may work on them like on a pipeline. Errors are requests
//! too: they are answered in their turn, with memcached's words, and say how many bytes of data are to be skipped.

use memchr::memchr;

use super::{KEY_MAX_BYTES, meta, parse_i32, parse_u32, parse_u64, words};
use crate::resp::parse::Span;

/// A line without an end may be longer only if it is a `get` of many keys.
const LINE_MAX_BYTES: usize = 2048;
/// Words that are told apart.
const WORDS_MAX: usize = 23;
/// What memcached counts for an item besides key and value: header, end of the key, CAS, end of the value.
const ITEM_OVERHEAD_BYTES: usize = 48 + 1 + 8 + 2;

const ERROR: &str = "ERROR";
const BAD_FORMAT: &str = "CLIENT_ERROR bad command line format";
const TOO_LARGE: &str = "SERVER_ERROR object too large for cache";

/// What a command that stores does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Update {
    /// `set`
    Set,
    /// `add`
    Add,
    /// `replace`
    Replace,
    /// `append`
    Append,
    /// `prepend`
    Prepend,
    /// `cas`
    Cas,
}

/// How items are read: `get`, `gets`, `gat`, `gats`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retrieve {
    /// The CAS is shown.
    pub cas: bool,
    /// The items get this lifetime.
    pub exptime: Option<i32>,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// One key of a `get`; with the last one it ends.
    Get {
        /// How.
        how: Retrieve,
        /// It is the last key.
        is_last: bool,
    },
    /// Store the data.
    Store {
        /// When.
        update: Update,
        /// Client flags.
        flags: u32,
        /// Lifetime.
        exptime: i32,
        /// Of `cas`.
        cas: u64,
    },
    /// `incr`, `decr`
    Count {
        /// It is `decr`.
        down: bool,
        /// By how much.
        delta: u64,
    },
    /// `touch`
    Touch {
        /// Lifetime.
        exptime: i32,
    },
    /// `delete`
    Delete,
    /// `mg`
    MetaGet,
    /// `ms`
    MetaSet,
    /// `md`
    MetaDelete,
    /// `ma`
    MetaArithmetic,
    /// `me`
    MetaDebug,
    /// `mn`
    MetaNoop,
    /// About the server: `rest` is the whole line.
    Admin,
    /// A name and password, as data.
    Auth,
    /// Nothing that can be done.
    Refuse {
        /// What to say.
        text: &'static str,
        /// Bytes of data behind the line that are to be skipped.
        skip: usize,
        /// The item under the key goes: it is not what the client wants there any more.
        unlink: bool,
    },
}

/// A request. The parts are in the connection's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// What is asked for.
    pub verb: Verb,
    /// The key, of those that have one; in base64 if the flags of a meta command say so.
    pub key: Span,
    /// The data to store.
    pub data: Span,
    /// The flags of a meta command, the line of an administrative one.
    pub rest: Span,
    /// No answer is wanted.
    pub noreply: bool,
}

/// What came of parsing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// A request; what follows begins at `next`.
    Request {
        /// It.
        request: Request,
        /// Where the next one begins, or the next key of this one.
        next: usize,
    },
    /// More is needed, this many bytes at least.
    Incomplete {
        /// Bytes.
        wanted: usize,
    },
    /// No client sends this: the connection is to be closed.
    Junk,
}

/// Where a `get` stands that has more keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rest {
    /// How it reads.
    pub how: Retrieve,
    /// Where its line ends, if that is known.
    pub line_end: Option<usize>,
}

const NONE: Span = Span { start: 0, len: 0 };

fn refuse(text: &'static str, noreply: bool) -> Request {
    let verb = Verb::Refuse { text, skip: 0, unlink: false };
    Request { verb, key: NONE, data: NONE, rest: NONE, noreply }
}

/// Bytes of a value that an item may hold at most, given `item_max_bytes` (memcached's `-I`). 0: not even an empty one.
pub fn value_max_bytes(item_max_bytes: usize, key_len: usize, flags: u32) -> Option<usize> {
    item_max_bytes.checked_sub(ITEM_OVERHEAD_BYTES + key_len + if flags == 0 { 0 } else { 4 })
}

/// The end of the line at `at` without its line end, and where the next one begins.
fn line_at(input: &[u8], at: usize) -> Option<(usize, usize)> {
    let newline = at + memchr(b'\n', &input[at..])?;
    let end = if newline - at > 1 && input[newline - 1] == b'\r' { newline - 1 } else { newline };
    Some((end, newline + 1))
}

/// Parses what is at `at`. `rest` is that of a `get` whose next key is there; `item_max_bytes` is the size of the largest
/// item; `authenticated` false takes nothing but a name and password.
pub fn parse(
    input: &[u8],
    at: usize,
    rest: Option<&mut Rest>,
    item_max_bytes: usize,
    authenticated: bool,
) -> Parsed {
    if let Some(rest) = rest {
        let line = match rest.line_end {
            Some(end) => Some((end, end + 1 + usize::from(input.get(end) == Some(&b'\r')))),
            None => line_at(input, at),
        };
        let Some((end, next)) = line else { return Parsed::Incomplete { wanted: 1 } };
        rest.line_end = Some(end);
        return next_key(input, at, end, next, rest.how);
    }
    let Some((end, next)) = line_at(input, at) else {
        if input.len() - at <= LINE_MAX_BYTES {
            return Parsed::Incomplete { wanted: 1 };
        }
        let begin = &input[at..];
        let spaces = begin.iter().take_while(|byte| **byte == b' ').count();
        let begin = &begin[spaces..];
        let may_be_long =
            authenticated && spaces <= 100 && (begin.starts_with(b"get ") || begin.starts_with(b"gets "));
        return if may_be_long { Parsed::Incomplete { wanted: 1 } } else { Parsed::Junk };
    };
    // Text ends with a NUL, for memcached.
    let end = memchr(0, &input[at..end]).map_or(end, |len| at + len);
    let line = Span { start: at as u32, len: (end - at) as u32 };
    if !authenticated {
        return authenticate(input, line, next);
    }
    let mut each = words(input, line);
    let Some(first) = each.next() else { return Parsed::Request { request: refuse(ERROR, false), next } };
    let how = |cas, exptime| Retrieve { cas, exptime };
    let of = |request| Parsed::Request { request, next };
    match first.of(input) {
        b"get" | b"bget" => begin_get(input, each.next(), line, next, how(false, None)),
        b"gets" => begin_get(input, each.next(), line, next, how(true, None)),
        name @ (b"gat" | b"gats") => {
            let (Some(exptime), key) = (each.next(), each.next()) else { return of(refuse(ERROR, false)) };
            let Some(exptime) = parse_i32(exptime.of(input)) else {
                return of(refuse("CLIENT_ERROR invalid exptime argument", false));
            };
            match key {
                // It has a word more than its name, which is all that memcached looks at: nothing is found.
                None => of(refuse("END", false)),
                key => begin_get(input, key, line, next, how(name == b"gats", Some(exptime))),
            }
        }
        b"set" => store(input, line, next, Update::Set, item_max_bytes),
        b"add" => store(input, line, next, Update::Add, item_max_bytes),
        b"replace" => store(input, line, next, Update::Replace, item_max_bytes),
        b"append" => store(input, line, next, Update::Append, item_max_bytes),
        b"prepend" => store(input, line, next, Update::Prepend, item_max_bytes),
        b"cas" => store(input, line, next, Update::Cas, item_max_bytes),
        b"incr" => of(count(input, line, false)),
        b"decr" => of(count(input, line, true)),
        b"touch" => of(touch(input, line)),
        b"delete" => of(delete(input, line)),
        b"mn" => of(Request { verb: Verb::MetaNoop, ..refuse("", false) }),
        b"mg" => of(meta_command(input, line, Verb::MetaGet)),
        b"md" => of(meta_command(input, line, Verb::MetaDelete)),
        b"ma" => of(meta_command(input, line, Verb::MetaArithmetic)),
        b"me" => of(meta_debug(input, line)),
        b"ms" => meta_set(input, line, next, item_max_bytes),
        name if name.len() < 2 => of(refuse(ERROR, false)),
        _ => of(Request { verb: Verb::Admin, rest: line, ..refuse("", false) }),
    }
}

/// The first words of a line, and how many there are, up to the most that are told apart.
fn split(input: &[u8], line: Span) -> ([Span; 8], usize) {
    let (mut first, mut count) = ([NONE; 8], 0);
    for word in words(input, line).take(WORDS_MAX) {
        if let Some(place) = first.get_mut(count) {
            *place = word;
        }
        count += 1;
    }
    (first, count)
}

fn is_noreply(input: &[u8], first: &[Span; 8], count: usize) -> bool {
    first.get(count - 1).is_some_and(|word| word.of(input) == b"noreply")
}

fn begin_get(input: &[u8], key: Option<Span>, line: Span, next: usize, how: Retrieve) -> Parsed {
    let Some(first) = key else { return Parsed::Request { request: refuse(ERROR, false), next } };
    let keys = Span { start: first.start, len: (line.end() - first.start as usize) as u32 };
    if keys.len as usize > KEY_MAX_BYTES && words(input, keys).any(|key| key.len as usize > KEY_MAX_BYTES) {
        return Parsed::Request { request: refuse(BAD_FORMAT, false), next };
    }
    next_key(input, first.start as usize, line.end(), next, how)
}

fn next_key(input: &[u8], at: usize, end: usize, next: usize, how: Retrieve) -> Parsed {
    let mut keys = words(input, Span { start: at as u32, len: (end - at) as u32 });
    let Some(key) = keys.next() else { return Parsed::Request { request: refuse(ERROR, false), next } };
    let following = keys.next();
    let verb = Verb::Get { how, is_last: following.is_none() };
    let request = Request { verb, key, ..refuse("", false) };
    Parsed::Request { request, next: following.map_or(next, |key| key.start as usize) }
}

/// The data of `len` bytes at `at`, or what there is instead.
fn with_data(input: &[u8], at: usize, len: usize, request: Request, always_says: bool) -> Parsed {
    let next = at + len + 2;
    if input.len() < next {
        return Parsed::Incomplete { wanted: next - input.len() };
    }
    if &input[at + len..next] != b"\r\n" {
        let request = refuse("CLIENT_ERROR bad data chunk", request.noreply && !always_says);
        return Parsed::Request { request, next };
    }
    Parsed::Request { request: Request { data: Span { start: at as u32, len: len as u32 }, ..request }, next }
}

fn store(input: &[u8], line: Span, next: usize, update: Update, item_max_bytes: usize) -> Parsed {
    let (word, count) = split(input, line);
    let words_needed = if update == Update::Cas { 6 } else { 5 };
    if count != words_needed && count != words_needed + 1 {
        return Parsed::Request { request: refuse(ERROR, false), next };
    }
    let noreply = is_noreply(input, &word, count);
    let bad = Parsed::Request { request: refuse(BAD_FORMAT, noreply), next };
    let key = word[1];
    let (Some(flags), Some(exptime), Some(len)) =
        (parse_u32(word[2].of(input)), parse_i32(word[3].of(input)), parse_i32(word[4].of(input)))
    else {
        return bad;
    };
    let cas = if update == Update::Cas { parse_u64(word[5].of(input)) } else { Some(0) };
    let (Some(cas), true) = (cas, key.len as usize <= KEY_MAX_BYTES && (0..=i32::MAX - 2).contains(&len))
    else {
        return bad;
    };
    let len = len as usize;
    if value_max_bytes(item_max_bytes, key.len as usize, flags).is_none_or(|most| len > most) {
        let verb = Verb::Refuse { text: TOO_LARGE, skip: len + 2, unlink: update == Update::Set };
        return Parsed::Request { request: Request { verb, key, ..refuse("", noreply) }, next };
    }
    let verb = Verb::Store { update, flags, exptime, cas };
    with_data(input, next, len, Request { verb, key, ..refuse("", noreply) }, false)
}

fn count(input: &[u8], line: Span, down: bool) -> Request {
    let (word, count) = split(input, line);
    if count != 3 && count != 4 {
        return refuse(ERROR, false);
    }
    let noreply = is_noreply(input, &word, count);
    if word[1].len as usize > KEY_MAX_BYTES {
        return refuse(BAD_FORMAT, noreply);
    }
    let Some(delta) = parse_u64(word[2].of(input)) else {
        return refuse("CLIENT_ERROR invalid numeric delta argument", noreply);
    };
    Request { verb: Verb::Count { down, delta }, key: word[1], ..refuse("", noreply) }
}

fn touch(input: &[u8], line: Span) -> Request {
    let (word, count) = split(input, line);
    if count != 3 && count != 4 {
        return refuse(ERROR, false);
    }
    let noreply = is_noreply(input, &word, count);
    if word[1].len as usize > KEY_MAX_BYTES {
        return refuse(BAD_FORMAT, noreply);
    }
    let Some(exptime) = parse_i32(word[2].of(input)) else {
        return refuse("CLIENT_ERROR invalid exptime argument", noreply);
    };
    Request { verb: Verb::Touch { exptime }, key: word[1], ..refuse("", noreply) }
}

fn delete(input: &[u8], line: Span) -> Request {
    let (word, count) = split(input, line);
    if !(2..=4).contains(&count) {
        return refuse(ERROR, false);
    }
    let mut noreply = false;
    if count > 2 {
        // An old form has a time, which may only be 0.
        let is_zero = word[2].of(input) == b"0";
        noreply = is_noreply(input, &word, count);
        if !(count == 3 && (is_zero || noreply) || count == 4 && is_zero && noreply) {
            return refuse("CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]", noreply);
        }
    }
    if word[1].len as usize > KEY_MAX_BYTES {
        return refuse(BAD_FORMAT, noreply);
    }
    Request { verb: Verb::Delete, key: word[1], ..refuse("", noreply) }
}

/// What follows a word of a line.
fn behind(word: Span, line: Span) -> Span {
    Span { start: word.end() as u32, len: (line.end() - word.end()) as u32 }
}

fn meta_command(input: &[u8], line: Span, verb: Verb) -> Request {
    let (word, count) = split(input, line);
    let is_get = verb == Verb::MetaGet;
    if count < 2 {
        return refuse(ERROR, false);
    }
    let rest = behind(word[1], line);
    if word[1].len as usize > KEY_MAX_BYTES {
        return refuse(BAD_FORMAT, false);
    }
    if count > meta::WORDS_MAX {
        let get = "CLIENT_ERROR options flags are too long";
        return refuse(if is_get { get } else { "CLIENT_ERROR options flags too long" }, false);
    }
    let flags = meta::parse(input, rest);
    let decodes = |flags: meta::Flags| !flags.binary || meta::decode_base64(word[1].of(input)).is_some();
    let error = match flags {
        Err(_) if !is_get => Some("CLIENT_ERROR invalid or duplicate flag"),
        Err(error) => Some(error),
        Ok(flags) if !decodes(flags) && is_get => Some("CLIENT_ERROR error decoding key"),
        Ok(flags) if !decodes(flags) => Some("CLIENT_ERROR invalid or duplicate flag"),
        Ok(_) if meta::has_long_opaque(input, rest) => Some("CLIENT_ERROR opaque token too long"),
        Ok(flags) if verb == Verb::MetaArithmetic && !matches!(flags.mode, 0 | b'I' | b'+' | b'D' | b'-') => {
            Some("CLIENT_ERROR invalid mode for ma M token")
        }
        Ok(_) => None,
    };
    match error {
        Some(text) => refuse(text, false),
        None => Request { verb, key: word[1], rest, ..refuse("", false) },
    }
}

fn meta_debug(input: &[u8], line: Span) -> Request {
    let (word, count) = split(input, line);
    let binary = count >= 3 && word[2].of(input) == b"b";
    if count < 2
        || word[1].len as usize > KEY_MAX_BYTES
        || binary && meta::decode_base64(word[1].of(input)).is_none()
    {
        return refuse(BAD_FORMAT, false);
    }
    // Other flags are not looked at.
    let rest = if binary { word[2] } else { NONE };
    Request { verb: Verb::MetaDebug, key: word[1], rest, ..refuse("", false) }
}

fn meta_set(input: &[u8], line: Span, next: usize, item_max_bytes: usize) -> Parsed {
    let (word, count) = split(input, line);
    let of = |request| Parsed::Request { request, next };
    if count < 2 {
        return of(refuse(ERROR, false));
    }
    if count == 2 || word[1].len as usize > KEY_MAX_BYTES {
        return of(refuse(BAD_FORMAT, false));
    }
    if count > meta::WORDS_MAX {
        return of(refuse("CLIENT_ERROR options flags too long", false));
    }
    let Some(len) = parse_i32(word[2].of(input)).filter(|len| (0..=i32::MAX - 2).contains(len)) else {
        return of(refuse(BAD_FORMAT, false));
    };
    let len = len as usize;
    let refused = |text, unlink, key| {
        let verb = Verb::Refuse { text, skip: len + 2, unlink };
        of(Request { verb, key, ..refuse("", false) })
    };
    let rest = behind(word[2], line);
    let flags = match meta::parse(input, rest) {
        Ok(flags) => flags,
        Err(text) => return refused(text, false, NONE),
    };
    let mut key_len = word[1].len as usize;
    if flags.binary {
        let Some(key) = meta::decode_base64(word[1].of(input)) else {
            return refused("CLIENT_ERROR error decoding key", false, NONE);
        };
        key_len = key.len();
    }
    if !matches!(flags.mode, 0 | b'E' | b'A' | b'P' | b'R' | b'S') {
        return refused("CLIENT_ERROR invalid mode for ms M token", false, NONE);
    }
    if meta::has_long_opaque(input, rest) {
        return refused("CLIENT_ERROR opaque token too long", false, NONE);
    }
    if value_max_bytes(item_max_bytes, key_len, flags.client_flags).is_none_or(|most| len > most) {
        // The flags stay, as they say how the key is written.
        let verb = Verb::Refuse { text: TOO_LARGE, skip: len + 2, unlink: true };
        return of(Request { verb, key: word[1], rest, ..refuse("", false) });
    }
    let request = Request { verb: Verb::MetaSet, key: word[1], rest, ..refuse("", flags.quiet) };
    with_data(input, next, len, request, true)
}

/// `set <any key> <flags> <exptime> <bytes>` with "name password" as its data.
fn authenticate(input: &[u8], line: Span, next: usize) -> Parsed {
    let (word, count) = split(input, line);
    let len = (count >= 5 && word[0].of(input) == b"set").then(|| parse_u32(word[4].of(input))).flatten();
    let Some(len) = len.filter(|len| *len as usize <= LINE_MAX_BYTES) else {
        return Parsed::Request { request: refuse("CLIENT_ERROR unauthenticated", false), next };
    };
    match with_data(input, next, len as usize, Request { verb: Verb::Auth, ..refuse("", false) }, true) {
        Parsed::Request { request: Request { verb: Verb::Refuse { .. }, .. }, next } => {
            Parsed::Request { request: refuse("CLIENT_ERROR bad command line termination", false), next }
        }
        parsed => parsed,
    }
}
