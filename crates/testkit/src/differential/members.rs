//! What goes into collections: members, fields, scores and ranges of them, ids of streams, places on the earth.
//!
//! Pools are small, so that members are there when they are looked for. Where an order of equals is nobody's promise
//! (distances, weights), no two members are equal.

use super::generate::{Command, Gen};

/// Scores, edges of the type among them.
const SCORES: &[&str] = &[
    "0",
    "1",
    "1",
    "2",
    "3",
    "-1",
    "0.5",
    "1.5",
    "-2.25",
    "10",
    "100",
    "inf",
    "-inf",
    "+inf",
    "Infinity",
    "-0",
    "1e308",
    "-1e308",
    "1.7976931348623157e308",
    "5e-324",
    "2.2250738585072014e-308",
    "3.0e3",
    "1e-5",
    "0x10",
    "9007199254740992",
    "9007199254740993",
    "-9007199254740993",
    "1234567890123456789",
    "0.1",
    "0.30000000000000004",
    "3.141592653589793",
    "1e17",
    "1e21",
    "123456789.125",
];

const NO_SCORES: &[&str] = &["nan", "-nan", "", "abc", "1e400x", "1 ", " 1", "--1", "1,5", "one", "(1", "0x"];

/// Integers that need one, two, three, four and eight bytes, and what is no integer to an intset.
const INTEGERS: &[&str] = &[
    "0",
    "1",
    "2",
    "3",
    "5",
    "7",
    "9",
    "127",
    "128",
    "-128",
    "-129",
    "255",
    "4095",
    "4096",
    "32767",
    "32768",
    "-32768",
    "-32769",
    "8388607",
    "8388608",
    "2147483647",
    "2147483648",
    "-2147483648",
    "-2147483649",
    "9223372036854775807",
    "-9223372036854775808",
];

const NEARLY_INTEGERS: &[&str] = &["01", "-0", "+1", "1.0", "9223372036854775808", " 1", "1e3", ""];

impl Gen {
    /// A member of a list, set or sorted set.
    pub fn member(&mut self) -> Vec<u8> {
        match self.rng.below(100) {
            0..36 => self.rng.below(10).to_string().into_bytes(),
            36..62 => format!("m{}", self.rng.below(16)).into_bytes(),
            62..74 => self.short_value(),
            74..80 => self.rng.pick(INTEGERS).as_bytes().to_vec(),
            80..82 => self.rng.pick(NEARLY_INTEGERS).as_bytes().to_vec(),
            82..87 => {
                let (byte, length) =
                    (*self.rng.pick(&[0u8, 1, 0x7f, 0x80, 0xc0, 0xff]), 1 + self.rng.below(5));
                vec![byte; length]
            }
            // Around the lengths at which encodings change.
            87..94 => {
                let length = *self.rng.pick(&[7, 8, 9, 19, 20, 21, 62, 63, 64, 65, 66]);
                vec![b'x'; length]
            }
            94..97 => vec![b'y'; 100 + 50 * self.rng.below(5)],
            97 => vec![b'z'; 4090 + self.rng.below(10)],
            98 if self.rng.one_in(6) => vec![b'w'; 20_000],
            _ => self.rng.pick(&["hello", "Hello", "a b", "\u{e4}\u{1f600}"]).as_bytes().to_vec(),
        }
    }

    /// One to `max` members.
    pub fn members(&mut self, max: usize) -> Vec<Vec<u8>> {
        (0..1 + self.rng.below(max)).map(|_| self.member()).collect()
    }

    /// A member of a set that is to stay an intset, mostly.
    pub fn integer_member(&mut self) -> Vec<u8> {
        match self.rng.below(40) {
            0 => self.member(),
            1 => self.rng.pick(NEARLY_INTEGERS).as_bytes().to_vec(),
            2..14 => self.rng.pick(INTEGERS).as_bytes().to_vec(),
            14 | 15 => self.rng.between(-100_000, 100_000).to_string().into_bytes(),
            _ => self.rng.between(-5, 20).to_string().into_bytes(),
        }
    }

    /// A field of a hash.
    pub fn field(&mut self) -> Vec<u8> {
        if self.rng.percent(75) { format!("f{}", self.rng.below(12)).into_bytes() } else { self.member() }
    }

    /// A value of a field.
    pub fn field_value(&mut self) -> Vec<u8> {
        match self.rng.below(10) {
            0..3 => self.integer(),
            3 | 4 => self.float_or_not(),
            _ => self.member(),
        }
    }

    /// Many members, `m0`, `m1`, ...: enough to cross the thresholds that are set by default.
    pub fn many(&mut self) -> usize {
        *self.rng.pick(&[20, 60, 127, 129, 200, 511, 513, 600])
    }

