use super::peer::{Peer, Reply, Rng, check_golden, hex};
use super::*;
use crate::big_string::{BigString, CHUNK_BYTES};

fn bit_at(bytes: &[u8], bit: usize) -> bool {
    bytes[bit / 8] & (0x80 >> (bit % 8)) != 0
}

/// Cuts `bytes` into pieces at random, some of them empty.
fn pieces<'a>(rng: &mut Rng, bytes: &'a [u8]) -> Vec<&'a [u8]> {
    let mut rest = bytes;
    let mut parts = Vec::new();
    while !rest.is_empty() {
        let (part, tail) = rest.split_at(rng.below(rest.len() + 1));
        parts.push(part);
        rest = tail;
    }
    parts
}

#[test]
fn counts_agree_with_counting_bit_by_bit() {
    let mut rng = Rng(1);
    for _ in 0..400 {
        let size = [0, 1, 2, 9, 127, 128, 700, 3000][rng.below(8)] + rng.below(40);
        let bytes = rng.bytes(size);
        let all = (0..8 * bytes.len()).filter(|&bit| bit_at(&bytes, bit)).count();
        assert_eq!(count_ones(&bytes), all as u64);
        if bytes.is_empty() {
            assert_eq!(count_ones_between([&bytes[..]], 3, 4), 0);
            continue;
        }
        let (head, tail) = (rng.below(8), rng.below(8));
        let range = head..8 * bytes.len() - tail;
        let expected = range.filter(|&bit| bit_at(&bytes, bit)).count();
        let parts = pieces(&mut rng, &bytes);
        assert_eq!(count_ones_between(parts, head as u32, tail as u32), expected as u64);
    }
}

#[test]
fn positions_agree_with_looking_bit_by_bit() {
    let mut rng = Rng(2);
    for _ in 0..2000 {
        let bit = rng.below(2) == 1;
        let size = rng.below(300);
        // Mostly the other kind, so that the first of this kind is far.
        let mut bytes = vec![if bit { 0 } else { 0xff }; size];
        for _ in 0..rng.below(3).min(size) {
            let at = rng.below(size);
            bytes[at] ^= 1 << rng.below(8);
        }
        let (head, tail) = (rng.below(8), rng.below(8));
        let range = head..(8 * size).saturating_sub(tail).max(head);
        let expected = range.clone().find(|&at| at < 8 * size && bit_at(&bytes, at) == bit);
        let parts = pieces(&mut rng, &bytes);
        let found = first_bit_between(parts.iter().copied(), bit, head as u32, tail as u32);
        assert_eq!(found, expected.map(|at| at as u64), "{bit} in {range:?} of {bytes:?}");
        let whole = (0..8 * size).find(|&at| bit_at(&bytes, at) == bit);
        assert_eq!(first_bit(parts, bit), whole.map(|at| at as u64));
    }
}

#[test]
fn operations_agree_with_bytewise_ones_in_every_representation() {
    let mut rng = Rng(3);
    for round in 0..120 {
        let op = [BitOp::And, BitOp::Or, BitOp::Xor, BitOp::Not][round % 4];
        let count = if op == BitOp::Not { 1 } else { 1 + rng.below(4) };
        let contents: Vec<Vec<u8>> = (0..count)
            .map(|_| {
                let size = [0, 3, 200, CHUNK_BYTES, 3 * CHUNK_BYTES][rng.below(5)] + rng.below(50);
                rng.bytes(size)
            })
            .collect();
        let bigs: Vec<BigString> = contents.iter().map(|bytes| BigString::from_slice(bytes)).collect();
        let sources: Vec<BitSource> = contents
            .iter()
            .zip(&bigs)
            .map(|(flat, big)| if rng.below(2) == 0 { BitSource::Flat(flat) } else { BitSource::Big(big) })
            .collect();
        let len = contents.iter().map(Vec::len).max().unwrap_or(0);
        let expected: Vec<u8> = (0..len)
            .map(|at| {
                let mut column = contents.iter().map(|bytes| bytes.get(at).copied().unwrap_or(0));
                match op {
                    BitOp::And => column.fold(0xff, |a, b| a & b),
                    BitOp::Or => column.fold(0, |a, b| a | b),
                    BitOp::Xor => column.fold(0, |a, b| a ^ b),
                    BitOp::Not => !column.next().expect("one source"),
                }
            })
            .collect();
        let mut out = b"replaced".to_vec();
        bitop(op, &sources, &mut out);
        assert!(out == expected, "{op:?}");
        assert!(bitop_big(op, &sources) == *expected.as_slice(), "{op:?}");
    }
    assert!(bitop_big(BitOp::Or, &[]).is_empty());
}

