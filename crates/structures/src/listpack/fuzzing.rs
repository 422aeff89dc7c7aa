//! The entry point for fuzzers: bytes from elsewhere are refused, or they are a listpack on which everything works.

use super::{COUNT_UNKNOWN, HEADER_BYTES, IntBuf, Listpack};

/// Longest listpacks on which every operation is tried at every element.
const THOROUGH_BYTES: usize = 300;

/// Takes `input` as a listpack, as it is and with a header and an end that fit.
///
/// # Panics
/// When reading from both ends disagrees, or a change leaves what is no listpack: that is the find.
pub fn fuzz_listpack(input: &[u8]) {
    exercise(input);
    let mut framed = ((input.len() + HEADER_BYTES + 1) as u32).to_le_bytes().to_vec();
    framed.extend_from_slice(&COUNT_UNKNOWN.to_le_bytes());
    framed.extend_from_slice(input);
    framed.push(0xff);
    if let Ok(count) = Listpack::validate(&framed) {
        exercise(&framed);
        let count = u16::try_from(count).unwrap_or(COUNT_UNKNOWN);
        framed[4..HEADER_BYTES].copy_from_slice(&count.to_le_bytes());
        exercise(&framed);
        framed[4] ^= 1;
        exercise(&framed);
    }
}

fn exercise(bytes: &[u8]) {
    let Ok(pack) = Listpack::from_bytes(bytes) else { return };
    assert_eq!(pack.as_slice(), bytes);
    let count = Listpack::validate(bytes).expect("it was just taken");
    assert_eq!(pack.len(), count);
    let forwards: Vec<_> = pack.iter().collect();
    let mut backwards: Vec<_> = pack.iter().rev().collect();
    backwards.reverse();
    assert_eq!(forwards, backwards);
    assert_eq!(forwards.len(), count);
    let mut at = pack.end();
    for (index, (offset, element)) in forwards.iter().enumerate().rev() {
        assert_eq!(pack.prev(at), Some(*offset));
        assert_eq!(pack.next(*offset), (at < pack.end()).then_some(at));
        at = *offset;
        assert_eq!(pack.get(at), *element);
        let text = element.to_vec();
        assert_eq!(element.as_bytes(&mut IntBuf::new()), text);
        assert!(element.equals(&text) && element.len() == text.len());
        if index < 8 || index + 8 > count {
            assert_eq!(pack.seek(index as isize), Some(at));
            assert_eq!(pack.seek(index as isize - count as isize), Some(at));
            assert!(pack.find(&text, 0).is_some_and(|found| found <= at));
        }
    }
    assert_eq!(pack.prev(at), None);
    assert_eq!((pack.seek(count as isize), pack.seek(-1 - count as isize)), (None, None));
    if bytes.len() <= THOROUGH_BYTES {
        for (index, (offset, element)) in forwards.iter().enumerate() {
            change(&pack, index, *offset, &element.to_vec());
        }
    }
}

/// Every change at one element, each to a copy.
fn change(pack: &Listpack, index: usize, offset: usize, text: &[u8]) {
    let texts = |pack: &Listpack| pack.iter().map(|(_, element)| element.to_vec()).collect::<Vec<_>>();
    let before = texts(pack);
    let check = |what: &str, expected: &[Vec<u8>], edit: &dyn Fn(&mut Listpack)| {
        let mut copy = pack.clone();
        edit(&mut copy);
        assert_eq!(Listpack::validate(copy.as_slice()), Ok(expected.len()), "after {what}");
        assert_eq!(texts(&copy), expected, "after {what}");
        assert_eq!(texts(pack), before, "the original stays, after {what}");
    };
    let with = |range: std::ops::Range<usize>, new: &[&[u8]]| {
        let mut expected = before.clone();
        expected.splice(range, new.iter().map(|text| text.to_vec()));
        expected
    };
    check("remove", &with(index..index + 1, &[]), &|copy| copy.remove(offset));
    check("insert", &with(index..index, &[text]), &|copy| copy.insert_at(offset, text));
    check("insert_int", &with(index..index, &[b"-70000"]), &|copy| copy.insert_int_at(offset, -70000));
    check("replace", &with(index..index + 1, &[b"abc"]), &|copy| copy.replace(offset, b"abc"));
    check("replace_int", &with(index..index + 1, &[b"7"]), &|copy| copy.replace_int(offset, 7));
    check("split_off", &before[..index], &|copy| drop(copy.split_off(index)));
    let mut doubled = before.clone();
    doubled.extend_from_slice(&before[index..]);
    check("append_all", &doubled, &|copy| {
        let tail = copy.clone().split_off(index);
        copy.append_all(&tail);
    });
    let end = (index + 2).min(before.len());
    check("remove_range", &with(index..end, &[]), &|copy| {
        assert_eq!(copy.remove_range(offset, 2), end - index);
    });
}

#[cfg(test)]
mod tests {
    use sys::random::Rng;

    use super::*;

    /// Elements of all encodings with a byte changed now and then, and noise.
    #[test]
    fn bytes_from_elsewhere_break_nothing() {
        let mut rng = Rng::new(1);
        for round in 0..600 {
            let mut input = vec![0; rng.index(120)];
            rng.fill(&mut input);
            if round % 3 > 0 {
                let texts: Vec<Vec<u8>> = (0..rng.index(12))
                    .map(|_| match rng.index(4) {
                        0 => (rng.next_u64() as i64 >> rng.index(64)).to_string().into_bytes(),
                        1 => vec![b'x'; rng.index(100)],
                        2 => vec![b'y'; rng.index(5000)],
                        _ => input[..input.len().min(rng.index(20))].to_vec(),
                    })
                    .collect();
                let pack = Listpack::from_elements(texts.iter().map(Vec::as_slice));
                input = pack.as_slice()[HEADER_BYTES..pack.end()].to_vec();
                if round % 3 == 2 && !input.is_empty() {
                    let at = rng.index(input.len());
                    input[at] = rng.next_u64() as u8;
                }
            }
            fuzz_listpack(&input);
        }
    }
}
