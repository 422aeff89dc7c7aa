use std::collections::BTreeMap;

use sys::random::Rng;

use super::*;

const LIMITS: NodeLimits = NodeLimits { bytes: 4096, entries: 100 };

fn id(ms: u64, seq: u64) -> StreamId {
    StreamId::new(ms, seq)
}

fn texts(entry: Entry<'_>) -> Vec<Vec<u8>> {
    entry.fields().flat_map(|(field, value)| [field.to_vec(), value.to_vec()]).collect()
}

fn add(stream: &mut Stream, id: StreamId, message: &[&[u8]], limits: NodeLimits) {
    stream.entries_mut().add(id, &message.iter().copied(), limits);
}

#[test]
fn nodes_are_byte_for_byte_valkeys() {
    // As DUMP of valkey-server 9.1.2 shows it after these commands.
    let mut stream = Stream::default();
    add(&mut stream, id(5, 1), &[b"a", b"1", b"b", b"x"], LIMITS);
    add(&mut stream, id(5, 2), &[b"a", b"300", b"b", b"y"], LIMITS);
    add(&mut stream, id(7, 0), &[b"c", b"-5"], LIMITS);
    assert!(stream.entries_mut().delete(id(5, 2)));
    let node = stream.entries().tail_bytes();
    let expected: &[u8] = &[
        65, 0, 0, 0, 25, 0, // header
        2, 1, 1, 1, 2, 1, 0x81, b'a', 2, 0x81, b'b', 2, 0, 1, // master entry
        2, 1, 0, 1, 0, 1, 1, 1, 0x81, b'x', 2, 5, 1, // 5-1
        3, 1, 0, 1, 1, 1, 0xc1, 0x2c, 2, 0x81, b'y', 2, 5, 1, // 5-2, deleted
        0, 1, 2, 1, 0xdf, 0xff, 2, 1, 1, 0x81, b'c', 2, 0xdf, 0xfb, 2, 6, 1, // 7-0
        0xff,
    ];
    assert_eq!(node, expected);
}

#[test]
fn an_edit_of_a_clone_leaves_the_other_alone() {
    let mut stream = Stream::default();
    for ms in 1..=500 {
        add(&mut stream, id(ms, 0), &[b"field", b"value"], LIMITS);
    }
    let before = stream.clone();
    stream.entries_mut().trim(Keep::Newest(3), false, 0);
    stream.entries_mut().delete(id(499, 0));
    add(&mut stream, id(501, 0), &[b"field", b"value"], LIMITS);
    assert_eq!(before.len(), 500);
    assert_eq!(before.entries().range(StreamId::MIN, StreamId::MAX).count(), 500);
    let left: Vec<u64> =
        stream.entries().range(StreamId::MIN, StreamId::MAX).map(|entry| entry.id.ms).collect();
    assert_eq!(left, [498, 500, 501]);
    assert!(before.memory_bytes() > stream.memory_bytes());
}

#[test]
fn the_node_before_takes_messages_once_the_last_is_gone() {
    let mut stream = Stream::default();
    let limits = NodeLimits { bytes: 0, entries: 2 };
    for ms in 1..=3 {
        add(&mut stream, id(ms, 0), &[b"f", b"v"], limits);
    }
    assert_eq!(stream.entries().nodes(), 2);
    assert!(stream.entries_mut().delete(id(3, 0)));
    assert_eq!(stream.entries().nodes(), 1);
    add(&mut stream, id(4, 0), &[b"f", b"v"], NodeLimits { bytes: 0, entries: 3 });
    assert_eq!(stream.entries().nodes(), 1);
    assert_eq!((stream.entries().first_id(), stream.entries().last_id()), (id(1, 0), id(4, 0)));
    assert_eq!(stream.entries().max_deleted_id(), id(3, 0));
}

#[test]
fn what_was_added_up_to_an_id_is_known_without_gaps_only() {
    let mut stream = Stream::default();
    assert_eq!(stream.entries().added_up_to(id(9, 9)), Some(0));
    for ms in 1..=5 {
        add(&mut stream, id(ms, 0), &[b"f", b"v"], LIMITS);
    }
    stream.entries_mut().trim(Keep::From(id(3, 0)), false, 0);
    let entries = stream.entries();
    assert_eq!(entries.added_up_to(id(2, 0)), Some(2));
    assert_eq!(entries.added_up_to(id(3, 0)), Some(3));
    assert_eq!(entries.added_up_to(id(4, 0)), None);
    assert_eq!(entries.added_up_to(id(5, 0)), Some(5));
    assert_eq!(entries.added_up_to(id(6, 0)), None);
    stream.entries_mut().delete(id(4, 0));
    assert!(stream.entries().has_gaps_from(id(4, 0)));
    assert!(!stream.entries().has_gaps_from(id(4, 1)));
    assert_eq!(stream.entries().added_up_to(id(2, 0)), None);
}