#[test]
fn operations_on_holes_leave_holes() {
    let mut far = BigString::new();
    far.set_bit(800_000_000, true);
    let result = bitop_big(BitOp::And, &[BitSource::Big(&far), BitSource::Big(&far)]);
    assert!(result == far);
    assert!(result.byte_len_allocated() < 200_000);
}

#[test]
fn names_parse_as_the_server_reads_them() {
    assert_eq!(BitOp::parse(b"xOr"), Some(BitOp::Xor));
    assert_eq!(BitOp::parse(b"DIFF"), None);
    assert_eq!(Overflow::parse(b"Sat"), Some(Overflow::Sat));
    for (name, field) in
        [("u1", Field::new(false, 1)), ("u63", Field::new(false, 63)), ("i64", Field::new(true, 64))]
    {
        assert!(field.is_some());
        assert_eq!(Field::parse(name.as_bytes()), field);
    }
    for name in
        ["", "i", "u64", "i65", "u0", "i0", "u08", "u+8", "u-8", "U8", "I8", "u8 ", "u100", "x8", "u8\0"]
    {
        assert_eq!(Field::parse(name.as_bytes()), None, "{name:?}");
    }
}

#[test]
fn fields_read_back_what_was_written_and_touch_nothing_else() {
    let mut rng = Rng(4);
    for _ in 0..20_000 {
        let signed = rng.below(2) == 1;
        let Some(field) = Field::new(signed, 1 + rng.below(64) as u32) else { continue };
        let mut bytes = rng.bytes(24);
        let before = bytes.clone();
        let offset = rng.below(24 * 8 - field.bits() as usize + 1);
        let value = rng.next() as i64;
        field.set(&mut bytes, offset as u64, value);
        for bit in 0..24 * 8 {
            let inside = (offset..offset + field.bits() as usize).contains(&bit);
            let from_end = (offset + field.bits() as usize).wrapping_sub(bit + 1);
            let expected = if inside { value as u64 >> from_end & 1 == 1 } else { bit_at(&before, bit) };
            assert_eq!(bit_at(&bytes, bit), expected);
        }
        let low = i128::from(value).rem_euclid(1 << field.bits());
        let negative = signed && low >> (field.bits() - 1) == 1;
        let expected = if negative { low - (1 << field.bits()) } else { low } as i64;
        assert_eq!(field.get(&bytes, offset as u64), expected);
        // A window that begins at the field's first byte says the same.
        let range = field.byte_range(offset as u64);
        let window = &bytes[range.start as usize..range.end as usize];
        assert_eq!(field.get(window, offset as u64 % 8), expected);
    }
    let field = Field::parse(b"u16").expect("a type");
    assert_eq!(field.get(&[0xff], 4), 0xf000);
    assert_eq!(field.get(&[0xff], u64::MAX - 200), 0);
    let mut short = [0; 1];
    field.set(&mut short, 4, -1);
    assert_eq!(short, [0x0f]);
}

#[test]
fn a_set_far_below_a_signed_field_saturates_upwards_as_in_valkey() {
    let field = Field::parse(b"i33").expect("a type");
    let max = (1 << 32) - 1;
    assert_eq!(field.resolve_set(i64::MIN, Overflow::Sat), Some(max));
    assert_eq!(field.resolve_set(max - i64::MAX - 1, Overflow::Sat), Some(max));
    assert_eq!(field.resolve_set(max - i64::MAX, Overflow::Sat), Some(-max - 1));
    assert_eq!(field.resolve_set(i64::MIN, Overflow::Fail), None);
    assert_eq!(Field::parse(b"i64").expect("a type").resolve_set(i64::MIN, Overflow::Sat), Some(i64::MIN));
}

/// One `BITFIELD` with one `SET` or `INCRBY`, drawn so that overflows are common.
struct FieldCase {
    content: Vec<u8>,
    type_name: String,
    overflow: &'static str,
    increment: bool,
    offset: u64,
    value: i64,
}

impl FieldCase {
    fn draw(rng: &mut Rng) -> FieldCase {
        let signed = rng.below(2) == 1;
        let bits = 1 + rng.below(if signed { 64 } else { 63 });
        let size = rng.below(20);
        let value = match rng.below(6) {
            0 => rng.next() as i64,
            1 => [i64::MIN, i64::MAX, -1, 0, 1][rng.below(5)],
            2 => ((1_u64 << (bits - 1)) as i64).wrapping_add(rng.below(3) as i64).wrapping_neg(),
            3 => ((1_u64 << (bits - 1)) as i64).wrapping_sub(rng.below(3) as i64),
            4 => ((1_u128 << bits) as i64).wrapping_sub(rng.below(3) as i64),
            _ => (rng.next() >> rng.below(64)) as i64,
        };
        let content = match rng.below(3) {
            0 => vec![0xff; size],
            1 => vec![0x7f; size],
            _ => rng.bytes(size),
        };
        FieldCase {
            content,
            type_name: format!("{}{bits}", if signed { 'i' } else { 'u' }),
            overflow: ["WRAP", "SAT", "FAIL"][rng.below(3)],
            increment: rng.below(2) == 1,
            offset: rng.below(130) as u64,
            value,
        }
    }

