//! Meta commands: `mg`, `ms`, `md`, `ma`, `me`.

use std::borrow::Cow;

use commands::ctx::Text;
use commands::memcached::{
    Count, Counted, Deleted, Invalidate, Lifetime, Mode, Store, Stored, delete, seconds_left, store, touch,
};
use keyspace::evict::Access;
use keyspace::{Item, Key, Locked, Marks};
use wire::memcached::meta::{self, Flags};
use wire::memcached::text::{Request, Verb};
use wire::memcached::words;

use super::{
    After, Counter, NO_MEMORY, NOT_NUMERIC, Place, add, end, has_room, lock, put, put_number, put_text, space,
};
use crate::client::Client;
use crate::dispatch::Moment;
use crate::node::Node;
use crate::state::ThreadState;

/// The key that a request names.
pub(super) fn key_of<'i>(input: &'i [u8], request: &Request) -> Cow<'i, [u8]> {
    let key = request.key.of(input);
    let is_binary = words(input, request.rest).any(|word| word.of(input)[0] == b'b');
    // What does not decode was refused when it was read.
    if is_binary { meta::decode_base64(key).unwrap_or_default().into() } else { key.into() }
}

/// A request with what its line says.
struct Meta<'a> {
    node: &'static Node,
    moment: &'a Moment,
    input: &'a [u8],
    request: &'a Request,
    key: Key<'a>,
    flags: Flags,
}

impl Meta<'_> {
    fn lifetime(&self, exptime: i32) -> Lifetime {
        Lifetime::of(i64::from(exptime), self.moment.now_ms)
    }

    /// Unix time in ms at which a lifetime ends, if it does.
    fn expire_at_ms(&self, exptime: i32) -> Option<i64> {
        match self.lifetime(exptime) {
            Lifetime::Endless => None,
            Lifetime::Until(at) => Some(at),
            Lifetime::Over => Some(self.moment.now_ms - 1),
        }
    }

    fn put_key(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b" k");
        if self.flags.binary {
            meta::encode_base64(self.key.bytes, out);
            out.extend_from_slice(b" b");
        } else {
            out.extend_from_slice(self.key.bytes);
        }
    }

    /// The flags that a reply repeats or answers; `more` writes those that are about the item.
    fn put_flags(&self, out: &mut Vec<u8>, mut more: impl FnMut(&mut Vec<u8>, u8)) {
        for word in words(self.input, self.request.rest) {
            let word = word.of(self.input);
            match word[0] {
                b'O' => {
                    out.push(b' ');
                    out.extend_from_slice(word);
                }
                b'k' => self.put_key(out),
                flag => more(out, flag),
            }
        }
    }
}

fn put_flag(out: &mut Vec<u8>, flag: u8, value: i64) {
    out.extend_from_slice(&[b' ', flag]);
    if value < 0 {
        out.push(b'-');
    }
    put_number(out, value.unsigned_abs());
}

/// Runs a meta command.
#[allow(clippy::too_many_arguments)]
pub(super) fn run(
    node: &'static Node,
    state: &mut ThreadState,
    client: &mut Client,
    input: &[u8],
    request: &Request,
    place: Place,
    moment: &Moment,
    gated: bool,
) -> After {
    let Ok(flags) = meta::parse(input, request.rest) else { return After::Next };
    let bytes = key_of(input, request);
    let key = Key { bytes: &bytes, shard: place.0, order: place.1 };
    let meta = Meta { node, moment, input, request, key, flags };
    let stores = matches!(request.verb, Verb::MetaSet) || flags.vivify.is_some();
    if stores && !has_room(node, state, moment) {
        client.out.extend_from_slice(NO_MEMORY.as_bytes());
        client.out.extend_from_slice(b"\r\n");
        return After::Next;
    }
    let locked = match lock(node, place, gated) {
        Ok(locked) => locked,
        Err(after) => return after,
    };
    if !matches!(request.verb, Verb::MetaDebug) {
        state.memcached.add(Counter::Metas);
    }
    let from = client.out.len();
    let says = match request.verb {
        Verb::MetaGet => get(&meta, state, client, locked),
        Verb::MetaSet => set(&meta, state, client, locked),
        Verb::MetaDelete => remove(&meta, state, client, locked),
        Verb::MetaArithmetic => arithmetic(&meta, state, client, locked),
        _ => {
            state.memcached.add(Counter::Metas);
            debug(&meta, state, client, locked);
            true
        }
    };
    if !says {
        client.out.truncate(from);
    }
    After::Next
}

