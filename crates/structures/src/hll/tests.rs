use std::collections::HashMap;

use super::fuzzing::fuzz_hll;
use super::*;
use crate::bits::peer::{Peer, Reply, Rng, check_golden, hex};

fn element(stream: usize, number: usize) -> String {
    format!("{stream}:{number}")
}

fn filled(elements: usize) -> Vec<u8> {
    let mut value = create();
    for number in 0..elements {
        add(&mut value, element(0, number).as_bytes(), SPARSE_MAX_BYTES_DEFAULT).expect("a valid value");
    }
    value
}

/// The registers after adding elements, kept without any encoding.
fn model(elements: usize) -> Box<Registers> {
    let mut registers = Box::new([0; REGISTERS]);
    for number in 0..elements {
        let (index, rank) = hash::place(element(0, number).as_bytes());
        registers[index] = registers[index].max(rank);
    }
    registers
}

#[test]
fn registers_agree_with_an_unencoded_model_in_both_encodings() {
    for elements in [0, 1, 2, 100, 1000, 1400, 3000, 50_000] {
        let value = filled(elements);
        assert!(registers(&value).expect("valid") == model(elements), "{elements} elements");
        assert_eq!(check(&value).expect("valid").encoding == Encoding::Dense, elements >= 3000);
        let mut dense_value = value.clone();
        to_dense(&mut dense_value).expect("valid");
        assert_eq!(dense_value.len(), DENSE_BYTES);
        assert!(registers(&dense_value).expect("valid") == model(elements));
        for index in (0..REGISTERS).step_by(97).chain([REGISTERS - 1]) {
            assert_eq!(dense::get(&dense_value[HEADER_BYTES..], index), model(elements)[index]);
            if check(&value).expect("valid").encoding == Encoding::Sparse {
                assert_eq!(sparse::get(&value[HEADER_BYTES..], index), Some(model(elements)[index]));
            }
        }
    }
}

#[test]
fn estimates_are_within_the_error_the_algorithm_has() {
    for elements in [10, 1000, 20_000, 300_000] {
        let mut value = filled(elements);
        let counted = count_cached(&mut value).expect("valid");
        assert!(counted.cache_rewritten);
        let error = counted.cardinality.abs_diff(elements as u64) as f64 / elements as f64;
        assert!(error < 3.0 * 0.81 / 100.0, "{} for {elements}", counted.cardinality);
        let again = count_cached(&mut value).expect("valid");
        assert_eq!(again, Counted { cardinality: counted.cardinality, cache_rewritten: false });
        assert_eq!(count(&[&value, &value]), Ok(counted.cardinality));
    }
}

#[test]
fn adding_again_changes_nothing_and_is_foreseen() {
    for elements in [500, 5000] {
        let mut value = filled(elements);
        count_cached(&mut value).expect("valid");
        let before = value.clone();
        for number in 0..elements {
            let element = element(0, number);
            assert_eq!(would_keep(&value, element.as_bytes()), Ok(true));
            assert_eq!(add(&mut value, element.as_bytes(), SPARSE_MAX_BYTES_DEFAULT), Ok(false));
        }
        assert_eq!(value, before, "the cache stays valid");
        let new = (0..)
            .map(|number| element(9, number))
            .find(|new| would_keep(&value, new.as_bytes()) == Ok(false));
        assert_eq!(add(&mut value, new.expect("some").as_bytes(), SPARSE_MAX_BYTES_DEFAULT), Ok(true));
        assert_eq!(check(&value).expect("valid").cached, None);
    }
}

#[test]
fn headers_are_checked_before_anything_else() {
    let valid = create();
    for broken in [
        &b""[..],
        b"HYLL",
        &valid[..15],
        b"hyll\x01\0\0\0\0\0\0\0\0\0\0\0\x7f\xff",
        b"HYLL\x02\0\0\0\0\0\0\0\0\0\0\0\x7f\xff",
        b"HYLL\x00\0\0\0\0\0\0\0\0\0\0\0\x7f\xff",
    ] {
        assert_eq!(check(broken), Err(HllError::NotHll));
        assert_eq!(add(&mut broken.to_vec(), b"a", 3000), Err(HllError::NotHll));
        assert_eq!(count(&[broken]), Err(HllError::NotHll));
        assert_eq!(merge(&mut create(), &[broken], 3000), Err(HllError::NotHll));
    }
    assert_eq!(HllError::NotHll.to_string(), "WRONGTYPE Key is not a valid HyperLogLog string value.");
    assert_eq!(HllError::Corrupt.to_string(), "INVALIDOBJ Corrupted HLL object detected");
}