    fn name(&self) -> String {
        let FieldCase { content, type_name, overflow, offset, value, increment } = self;
        let verb = if *increment { "INCRBY" } else { "SET" };
        format!("{} {overflow} {verb} {type_name} {offset} {value}", hex(content))
    }

    fn ours(&self) -> String {
        let field = Field::parse(self.type_name.as_bytes()).expect("a valid type");
        let overflow = Overflow::parse(self.overflow.as_bytes()).expect("a valid name");
        let mut bytes = self.content.clone();
        // The server grows the string before it sees that the value does not fit.
        let needed = field.byte_range(self.offset).end as usize;
        bytes.resize(bytes.len().max(needed), 0);
        let old = field.get(&bytes, self.offset);
        let (stored, reply) = if self.increment {
            let new = field.resolve_incr(old, self.value, overflow);
            (new, new)
        } else {
            let new = field.resolve_set(self.value, overflow);
            (new, new.map(|_| old))
        };
        if let Some(stored) = stored {
            field.set(&mut bytes, self.offset, stored);
        }
        let reply = reply.map_or("null".to_owned(), |number| number.to_string());
        format!("{} -> {reply} {}\n", self.name(), hex(&bytes))
    }

    fn theirs(&self, peer: &mut Peer) -> String {
        peer.run(&[b"SET", b"k", &self.content]);
        let verb: &[u8] = if self.increment { b"INCRBY" } else { b"SET" };
        let (offset, value) = (self.offset.to_string(), self.value.to_string());
        let argv: [&[u8]; 8] = [
            b"BITFIELD",
            b"k",
            b"OVERFLOW",
            self.overflow.as_bytes(),
            verb,
            self.type_name.as_bytes(),
            offset.as_bytes(),
            value.as_bytes(),
        ];
        let reply = match peer.run(&argv) {
            Reply::Array(items) => match items.as_slice() {
                [Reply::Integer(number)] => number.to_string(),
                [Reply::Null] => "null".to_owned(),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        };
        let after = peer.run(&[b"GET", b"k"]).bytes();
        format!("{} -> {reply} {}\n", self.name(), hex(&after))
    }
}

#[test]
fn bitfield_overflow_agrees_with_the_golden_replies_of_the_server() {
    let mut rng = Rng(5);
    let cases: Vec<FieldCase> = (0..300).map(|_| FieldCase::draw(&mut rng)).collect();
    let golden = include_str!("golden.txt");
    if let Some(mut peer) = Peer::start("bitfield-golden") {
        let theirs: String = cases.iter().map(|case| case.theirs(&mut peer)).collect();
        check_golden("bits/golden.txt", golden, &theirs, true);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            return;
        }
    }
    let ours: String = cases.iter().map(FieldCase::ours).collect();
    check_golden("bits/golden.txt", golden, &ours, false);
}

#[test]
fn bit_commands_agree_with_a_live_server() {
    let Some(mut peer) = Peer::start("bits") else { return };
    let mut rng = Rng(6);
    for _ in 0..4000 {
        let case = FieldCase::draw(&mut rng);
        assert_eq!(case.ours(), case.theirs(&mut peer));
    }
    for _ in 0..1000 {
        let size = 1 + rng.below(400);
        let bytes = if rng.below(3) == 0 { vec![[0, 0xff][rng.below(2)]; size] } else { rng.bytes(size) };
        peer.run(&[b"SET", b"k", &bytes]);
        let from = rng.below(8 * size);
        let to = from + rng.below(8 * size - from);
        let parts = || pieces(&mut Rng(7), &bytes[from / 8..to / 8 + 1]);
        let (head, tail) = ((from % 8) as u32, 7 - (to % 8) as u32);
        let count = count_ones_between(parts(), head, tail) as i64;
        assert_eq!(peer.words(&format!("BITCOUNT k {from} {to} BIT")), Reply::Integer(count));
        for bit in [false, true] {
            let at = first_bit_between(parts(), bit, head, tail)
                .map_or(-1, |at| (8 * (from / 8)) as i64 + at as i64);
            let command = format!("BITPOS k {} {from} {to} BIT", u8::from(bit));
            assert_eq!(peer.words(&command), Reply::Integer(at), "{command}");
        }
    }
}
