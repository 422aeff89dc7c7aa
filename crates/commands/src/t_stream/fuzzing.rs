//! The entry point for fuzzers: ids as clients write them, and ends of ranges.

use structures::stream::StreamId;

use super::ids::{IdText, exact, lenient, new_id, range_end, range_start};

/// Reads `input` in every way in which commands read ids.
///
/// # Panics
/// When what is read does not come back from its text, or the ways disagree: that is the find.
pub fn fuzz_ids(input: &[u8]) {
    read(input);
    // Any two numbers.
    let part = |at: usize| {
        let mut bytes = [0; 8];
        bytes.iter_mut().zip(input.iter().skip(at)).for_each(|(to, from)| *to = *from);
        u64::from_le_bytes(bytes)
    };
    for id in [StreamId::new(part(0), part(8)), StreamId::new(part(0), u64::MAX), StreamId::new(0, part(3))] {
        let text = IdText::new(id);
        assert_eq!(&*text, id.to_string().as_bytes());
        assert_eq!(exact(&text).ok(), Some(id));
        assert!(id.next().is_none_or(|next| next.previous() == Some(id) && next > id));
        assert!(id.generate(part(8)).is_none_or(|made| made > id));
        read(&text);
    }
}

fn read(arg: &[u8]) {
    let open = [b"(", arg].concat();
    match exact(arg) {
        Ok(id) => {
            assert_eq!(exact(&IdText::new(id)).ok(), Some(id), "the text of an id is an id");
            assert_eq!((lenient(arg, 0).ok(), range_start(arg).ok()), (Some(id), Some(id)));
            assert_eq!(range_start(&open).ok(), id.next());
            let end = range_end(arg).expect("a start is an end too");
            assert!(end == id || (end.ms == id.ms && end.seq == u64::MAX), "{end} of {id}");
            assert_eq!(range_end(&open).ok(), end.previous());
            let (ms, seq) = new_id(arg).expect("an id can be added");
            assert_eq!((ms, seq), (id.ms, Some(id.seq)));
        }
        Err(_) => {
            // `ms-*` only to add, `-` and `+` and what begins with a bracket only as ends.
            assert!(new_id(arg).is_ok_and(|(_, seq)| seq.is_none()) || new_id(arg).is_err());
            if lenient(arg, 7).is_ok() {
                assert!(matches!(arg.split(|&byte| byte == 0).next(), Some(b"-" | b"+")));
            }
            assert!(range_start(&open).is_err() && range_end(&open).is_err());
        }
    }
    if let (Ok(start), Ok(end)) = (range_start(arg), range_end(arg)) {
        assert!(start <= end || arg.first() == Some(&b'('), "{start} to {end}");
    }
}

#[cfg(test)]
mod tests {
    use sys::random::Rng;

    use super::*;

    #[test]
    fn random_ids_break_nothing() {
        const LETTERS: &[u8] = b"0123456789--+*( \0x";
        let mut rng = Rng::new(1);
        for _ in 0..20_000 {
            let text: Vec<u8> = (0..rng.index(24)).map(|_| LETTERS[rng.index(LETTERS.len())]).collect();
            fuzz_ids(&text);
        }
        for edge in
            ["18446744073709551615-18446744073709551615", "0-0", "(", "-", "+", "5-*", "18446744073709551616"]
        {
            fuzz_ids(edge.as_bytes());
        }
    }
}