#[test]
fn a_failed_merge_changes_nothing() {
    let mut value = filled(10);
    let before = value.clone();
    let mut corrupt = filled(20);
    corrupt.pop();
    assert_eq!(merge(&mut value, &[&filled(30), &corrupt], 3000), Err(HllError::Corrupt));
    assert_eq!(value, before);
}

#[test]
fn a_register_past_32_is_stored_dense() {
    // Found by trying: this element ends in many zeros behind its register's bits.
    let rare = (0..200_000_000_u64).find(|n| hash::place(&n.to_le_bytes()).1 > 24).expect("one in 2^24");
    let (_, rank) = hash::place(&rare.to_le_bytes());
    let mut value = create();
    assert_eq!(add(&mut value, &rare.to_le_bytes(), 3000), Ok(true));
    assert_eq!(check(&value).expect("valid").encoding, Encoding::Sparse, "rank {rank} fits");
    assert_eq!(sparse::raise(&mut value, 77, 33, 3000), Ok(true));
    assert_eq!(check(&value).expect("valid").encoding, Encoding::Dense);
    assert_eq!(registers(&value).expect("valid")[77], 33);
}

#[test]
fn the_self_test_passes() {
    for seed in 0..3 {
        assert_eq!(self_test(seed), Ok(()));
    }
}

#[test]
fn no_input_panics() {
    let mut rng = Rng(11);
    let sparse_value = filled(300);
    let dense_value = filled(4000);
    for round in 0..600 {
        let mut input = match round % 3 {
            0 => {
                let size = rng.below(60);
                rng.bytes(size)
            }
            1 => sparse_value.clone(),
            _ => dense_value.clone(),
        };
        for _ in 0..rng.below(4) {
            if !input.is_empty() {
                let at = rng.below(input.len());
                input[at] = rng.next() as u8;
            }
        }
        input.truncate(rng.below(2 * input.len() + 1));
        fuzz_hll(&input);
    }
}

/// A keyspace of HyperLogLogs that runs the commands of the tests below, as a node would.
struct Ours {
    keys: HashMap<Vec<u8>, Vec<u8>>,
    sparse_max_bytes: usize,
}

impl Ours {
    fn new() -> Ours {
        Ours { keys: HashMap::new(), sparse_max_bytes: SPARSE_MAX_BYTES_DEFAULT }
    }

    fn run(&mut self, argv: &[Vec<u8>]) -> Result<Reply, HllError> {
        let ok = || Reply::Line("+OK".to_owned());
        let key = argv.get(1).cloned().unwrap_or_default();
        Ok(match argv[0].as_slice() {
            b"FLUSHALL" => {
                self.keys.clear();
                ok()
            }
            b"CONFIG" => {
                self.sparse_max_bytes = String::from_utf8_lossy(&argv[3]).parse().expect("a size");
                ok()
            }
            b"GET" => self.keys.get(&key).map_or(Reply::Null, |value| Reply::Bulk(value.clone())),
            b"SET" => {
                self.keys.insert(key, argv[2].clone());
                ok()
            }
            b"PFADD" => {
                let mut changed = !self.keys.contains_key(&key);
                let value = self.keys.entry(key).or_insert_with(create);
                check(value)?;
                for element in &argv[2..] {
                    changed |= add(value, element, self.sparse_max_bytes)?;
                }
                Reply::Integer(i64::from(changed))
            }
            b"PFCOUNT" if argv.len() == 2 => match self.keys.get_mut(&key) {
                None => Reply::Integer(0),
                Some(value) => Reply::Integer(count_cached(value)?.cardinality as i64),
            },
            b"PFCOUNT" => {
                let values: Vec<&[u8]> =
                    argv[1..].iter().filter_map(|key| self.keys.get(key)).map(Vec::as_slice).collect();
                Reply::Integer(count(&values)? as i64)
            }
            b"PFMERGE" => {
                let mut dst = self.keys.get(&key).cloned().unwrap_or_else(create);
                let sources: Vec<&[u8]> =
                    argv[2..].iter().filter_map(|key| self.keys.get(key)).map(Vec::as_slice).collect();
                merge(&mut dst, &sources, self.sparse_max_bytes)?;
                self.keys.insert(key, dst);
                ok()
            }
            b"PFDEBUG" => self.debug(&argv[1], &argv[2])?,
            other => panic!("{other:?} is not interpreted"),
        })
    }

