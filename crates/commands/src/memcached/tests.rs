//! Items through the operations; `testkit` compares a node with memcached.

use keyspace::evict::Access;
use keyspace::{Locked, Space};

use super::*;
use crate::testing::Engine;

const MOST: usize = 1 << 20;

/// Does something to the key `k` and returns what came of it.
fn with<T>(e: &mut Engine, act: impl FnOnce(&mut Space<'_>, Key<'_>) -> T) -> T {
    let key = e.keyspace.hasher.place(b"k");
    let locked: Locked<'static> = e.keyspace.lock(&[key]).expect("nobody else is here");
    let mut space = Space::new(e.keyspace, &mut e.local, locked, 0, e.now_ms, Access::None);
    act(&mut space, key)
}

const PLAIN: Store<'static> = Store {
    mode: Mode::Set,
    data: b"value",
    flags: 0,
    lifetime: Lifetime::Endless,
    compare: 0,
    cas: 0,
    or_stale: false,
    create: None,
};

fn put(e: &mut Engine, what: Store<'_>) -> Stored {
    with(e, |space, key| store(space, key, &what, MOST)).expect("a string")
}

/// Stores and returns the CAS.
fn set(e: &mut Engine, what: Store<'_>) -> u64 {
    match put(e, what) {
        Stored::Stored { cas, .. } => cas,
        other => panic!("{other:?}"),
    }
}

fn get(e: &mut Engine) -> Option<(Vec<u8>, Item, Option<i64>)> {
    with(e, |space, key| {
        let entry = space.read(key)?;
        Some((Text::of(entry).expect("a string").to_vec(), entry.item(), entry.expire_at_ms()))
    })
}

fn data(e: &mut Engine) -> String {
    get(e).map_or("-".into(), |(data, ..)| String::from_utf8(data).expect("text"))
}

#[test]
fn lifetimes() {
    let now = 1_800_000_000_500;
    let cases = [
        (0, Lifetime::Endless),
        (1, Lifetime::Until(now + 1000)),
        (RELATIVE_MAX_S, Lifetime::Until(now + RELATIVE_MAX_S * 1000)),
        (RELATIVE_MAX_S + 1, Lifetime::Over),
        (1_800_000_000, Lifetime::Over),
        (1_800_000_001, Lifetime::Until(1_800_000_001_000)),
        (-1, Lifetime::Over),
        (i64::MIN, Lifetime::Over),
        (i64::MAX, Lifetime::Until(i64::MAX)),
    ];
    for (exptime, expected) in cases {
        assert_eq!(Lifetime::of(exptime, now), expected, "{exptime}");
    }
    assert_eq!(
        [None, Some(now), Some(now + 1), Some(now + 1000), Some(now + 1001)].map(|at| seconds_left(at, now)),
        [-1, 0, 1, 1, 2]
    );
}

#[test]
fn items_keep_flags_and_every_change_has_a_greater_cas() {
    let mut e = Engine::new();
    let mut last = 0;
    for (i, flags) in [0, 1, u32::MAX].into_iter().enumerate() {
        let data = vec![b'x'; [5, 70, 100_000][i]];
        let lifetime = Lifetime::Until(e.now_ms + 1);
        let cas = set(&mut e, Store { data: &data, flags, lifetime, ..PLAIN });
        assert!(cas > last, "{cas} after {last}");
        last = cas;
        let (found, item, until) = get(&mut e).expect("it is there");
        assert_eq!((found, item.flags, item.cas, until), (data, flags, cas, Some(e.now_ms + 1)));
        assert!(with(&mut e, |space, key| touch(space, key, Lifetime::Endless)));
        let (_, item, until) = get(&mut e).expect("it is there");
        assert_eq!((item.flags, item.cas, until), (flags, cas, None), "touching keeps the CAS");
    }
    assert!(with(&mut e, |space, key| touch(space, key, Lifetime::Over)));
    assert!(!with(&mut e, |space, key| touch(space, key, Lifetime::Endless)));
    set(&mut e, Store { lifetime: Lifetime::Over, ..PLAIN });
    assert_eq!(get(&mut e), None);
    assert!(set(&mut e, PLAIN) > last, "also after the item was gone");
}

#[test]
fn modes() {
    let mut e = Engine::new();
    for mode in [Mode::Replace, Mode::Append, Mode::Prepend] {
        assert_eq!(put(&mut e, Store { mode, ..PLAIN }), Stored::NotStored);
    }
    assert_eq!(put(&mut e, Store { mode: Mode::Cas, compare: 1, ..PLAIN }), Stored::NotFound);
    set(&mut e, Store { mode: Mode::Add, flags: 7, ..PLAIN });
    assert_eq!(put(&mut e, Store { mode: Mode::Add, ..PLAIN }), Stored::NotStored);
    set(&mut e, Store { mode: Mode::Append, data: b">", flags: 1, ..PLAIN });
    let cas = set(&mut e, Store { mode: Mode::Prepend, data: b"<", lifetime: Lifetime::Over, ..PLAIN });
    let (found, item, until) = get(&mut e).expect("it is there");
    assert_eq!((found.as_slice(), item.flags, until), (&b"<value>"[..], 7, None));
    let short = with(&mut e, |space, key| store(space, key, &Store { mode: Mode::Append, ..PLAIN }, 11));
    assert_eq!(short.expect("a string"), Stored::TooLarge);
    assert_eq!(put(&mut e, Store { mode: Mode::Append, compare: cas + 1, ..PLAIN }), Stored::Exists);
    assert_eq!(put(&mut e, Store { mode: Mode::Cas, compare: cas + 1, ..PLAIN }), Stored::Exists);
    set(&mut e, Store { mode: Mode::Replace, data: b"two", ..PLAIN });
    assert_eq!(put(&mut e, Store { mode: Mode::Cas, compare: cas, ..PLAIN }), Stored::Exists);
    let given = set(&mut e, Store { cas: 99, ..PLAIN });
    assert_eq!((given, get(&mut e).expect("it is there").1.cas), (99, 99));
    set(&mut e, Store { mode: Mode::Cas, compare: 99, data: b"three", ..PLAIN });
    assert_eq!(data(&mut e), "three");
    with(&mut e, |space, key| delete(space, key, 0, None));
    let create = Some(Lifetime::Until(e.now_ms + 9));
    set(&mut e, Store { mode: Mode::Append, create, ..PLAIN });
    assert_eq!(get(&mut e).expect("it is there").2, Some(e.now_ms + 9));
}

