//! Random arguments through the handlers of all data commands, with everything checked that holds whatever clients
//! send: one whole reply per command, no change before an error, every change logged, and a copy that runs the logged
//! effects holds the same keys.
//!
//! The fuzz target and the seeded test of the crate `commands` share this file.

use std::cell::RefCell;
use std::collections::BTreeMap;

use commands::args::OwnedArgs;
use commands::ctx::{Limits, Text};
use commands::facts::{Arg, ArgType, KeyShape, keys_of};
use commands::table::ALL;
use commands::{CommandError, CommandResult, Ctx, Log, Outcome, Session, Spec};
use effect_log::Effects;
use keyspace::evict::Access;
use keyspace::scan::{ScanCursor, Walk};
use keyspace::space::Local;
use keyspace::{EntryRef, Key, KeyHasher, Keyspace, KeyspaceOptions, Locked, Object, Sharding, Space, Value};
use structures::listpack::Element;
use structures::stream::{Stream, StreamId};
use sys::random::Rng;
use wire::resp::Reply;
use wire::resp::encode::ReplyWriter;
use wire::resp::reply::{parse_reply, reply_len};

const DATABASES: u16 = 3;
const START_MS: i64 = 1_800_000_000_000;
/// Strings may not grow beyond it: a few chunks, so that a run stays short.
const STRING_MAX_BYTES: u64 = 70_000;

const KEYS: &[&[u8]] =
    &[b"a", b"b", b"c", b"d", b"e", b"", b"\x00\xff", b"a key of more than thirty-two bytes in all"];

const NUMBERS: &[&[u8]] = &[
    b"0",
    b"1",
    b"-1",
    b"2",
    b"7",
    b"10",
    b"63",
    b"64",
    b"100",
    b"1000",
    b"-5",
    b"65535",
    b"4294967295",
    b"4294967296",
    b"536870912",
    b"2147483647",
    b"-2147483648",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"9223372036854775808",
    b"18446744073709551615",
    b"1800000000",
    b"1800000000000",
    b"1800000000001",
    b"00",
    b"-0",
    b"+1",
    b" 1",
    b"1 ",
    b"0x10",
    b"1e3",
    b"0.5",
    b"-1.25",
    b"3.0e3",
    b"1e308",
    b"1e4932",
    b"inf",
    b"-inf",
    b"nan",
    b"1.7976931348623157e309",
    b"",
    b".",
    b"-",
];

/// The consumer group that streams get.
const GROUP: &[u8] = b"g";
/// Ids of streams, and bounds of ranges of them and of members.
const PLACES: &[&[u8]] =
    &[b"0", b"0-1", b"1-1", b"7", b"9000-3", b"9000000000000-0", b"-", b"+", b"$", b">", b"[a", b"(b", b"[z"];
const WORDS: &[&[u8]] = &[
    b"u8",
    b"i8",
    b"u1",
    b"u63",
    b"u64",
    b"i64",
    b"i65",
    b"u0",
    b"#0",
    b"#3",
    b"#-1",
    b"get",
    b"set",
    b"incrby",
    b"overflow",
    b"wrap",
    b"sat",
    b"fail",
    b"and",
    b"or",
    b"xor",
    b"not",
    b"diff",
    b"diff1",
    b"andor",
    b"one",
    b"byte",
    b"bit",
    b"*",
    b"a*",
    b"[a-c]",
    b"[",
    b"\\",
    b"?",
    b"[^a]",
    b"string",
    b"hash",
    b"hello",
    b"0123456789",
    b"\xff\x00\x80",
    b"HYLL",
    b"getreg",
    b"decode",
    b"encoding",
    b"todense",
    b"keepttl",
    b"persist",
    b"ifeq",
    b"withvalues",
    b"fields",
];

const PFDEBUG: &[&[u8]] = &[b"getreg", b"decode", b"encoding", b"todense", b"simd"];

/// By database and key: the value and its expiry.
type State = BTreeMap<(u16, Vec<u8>), (Vec<u8>, Option<i64>)>;

/// One side: a keyspace and a client of it.
struct Side {
    keyspace: &'static Keyspace,
    local: Local,
    session: Session,
    rng: Rng,
}

