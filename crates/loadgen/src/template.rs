//! Requests, encoded once and then only patched.
//!
//! A template is a finished RESP array of bulk strings in which some spans of fixed width are overwritten for each
//! request: the digits of a key, a number, the head of a value. Building a request is one copy and a few digit pairs.

use anyhow::{Context, Result, bail, ensure};

use crate::{
    args::{BenchArgs, Command},
    distribution::Sampler,
    random::Random,
    reply::FixedForm,
};

const KEY_MARK: &str = "__key__";
const ELEMENT_MARK: &str = "__element__";
const NUMBER_MARK: &str = "__number__";
const VALUE_MARK: &str = "__value__";
/// What is replaced in custom requests.
const MARKS: [&str; 4] = [KEY_MARK, ELEMENT_MARK, NUMBER_MARK, VALUE_MARK];
/// What every key begins with.
pub const KEY_PREFIX: &str = "key:";
/// Bytes that SETRANGE writes.
const SETRANGE_BYTES: usize = 8;
/// Keys that `mset10` and `mget10` name.
const MULTI_KEYS: usize = 10;
/// Digits of an element's number.
const ELEMENT_DIGITS: usize = 10;
/// What `__number__` is below, and from where on.
const NUMBERS: (u64, u64) = (100_000, 1_000_000);
/// Value bytes that differ from request to request, behind a first byte that keeps values from being integers.
const VALUE_PATCH_BYTES_MAX: usize = 16;

/// One span that differs from request to request.
#[derive(Clone, Debug, PartialEq)]
enum Patch {
    /// The digits behind [`KEY_PREFIX`] of a newly drawn key.
    Key { at: usize, digits: usize },
    /// The number of an element of the key drawn last.
    Element { at: usize },
    /// Hexadecimal digits in a value.
    Value { at: usize, digits: usize },
    /// A number in `low..low + span`, all of the same number of digits.
    Number { at: usize, digits: usize, low: u64, span: u64 },
}

/// A pre-encoded request.
#[derive(Clone, Debug)]
pub struct Template {
    bytes: Vec<u8>,
    patches: Vec<Patch>,
    /// Elements per key.
    elements: u64,
}

/// Builds a template argument by argument.
struct Builder {
    template: Template,
    key_bytes: usize,
}

/// A piece of one argument.
enum Piece<'a> {
    Text(&'a [u8]),
    Key,
    Element,
    Value(usize),
    Number { low: u64, high: u64 },
}

impl Builder {
    fn new(arguments: usize, key_bytes: usize) -> Builder {
        let bytes = format!("*{arguments}\r\n").into_bytes();
        Builder { template: Template { bytes, patches: Vec::new(), elements: 1 }, key_bytes }
    }

    fn argument(&mut self, pieces: &[Piece<'_>]) -> &mut Builder {
        let width = |piece: &Piece<'_>| match piece {
            Piece::Text(text) => text.len(),
            Piece::Key => self.key_bytes,
            Piece::Element => ELEMENT_DIGITS,
            Piece::Value(value_bytes) => *value_bytes,
            Piece::Number { low, .. } => low.to_string().len(),
        };
        let argument_bytes: usize = pieces.iter().map(width).sum();
        let Template { bytes, patches, .. } = &mut self.template;
        bytes.extend_from_slice(format!("${argument_bytes}\r\n").as_bytes());
        for piece in pieces {
            match *piece {
                Piece::Text(text) => bytes.extend_from_slice(text),
                Piece::Key => {
                    bytes.extend_from_slice(KEY_PREFIX.as_bytes());
                    let digits = self.key_bytes - KEY_PREFIX.len();
                    patches.push(Patch::Key { at: bytes.len(), digits });
                    bytes.resize(bytes.len() + digits, b'0');
                }
                Piece::Element => {
                    patches.push(Patch::Element { at: bytes.len() });
                    bytes.resize(bytes.len() + ELEMENT_DIGITS, b'0');
                }
                Piece::Value(value_bytes) => {
                    let digits = value_bytes.saturating_sub(1).min(VALUE_PATCH_BYTES_MAX);
                    if digits > 0 {
                        patches.push(Patch::Value { at: bytes.len() + 1, digits });
                    }
                    bytes.extend((0..value_bytes).map(|i| b"vwxyz"[i % 5]));
                }
                Piece::Number { low, high } => {
                    let digits = low.to_string().len();
                    patches.push(Patch::Number { at: bytes.len(), digits, low, span: high - low });
                    bytes.resize(bytes.len() + digits, b'0');
                }
            }
        }
        bytes.extend_from_slice(b"\r\n");
        self
    }