    fn debug(&mut self, what: &[u8], key: &[u8]) -> Result<Reply, HllError> {
        let Some(value) = self.keys.get_mut(key) else {
            return Ok(Reply::Line("-ERR The specified key does not exist".to_owned()));
        };
        let header = check(value)?;
        Ok(match what {
            b"ENCODING" => Reply::Line(format!("+{}", header.encoding.name())),
            b"TODENSE" => Reply::Integer(i64::from(to_dense(value)?)),
            b"DECODE" => match decode(value)? {
                Some(text) => Reply::Bulk(text.into_bytes()),
                None => Reply::Line("-ERR HLL encoding is not sparse".to_owned()),
            },
            _ => {
                let registers = registers(value)?;
                to_dense(value)?;
                Reply::Array(registers.iter().map(|&rank| Reply::Integer(i64::from(rank))).collect())
            }
        })
    }

    fn reply(&mut self, argv: &[Vec<u8>]) -> Reply {
        self.run(argv).unwrap_or_else(|error| Reply::Line(format!("-{error}")))
    }
}

fn command(words: &[&str]) -> Vec<Vec<u8>> {
    words.iter().map(|word| word.as_bytes().to_vec()).collect()
}

/// One line for the golden file: short strings in full, long ones by length and hash.
fn shown(reply: &Reply) -> String {
    match reply {
        Reply::Bulk(bytes) if bytes.len() <= 200 => hex(bytes),
        Reply::Bulk(bytes) => format!("{} bytes, {:016x}", bytes.len(), hash::murmur64a(bytes)),
        Reply::Array(items) => {
            let bytes: Vec<u8> = items
                .iter()
                .map(|item| match item {
                    Reply::Integer(rank) => *rank as u8,
                    other => panic!("{other:?} among registers"),
                })
                .collect();
            format!("{} registers, {:016x}", items.len(), hash::murmur64a(&bytes))
        }
        other => format!("{other:?}"),
    }
}