/// The node that clients talk to, and a copy that runs its effects.
struct World {
    first: Side,
    copy: Side,
    now_ms: i64,
    words: Vec<Vec<u8>>,
    /// Per command, calls that succeeded and calls that did not.
    calls: BTreeMap<&'static str, (u64, u64)>,
}

thread_local! {
    static WORLD: RefCell<World> = RefCell::new(World::new());
}

/// The bytes that decide what happens; zero when they are used up.
struct Choices<'a> {
    data: &'a [u8],
}

impl<'a> Choices<'a> {
    fn byte(&mut self) -> u8 {
        match self.data.split_first() {
            Some((byte, rest)) => {
                self.data = rest;
                *byte
            }
            None => 0,
        }
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::from(u16::from_le_bytes([self.byte(), self.byte()])) % bound
    }

    fn bytes(&mut self, len: usize) -> &'a [u8] {
        let (head, tail) = self.data.split_at(len.min(self.data.len()));
        self.data = tail;
        head
    }

    fn argument(&mut self, words: &[Vec<u8>], may_be_key: bool) -> Vec<u8> {
        match self.byte() % 16 {
            0..=5 if may_be_key => KEYS[self.below(KEYS.len())].to_vec(),
            0..=6 => WORDS[self.below(WORDS.len())].to_vec(),
            7 | 8 => words[self.below(words.len())].clone(),
            9..=11 => NUMBERS[self.below(NUMBERS.len())].to_vec(),
            12 => i64::from(self.byte() as i8).to_string().into_bytes(),
            13 => {
                let len = usize::from(self.byte()) % 40;
                self.bytes(len).to_vec()
            }
            14 => vec![self.byte(); [20, 44, 110, 128, 255, 4096][self.below(6)]],
            _ => vec![self.byte(); [4097, 16_384, 20_000][self.below(3)]],
        }
    }

    /// Arguments as the documented grammar has them, with a wrong one now and then.
    fn grammatical(&mut self, arg: &Arg, words: &[Vec<u8>], argv: &mut Vec<Vec<u8>>) {
        if arg.optional && self.byte() % 2 == 0 {
            return;
        }
        let times = if arg.multiple { 1 + self.below(3) } else { 1 };
        for time in 0..times {
            if let Some(token) = arg.token.filter(|_| time == 0 || arg.multiple_token) {
                argv.push(token.as_bytes().to_vec());
            }
            match arg.kind {
                ArgType::PureToken => {}
                ArgType::OneOf if !arg.nested.is_empty() => {
                    let one = &arg.nested[self.below(arg.nested.len())];
                    self.grammatical(one, words, argv);
                }
                ArgType::Block => arg.nested.iter().for_each(|part| self.grammatical(part, words, argv)),
                _ if self.byte() % 16 == 0 => argv.push(self.argument(words, true)),
                // What stands for one thing throughout, or has a form of its own.
                ArgType::String if arg.name == "group" => argv.push(GROUP.to_vec()),
                ArgType::String if arg.name == "consumer" => argv.push(b"c".to_vec()),
                ArgType::String
                    if ["id", "lastid", "last-id", "start", "end", "min", "max"].contains(&arg.name) =>
                {
                    argv.push(PLACES[self.below(PLACES.len())].to_vec());
                }
                ArgType::Key => argv.push(KEYS[self.below(KEYS.len())].to_vec()),
                ArgType::Integer | ArgType::Double => {
                    // The list begins with the small ones.
                    let bound = [4, 12, NUMBERS.len()][self.below(3)];
                    argv.push(NUMBERS[self.below(bound)].to_vec());
                }
                ArgType::UnixTime => {
                    let seconds = START_MS / 1000 + i64::from(self.byte() as i8);
                    argv.push((seconds * [1, 1000][self.below(2)]).to_string().into_bytes());
                }
                _ => argv.push(self.argument(words, false)),
            }
        }
    }

    fn argv(&mut self, spec: &Spec, words: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let mut argv: Vec<Vec<u8>> =
            spec.facts.name.split('|').map(|word| word.as_bytes().to_vec()).collect();
        if self.byte() % 4 > 0 {
            for arg in spec.facts.args {
                self.grammatical(arg, words, &mut argv);
            }
            // Its grammar names no subcommand.
            if spec.facts.name == "pfdebug" {
                argv.truncate(1);
                argv.push(PFDEBUG[self.below(PFDEBUG.len())].to_vec());
                argv.push(KEYS[self.below(KEYS.len())].to_vec());
            }
            return argv;
        }
        let least = usize::from(spec.facts.arity.unsigned_abs());
        let len = if spec.facts.arity > 0 { least } else { least + [0, 0, 1, 1, 2, 3, 4, 6][self.below(8)] };
        let first_key = usize::try_from(spec.facts.first_key()).unwrap_or(0);
        while argv.len() < len {
            // Most calls name a key where one belongs, so that they get beyond the first check.
            let argument = if argv.len() == first_key && self.byte() % 8 > 0 {
                KEYS[self.below(KEYS.len())].to_vec()
            } else {
                self.argument(words, true)
            };
            argv.push(argument);
        }
        argv
    }
}

