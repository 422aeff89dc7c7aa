//! Keys, values, numbers and times that generators draw.
//!
//! Pools are small so that keys collide and conditions such as IFEQ come true. Times obey one rule: no outcome
//! may depend on the millisecond in which a server runs the command.

use super::generate::{Command, Gen};
use super::step::Action;

/// What a key mostly holds. Every key can hold anything: one draw in seven ignores the flavour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    /// Integers, for INCR.
    Int,
    /// Floats, for INCRBYFLOAT.
    Float,
    /// Any bytes.
    Text,
    /// Bitmaps.
    Bitmap,
    /// HyperLogLogs.
    Hll,
    /// Strings short enough for LCS, whose cost is the product of two lengths.
    Short,
    /// Hashes.
    Hash,
    /// Lists.
    List,
    /// Sets.
    Set,
    /// Sets of integers, as long as nothing else gets in.
    Ints,
    /// Sorted sets.
    Zset,
    /// Sorted sets whose members all have one score: what ranges of members are determined for.
    Lex,
    /// Sorted sets of places.
    Geo,
    /// Streams with small ids.
    Stream,
    /// Streams whose ids lie far ahead of the present.
    Future,
}

/// Each flavour's keys: how they begin, how many there are, and the family with which they come into play.
pub(super) const FLAVOURS: &[(Flavour, &str, usize, &str)] = &[
    (Flavour::Int, "n:", 6, "string"),
    (Flavour::Float, "f:", 4, "string"),
    (Flavour::Text, "s:", 8, "string"),
    (Flavour::Bitmap, "b:", 6, "string"),
    (Flavour::Hll, "h:", 6, "string"),
    (Flavour::Short, "l:", 4, ""),
    (Flavour::Hash, "H:", 5, "hash"),
    (Flavour::List, "L:", 5, "list"),
    (Flavour::Set, "S:", 5, "set"),
    (Flavour::Ints, "I:", 4, "set"),
    (Flavour::Zset, "Z:", 5, "sorted_set"),
    (Flavour::Lex, "Y:", 4, ""),
    (Flavour::Geo, "G:", 4, "geo"),
    (Flavour::Stream, "X:", 4, "stream"),
    (Flavour::Future, "F:", 3, "stream"),
];

/// Keys that are unlike the others: empty, binary, with glob characters, with spaces and line ends.
const ODD_KEYS: &[&[u8]] = &[
    b"",
    b"\x00\xff\r\n",
    b"a[b*c?",
    b"with space",
    b"{",
    b"{}x",
    b"a{t}b{u}",
    "h\u{e4}\u{1f600}".as_bytes(),
];

/// Values that come up again and again, so that comparisons come true.
const COMMON: &[&[u8]] = &[b"a", b"b", b"1", b"10", b"", b"hello world", b"\x00", b"3.5"];

const EDGE_INTEGERS: &[&str] = &[
    "0",
    "1",
    "-1",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775806",
    "-9223372036854775807",
    "2147483647",
    "2147483648",
    "4294967295",
    "4294967296",
    "9999",
    "10000",
    "10001",
];

const NO_INTEGERS: &[&str] = &[
    "",
    "abc",
    "1.0",
    " 1",
    "1 ",
    "+1",
    "01",
    "-0",
    "0x10",
    "1e3",
    "9223372036854775808",
    "-9223372036854775809",
    "18446744073709551616",
    "--1",
    "-",
];

const FLOATS: &[&str] = &[
    "0",
    "1",
    "-1",
    "0.1",
    "0.2",
    "-0.5",
    "3.14159",
    "1e3",
    "1e17",
    "1.5e-5",
    "5.0e3",
    "200",
    "1e-17",
    "123456789.125",
    "99999999999999999",
    "0.30000000000000004",
    ".5",
    "5.",
    "-0.0",
    "1e300",
    "17179869184.5",
    "0x1p3",
];

const NO_FLOATS: &[&str] =
    &["", "abc", "nan", "inf", "-inf", "+inf", "1e5000", "1 ", " 1", "1.2.3", "--1", "1e", "1,5", "infinity"];