/// A stream as a sorted map, and the same commands on both.
struct Pair {
    stream: Stream,
    model: BTreeMap<StreamId, Vec<Vec<u8>>>,
    rng: Rng,
}

impl Pair {
    fn step(&mut self) {
        let rng = &mut self.rng;
        let last = self.stream.entries().last_id();
        let limits =
            NodeLimits { bytes: [0, 100, 4096][rng.index(3)], entries: [0, 1, 3, 100][rng.index(4)] };
        match rng.below(20) {
            0..14 => {
                let id = match rng.below(3) {
                    0 => last.next().expect("far from the last id"),
                    1 => id(last.ms + 1 + rng.below(1 << 20), rng.next_u64() >> rng.below(64)),
                    _ => id(last.ms, last.seq + 1 + rng.below(10)),
                };
                let message: Vec<Vec<u8>> = (0..2 * (1 + rng.below(3)))
                    .map(|_| match rng.below(6) {
                        0 => (rng.next_u64() as i64 >> rng.below(64)).to_string().into_bytes(),
                        1 => vec![b'x'; rng.below(200) as usize],
                        2 => vec![0xff; rng.below(6000) as usize],
                        _ => [b"field", b"other", b"third"][rng.index(3)].to_vec(),
                    })
                    .collect();
                let slices: Vec<&[u8]> = message.iter().map(Vec::as_slice).collect();
                add(&mut self.stream, id, &slices, limits);
                self.model.insert(id, message);
            }
            14..17 => {
                let id = self.any_id();
                assert_eq!(self.stream.entries_mut().delete(id), self.model.remove(&id).is_some());
            }
            17 => {
                let keep = rng.below(self.model.len() as u64 + 1);
                let gone = self.stream.entries_mut().trim(Keep::Newest(keep), false, 0).count;
                assert_eq!(gone, self.model.len() as u64 - keep);
                while self.model.len() as u64 > keep {
                    self.model.pop_first();
                }
            }
            18 => {
                let from = self.any_id();
                let gone = self.stream.entries_mut().trim(Keep::From(from), false, 0).count;
                let left = self.model.split_off(&from);
                assert_eq!(gone, self.model.len() as u64);
                self.model = left;
            }
            _ => {
                let keep = rng.below(self.model.len() as u64 + 1);
                let gone = self.stream.entries_mut().trim(Keep::Newest(keep), true, 200).count;
                assert!(gone <= 200 && self.model.len() as u64 - gone >= keep);
                (0..gone).for_each(|_| drop(self.model.pop_first()));
            }
        }
    }

    /// The id of a message, or one nearby.
    fn any_id(&mut self) -> StreamId {
        let rng = &mut self.rng;
        let Some(at) = self.model.len().checked_sub(1).map(|last| rng.index(last + 1)) else {
            return id(rng.below(5), 1);
        };
        let id = *self.model.keys().nth(at).expect("in range");
        match rng.below(6) {
            0 => id.next().unwrap_or(id),
            1 => id.previous().unwrap_or(id),
            _ => id,
        }
    }

    fn compare(&mut self) {
        let (a, b) = (self.any_id(), self.any_id());
        let (start, end) = (a.min(b), a.max(b));
        let entries = self.stream.entries();
        assert_eq!(entries.len(), self.model.len() as u64);
        assert_eq!(entries.first().map(|entry| entry.id), self.model.keys().next().copied());
        assert_eq!(entries.last().map(|entry| entry.id), self.model.keys().last().copied());
        assert_eq!(entries.first_id(), self.model.keys().next().copied().unwrap_or_default());
        assert_eq!(entries.contains(a), self.model.contains_key(&a));
        for (start, end) in [(start, end), (StreamId::MIN, StreamId::MAX)] {
            let expected: Vec<_> = self.model.range(start..=end).map(|(id, m)| (*id, m.clone())).collect();
            let mut got: Vec<_> = entries.range(start, end).map(|entry| (entry.id, texts(entry))).collect();
            assert!(got == expected, "{start}..={end}");
            got = entries.range_back(end, start).map(|entry| (entry.id, texts(entry))).collect();
            got.reverse();
            assert_eq!(
                got.iter().map(|x| x.0).collect::<Vec<_>>(),
                expected.iter().map(|x| x.0).collect::<Vec<_>>(),
                "{start}..={end} backwards"
            );
            assert!(got == expected, "{start}..={end} backwards");
        }
        assert_eq!(entries.count(start, end), self.model.range(start..=end).count() as u64);
        assert_eq!(entries.nodes(), entries.nodes_counted());
    }
}

#[test]
fn any_sequence_of_changes_leaves_what_a_sorted_map_holds() {
    for seed in 0..if cfg!(debug_assertions) { 30 } else { 300 } {
        let mut pair = Pair { stream: Stream::default(), model: BTreeMap::new(), rng: Rng::new(seed) };
        let mut seen: Option<(Stream, usize)> = None;
        for step in 0..400 {
            pair.step();
            if step % 7 == 0 {
                pair.compare();
            }
            if step % 50 == 0 {
                seen = Some((pair.stream.clone(), pair.model.len()));
            }
            if let Some((clone, len)) = &seen
                && step % 50 == 49
            {
                assert_eq!(clone.entries().range(StreamId::MIN, StreamId::MAX).count(), *len);
            }
        }
    }
}