/// Runs the commands that `data` stands for.
///
/// # Panics
/// When a handler does, or when something does not hold: that is the find.
pub fn command_args(data: &[u8]) {
    WORLD.with_borrow_mut(|world| world.run(Choices { data }));
}

/// Per command, how often this thread called it with success and without.
pub fn calls() -> Vec<(&'static str, u64, u64)> {
    let of = |name| WORLD.with_borrow(|world| world.calls.get(name).copied().unwrap_or_default());
    rows().map(|spec| spec.facts.name).map(|name| (name, of(name).0, of(name).1)).collect()
}

/// Rows of all families.
fn rows() -> impl Iterator<Item = &'static Spec> {
    ALL.iter().flat_map(|family| family.iter())
}

fn tokens(args: &[Arg], into: &mut Vec<Vec<u8>>) {
    for arg in args {
        into.extend(arg.token.map(|token| token.as_bytes().to_vec()));
        tokens(arg.nested, into);
    }
}

/// What a value holds, in one piece: the same for equal values.
fn contents(entry: EntryRef<'_>, now_ms: i64) -> Vec<u8> {
    let object = match (Text::of(entry), entry.value()) {
        (Ok(text), _) => return text.to_vec(),
        (_, Value::Object(object)) => object,
        _ => unreachable!("what is no string is an object"),
    };
    let mut parts = Vec::new();
    match object {
        Object::Hash(hash) => {
            for pair in hash.iter().filter(|pair| !pair.is_expired(now_ms)) {
                parts.push(format!("{:?} {:?} {:?}", pair.field, pair.value, pair.expire_at_ms));
            }
            parts.sort();
        }
        Object::Zset(zset) => zset.visit(0..zset.len(), false, |member, score| {
            parts.push(format!("{} {score:?}", member.escape_ascii()));
        }),
        Object::List(list) => parts.extend(list.iter().map(text)),
        Object::Set(set) => {
            set.visit(|member| parts.push(text(member)));
            parts.sort();
        }
        Object::Stream(stream) => stream_contents(stream, &mut parts),
        Object::String(_) => unreachable!("a string is text"),
    }
    // Not its encoding: that may follow from how the value came about.
    format!("{}: {}", object.type_name(), parts.join(", ")).into_bytes()
}

fn text(element: Element<'_>) -> String {
    element.to_vec().escape_ascii().to_string()
}

/// Messages, what the stream knows of its past, and its groups without the times at which consumers were seen.
fn stream_contents(stream: &Stream, parts: &mut Vec<String>) {
    let entries = stream.entries();
    for entry in entries.range(StreamId::MIN, StreamId::MAX) {
        let fields: Vec<_> =
            entry.fields().map(|(field, value)| format!("{}={}", text(field), text(value))).collect();
        parts.push(format!("{} {}", entry.id, fields.join(" ")));
    }
    let (last, deleted) = (entries.last_id(), entries.max_deleted_id());
    parts.push(format!("last {last}, {} added, {deleted} deleted", entries.added()));
    for group in stream.groups().iter() {
        let name = group.name().escape_ascii();
        parts.push(format!("group {name} to {}, {:?} read", group.last_id, group.entries_read));
        for consumer in group.consumers() {
            parts.push(format!("{} has {}", consumer.name().escape_ascii(), consumer.pending_len()));
        }
        for (id, pending) in group.pending_from(StreamId::MIN) {
            let owner = group.consumer(pending.consumer).name().escape_ascii();
            parts.push(format!("{id} {owner} {} {}", pending.delivered_at_ms, pending.deliveries));
        }
    }
}

