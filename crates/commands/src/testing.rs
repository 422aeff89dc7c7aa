//! Families through their commands, for tests: a keyspace and one client, driven as a dispatcher would.

use effect_log::Effects;
use keyspace::evict::Access;
use keyspace::space::Local;
use keyspace::{Key, KeyHasher, Keyspace, KeyspaceOptions, Locked, Sharding, Space, SpaceCounters};
use sys::random::Rng;
use wire::resp::encode::ReplyWriter;
use wire::resp::reply::reply_len;

use crate::args::OwnedArgs;
use crate::ctx::Limits;
use crate::facts::keys_of;
use crate::table::Wait;
use crate::{CommandError, CommandResult, Ctx, Log, Outcome, Session, Spec};

/// A keyspace, one client and a clock that tests move.
pub struct Engine {
    pub keyspace: &'static Keyspace,
    pub local: Local,
    pub session: Session,
    pub limits: Limits,
    pub now_ms: i64,
    /// How the last command ended, before its slices or its job.
    pub went_on: Option<&'static str>,
    /// Whether the last command asked for the gate.
    pub gated: bool,
    /// Commands that somebody else runs while the next one is set aside, each time that it is.
    pub meanwhile: Vec<&'static str>,
    rng: Rng,
    effects: Vec<Vec<Vec<u8>>>,
}

impl Engine {
    /// An empty keyspace of sixteen shards, one of whose instants is 1800000000000.
    pub fn new() -> Engine {
        let hasher = KeyHasher::new([7, 11], Sharding::Hash { bits: 4 });
        Engine {
            keyspace: Box::leak(Box::new(Keyspace::new(KeyspaceOptions { hasher, databases: 16 }))),
            local: Local::new(Effects::new(true)),
            session: Session::new(1, true),
            limits: Limits {
                is_cluster: false,
                compact: Default::default(),
                string_max_bytes: 512 << 20,
                hll_sparse_max_bytes: 3000,
                lfu_decay_minutes: 1,
                policy_is_lfu: false,
            },
            now_ms: 1_800_000_000_000,
            went_on: None,
            gated: false,
            meanwhile: Vec::new(),
            rng: Rng::new(3),
            effects: Vec::new(),
        }
    }

    /// Runs a command to its end and returns the bytes of its reply, of which there must be one.
    pub fn run(&mut self, argv: &[&[u8]]) -> Vec<u8> {
        let mut out = Vec::new();
        match self.execute(argv, &mut out) {
            Ok(None) => {}
            Ok(Some(_)) => panic!("{} waits", argv[0].escape_ascii()),
            Err(error) => {
                assert!(out.is_empty(), "an error after {:?}", out.escape_ascii().to_string());
                ReplyWriter::new(&mut out, self.session.resp).error_bytes(&error.bytes());
            }
        }
        assert_eq!(reply_len(&out), Ok(Some(out.len())), "one reply for {}", argv[0].escape_ascii());
        out
    }

    /// Runs a command that finds nothing, and says what its client waits for.
    #[track_caller]
    pub fn waits(&mut self, line: &str) -> Wait {
        let argv: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let mut out = Vec::new();
        match self.execute(&argv, &mut out) {
            Ok(Some(wait)) => {
                assert!(out.is_empty(), "{line}: waits after {:?}", show(&out));
                *wait
            }
            Ok(None) => panic!("{line}: {}", show(&out)),
            Err(error) => panic!("{line}: {error}"),
        }
    }

    fn execute(&mut self, argv: &[&[u8]], out: &mut Vec<u8>) -> Result<Option<Box<Wait>>, CommandError> {
        let spec = find(argv)?;
        let owned: OwnedArgs = argv.iter().copied().collect();
        let keys = keys_of(spec.facts, argv).unwrap_or_default();
        let places: Vec<Key<'_>> =
            keys.iter().map(|(i, _)| self.keyspace.hasher.place(argv[*i as usize])).collect();
        let locked = self.keyspace.lock(&places).expect("nobody else is here");
        let before = self.local.counters;
        let mut result = self.unit(locked, out, |ctx| (spec.run)(ctx, &owned.as_args()));
        self.gated = matches!(result, Ok(Outcome::NeedsGate));
        if self.gated {
            assert!(out.is_empty(), "a command asks for the gate before it replies");
            result = self.unit(Locked::gate(), out, |ctx| (spec.run)(ctx, &owned.as_args()));
        }
        let is_aside = matches!(result, Ok(Outcome::Aside));
        if is_aside {
            assert!(out.is_empty() && self.local.counters.changes == before.changes, "nothing happened yet");
            result = self.aside(&places, spec, argv, out);
        } else {
            log(spec, argv, self.session.db, &mut self.local, before, result.is_ok());
        }
        self.went_on = is_aside.then_some("aside");
        while let Ok(Outcome::Continue(mut slice)) = result {
            self.went_on = self.went_on.or(Some("slices"));
            result = self.unit(Locked::none(), out, |ctx| slice(ctx));
        }
        self.keep_effects();
        match result? {
            Outcome::Done => {}
            Outcome::Worker(job) => {
                self.went_on = Some("worker");
                out.extend(job());
            }
            Outcome::Wait(wait) => return Ok(Some(wait)),
            _ => panic!("{} wants what a lone thread has not", spec.facts.name),
        }
        Ok(None)
    }