#[test]
fn stale_items() {
    let mut e = Engine::new();
    let lifetime = Lifetime::Until(e.now_ms + 50);
    let cas = set(&mut e, Store { lifetime, ..PLAIN });
    let stale = Invalidate { stale: true, empty: false, lifetime: None, cas: 0 };
    assert_eq!(with(&mut e, |space, key| delete(space, key, cas + 1, Some(stale))), Deleted::Exists);
    assert_eq!(with(&mut e, |space, key| delete(space, key, cas, Some(stale))), Deleted::Deleted);
    let (_, item, until) = get(&mut e).expect("it is there");
    assert!(item.marks.stale && !item.marks.won && item.cas > cas && until == Some(e.now_ms + 50));
    // Who read it before it became stale may still store, and it stays stale.
    let late = Store { mode: Mode::Cas, compare: cas, data: b"late", ..PLAIN };
    assert_eq!(put(&mut e, late), Stored::Exists);
    set(&mut e, Store { or_stale: true, ..late });
    let (found, item, until) = get(&mut e).expect("it is there");
    assert!(item.marks.stale && found == b"late" && until == Some(e.now_ms + 50));
    let now = item.cas;
    set(&mut e, Store { mode: Mode::Cas, compare: now, ..PLAIN });
    assert!(!get(&mut e).expect("it is there").1.marks.stale);
    let empty = Invalidate { stale: false, empty: true, lifetime: Some(Lifetime::Endless), cas: 0 };
    with(&mut e, |space, key| delete(space, key, 0, Some(empty)));
    let (found, item, until) = get(&mut e).expect("it is there");
    assert_eq!((found.len(), item.marks.stale, until), (0, false, None));
    assert_eq!(with(&mut e, |space, key| delete(space, key, 0, None)), Deleted::Deleted);
    assert_eq!(with(&mut e, |space, key| delete(space, key, 0, None)), Deleted::NotFound);
}

#[test]
fn numbers() {
    let mut e = Engine::new();
    const UP: Count = Count { delta: 1, down: false, compare: 0, cas: 0, create: None, lifetime: None };
    let run = |e: &mut Engine, what: Count| with(e, |space, key| count(space, key, &what)).expect("a string");
    let value = |counted: Counted| match counted {
        Counted::Value { value, .. } => value,
        other => panic!("{other:?}"),
    };
    assert_eq!(run(&mut e, UP), Counted::NotFound);
    let made = Count { create: Some((9, Lifetime::Endless)), ..UP };
    assert_eq!(value(run(&mut e, made)), 9);
    assert_eq!(value(run(&mut e, made)), 10);
    assert_eq!(value(run(&mut e, Count { down: true, ..UP })), 9);
    assert_eq!(data(&mut e), "9 ", "filled up");
    assert_eq!(value(run(&mut e, Count { delta: u64::MAX, ..UP })), 8);
    assert_eq!(value(run(&mut e, Count { delta: 99, down: true, ..UP })), 0);
    assert_eq!(run(&mut e, Count { compare: 1, ..UP }), Counted::Exists);
    for (text, is_number) in [
        ("", false),
        ("-1", false),
        ("18446744073709551615", true),
        ("18446744073709551616", false),
        ("1 x", true),
        ("1x", false),
        ("012", true),
    ] {
        set(&mut e, Store { data: text.as_bytes(), flags: 3, ..PLAIN });
        assert_eq!(run(&mut e, UP) != Counted::NotNumeric, is_number, "{text:?}");
    }
    assert_eq!((data(&mut e), get(&mut e).expect("it is there").1.flags), ("13 ".into(), 3));
    e.given(&["SET k 41"]);
    assert_eq!(value(run(&mut e, UP)), 42, "a number that came by RESP");
    set(&mut e, Store { data: &[b'1'; 5000], ..PLAIN });
    assert_eq!(run(&mut e, UP), Counted::NotNumeric);
}

#[test]
fn other_types_are_told_apart() {
    let mut e = Engine::new();
    e.given(&["RPUSH k a"]);
    let count_up = Count { delta: 1, down: false, compare: 0, cas: 0, create: None, lifetime: None };
    assert!(with(&mut e, |space, key| count(space, key, &count_up)).is_err());
    let append = Store { mode: Mode::Append, ..PLAIN };
    assert!(with(&mut e, |space, key| store(space, key, &append, MOST)).is_err());
    assert_eq!(with(&mut e, |space, key| delete(space, key, 0, None)), Deleted::Deleted);
}