/// `mg`. Returns whether its reply is sent.
fn get(meta: &Meta<'_>, state: &mut ThreadState, client: &mut Client, locked: Locked<'static>) -> bool {
    let (flags, key, moment) = (&meta.flags, meta.key, meta.moment);
    let mut space = space(meta.node, state, moment, locked);
    let mut is_new = false;
    if let Some(exptime) = flags.vivify
        && space.peek(key).is_none()
    {
        let what = Store {
            mode: Mode::Set,
            data: b"",
            flags: 0,
            lifetime: Lifetime::Endless,
            compare: 0,
            cas: 0,
            or_stale: false,
            create: None,
        };
        is_new = store(&mut space, key, &what, 0).is_ok();
        if meta.lifetime(exptime) == Lifetime::Over {
            touch(&mut space, key, Lifetime::Until(moment.now_ms));
        }
    }
    let out = &mut client.out;
    let mut won = false;
    let mut marks = Marks::default();
    let found = if let Some(entry) = space.peek(key)
        && let Ok(text) = Text::of(entry)
    {
        let Item { flags: client_flags, cas, marks: old } = entry.item();
        let idle = Access::lru_clock(moment.now_ms).wrapping_sub(entry.access()) & 0xff_ffff;
        let mut expire_at_ms = if is_new { None } else { entry.expire_at_ms() };
        let at = |exptime: i32| meta.expire_at_ms(exptime);
        match flags.value {
            true => {
                out.extend_from_slice(b"VA ");
                put_number(out, text.len() as u64);
            }
            false => out.extend_from_slice(b"HD"),
        }
        meta.put_flags(out, |out, flag| match flag {
            b'T' => expire_at_ms = flags.ttl.and_then(at),
            b'N' if is_new => {
                expire_at_ms = flags.vivify.and_then(at);
                won = true;
            }
            b'R' => {
                let least = flags.recache.and_then(at);
                let is_less = expire_at_ms.zip(least).is_some_and(|(left, least)| left < least);
                won |= !old.won && !is_new && is_less;
            }
            b's' => put_flag(out, b's', text.len() as i64),
            b't' => put_flag(out, b't', seconds_left(expire_at_ms, moment.now_ms)),
            b'c' => put_flag(out, b'c', cas as i64),
            b'f' => put_flag(out, b'f', i64::from(client_flags)),
            b'l' => put_flag(out, b'l', i64::from(idle)),
            b'h' => put_flag(out, b'h', i64::from(old.fetched)),
            _ => {}
        });
        if old.won {
            out.extend_from_slice(b" Z");
        }
        if old.stale {
            out.extend_from_slice(b" X");
            won |= !old.won;
        }
        if won {
            out.extend_from_slice(b" W");
        }
        out.extend_from_slice(b"\r\n");
        if flags.value {
            put_text(out, text);
            out.extend_from_slice(b"\r\n");
        }
        marks = Marks { fetched: old.fetched || !flags.no_update, stale: old.stale, won: old.won || won };
        true
    } else {
        out.extend_from_slice(b"EN");
        // On a miss nothing but these is repeated.
        meta.put_flags(out, |_, _| {});
        out.extend_from_slice(b"\r\n");
        false
    };
    if found {
        let entry = if flags.no_update { space.peek(key) } else { space.read_for_write(key) };
        if let Some(entry) = entry {
            entry.set_marks(marks);
        }
        // The later of the two flags counts.
        let mut lifetime = None;
        for word in words(meta.input, meta.request.rest) {
            match word.of(meta.input)[0] {
                b'T' => lifetime = flags.ttl,
                b'N' if is_new => lifetime = flags.vivify,
                _ => {}
            }
        }
        if let Some(exptime) = lifetime {
            touch(&mut space, key, meta.lifetime(exptime));
        }
    }
    end(meta.node, space, moment, client);
    let counters = &mut state.memcached;
    if flags.ttl.is_some() {
        counters.hit_or_miss(Counter::Touches, found, Counter::TouchHits, Counter::TouchMisses);
    } else {
        counters.hit_or_miss(Counter::Gets, found, Counter::GetHits, Counter::GetMisses);
    }
    found || !flags.quiet
}

/// `ms`. Returns whether its reply is sent.
fn set(meta: &Meta<'_>, state: &mut ThreadState, client: &mut Client, locked: Locked<'static>) -> bool {
    let flags = &meta.flags;
    let mode = match (flags.mode, flags.cas) {
        (0 | b'S' | b'R', Some(_)) => Mode::Cas,
        (b'E', _) => Mode::Add,
        (b'A', _) => Mode::Append,
        (b'P', _) => Mode::Prepend,
        (b'R', None) => Mode::Replace,
        _ => Mode::Set,
    };
    let what = Store {
        mode,
        data: meta.request.data.of(meta.input),
        flags: flags.client_flags,
        lifetime: meta.lifetime(flags.ttl.unwrap_or(0)),
        compare: flags.cas.unwrap_or(0),
        cas: 0,
        or_stale: flags.stale,
        create: None,
    };
    let stored = put(meta.node, state, client, meta.key, &what, meta.moment, locked);
    let (code, new_cas) = match stored {
        Stored::Stored { cas, .. } => (&b"HD"[..], cas),
        Stored::NotStored | Stored::TooLarge => (&b"NS"[..], 0),
        Stored::Exists => (&b"EX"[..], 0),
        Stored::NotFound => (&b"NF"[..], 0),
    };
    client.out.extend_from_slice(code);
    meta.put_flags(&mut client.out, |out, flag| {
        if flag == b'c' {
            put_flag(out, b'c', new_cas as i64);
        }
    });
    client.out.extend_from_slice(b"\r\n");
    !(flags.quiet && matches!(stored, Stored::Stored { .. }))
}