/// The keys that a dispatcher locks before the body.
fn places<'a>(hasher: &KeyHasher, spec: &Spec, argv: &[&'a [u8]]) -> Vec<Key<'a>> {
    let at: Vec<usize> = match spec.facts.key_shape {
        KeyShape::None => Vec::new(),
        KeyShape::One(at) => vec![usize::from(at)],
        _ => match keys_of(spec.facts, argv) {
            Ok(keys) => keys.iter().map(|(at, _)| *at as usize).collect(),
            Err(_) => usize::try_from(spec.facts.first_key()).ok().filter(|&at| at > 0).into_iter().collect(),
        },
    };
    at.into_iter().filter_map(|at| argv.get(at)).map(|key| hasher.place(key)).collect()
}

/// Finds the row that `argv` calls.
fn find(argv: &[&[u8]]) -> &'static Spec {
    let name = |words: &[&[u8]]| words.join(&b'|').to_ascii_lowercase();
    let row = |name: Vec<u8>| rows().find(|spec| spec.facts.name.as_bytes() == name);
    row(name(&argv[..argv.len().min(2)]))
        .or_else(|| row(name(&argv[..1])))
        .expect("effects are data commands")
}

impl Side {
    fn new(effects: bool) -> Side {
        let hasher = KeyHasher::new([1, 2], Sharding::Hash { bits: 2 });
        let options = KeyspaceOptions { hasher, databases: DATABASES };
        Side {
            // One for each thread that fuzzes.
            keyspace: Box::leak(Box::new(Keyspace::new(options))),
            local: Local::new(Effects::new(effects)),
            session: Session::new(1, true),
            rng: Rng::new(1),
        }
    }

