//! The crate's commands on a keyspace of their own, driven as a dispatcher would.

use effect_log::Effects;
use keyspace::evict::Access;
use keyspace::space::Local;
use keyspace::{Key, KeyHasher, Keyspace, KeyspaceOptions, Locked, Sharding, Space};
use sys::random::Rng;
use wire::resp::{Reply, ReplyWriter, parse_reply};

use crate::args::OwnedArgs;
use crate::ctx::Limits;
use crate::facts::keys_of;
use crate::table::ALL;
use crate::{CommandError, CommandResult, Ctx, Log, Outcome, Session, Spec};

/// A keyspace, one client and a clock that tests move.
pub struct Engine {
    pub keyspace: &'static Keyspace,
    pub local: Local,
    pub session: Session,
    pub limits: Limits,
    pub now_ms: i64,
    /// Whether commands run as inside a transaction: under the gate.
    pub gate: bool,
    rng: Rng,
    effects: Vec<String>,
}

impl Engine {
    pub fn new(sharding: Sharding) -> Engine {
        let hasher = KeyHasher::new([7, 11], sharding);
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
            gate: false,
            rng: Rng::new(3),
            effects: Vec::new(),
        }
    }

    /// Runs a command; `Err` holds the shard it found busy.
    pub fn try_call(&mut self, argv: &[&[u8]]) -> Result<Reply, u32> {
        let mut out = Vec::new();
        if let Err(error) = self.run(argv, &mut out)? {
            out.clear();
            ReplyWriter::new(&mut out, self.session.resp).error_bytes(&error.bytes());
        }
        let (reply, len) = parse_reply(&out).expect("a reply").expect("a whole reply");
        assert_eq!(len, out.len(), "one reply per command");
        Ok(reply)
    }

    fn run(&mut self, argv: &[&[u8]], out: &mut Vec<u8>) -> Result<Result<(), CommandError>, u32> {
        let spec = match find(argv) {
            Ok(spec) => spec,
            Err(error) => return Ok(Err(error)),
        };
        let owned: OwnedArgs = argv.iter().copied().collect();
        let args = owned.as_args();
        let keys = keys_of(spec.facts, argv).unwrap_or_default();
        let places: Vec<Key<'_>> =
            keys.iter().map(|(i, _)| self.keyspace.hasher.place(argv[*i as usize])).collect();
        let locked = if self.gate { Locked::gate() } else { self.keyspace.lock(&places)? };
        let clock = Access::lru_clock(self.now_ms);
        let access = if self.limits.policy_is_lfu {
            Access::Lfu {
                minute: Access::lfu_minute(self.now_ms),
                log_factor: 10,
                decay_minutes: 1,
                random: 0,
            }
        } else {
            Access::Lru { clock }
        };
        let before = self.local.counters;
        let Engine { keyspace, local, session, limits, now_ms, rng, .. } = self;
        let mut space = Space::new(keyspace, local, locked, session.db, *now_ms, access);
        space.touch = !session.no_touch;
        let reply = ReplyWriter::new(out, session.resp);
        let mut ctx = Ctx { space, reply, session, rng, limits, first_key: None };
        let mut result: CommandResult = (spec.run)(&mut ctx, &args);
        let started = std::time::Instant::now();
        while let Ok(Outcome::Continue(mut rest)) = result {
            assert!(started.elapsed().as_secs() < 20, "{} makes no progress", spec.facts.name);
            result = rest(&mut ctx);
        }
        let counters = ctx.space.local.counters;
        if counters.changes - before.changes > counters.expired_keys - before.expired_keys {
            match spec.log {
                Log::Verbatim => ctx.effect(argv),
                Log::Rewritten => assert!(!ctx.space.local.effects.is_empty(), "a change without an effect"),
                Log::Nothing => panic!("{} changed something", spec.facts.name),
            }
        }
        drop(ctx);
        for (db, bytes) in self.local.effects.iter() {
            let (reply, _) = parse_reply(bytes).expect("an effect").expect("a whole effect");
            let Reply::Array(words) = reply else { panic!("an effect is an array") };
            let words: Vec<String> = words
                .iter()
                .map(|word| String::from_utf8_lossy(word.as_bytes().unwrap_or_default()).into_owned())
                .collect();
            self.effects.push(format!("{db}: {}", words.join(" ")));
        }
        self.local.effects.clear();
        self.local.collect_garbage();
        match result {
            Ok(Outcome::Done) => Ok(Ok(())),
            Ok(Outcome::Busy(shard)) => Err(shard),
            Ok(_) => panic!("{} wants what this harness has not", spec.facts.name),
            Err(error) => Ok(Err(error)),
        }
    }

    /// Runs a command whose words stand between blanks.
    pub fn call(&mut self, line: &str) -> Reply {
        let argv: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        self.try_call(&argv).expect("no shard is busy")
    }

    /// Runs a command and compares its reply, shown by [`show`].
    #[track_caller]
    pub fn check(&mut self, line: &str, expected: &str) {
        assert_eq!(show(&self.call(line)), expected, "{line}");
    }

    /// Effects since the last call, each with its database.
    pub fn effects(&mut self) -> Vec<String> {
        std::mem::take(&mut self.effects)
    }
}

/// The row that `argv` calls, arity checked.
pub fn find(argv: &[&[u8]]) -> Result<&'static Spec, CommandError> {
    let name = String::from_utf8_lossy(argv[0]).to_ascii_lowercase();
    let long = argv.get(1).map(|sub| format!("{name}|{}", String::from_utf8_lossy(sub).to_ascii_lowercase()));
    let rows = || ALL.iter().flat_map(|family| family.iter());
    let spec = rows()
        .find(|spec| long.as_deref() == Some(spec.facts.name))
        .or_else(|| rows().find(|spec| spec.facts.name == name))
        .unwrap_or_else(|| panic!("no command {name}"));
    if spec.facts.accepts(argv.len()) { Ok(spec) } else { Err(CommandError::Arity(spec.facts.name.into())) }
}

/// A reply in one line: `(error) …`, numbers, `"bulk"`, `simple`, `nil`, `[…]`.
pub fn show(reply: &Reply) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match reply {
        Reply::Simple(bytes) => text(bytes),
        Reply::Error(bytes) => format!("(error) {}", text(bytes)),
        Reply::Int(n) => n.to_string(),
        Reply::Bulk(bytes) => format!("\"{}\"", text(bytes)),
        Reply::Array(items) => format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(" ")),
        Reply::Null | Reply::NullBulk | Reply::NullArray => "nil".to_owned(),
        other => format!("{other:?}"),
    }
}