/// `md`. Returns whether its reply is sent.
fn remove(meta: &Meta<'_>, state: &mut ThreadState, client: &mut Client, locked: Locked<'static>) -> bool {
    let (flags, key) = (&meta.flags, meta.key);
    let mut space = space(meta.node, state, meta.moment, locked);
    let lifetime = flags.ttl.map(|exptime| meta.lifetime(exptime));
    let invalidate = flags.stale.then_some(Invalidate { stale: true, empty: false, lifetime, cas: 0 });
    let deleted = match flags.cas {
        // No item has it.
        Some(0) if space.peek(key).is_some() => Deleted::Exists,
        cas => delete(&mut space, key, cas.unwrap_or(0), invalidate),
    };
    end(meta.node, space, meta.moment, client);
    match deleted {
        Deleted::Deleted if flags.stale => {}
        Deleted::Deleted => state.memcached.add(Counter::DeleteHits),
        Deleted::NotFound | Deleted::Exists => state.memcached.add(Counter::DeleteMisses),
    }
    client.out.extend_from_slice(match deleted {
        Deleted::Deleted => b"HD",
        Deleted::NotFound => b"NF",
        Deleted::Exists => b"EX",
    });
    meta.put_flags(&mut client.out, |_, _| {});
    client.out.extend_from_slice(b"\r\n");
    !(flags.quiet && deleted == Deleted::Deleted)
}

/// `ma`. Returns whether its reply is sent.
fn arithmetic(
    meta: &Meta<'_>,
    state: &mut ThreadState,
    client: &mut Client,
    locked: Locked<'static>,
) -> bool {
    let flags = &meta.flags;
    let what = Count {
        delta: flags.delta.unwrap_or(1),
        down: matches!(flags.mode, b'D' | b'-'),
        compare: flags.cas.unwrap_or(0),
        cas: 0,
        create: flags.vivify.map(|exptime| (flags.initial, meta.lifetime(exptime))),
        lifetime: flags.ttl.map(|exptime| meta.lifetime(exptime)),
    };
    let mut space = space(meta.node, state, meta.moment, locked);
    let (is_new, mut expire_at_ms) = match space.peek(meta.key) {
        Some(entry) => (false, entry.expire_at_ms()),
        None => (true, None),
    };
    let locked = space.into_locked();
    let counted = add(meta.node, state, client, meta.key, &what, meta.moment, locked);
    let out = &mut client.out;
    match counted {
        Counted::Value { value, cas, .. } => {
            let digits = value.to_string();
            match flags.value {
                true => {
                    out.extend_from_slice(b"VA ");
                    put_number(out, digits.len() as u64);
                }
                false => out.extend_from_slice(b"HD"),
            }
            meta.put_flags(out, |out, flag| match flag {
                b'c' => put_flag(out, b'c', cas as i64),
                // Lifetimes hold from where they stand in the line.
                b'T' => expire_at_ms = flags.ttl.and_then(|exptime| meta.expire_at_ms(exptime)),
                b'N' if is_new => expire_at_ms = flags.vivify.and_then(|exptime| meta.expire_at_ms(exptime)),
                b't' => put_flag(out, b't', seconds_left(expire_at_ms, meta.moment.now_ms)),
                _ => {}
            });
            if flags.value {
                out.extend_from_slice(b"\r\n");
                out.extend_from_slice(digits.as_bytes());
            }
        }
        Counted::NotNumeric => out.extend_from_slice(NOT_NUMERIC.as_bytes()),
        Counted::NotFound | Counted::Exists => {
            out.extend_from_slice(if counted == Counted::NotFound { b"NF" } else { b"EX" });
            meta.put_flags(out, |_, _| {});
        }
    }
    out.extend_from_slice(b"\r\n");
    !(flags.quiet && matches!(counted, Counted::Value { .. }))
}

/// `me`: what there is to know of an item.
fn debug(meta: &Meta<'_>, state: &mut ThreadState, client: &mut Client, locked: Locked<'static>) {
    let mut space = space(meta.node, state, meta.moment, locked);
    let out = &mut client.out;
    if let Some(entry) = space.peek(meta.key) {
        let item = entry.item();
        let now_ms = meta.moment.now_ms;
        out.extend_from_slice(b"ME ");
        match meta.flags.binary {
            true => meta::encode_base64(meta.key.bytes, out),
            false => out.extend_from_slice(meta.key.bytes),
        }
        let expires = entry.expire_at_ms().map_or(-1, |at| now_ms / 1000 - at / 1000);
        let idle = Access::lru_clock(now_ms).wrapping_sub(entry.access()) & 0xff_ffff;
        let fetched = if item.marks.fetched { "yes" } else { "no" };
        let size = entry.memory_bytes();
        let text = format!(" exp={expires} la={idle} cas={} fetch={fetched} cls=1 size={size}\r\n", item.cas);
        out.extend_from_slice(text.as_bytes());
    } else {
        out.extend_from_slice(b"EN\r\n");
    }
    end(meta.node, space, meta.moment, client);
}