    fn unit(
        &mut self,
        locked: Locked<'static>,
        now_ms: i64,
        out: &mut Vec<u8>,
        body: impl FnOnce(&mut Ctx<'_>) -> CommandResult,
    ) -> CommandResult {
        let Side { keyspace, local, session, rng, .. } = self;
        let access = Access::Lru { clock: Access::lru_clock(now_ms) };
        let space = Space::new(keyspace, local, locked, session.db, now_ms, access);
        let reply = ReplyWriter::new(out, session.resp);
        let limits = Limits {
            is_cluster: false,
            compact: Default::default(),
            string_max_bytes: STRING_MAX_BYTES,
            hll_sparse_max_bytes: 3000,
            lfu_decay_minutes: 1,
            policy_is_lfu: false,
        };
        let result = body(&mut Ctx { space, reply, session, rng, limits: &limits, first_key: None });
        self.local.collect_garbage();
        result
    }

    /// Runs a command to its end, as a dispatcher does; its effects stay in `local`.
    fn run(&mut self, spec: &Spec, argv: &[&[u8]], now_ms: i64) -> Result<Vec<u8>, CommandError> {
        let name = spec.facts.name;
        let owned: OwnedArgs = argv.iter().copied().collect();
        let locked =
            self.keyspace.lock(&places(&self.keyspace.hasher, spec, argv)).expect("nobody else is here");
        let before = self.local.counters;
        let mut out = Vec::new();
        let mut result = self.unit(locked, now_ms, &mut out, |ctx| (spec.run)(ctx, &owned.as_args()));
        if matches!(result, Ok(Outcome::NeedsGate)) {
            assert!(out.is_empty(), "{name} replies before it has the gate");
            result = self.unit(Locked::gate(), now_ms, &mut out, |ctx| (spec.run)(ctx, &owned.as_args()));
        }
        while let Ok(Outcome::Continue(mut slice)) = result {
            result = self.unit(Locked::none(), now_ms, &mut out, |ctx| slice(ctx));
        }
        let after = self.local.counters;
        let expired = after.expired_keys - before.expired_keys;
        let changed = after.changes - before.changes > expired;
        match result {
            Ok(Outcome::Done) => {}
            // A test of the build that takes seconds and no arguments.
            Ok(Outcome::Worker(_)) if name == "pfselftest" => {
                ReplyWriter::new(&mut out, self.session.resp).ok()
            }
            Ok(Outcome::Worker(job)) => out.extend(job()),
            Ok(Outcome::Wait(wait)) => {
                assert!(out.is_empty() && !changed, "{name} waits after it did something");
                assert!(
                    wait.keys.end <= argv.len() && !wait.keys.is_empty(),
                    "{name} waits for {:?}",
                    wait.keys
                );
                ReplyWriter::new(&mut out, self.session.resp).null_array();
            }
            Ok(_) => panic!("{name} waits although nobody else is here"),
            Err(error) => {
                assert!(out.is_empty(), "{name} replies and fails: {}", out.escape_ascii());
                // Elements before the one that shows the damage stay added, as in Valkey.
                assert!(!changed || name == "pfadd", "{name} changes something and fails: {error}");
                return Err(error);
            }
        }
        assert_eq!(reply_len(&out), Ok(Some(out.len())), "{name} gives one reply: {}", out.escape_ascii());
        if changed {
            match spec.log {
                Log::Verbatim => self.local.effects.push(u32::from(self.session.db), argv),
                Log::Rewritten => {
                    assert!(self.local.effects.len() as u64 > expired, "{name} logs no effect of its change");
                }
                Log::Nothing => panic!("{name} changes something"),
            }
        }
        Ok(out)
    }

    /// All live keys, found by a walk, with what they hold and their expiry.
    fn state(&mut self, now_ms: i64) -> State {
        let mut state = BTreeMap::new();
        for db in 0..DATABASES {
            let mut space =
                Space::new(self.keyspace, &mut self.local, Locked::none(), db, now_ms, Access::None);
            let mut at = ScanCursor::default();
            loop {
                let walk = space.walk(at, 10, |entry| {
                    let place = (db, entry.key().to_vec());
                    let was = state.insert(place, (contents(entry, now_ms), entry.expire_at_ms()));
                    assert!(was.is_none(), "a key comes once");
                });
                match walk {
                    Walk::More(next) => at = next,
                    Walk::End => break,
                    Walk::Busy(_) => panic!("nobody else is here"),
                }
            }
        }
        state
    }

    fn clear(&mut self) {
        self.local.effects.clear();
        self.local.collect_garbage();
        self.keyspace.clear(&mut self.local.heap);
        assert_eq!(self.local.heap.live_bytes(), 0, "every entry is freed once");
        self.session = Session::new(1, true);
    }
}

impl World {
    fn new() -> World {
        let mut words = Vec::new();
        for spec in rows() {
            tokens(spec.facts.args, &mut words);
        }
        words.sort();
        words.dedup();
        World {
            first: Side::new(true),
            copy: Side::new(false),
            now_ms: START_MS,
            words,
            calls: BTreeMap::new(),
        }
    }

    fn run(&mut self, mut choices: Choices<'_>) {
        let rows: Vec<_> = rows().collect();
        self.now_ms = START_MS;
        let mut commands = 0;
        while !choices.data.is_empty() && commands < 200 {
            commands += 1;
            match choices.byte() {
                0..16 => self.now_ms += i64::from(choices.byte()) * 8,
                16..24 => self.first.session.db = u16::from(choices.byte()) % DATABASES,
                24..28 => self.compare(),
                _ => {}
            }
            let spec = rows[choices.below(rows.len())];
            let argv = choices.argv(spec, &self.words);
            let argv: Vec<&[u8]> = argv.iter().map(Vec::as_slice).collect();
            self.prepare(spec, &argv, choices.byte());
            if spec.facts.accepts(argv.len()) && !self.is_long(spec, &argv) {
                self.call(spec, &argv);
            }
        }
        self.compare();
        self.first.clear();
        self.copy.clear();
    }