    /// Runs a command on clones of its keys' values and puts it in place.
    fn aside(&mut self, places: &[Key<'_>], spec: &Spec, argv: &[&[u8]], out: &mut Vec<u8>) -> CommandResult {
        let owned: OwnedArgs = argv.iter().copied().collect();
        let mut meanwhile = std::mem::take(&mut self.meanwhile).into_iter();
        loop {
            out.clear();
            let locked = self.keyspace.lock(places).expect("nobody else is here");
            let db = self.session.db;
            let mut space = Space::new(self.keyspace, &mut self.local, locked, db, self.now_ms, Access::None);
            let taken = space.take(places);
            drop(space);
            let mut local = Local::new(Effects::new(true));
            let Engine { session, limits, rng, .. } = &mut *self;
            session.at_once = true;
            let (result, made) = taken.make(&mut local, |space| {
                let before = space.local.counters;
                let reply = ReplyWriter::new(out, session.resp);
                let mut ctx = Ctx { space, reply, session, rng, limits, first_key: None };
                let result = (spec.run)(&mut ctx, &owned.as_args());
                log(spec, argv, db, ctx.space.local, before, result.is_ok());
                (result, ctx.space.into_locked())
            });
            self.session.at_once = false;
            let other = meanwhile.next();
            other.iter().for_each(|line| drop(self.call(line)));
            let locked = self.keyspace.lock(places).expect("nobody else is here");
            let mut space = Space::new(self.keyspace, &mut self.local, locked, db, self.now_ms, Access::None);
            let installed = space.install(made);
            drop(space);
            assert_eq!(installed, other.is_none());
            if installed {
                return result;
            }
        }
    }

    /// Runs a body that needs no key, to its end: its output, and how many slices it took.
    pub fn body(&mut self, body: impl FnOnce(&mut Ctx<'_>) -> CommandResult) -> (Vec<u8>, usize) {
        let (mut out, mut slices) = (Vec::new(), 0);
        let mut result = self.unit(Locked::none(), &mut out, body);
        while let Ok(Outcome::Continue(mut slice)) = result {
            slices += 1;
            result = self.unit(Locked::none(), &mut out, |ctx| slice(ctx));
        }
        assert!(matches!(result, Ok(Outcome::Done)), "a body that only replies ends");
        (out, slices)
    }

    fn unit(
        &mut self,
        locked: Locked<'static>,
        out: &mut Vec<u8>,
        body: impl FnOnce(&mut Ctx<'_>) -> CommandResult,
    ) -> CommandResult {
        let access = Access::Lru { clock: Access::lru_clock(self.now_ms) };
        let Engine { keyspace, local, session, limits, now_ms, rng, .. } = self;
        let space = Space::new(keyspace, local, locked, session.db, *now_ms, access);
        let reply = ReplyWriter::new(out, session.resp);
        let result = body(&mut Ctx { space, reply, session, rng, limits, first_key: None });
        self.local.collect_garbage();
        result
    }

    fn keep_effects(&mut self) {
        for (_, mut bytes) in self.local.effects.iter() {
            let mut words = Vec::new();
            while let Some(line) = next_line(&mut bytes) {
                if line.starts_with(b"$") {
                    let len: usize = String::from_utf8_lossy(&line[1..]).parse().expect("a length");
                    words.push(bytes[..len].to_vec());
                    bytes = &bytes[len + 2..];
                }
            }
            self.effects.push(words);
        }
        self.local.effects.clear();
    }

    /// Runs a command whose words stand between blanks (`''` is the empty one); the reply as [`show`] has it.
    pub fn call(&mut self, line: &str) -> String {
        let argv: Vec<&[u8]> =
            line.split(' ').map(|word| if word == "''" { b"" } else { word.as_bytes() }).collect();
        show(&self.run(&argv))
    }

    /// Runs a command and compares its reply with `expected`.
    #[track_caller]
    pub fn check(&mut self, line: &str, expected: &str) {
        assert_eq!(self.call(line), expected, "{line}");
    }

    /// Runs commands whose replies do not matter here, then forgets their effects.
    pub fn given(&mut self, lines: &[&str]) {
        for line in lines {
            let reply = self.call(line);
            assert!(!reply.starts_with('-'), "{line}: {reply}");
        }
        self.effects.clear();
    }

    /// Effects since the last call, as commands.
    pub fn take_effects(&mut self) -> Vec<Vec<Vec<u8>>> {
        std::mem::take(&mut self.effects)
    }

    /// Effects since the last call, one line each.
    pub fn effects(&mut self) -> Vec<String> {
        let lines = self.take_effects();
        lines.iter().map(|argv| argv.iter().map(|word| show(word)).collect::<Vec<_>>().join(" ")).collect()
    }

    /// What `OBJECT ENCODING` would say, with the form behind it: `int`, `bytes`, `bytes raw` or `big`.
    pub fn form(&mut self, key: &str) -> &'static str {
        let place = self.keyspace.hasher.place(key.as_bytes());
        let locked = self.keyspace.lock(&[place]).expect("nobody else is here");
        let mut space = Space::new(self.keyspace, &mut self.local, locked, 0, self.now_ms, Access::None);
        let entry = space.peek(place).expect("the key exists");
        match entry.value() {
            keyspace::Value::Int(_) => "int",
            keyspace::Value::Bytes(_) if entry.is_raw() => "bytes raw",
            keyspace::Value::Bytes(_) => "bytes",
            keyspace::Value::Object(_) => "big",
        }
    }

    /// The instant at which a key expires.
    pub fn expire_at_ms(&mut self, key: &str) -> Option<i64> {
        let place = self.keyspace.hasher.place(key.as_bytes());
        let locked = self.keyspace.lock(&[place]).expect("nobody else is here");
        let mut space = Space::new(self.keyspace, &mut self.local, locked, 0, self.now_ms, Access::None);
        space.peek(place).and_then(|entry| entry.expire_at_ms())
    }
}

/// Logs what a command did, and sees to it that it said so.
fn log(spec: &Spec, argv: &[&[u8]], db: u16, local: &mut Local, before: SpaceCounters, succeeded: bool) {
    let after = local.counters;
    if after.changes - before.changes > after.expired_keys - before.expired_keys {
        match spec.log {
            Log::Verbatim if succeeded => local.effects.push(u32::from(db), argv),
            Log::Verbatim | Log::Rewritten => {
                assert!(!local.effects.is_empty(), "a change without an effect")
            }
            Log::Nothing => panic!("{} changed something", spec.facts.name),
        }
    }
}

fn next_line<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let end = bytes.iter().position(|&byte| byte == b'\r')?;
    let line = &bytes[..end];
    *bytes = &bytes[end + 2..];
    Some(line)
}

/// The row that `argv` calls, its arity checked.
fn find(argv: &[&[u8]]) -> Result<&'static Spec, CommandError> {
    let lower = |word: &[u8]| String::from_utf8_lossy(word).to_ascii_lowercase();
    let name = lower(argv[0]);
    let long = argv.get(1).map(|sub| format!("{name}|{}", lower(sub)));
    let rows = || crate::table::ALL.iter().flat_map(|family| family.iter());
    let spec = rows()
        .find(|spec| long.as_deref() == Some(spec.facts.name))
        .or_else(|| rows().find(|spec| spec.facts.name == name))
        .unwrap_or_else(|| panic!("no command {name}"));
    if spec.facts.accepts(argv.len()) { Ok(spec) } else { Err(CommandError::Arity(spec.facts.name.into())) }
}

/// A reply's bytes in one line: blanks for line ends, anything unprintable escaped.
pub fn show(reply: &[u8]) -> String {
    let mut text = String::new();
    let mut rest = reply.strip_suffix(b"\r\n").unwrap_or(reply);
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        match byte {
            b'\r' if tail.first() == Some(&b'\n') => {
                text.push(' ');
                rest = &tail[1..];
            }
            b' '..=b'~' => text.push(char::from(byte)),
            _ => text.push_str(&format!("\\x{byte:02x}")),
        }
    }
    text
}