    fn text(&mut self, text: &str) -> &mut Builder {
        self.argument(&[Piece::Text(text.as_bytes())])
    }

    fn key(&mut self) -> &mut Builder {
        self.argument(&[Piece::Key])
    }

    fn value(&mut self, value_bytes: usize) -> &mut Builder {
        self.argument(&[Piece::Value(value_bytes)])
    }

    fn finish(&mut self) -> Template {
        self.template.clone()
    }
}

impl Template {
    /// Length of one request; the same for all requests of a template.
    pub fn request_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Appends one request to `out`. O(request bytes), without allocation while `out` has room.
    #[inline]
    pub fn append(&self, out: &mut Vec<u8>, sampler: &mut Sampler, random: &mut Random) {
        let base = out.len();
        out.extend_from_slice(&self.bytes);
        let mut element = None;
        for patch in &self.patches {
            match *patch {
                Patch::Key { at, digits } => {
                    let drawn = sampler.draw(random);
                    element = Some(drawn % self.elements);
                    write_digits(&mut out[base + at..base + at + digits], drawn / self.elements);
                }
                Patch::Element { at } => {
                    let element = element.unwrap_or_else(|| sampler.draw(random) % self.elements);
                    write_digits(&mut out[base + at..base + at + ELEMENT_DIGITS], element);
                }
                Patch::Value { at, digits } => {
                    let mut bits = random.bits();
                    for byte in &mut out[base + at..base + at + digits] {
                        *byte = b"0123456789abcdef"[(bits & 15) as usize];
                        bits >>= 4;
                    }
                }
                Patch::Number { at, digits, low, span } => {
                    write_digits(&mut out[base + at..base + at + digits], low + random.below(span));
                }
            }
        }
    }

    /// One of the built-in commands. `ttl_s` adds EX to SET; numbers are drawn below what `value_bytes` allows.
    pub fn of_command(
        command: Command,
        key_bytes: usize,
        value_bytes: usize,
        ttl_s: Option<u64>,
    ) -> Result<Template> {
        let new = |arguments| Builder::new(arguments, key_bytes);
        Ok(match command {
            Command::Ping => new(1).text("PING").finish(),
            Command::Get => new(2).text("GET").key().finish(),
            Command::Incr => new(2).text("INCR").key().finish(),
            Command::Set => match ttl_s {
                None => new(3).text("SET").key().value(value_bytes).finish(),
                Some(ttl_s) => {
                    new(5).text("SET").key().value(value_bytes).text("EX").text(&ttl_s.to_string()).finish()
                }
            },
            Command::Append => new(3).text("APPEND").key().value(value_bytes).finish(),
            Command::Pfadd => new(3).text("PFADD").key().value(VALUE_PATCH_BYTES_MAX + 1).finish(),
            Command::Setrange => {
                ensure!(value_bytes > SETRANGE_BYTES, "setrange needs --value-bytes above {SETRANGE_BYTES}");
                let (low, high) = same_width((value_bytes - SETRANGE_BYTES) as u64);
                let mut builder = new(4);
                builder.text("SETRANGE").key().argument(&[Piece::Number { low, high }]);
                builder.value(SETRANGE_BYTES).finish()
            }
            Command::Setbit => {
                ensure!(value_bytes > 0, "setbit needs --value-bytes above 0");
                let (low, high) = same_width(value_bytes as u64 * 8);
                let mut builder = new(4);
                builder.text("SETBIT").key().argument(&[Piece::Number { low, high }]);
                builder.argument(&[Piece::Number { low: 0, high: 2 }]).finish()
            }
            Command::Mget10 => {
                let mut builder = new(1 + MULTI_KEYS);
                builder.text("MGET");
                for _ in 0..MULTI_KEYS {
                    builder.key();
                }
                builder.finish()
            }
            Command::Mset10 => {
                let mut builder = new(1 + 2 * MULTI_KEYS);
                builder.text("MSET");
                for _ in 0..MULTI_KEYS {
                    builder.key().value(value_bytes);
                }
                builder.finish()
            }
        })
    }