    /// A score, or one time in twenty what is none.
    pub fn score(&mut self) -> Vec<u8> {
        if self.rng.one_in(20) {
            return self.rng.pick(NO_SCORES).as_bytes().to_vec();
        }
        self.plain_score()
    }

    /// A score.
    pub fn plain_score(&mut self) -> Vec<u8> {
        match self.rng.below(10) {
            0..4 => self.rng.between(-5, 10).to_string().into_bytes(),
            4..8 => self.rng.pick(SCORES).as_bytes().to_vec(),
            8 => format!("{}.{}", self.rng.between(-1000, 1000), self.rng.below(1000)).into_bytes(),
            _ => self.rng.between(i64::MIN, i64::MAX).to_string().into_bytes(),
        }
    }

    /// A bound of a range of scores.
    pub fn score_bound(&mut self) -> Vec<u8> {
        match self.rng.below(24) {
            0 => self.rng.pick(&["(", "[1", "(nan", "nan", "", "((1", "1 2", "(abc"]).as_bytes().to_vec(),
            1..4 => self.rng.pick(&["-inf", "+inf", "inf", "(-inf", "(+inf"]).as_bytes().to_vec(),
            4..12 => [b"(".to_vec(), self.plain_score()].concat(),
            _ => self.plain_score(),
        }
    }

    /// A bound of a range of members.
    pub fn lex_bound(&mut self) -> Vec<u8> {
        match self.rng.below(24) {
            0 => self.rng.pick(&["a", "", "--", "++", "]a", "m1"]).as_bytes().to_vec(),
            1..5 => b"-".to_vec(),
            5..9 => b"+".to_vec(),
            9..16 => [b"(".to_vec(), self.member()].concat(),
            _ => [b"[".to_vec(), self.member()].concat(),
        }
    }

    /// A rank or an index: small, negative, beyond the end, none.
    pub fn rank(&mut self) -> Vec<u8> {
        match self.rng.below(20) {
            0..14 => self.rng.between(-8, 10).to_string().into_bytes(),
            14..17 => self.rng.between(-150, 150).to_string().into_bytes(),
            17 => self.rng.pick(&["0", "-1"]).as_bytes().to_vec(),
            _ => self.integer_or_not(),
        }
    }

    /// How many: few mostly, sometimes more than there are, none or nonsense.
    pub fn count(&mut self) -> Vec<u8> {
        match self.rng.below(20) {
            0..13 => self.rng.below(6).to_string().into_bytes(),
            13..16 => self.rng.pick(&["10", "100", "1000"]).as_bytes().to_vec(),
            16 => self.rng.pick(&["-1", "-2", "-10"]).as_bytes().to_vec(),
            17 => b"4294967296".to_vec(),
            _ => self.integer_or_not(),
        }
    }

    /// How many keys follow: the truth, mostly.
    pub fn numkeys(&mut self, truth: usize) -> Vec<u8> {
        match self.rng.below(24) {
            0 => (truth + 1).to_string().into_bytes(),
            1 => self.rng.pick(&["0", "-1", "x", "", "9223372036854775807", "1.0"]).as_bytes().to_vec(),
            2 if truth > 1 => (truth - 1).to_string().into_bytes(),
            _ => truth.to_string().into_bytes(),
        }
    }

    /// The id of a message, complete. Small, so that they are met again.
    pub fn stream_id(&mut self) -> Vec<u8> {
        match self.rng.below(24) {
            0..15 => format!("{}-{}", self.rng.below(14), self.rng.below(4)).into_bytes(),
            15..19 => self.rng.below(14).to_string().into_bytes(),
            19 => format!("{}-{}", self.rng.below(40), self.rng.below(1000)).into_bytes(),
            20 => self
                .rng
                .pick(&[
                    "0-0",
                    "0",
                    "18446744073709551615-18446744073709551615",
                    "18446744073709551615",
                    "0-18446744073709551615",
                    "9999999999999-5",
                ])
                .as_bytes()
                .to_vec(),
            21 => self
                .rng
                .pick(&[
                    "x",
                    "",
                    "1-",
                    "-1",
                    "1-x",
                    "1-2-3",
                    "18446744073709551616",
                    "-",
                    "+",
                    "01-1",
                    "1 -1",
                    "1--1",
                ])
                .as_bytes()
                .to_vec(),
            _ => format!("9999999999999-{}", self.rng.below(6)).into_bytes(),
        }
    }