/// Growth of several values through both encodings, with everything visible looked at on the way.
fn golden_script() -> Vec<Vec<Vec<u8>>> {
    let mut script =
        vec![command(&["PFADD", "empty"]), command(&["GET", "empty"]), command(&["PFCOUNT", "empty"])];
    for (stream, key) in ["a", "b", "c"].into_iter().enumerate() {
        let mut number = 0;
        for batch in [1, 1, 1, 2, 5, 10, 30, 50, 400, 500, 500, 500, 3000, 20_000] {
            // The third value stays sparse.
            if stream == 2 && number > 1000 {
                break;
            }
            let mut add = command(&["PFADD", key]);
            for _ in 0..batch {
                add.push(element(stream + 1, number).into_bytes());
                number += 1;
            }
            script.push(add);
            script.push(command(&["GET", key]));
            script.push(command(&["PFCOUNT", key]));
            script.push(command(&["GET", key]));
            script.push(command(&["PFDEBUG", "ENCODING", key]));
            script.push(command(&["PFCOUNT", key, "empty", "nokey"]));
            script.push(command(&["PFMERGE", "m", key]));
            script.push(command(&["GET", "m"]));
        }
    }
    for merge in [
        &["PFMERGE", "n", "c", "empty"][..],
        &["PFMERGE", "n"],
        &["PFMERGE", "n", "a", "b"],
        &["PFMERGE", "o"],
    ] {
        script.push(command(merge));
        script.push(command(&["GET", merge[1]]));
        script.push(command(&["PFCOUNT", merge[1]]));
        script.push(command(&["GET", merge[1]]));
    }
    script.push(command(&["PFCOUNT", "a", "b", "c"]));
    script.push(command(&["PFDEBUG", "DECODE", "c"]));
    script.push(command(&["PFDEBUG", "DECODE", "a"]));
    script.push(command(&["PFDEBUG", "GETREG", "c"]));
    script.push(command(&["GET", "c"]));
    script.push(command(&["PFDEBUG", "TODENSE", "empty"]));
    script.push(command(&["PFDEBUG", "TODENSE", "empty"]));
    // Values made up to be changed in many places.
    let mut rng = Rng(21);
    for round in 0..40 {
        let value = if round % 8 == 0 { random_dense(&mut rng) } else { random_sparse(&mut rng) };
        let room = value.len() + rng.below(12);
        script.push(command(&["CONFIG", "SET", "hll-sparse-max-bytes", &room.to_string()]));
        script.push(vec![b"SET".to_vec(), b"x".to_vec(), value]);
        for number in 0..12 {
            // Several at once, since most meet a register that is high enough.
            let mut add = command(&["PFADD", "x"]);
            add.extend((0..4).map(|part| element(4 + round, 4 * number + part).into_bytes()));
            script.push(add);
            script.push(command(&["GET", "x"]));
        }
        script.push(command(&["PFCOUNT", "x"]));
    }
    script.push(command(&["CONFIG", "SET", "hll-sparse-max-bytes", "3000"]));
    // All registers at a value that no element gives, and small corruptions.
    let mut full = b"HYLL\0\0\0\0\0\0\0\0\0\0\0\x80".to_vec();
    full.resize(DENSE_BYTES, 0xff);
    let corrupt: [&[u8]; 7] =
        [b"", b"\x7f", b"\x7f\xff\x00", b"\x7f\xfe\x81", b"\x7f\xfe\x80", b"\x7f\x00\x3f\x40", b"\xff"];
    let bodies = corrupt.iter().map(|body| [&b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80"[..], body].concat());
    for value in bodies.chain([full, b"HYLL\x02".to_vec(), b"".to_vec()]) {
        script.push(vec![b"SET".to_vec(), b"x".to_vec(), value]);
        for words in [
            &["PFCOUNT", "x"][..],
            &["PFCOUNT", "x", "x"],
            &["PFADD", "x", "q"],
            &["GET", "x"],
            &["PFMERGE", "y", "x"],
            &["PFDEBUG", "TODENSE", "x"],
        ] {
            script.push(command(words));
        }
    }
    script
}

#[test]
fn values_agree_with_the_golden_replies_of_the_server() {
    let script = golden_script();
    let golden = include_str!("golden.txt");
    let line = |argv: &[Vec<u8>], reply: &Reply| {
        let words: Vec<String> =
            argv.iter().take(4).map(|word| String::from_utf8_lossy(word).into_owned()).collect();
        let name = if argv[0] == b"SET" { "SET x …".to_owned() } else { words.join(" ") };
        format!("{name} ({} arguments) -> {}\n", argv.len(), shown(reply))
    };
    if let Some(mut peer) = Peer::start("hll-golden") {
        let theirs: String = script
            .iter()
            .map(|argv| line(argv, &peer.run(&argv.iter().map(Vec::as_slice).collect::<Vec<_>>())))
            .collect();
        check_golden("hll/golden.txt", golden, &theirs, true);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            return;
        }
    }
    let mut ours = Ours::new();
    let made: String = script.iter().map(|argv| line(argv, &ours.reply(argv))).collect();
    check_golden("hll/golden.txt", golden, &made, false);
}

/// A valid sparse value with many short runs side by side, few ranks among them: much to split and to join.
fn random_sparse(rng: &mut Rng) -> Vec<u8> {
    let mut value = create();
    value.truncate(HEADER_BYTES);
    let ranks = [1, 2, 32][rng.below(3)];
    let longest = 1 + rng.below(4);
    let gaps = [2, 50, 2000][rng.below(3)];
    let mut left = REGISTERS;
    while left > 0 {
        let len = (1 + rng.below(longest)).min(left);
        value.push(0x80 | (rng.below(ranks) << 2) as u8 | (len - 1) as u8);
        left -= len;
        let gap = rng.below(gaps).min(left);
        match gap {
            0 => {}
            1..=64 if rng.below(4) > 0 => value.push((gap - 1) as u8),
            _ => value.extend_from_slice(&[0x40 | ((gap - 1) >> 8) as u8, (gap - 1) as u8]),
        }
        left -= gap;
    }
    value
}

/// A dense value whose registers are near the greatest, at which no sequence of a test would arrive.
fn random_dense(rng: &mut Rng) -> Vec<u8> {
    let least = rng.below(50) as u8;
    let registers = std::array::from_fn(|_| least + rng.below(usize::from(52 - least)) as u8);
    let mut value = create();
    set_dense(&mut value, &registers);
    value
}

/// A command on few keys, such that values of all sizes and some corrupt ones meet.
fn random_command(rng: &mut Rng) -> Vec<Vec<u8>> {
    let key = |rng: &mut Rng| format!("k{}", rng.below(5)).into_bytes();
    match rng.below(20) {
        0..=8 => {
            let mut argv = vec![b"PFADD".to_vec(), key(rng)];
            let range = [30, 3000, 1_000_000][rng.below(3)];
            for _ in 0..[0, 1, 3, 40, 400][rng.below(5)] {
                argv.push(format!("e{}", rng.below(range)).into_bytes());
            }
            argv
        }
        9..=11 => vec![b"PFCOUNT".to_vec(), key(rng)],
        12 => vec![b"PFCOUNT".to_vec(), key(rng), key(rng)],
        13 | 14 => vec![b"PFMERGE".to_vec(), key(rng), key(rng), key(rng)],
        15 => vec![
            b"PFDEBUG".to_vec(),
            [&b"ENCODING"[..], b"TODENSE", b"DECODE", b"GETREG"][rng.below(4)].to_vec(),
            key(rng),
        ],
        16 => {
            let size = rng.below(12);
            let body = rng.bytes(size);
            let mut value = b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80".to_vec();
            value.extend_from_slice(&body);
            // No opcode cut off by the end: a change there makes Valkey overwrite the zero behind the string,
            // and what it reads afterwards is in no reply.
            if sparse::runs(&body).map(|run| run.width).sum::<usize>() > body.len() {
                value.push(0);
            }
            vec![b"SET".to_vec(), key(rng), value]
        }
        17 => {
            let value = if rng.below(4) == 0 { random_dense(rng) } else { random_sparse(rng) };
            vec![b"SET".to_vec(), key(rng), value]
        }
        18 => {
            // Small limits are reached by values of a few runs, and so exactly.
            let size =
                [0, 20 + rng.below(60), 20 + rng.below(60), 1000, 3000, 9000][rng.below(6)].to_string();
            command(&["CONFIG", "SET", "hll-sparse-max-bytes", &size])
        }
        _ if rng.below(8) == 0 => command(&["FLUSHALL"]),
        _ => vec![b"GET".to_vec(), key(rng)],
    }
}

#[test]
fn random_commands_agree_with_a_live_server() {
    let Some(mut peer) = Peer::start("hll") else { return };
    for seed in 0..40 {
        let mut rng = Rng(seed);
        let mut ours = Ours::new();
        peer.words("FLUSHALL");
        peer.words("CONFIG SET hll-sparse-max-bytes 3000");
        for step in 0..400 {
            let argv = random_command(&mut rng);
            let name = || {
                argv.iter().take(4).map(|word| String::from_utf8_lossy(word)).collect::<Vec<_>>().join(" ")
            };
            let theirs = peer.run(&argv.iter().map(Vec::as_slice).collect::<Vec<_>>());
            let made = ours.reply(&argv);
            let shown = || format!("{} and not {}", shown(&made), shown(&theirs));
            assert!(made == theirs, "seed {seed}, step {step}, {}: {}", name(), shown());
            if argv.len() > 1 && argv[0] != b"CONFIG" {
                let key = if argv[0] == b"PFDEBUG" { &argv[2] } else { &argv[1] };
                let stored = ours.keys.get(key).map_or(Reply::Null, |value| Reply::Bulk(value.clone()));
                assert!(
                    peer.run(&[b"GET", key]) == stored,
                    "seed {seed}, step {step}, value after {}",
                    name()
                );
            }
        }
    }
}