    /// A custom request: words separated by blanks, in which [`MARKS`] stand for what differs.
    pub fn of_text(text: &str, key_bytes: usize, value_bytes: usize) -> Result<Template> {
        let words: Vec<&str> = text.split_whitespace().collect();
        if words.is_empty() {
            bail!("--template is empty: write a command, as in 'HSET __key__ field __value__'");
        }
        let mut builder = Builder::new(words.len(), key_bytes);
        for word in words {
            let mut pieces = Vec::new();
            let mut rest = word;
            while !rest.is_empty() {
                let found = MARKS.iter().filter_map(|&mark| Some((rest.find(mark)?, mark))).min();
                let (text, mark) = match found {
                    Some((at, mark)) => (&rest[..at], mark),
                    None => (rest, ""),
                };
                if !text.is_empty() {
                    pieces.push(Piece::Text(text.as_bytes()));
                }
                match mark {
                    KEY_MARK => pieces.push(Piece::Key),
                    ELEMENT_MARK => pieces.push(Piece::Element),
                    NUMBER_MARK => pieces.push(Piece::Number { low: NUMBERS.0, high: NUMBERS.1 }),
                    VALUE_MARK => pieces.push(Piece::Value(value_bytes)),
                    _ => {}
                }
                rest = &rest[text.len() + mark.len()..];
            }
            builder.argument(&pieces);
        }
        Ok(builder.finish())
    }

    /// The same template for keys of so many elements each.
    fn with_elements(self, elements: u64) -> Template {
        Template { elements, ..self }
    }
}

/// The widest part of `0..bound` whose numbers all have the same number of digits, as low and (exclusive) high:
/// servers refuse numbers padded with zeros, and a template cannot change its length.
fn same_width(bound: u64) -> (u64, u64) {
    let mut low = 1;
    while low * 10 < bound.saturating_sub(low * 10) {
        low *= 10;
    }
    if low == 1 { (0, bound.clamp(1, 10)) } else { (low, bound.min(low * 10)) }
}

/// Writes `number` in decimal, right-aligned and padded with zeros; higher digits are cut off.
#[inline]
fn write_digits(out: &mut [u8], mut number: u64) {
    const PAIRS: &[u8; 200] = &{
        let mut pairs = [0; 200];
        let mut i = 0;
        while i < 100 {
            pairs[2 * i] = b'0' + (i / 10) as u8;
            pairs[2 * i + 1] = b'0' + (i % 10) as u8;
            i += 1;
        }
        pairs
    };
    let mut pairs = out.rchunks_exact_mut(2);
    for pair in &mut pairs {
        let i = (number % 100) as usize * 2;
        number /= 100;
        pair.copy_from_slice(&PAIRS[i..i + 2]);
    }
    if let [digit] = pairs.into_remainder() {
        *digit = b'0' + (number % 10) as u8;
    }
}

/// The requests of a run: templates with their share.
#[derive(Clone, Debug)]
pub struct Mix {
    /// Templates with the upper end of their part of `0..2^32`.
    templates: Vec<(u64, Template)>,
}

impl Mix {
    /// The mix that `args` asks for: every command in every value size it uses.
    pub fn of_args(args: &BenchArgs) -> Result<Mix> {
        let mut weighted = Vec::new();
        let sizes = &args.value_bytes;
        for text in &args.template {
            for &(value_bytes, share) in sizes.shares(text.contains(VALUE_MARK)) {
                let template = Template::of_text(text, args.key_bytes, value_bytes)?;
                weighted.push((share, template.with_elements(args.elements)));
            }
        }
        if args.template.is_empty() {
            for &(command, weight) in &args.commands.0 {
                for &(value_bytes, share) in sizes.shares(command.takes_value()) {
                    let template = Template::of_command(command, args.key_bytes, value_bytes, args.ttl)
                        .with_context(|| format!("command {}", command.name()))?;
                    weighted.push((weight * share, template));
                }
            }
        }
        Ok(Mix::new(weighted))
    }