#[test]
fn a_groups_pending_messages_agree_with_its_consumers() {
    let mut rng = Rng::new(4);
    for round in 0..20 {
        let mut groups = Groups::default();
        assert!(groups.insert(Group::new(b"g", StreamId::MIN, None)));
        assert!(!groups.insert(Group::new(b"g", StreamId::MIN, None)));
        let mut model: BTreeMap<StreamId, (Vec<u8>, u64)> = BTreeMap::new();
        for step in 0..[300, 3000][round % 2] {
            let mut group = groups.get_mut(b"g").expect("it was inserted");
            let name = vec![b'a' + rng.below(5) as u8; 1 + rng.index(2)];
            let id = id(rng.below([20, 2000][round % 2]), rng.below(3));
            match rng.below(10) {
                0..6 => {
                    let (consumer, _) = group.consumer_or_new(&name, 5);
                    group.set_pending(id, Pending { consumer, delivered_at_ms: 1, deliveries: step });
                    model.insert(id, (name, step));
                }
                6..9 => assert_eq!(group.remove_pending(id).is_some(), model.remove(&id).is_some()),
                _ if rng.below(10) > 0 => {}
                _ => {
                    if let Some(consumer) = group.find_consumer(&name) {
                        let gone = group.delete_consumer(consumer).pending;
                        let before = model.len();
                        model.retain(|_, (owner, _)| *owner != name);
                        assert_eq!(gone, before - model.len());
                    }
                }
            }
            drop(group);
            if round % 2 == 1 && step % 100 > 0 {
                continue;
            }
            let group = groups.get(b"g").expect("it was inserted");
            let all: Vec<_> = group
                .pending_from(StreamId::MIN)
                .map(|(id, pending)| {
                    (id, (group.consumer(pending.consumer).name().to_vec(), pending.deliveries))
                })
                .collect();
            assert_eq!(all, model.iter().map(|(id, v)| (*id, v.clone())).collect::<Vec<_>>());
            assert_eq!(group.pending_len(), model.len());
            assert!(group.consumers().map(Consumer::name).is_sorted());
            assert_eq!(group.consumers().map(Consumer::pending_len).sum::<usize>(), model.len());
            for consumer in group.consumers() {
                let reference = group.find_consumer(consumer.name()).expect("it is one");
                let own = group.pending_of(reference, StreamId::MIN);
                assert!(
                    own.map(|(id, _)| id).eq(model
                        .iter()
                        .filter(|(_, (owner, _))| owner == consumer.name())
                        .map(|(id, _)| *id))
                );
            }
        }
        assert!(groups.remove(b"g").is_some());
        assert_eq!(groups.memory_bytes(), groups.iter().count() + 4 * 8);
    }
}

/// Up to thousands of messages and down to none, again and again; clones keep what they had.
#[test]
fn churn_leaves_what_a_sorted_map_holds() {
    let mut pair = Pair { stream: Stream::default(), model: BTreeMap::new(), rng: Rng::new(77) };
    let mut clones: Vec<(Stream, Vec<StreamId>)> = Vec::new();
    for round in 0..4 {
        for n in 0..[3000, 500][round % 2] {
            let id = id(pair.stream.entries().last_id().ms + 1, pair.rng.below(3));
            let value = vec![b'v'; pair.rng.index(60)];
            add(&mut pair.stream, id, &[b"field", &value], LIMITS);
            pair.model.insert(id, vec![b"field".to_vec(), value]);
            if n % 5 == 0 {
                let id = pair.any_id();
                assert_eq!(pair.stream.entries_mut().delete(id), pair.model.remove(&id).is_some());
            }
        }
        pair.compare();
        clones.push((pair.stream.clone(), pair.model.keys().copied().collect()));
        while !pair.model.is_empty() {
            if pair.rng.below(8) > 0 {
                let id = pair.any_id();
                assert_eq!(pair.stream.entries_mut().delete(id), pair.model.remove(&id).is_some());
                continue;
            }
            let keep = (pair.model.len() as u64).saturating_sub(1 + pair.rng.below(30));
            let gone = pair.stream.entries_mut().trim(Keep::Newest(keep), false, 0).count;
            assert_eq!(gone, pair.model.len() as u64 - keep);
            (0..gone).for_each(|_| drop(pair.model.pop_first()));
            if keep % 16 == 0 {
                pair.compare();
            }
        }
        pair.compare();
        assert_eq!(pair.stream.entries().nodes(), 0);
        for (clone, then) in &clones {
            assert!(
                clone.entries().range(StreamId::MIN, StreamId::MAX).map(|e| e.id).eq(then.iter().copied())
            );
        }
    }
}