    /// Makes the stream and the group that a stream command is about, most of the time: nearly all would be refused.
    fn prepare(&mut self, spec: &Spec, argv: &[&[u8]], choice: u8) {
        let streams = argv.iter().position(|word| word.eq_ignore_ascii_case(b"streams"));
        let at = match (spec.facts.name, streams) {
            ("xgroup|create" | "xadd" | "xread", _) => return,
            (name, _) if !name.starts_with('x') || choice % 4 == 0 => return,
            ("xreadgroup", streams) => streams.map_or(0, |at| at + 1),
            _ => usize::try_from(spec.facts.first_key()).unwrap_or(0),
        };
        let Some(&key) = argv.get(at).filter(|_| at > 0) else { return };
        if choice % 4 == 1 {
            self.call(find(&[b"DEL"]), &[b"DEL", key]);
        }
        self.call(find(&[b"XADD"]), &[b"XADD", key, b"*", b"f", b"v"]);
        let group: [&[u8]; 6] = [b"XGROUP", b"CREATE", key, GROUP, b"0", b"MKSTREAM"];
        self.call(find(&group), &group);
    }

    /// `LCS` of two long strings takes their lengths' product, and random members are drawn as often as asked for.
    fn is_long(&mut self, spec: &Spec, argv: &[&[u8]]) -> bool {
        if spec.facts.name.contains("rand") {
            let count = argv.get(2).and_then(|arg| std::str::from_utf8(arg).ok()?.parse::<i64>().ok());
            return count.is_some_and(|count| count < -2000);
        }
        if spec.facts.name != "lcs" {
            return false;
        }
        let Side { keyspace, local, session, .. } = &mut self.first;
        let mut space = Space::new(keyspace, local, Locked::gate(), session.db, self.now_ms, Access::None);
        let mut len = |name: &[u8]| {
            let key = space.place(name);
            space.peek(key).map_or(0, |entry| entry.memory_bytes())
        };
        len(argv[1]) * len(argv[2]) > 1 << 20
    }

    fn call(&mut self, spec: &Spec, argv: &[&[u8]]) {
        // An error is as good an answer as any.
        let succeeded = self.first.run(spec, argv, self.now_ms).is_ok();
        let calls = self.calls.entry(spec.facts.name).or_default();
        if succeeded {
            calls.0 += 1
        } else {
            calls.1 += 1
        }
        let effects: Vec<(u32, Vec<u8>)> =
            self.first.local.effects.iter().map(|(db, resp)| (db, resp.to_vec())).collect();
        self.first.local.effects.clear();
        for (db, resp) in effects {
            let Ok(Some((Reply::Array(words), _))) = parse_reply(&resp) else {
                panic!("an effect is a command")
            };
            let effect: Vec<&[u8]> = words.iter().map(|word| word.as_bytes().expect("a string")).collect();
            self.copy.session.db = db as u16;
            let spec = find(&effect);
            if let Err(error) = self.copy.run(spec, &effect, self.now_ms) {
                let words: Vec<_> = effect.iter().map(|word| word.escape_ascii().to_string()).collect();
                panic!("the copy refuses {words:?}: {error}");
            }
        }
        self.copy.local.effects.clear();
    }

    fn compare(&mut self) {
        let (first, copy) = (self.first.state(self.now_ms), self.copy.state(self.now_ms));
        if first != copy {
            let differs = |key: &&(u16, Vec<u8>)| first.get(*key) != copy.get(*key);
            let key = first.keys().chain(copy.keys()).find(differs).expect("they differ");
            let show = |value: Option<&(Vec<u8>, Option<i64>)>| {
                value.map(|(bytes, at)| (bytes.escape_ascii().to_string(), bytes.len(), *at))
            };
            panic!("{key:?} is {:?} here and {:?} in the copy", show(first.get(key)), show(copy.get(key)));
        }
        for side in [&self.first, &self.copy] {
            let counted: usize = (0..DATABASES).map(|db| side.keyspace.len(db)).sum();
            assert!(counted >= first.len(), "the counters know of every key");
        }
    }
}
