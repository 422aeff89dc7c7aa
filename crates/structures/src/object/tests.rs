//! That a value is known from what it was.

use super::*;
use crate::list::{End, Fill};
use crate::stream::{Group, NodeLimits, StreamId};
use crate::{hash, set, zset};

const HASH: hash::Thresholds = hash::Thresholds { entries: 8, value_bytes: 64 };
const SET: set::Limits = set::Limits { integers: 8, entries: 8, member_bytes: 64 };
const ZSET: zset::Limits = zset::Limits { entries: 8, member_bytes: 64 };
const STREAM: NodeLimits = NodeLimits { bytes: 4096, entries: 5 };

fn name(i: usize) -> Vec<u8> {
    format!("name{i}").into_bytes()
}

/// Values of each type with `len` elements.
fn values(len: usize) -> Vec<Object> {
    let (mut hash, mut list, mut set, mut zset) = (Hash::new(), List::new(), Set::packed(), Zset::default());
    let (mut integers, mut stream) = (Set::default(), Stream::default());
    let fill = Fill::new(4);
    for i in 0..len {
        hash.set(&name(i), b"value", None, HASH);
        list.prepare(fill, 8, 1);
        list.push(End::Back, &name(i));
        set.insert(&name(i), &SET);
        zset.update(&name(i), ZSET, |_| Some(i as f64));
        integers.insert(i.to_string().as_bytes(), &SET);
        stream.entries_mut().add(StreamId::new(i as u64 + 1, 0), &[&b"f"[..], b"v"].into_iter(), STREAM);
    }
    stream.groups_mut().1.insert(Group::new(b"group", StreamId::MIN, None));
    let text = BigString::from_slice(&vec![b'x'; len * 100]);
    vec![
        Object::String(text),
        Object::Hash(hash),
        Object::List(list),
        Object::Set(set),
        Object::Set(integers),
        Object::Zset(zset),
        Object::Stream(stream),
    ]
}

/// Changes a value in a way that leaves its length where possible.
fn changes() -> Vec<fn(&mut Object)> {
    vec![
        |object| match object {
            Object::String(s) => s.set(0, b'y'),
            Object::Hash(h) => drop(h.set(&name(0), b"other", None, HASH)),
            Object::List(l) => drop(l.replace(0, b"other")),
            Object::Set(s) => drop(s.remove(b"name0") || s.remove(b"0")),
            Object::Zset(z) => drop(z.update(&name(0), ZSET, |_| Some(0.5))),
            Object::Stream(s) => drop(s.entries_mut().trim(crate::stream::Keep::Newest(1), false, 0)),
        },
        |object| match object {
            Object::String(s) => s.append(b"y"),
            Object::Hash(h) => drop(h.remove(&name(0), 0)),
            Object::List(l) => l.drop_end(End::Front),
            Object::Set(s) => drop(s.insert(b"more", &SET)),
            Object::Zset(z) => drop(z.remove(&name(0))),
            Object::Stream(s) => {
                s.groups_mut().1.get_mut(b"group").expect("it is there").consumer_or_new(b"c", 0);
            }
        },
        |object| match object {
            Object::List(l) => l.push(End::Front, b"more"),
            Object::Stream(s) => s.set_past(StreamId::MAX, None, None),
            Object::Zset(z) => drop(z.update(b"more", ZSET, |_| Some(0.5))),
            other => *other = Object::List(List::new()),
        },
    ]
}

#[test]
fn a_clone_is_the_same_until_either_changes() {
    for len in [2, 5, 300] {
        for (i, object) in values(len).into_iter().enumerate() {
            assert!(object.is_same(&object.clone()), "{i} of {len}");
            for (change, apply) in changes().into_iter().enumerate() {
                let (mut original, clone) = (object.clone(), object.clone());
                apply(&mut original);
                assert!(!original.is_same(&clone), "change {change} of value {i} with {len}");
                assert!(clone.is_same(&object), "change {change} of value {i} with {len}");
            }
        }
    }
}

#[test]
fn equal_values_that_were_made_apart_are_not_the_same() {
    for (one, other) in values(300).iter().zip(values(300)) {
        assert!(!one.is_same(&other));
    }
}

/// A small collection costs its entry, this, and one block of bytes.
#[test]
fn an_object_is_small() {
    assert!(size_of::<Object>() <= 32, "{}", size_of::<Object>());
}