    /// A bound of a range of ids.
    pub fn stream_bound(&mut self) -> Vec<u8> {
        match self.rng.below(12) {
            0..3 => b"-".to_vec(),
            3..6 => b"+".to_vec(),
            6..8 => [b"(".to_vec(), self.stream_id()].concat(),
            8 if self.rng.one_in(4) => self.rng.pick(&["(", "(-", "(+", "[1", "$", "*"]).as_bytes().to_vec(),
            _ => self.stream_id(),
        }
    }

    /// Longitude and latitude of a member: each has a few places of its own, none of them another's.
    pub fn place_of(&mut self, member: &[u8]) -> (String, String) {
        let mut hash = 0xcbf2_9ce4_8422_2325 ^ (self.rng.below(3) as u64);
        for &byte in member {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
        hash ^= hash >> 29;
        if self.rng.one_in(12) {
            let odd = [
                ("-180", "85.05112878"),
                ("180", "-85.05112878"),
                ("0", "0"),
                ("179.999", "0.001"),
                ("-179.999", "0.002"),
            ];
            let (longitude, latitude) = odd[hash as usize % odd.len()];
            return (longitude.to_owned(), latitude.to_owned());
        }
        // Most of them in one region, so that searches find some.
        let (wide, tall) = if hash & 3 == 0 { (179.0, 84.0) } else { (3.0, 2.0) };
        let part = |bits: u64| (bits & 0xf_ffff) as f64 / f64::from(1 << 19) - 1.0;
        let (longitude, latitude) = (part(hash >> 8) * wide, part(hash >> 32) * tall);
        let (longitude, latitude) =
            if hash & 3 == 0 { (longitude, latitude) } else { (13.4 + longitude, 38.1 + latitude) };
        (format!("{longitude:.6}"), format!("{latitude:.6}"))
    }

    /// Longitude and latitude to search around, or now and then none.
    pub fn centre(&mut self) -> (String, String) {
        if self.rng.one_in(14) {
            let bad = [
                ("181", "0"),
                ("0", "86"),
                ("x", "0"),
                ("0", ""),
                ("nan", "0"),
                ("-180.1", "1"),
                ("inf", "0"),
            ];
            let (longitude, latitude) = *self.rng.pick(&bad);
            return (longitude.to_owned(), latitude.to_owned());
        }
        match self.rng.below(8) {
            0 => ("180".into(), "0".into()),
            1 => ("0".into(), "85".into()),
            2 => (format!("{}", self.rng.between(-180, 180)), format!("{}", self.rng.between(-85, 85))),
            _ => (format!("13.{}", self.rng.below(1000)), format!("38.{}", self.rng.below(1000))),
        }
    }

    /// A distance with its unit.
    pub fn distance(&mut self) -> (String, &'static str) {
        if self.rng.one_in(16) {
            let bad =
                [("-1", "m"), ("x", "km"), ("", "m"), ("1", "cm"), ("1", ""), ("nan", "km"), ("inf", "km")];
            let (distance, unit) = *self.rng.pick(&bad);
            return (distance.to_owned(), unit);
        }
        let distances: &[(&str, &str)] = &[
            ("0", "m"),
            ("100", "m"),
            ("50000", "m"),
            ("10", "km"),
            ("100", "km"),
            ("250", "km"),
            ("1000", "km"),
            ("20000", "km"),
            ("300000", "ft"),
            ("100", "mi"),
            ("5000.5", "mi"),
            ("1e3", "km"),
            ("0.5", "km"),
            ("200", "KM"),
            ("50000", "FT"),
        ];
        let (distance, unit) = *self.rng.pick(distances);
        (distance.to_owned(), unit)
    }

    /// Adds `LIMIT offset count`.
    pub fn limit(&mut self, command: Command) -> Command {
        let offset =
            if self.rng.percent(80) { self.rng.below(4).to_string().into_bytes() } else { self.rank() };
        command.token("LIMIT").arg(offset).arg(self.count())
    }

    /// Adds MATCH and COUNT of a walk, as it pleases.
    pub fn walk_options(&mut self, command: Command) -> Command {
        let mut command = command;
        if self.rng.percent(50) {
            command = command.token("MATCH").arg(self.pattern());
        }
        if self.rng.percent(50) {
            let few = self.rng.percent(85);
            let count = if few {
                self.rng.pick(&["1", "3", "10", "1000"]).as_bytes().to_vec()
            } else {
                self.integer_or_not()
            };
            command = command.token("COUNT").arg(count);
        }
        command
    }

    /// A cursor to begin with, rarely none.
    pub fn first_cursor(&mut self) -> &'static str {
        if self.rng.percent(92) { "0" } else { self.word(&["x", "", "-1", "18446744073709551616", "0x1"]) }
    }
}