    /// What fills the key space: SET, or the request of `--load-template`, in every value size.
    pub fn fill(args: &BenchArgs) -> Result<Mix> {
        let mut weighted = Vec::new();
        for &(value_bytes, share) in args.value_bytes.shares(true) {
            let template = match &args.load_template {
                Some(text) => {
                    Template::of_text(text, args.key_bytes, value_bytes)?.with_elements(args.elements)
                }
                None => Template::of_command(Command::Set, args.key_bytes, value_bytes, args.ttl)?,
            };
            weighted.push((share, template));
        }
        Ok(Mix::new(weighted))
    }

    fn new(weighted: Vec<(f64, Template)>) -> Mix {
        let total: f64 = weighted.iter().map(|(weight, _)| weight).sum();
        let mut sum = 0.0;
        let mut templates: Vec<(u64, Template)> = weighted
            .into_iter()
            .map(|(weight, template)| {
                sum += weight;
                ((sum / total * (1u64 << 32) as f64) as u64, template)
            })
            .collect();
        if let Some(last) = templates.last_mut() {
            last.0 = 1 << 32;
        }
        Mix { templates }
    }

    /// Appends one request of the mix to `out`.
    #[inline]
    pub fn append(&self, out: &mut Vec<u8>, sampler: &mut Sampler, random: &mut Random) {
        let template = match &self.templates[..] {
            [(_, only)] => only,
            several => {
                let draw = random.bits() >> 32;
                let at = several.iter().position(|&(end, _)| draw < end).expect("the last part ends at 2^32");
                &several[at].1
            }
        };
        template.append(out, sampler, random);
    }

    /// Length of the longest request.
    pub fn request_bytes_max(&self) -> usize {
        self.templates.iter().map(|(_, template)| template.request_bytes()).max().unwrap_or(0)
    }
}