impl Gen {
    /// One of a few words.
    pub fn word(&mut self, words: &[&'static str]) -> &'static str {
        words[self.rng.below(words.len())]
    }

    /// Any key.
    pub fn key(&mut self) -> Vec<u8> {
        if self.rng.percent(5) {
            return if self.rng.one_in(6) { vec![b'k'; 300] } else { self.rng.pick(ODD_KEYS).to_vec() };
        }
        // `Short` keys stay short because other commands do not draw them: no family brings them into play. Nor are
        // `Lex` keys drawn by others.
        let (_, prefix, count) = if self.rng.percent(8) { self.stray_flavour() } else { self.any_flavour() };
        let number = self.rng.below(count);
        self.named_key(prefix, number)
    }

    /// Mostly a key of this flavour.
    pub fn key_of(&mut self, flavour: Flavour) -> Vec<u8> {
        let stray = if flavour == Flavour::Short { 2 } else { 14 };
        if self.rng.percent(stray) {
            return self.key();
        }
        let (_, prefix, count, _) = *FLAVOURS
            .iter()
            .find(|(each, ..)| *each == flavour)
            .expect("the table has a row for every flavour");
        let number = self.rng.below(count);
        self.named_key(prefix, number)
    }

    /// A key of this flavour and no other.
    pub fn only_key_of(&mut self, flavour: Flavour) -> Vec<u8> {
        let row = FLAVOURS.iter().find(|(each, ..)| *each == flavour);
        let (_, prefix, count, _) = *row.expect("the table has a row for every flavour");
        let number = self.rng.below(count);
        self.named_key(prefix, number)
    }

    /// One to `max` keys.
    pub fn keys(&mut self, max: usize) -> Vec<Vec<u8>> {
        (0..1 + self.rng.below(max)).map(|_| self.key()).collect()
    }

    /// A key of a flavour, which is there or not, that no family need be working with.
    fn stray_flavour(&mut self) -> (Flavour, &'static str, usize) {
        let flavours =
            [Flavour::Text, Flavour::Hash, Flavour::List, Flavour::Set, Flavour::Zset, Flavour::Stream];
        let flavour = *self.rng.pick(&flavours);
        let row = FLAVOURS.iter().find(|(each, ..)| *each == flavour);
        let (_, prefix, _, _) = *row.expect("the table has a row for every flavour");
        (flavour, prefix, 2)
    }

    /// `{tag}` when keys of this sequence have it, for patterns that are to fit them.
    pub fn tag(&self) -> &'static str {
        if self.settings.hot_tag { "{tag}" } else { "" }
    }

    fn named_key(&mut self, prefix: &str, number: usize) -> Vec<u8> {
        let tag = if self.settings.hot_tag && number % 4 != 3 { "{tag}" } else { "" };
        format!("{tag}{prefix}{number}").into_bytes()
    }

    /// Any value: mostly short, now and then thousands of bytes, rarely 100 KB.
    pub fn value(&mut self) -> Vec<u8> {
        match self.rng.below(100) {
            0..35 => self.rng.pick(COMMON).to_vec(),
            35..50 => self.integer(),
            50..60 => self.rng.pick(FLOATS).as_bytes().to_vec(),
            60..75 => {
                let length = self.rng.below(20);
                self.rng.bytes(length)
            }
            // Around the lengths at which encodings change.
            75..90 => {
                let length = self.rng.between(18, 130) as usize;
                self.text(length)
            }
            90..98 => {
                let length = self.rng.below(2000);
                self.rng.bytes(length)
            }
            98 => {
                let length = self.rng.below(20_000);
                self.text(length)
            }
            _ if self.rng.one_in(8) => {
                let length = 100_000 + self.rng.below(2000);
                self.text(length)
            }
            _ => Vec::new(),
        }
    }

    /// A short value, without the long ones of [`Gen::value`].
    pub fn short_value(&mut self) -> Vec<u8> {
        if self.rng.percent(60) {
            return self.rng.pick(COMMON).to_vec();
        }
        let length = self.rng.below(60);
        self.text(length)
    }

    /// `length` letters of a small alphabet, so that two texts have much in common.
    pub fn text(&mut self, length: usize) -> Vec<u8> {
        let mut word = self.rng.next_u64();
        (0..length)
            .map(|_| {
                word = word.rotate_left(5).wrapping_mul(0x2545_f491_4f6c_dd1d);
                b'a' + (word >> 60) as u8 % 6
            })
            .collect()
    }

    /// Nonsense where a number or an option is expected; never a number. Without NUL bytes: Valkey takes
    /// `NX\0` for `NX`, an accident of C strings that nobody relies on.
    pub fn nonsense(&mut self) -> Vec<u8> {
        match self.rng.below(4) {
            0 => b"garbage".to_vec(),
            1 => Vec::new(),
            2 => b"NXX".to_vec(),
            _ => self.rng.pick(&["not-an-option", "1x", "\r\n", "*", "%s%n"]).as_bytes().to_vec(),
        }
    }

    /// An integer: small, at an edge of a type, or anything of 64 bits.
    pub fn integer(&mut self) -> Vec<u8> {
        match self.rng.below(10) {
            0..6 => self.rng.between(-20, 200).to_string().into_bytes(),
            6..8 => self.rng.pick(EDGE_INTEGERS).as_bytes().to_vec(),
            8 => self.rng.between(-1_000_000, 1_000_000).to_string().into_bytes(),
            _ => self.rng.between(i64::MIN, i64::MAX).to_string().into_bytes(),
        }
    }

    /// An integer, or one time in twelve what looks like one and is none.
    pub fn integer_or_not(&mut self) -> Vec<u8> {
        if self.rng.one_in(12) { self.rng.pick(NO_INTEGERS).as_bytes().to_vec() } else { self.integer() }
    }

    /// A float, or one time in ten what is none.
    pub fn float_or_not(&mut self) -> Vec<u8> {
        if self.rng.one_in(10) {
            return self.rng.pick(NO_FLOATS).as_bytes().to_vec();
        }
        if self.rng.percent(60) {
            return self.rng.pick(FLOATS).as_bytes().to_vec();
        }
        let (whole, part) = (self.rng.between(-100_000, 100_000), self.rng.below(1000));
        format!("{whole}.{part}").into_bytes()
    }

    /// An index into a string: small, negative, beyond the end, at the edges.
    pub fn index(&mut self) -> Vec<u8> {
        match self.rng.below(20) {
            0..14 => self.rng.between(-30, 60).to_string().into_bytes(),
            14..17 => self.rng.between(-3000, 3000).to_string().into_bytes(),
            17 => self.rng.pick(EDGE_INTEGERS).as_bytes().to_vec(),
            18 => self.rng.pick(NO_INTEGERS).as_bytes().to_vec(),
            _ => self.rng.pick(&["0", "-1"]).as_bytes().to_vec(),
        }
    }

    /// An offset to write at: below `high` mostly, rarely thirty times as far, or refused. Never one that is
    /// allowed and makes a value of many megabytes.
    pub fn offset(&mut self, high: i64, refused: &[&str]) -> Vec<u8> {
        match self.rng.below(40) {
            0..36 => self.rng.between(0, high).to_string().into_bytes(),
            36 => self.rng.between(0, 30 * high).to_string().into_bytes(),
            37 => self.rng.pick(NO_INTEGERS).as_bytes().to_vec(),
            _ => self.rng.pick(refused).as_bytes().to_vec(),
        }
    }

    /// Seconds from now, hours ahead. No two of a sequence are within ten seconds of each other: GT and LT must
    /// not depend on the moment.
    pub fn far_seconds(&mut self) -> i64 {
        self.expiries += 1;
        10_000 + 10 * (self.expiries.wrapping_mul(7919) % 100_003) as i64
    }

    /// A TTL for EX: far mostly, else one that is refused.
    pub fn seconds(&mut self) -> Vec<u8> {
        if self.rng.percent(88) { self.far_seconds().to_string().into_bytes() } else { self.refused_time() }
    }

    /// A TTL for PX.
    pub fn milliseconds(&mut self) -> Vec<u8> {
        if self.rng.percent(88) {
            (self.far_seconds() * 1000).to_string().into_bytes()
        } else {
            self.refused_time()
        }
    }

    /// A point in time for EXAT: after the year 2100 mostly, or long past, or refused.
    pub fn unix_seconds(&mut self) -> Vec<u8> {
        match self.rng.below(20) {
            0..14 => (4_102_444_800 + self.rng.between(0, 20)).to_string().into_bytes(),
            14..17 => self.past_seconds().to_string().into_bytes(),
            _ => self.refused_time(),
        }
    }

    /// A point in time for PXAT.
    pub fn unix_milliseconds(&mut self) -> Vec<u8> {
        match self.rng.below(20) {
            0..14 => (4_102_444_800_000 + self.rng.between(0, 20)).to_string().into_bytes(),
            14..17 => (self.past_seconds() * 1000 + 7).to_string().into_bytes(),
            _ => self.refused_time(),
        }
    }

    fn past_seconds(&mut self) -> i64 {
        *self.rng.pick(&[1, 1000, 1_000_000_000, 1_600_000_000])
    }

    /// Zero, negative, an overflow once multiplied or added, or no integer: never a moment near the present.
    pub fn refused_time(&mut self) -> Vec<u8> {
        if self.rng.percent(35) {
            return self.rng.pick(NO_INTEGERS).as_bytes().to_vec();
        }
        let edges = [
            "0",
            "-1",
            "-100",
            "9223372036854775807",
            "-9223372036854775808",
            "9223372036854775",
            "-9223372036854776",
        ];
        self.rng.pick(&edges).as_bytes().to_vec()
    }

    /// Adds one of EX, PX, EXAT, PXAT with its time. With `past` false, no time that has passed.
    pub fn expiry(&mut self, command: Command, past: bool) -> Command {
        match self.rng.below(4) {
            0 => command.token("EX").arg(self.seconds()),
            1 => command.token("PX").arg(self.milliseconds()),
            2 if past => command.token("EXAT").arg(self.unix_seconds()),
            2 => command.token("EXAT").arg((4_102_444_800 + self.rng.between(0, 20)).to_string()),
            _ if past => command.token("PXAT").arg(self.unix_milliseconds()),
            _ => command.token("PXAT").arg((4_102_444_800_000 + self.rng.between(0, 20)).to_string()),
        }
    }

    /// Lets the expiry that the step before set on `key` pass, and reads the key.
    pub fn let_expire(&mut self, key: Vec<u8>) {
        self.glue_action(Action::Pause { ms: 12, key });
    }

    /// A database index: mostly one of the first four.
    pub fn database(&mut self) -> Vec<u8> {
        match self.rng.below(20) {
            0..17 => self.rng.below(4).to_string().into_bytes(),
            17 => self.rng.pick(&["15", "9"]).as_bytes().to_vec(),
            18 => self.rng.pick(&["16", "-1", "1000000"]).as_bytes().to_vec(),
            _ => self.rng.pick(NO_INTEGERS).as_bytes().to_vec(),
        }
    }

    /// A glob pattern.
    pub fn pattern(&mut self) -> Vec<u8> {
        let patterns: &[&[u8]] = &[
            b"*",
            b"n:*",
            b"*:1",
            b"?:?",
            b"[a-h]:*",
            b"[^n]:*",
            b"s:[0-3]",
            b"\\*",
            b"a\\[b*",
            b"",
            b"h**",
            b"*tag*",
            b"[",
            b"[a",
            b"\x00*",
            b"{tag}*",
            b"no-such-key",
            b"n:0",
            b"*[0-9]",
            b"[A-Z]:*",
            b"?:0",
            b"m*",
            b"f1*",
        ];
        self.rng.pick(patterns).to_vec()
    }
}