/// The replies that `args` makes likely, for the scanner's fast path.
pub fn likely_replies(args: &BenchArgs) -> Vec<FixedForm> {
    let mut forms = Vec::new();
    if !args.template.is_empty() {
        return forms;
    }
    for (command, _) in &args.commands.0 {
        let form = match command {
            Command::Set | Command::Mset10 => FixedForm::status("OK"),
            Command::Ping => FixedForm::status("PONG"),
            Command::Get => match args.value_bytes.0[..] {
                [(value_bytes, _)] => FixedForm::bulk(value_bytes),
                _ => continue,
            },
            _ => continue,
        };
        if !forms.contains(&form) {
            forms.push(form);
        }
    }
    forms
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distribution::Distribution;

    fn request(template: &Template, key: u64) -> String {
        let mut out = Vec::new();
        let mut sampler = Sampler::new(Distribution::Sequential, 1_000_000, key);
        template.append(&mut out, &mut sampler, &mut Random::new(5, 0));
        assert_eq!(out.len(), template.request_bytes());
        String::from_utf8(out).expect("templates are ASCII")
    }

    /// Splits a request into its arguments, checking every length.
    fn arguments(request: &str) -> Vec<&str> {
        let mut lines = request.split("\r\n");
        let count: usize =
            lines.next().and_then(|l| l.strip_prefix('*')).expect("an array").parse().expect("a count");
        let arguments: Vec<&str> = (0..count)
            .map(|_| {
                let length = lines.next().and_then(|l| l.strip_prefix('$')).expect("a bulk");
                let argument = lines.next().expect("a payload");
                assert_eq!(length.parse(), Ok(argument.len()));
                argument
            })
            .collect();
        assert_eq!(lines.collect::<Vec<_>>(), [""]);
        arguments
    }

    #[test]
    fn get_patches_the_key_digits_only() {
        let template = Template::of_command(Command::Get, 16, 64, None).expect("a template");
        assert_eq!(request(&template, 0), "*2\r\n$3\r\nGET\r\n$16\r\nkey:000000000000\r\n");
        assert_eq!(request(&template, 907_061), "*2\r\n$3\r\nGET\r\n$16\r\nkey:000000907061\r\n");
    }

    #[test]
    fn odd_key_widths() {
        for key_bytes in [10, 11, 37] {
            let template = Template::of_command(Command::Get, key_bytes, 64, None).expect("a template");
            let request = request(&template, 123_456);
            let key = arguments(&request)[1];
            assert_eq!((key.len(), key.ends_with("123456")), (key_bytes, true));
        }
    }

    #[test]
    fn values_have_their_size_and_differ() {
        for value_bytes in [0, 1, 2, 17, 64, 1024] {
            let template = Template::of_command(Command::Set, 16, value_bytes, Some(30)).expect("a template");
            let mut out = Vec::new();
            let mut sampler = Sampler::new(Distribution::Hot, 10, 0);
            let mut random = Random::new(5, 0);
            template.append(&mut out, &mut sampler, &mut random);
            template.append(&mut out, &mut sampler, &mut random);
            let both = String::from_utf8(out).expect("ASCII");
            let (first, second) = both.split_at(template.request_bytes());
            let (first, second) = (arguments(first), arguments(second));
            assert_eq!(first[3..], ["EX", "30"]);
            assert_eq!(first[2].len(), value_bytes);
            assert_eq!(first[2] != second[2], value_bytes > 1, "{value_bytes}: {} {}", first[2], second[2]);
            assert!(first[2].parse::<i64>().is_err(), "values must not be stored as integers");
        }
    }

    #[test]
    fn numbers_keep_their_width_and_bounds() {
        assert_eq!(same_width(3), (0, 3));
        assert_eq!(same_width(10), (0, 10));
        assert_eq!(same_width(15), (0, 10));
        assert_eq!(same_width(56), (10, 56));
        assert_eq!(same_width(512), (100, 512));
        assert_eq!(same_width(8192), (1000, 8192));
        let template = Template::of_command(Command::Setbit, 16, 64, None).expect("a template");
        let mut random = Random::new(1, 1);
        let mut sampler = Sampler::new(Distribution::Uniform, 10, 0);
        for _ in 0..1000 {
            let mut out = Vec::new();
            template.append(&mut out, &mut sampler, &mut random);
            let text = String::from_utf8(out).expect("ASCII");
            let words = arguments(&text);
            let offset: u64 = words[2].parse().expect("a number");
            assert!((100..512).contains(&offset) && ["0", "1"].contains(&words[3]), "{words:?}");
        }
    }

    #[test]
    fn multi_key_commands_and_custom_text() {
        let template = Template::of_command(Command::Mset10, 16, 20, None).expect("a template");
        let text = request(&template, 5);
        let words = arguments(&text);
        assert_eq!((words.len(), words[1], words[19]), (21, "key:000000000005", "key:000000000014"));
        let template = Template::of_text("HSET h{__key__}x field __value__", 10, 4).expect("a template");
        let text = request(&template, 42);
        let words = arguments(&text);
        assert_eq!(words[..3], ["HSET", "h{key:000042}x", "field"]);
        assert_eq!(words[3].len(), 4);
        assert!(Template::of_text("  ", 10, 4).is_err());
    }

    #[test]
    fn elements_belong_to_the_key_before_them() {
        let template = Template::of_text("ZADD __key__ __number__ m:__element__", 10, 4).expect("a template");
        let text = request(&template.with_elements(100), 123_407);
        let words = arguments(&text);
        assert_eq!((words[1], words[3]), ("key:001234", "m:0000000007"));
        let number: u64 = words[2].parse().expect("a number");
        assert!((NUMBERS.0..NUMBERS.1).contains(&number));
    }

    #[test]
    fn a_mix_keeps_its_shares() {
        let get = Template::of_command(Command::Get, 16, 64, None).expect("a template");
        let ping = Template::of_command(Command::Ping, 16, 64, None).expect("a template");
        let mix = Mix::new(vec![(1.0, get), (3.0, ping.clone())]);
        let mut random = Random::new(1, 1);
        let mut sampler = Sampler::new(Distribution::Uniform, 10, 0);
        let pings = (0..40_000)
            .filter(|_| {
                let mut out = Vec::new();
                mix.append(&mut out, &mut sampler, &mut random);
                out.len() == ping.request_bytes()
            })
            .count();
        assert!((29_400..30_600).contains(&pings), "{pings}");
    }
}
