//! Turns a seed into the steps of a sequence.
//!
//! Here is what concerns every family: which client acts, transactions that are open, the random spoiling of
//! commands, the case of names. What a command's arguments look like is in its family's file.

use std::collections::BTreeSet;

use super::families::{self, Family};
use super::step::{Action, LetGo, Step, Word};
use super::values::{FLAVOURS, Flavour};
use crate::rng::Rng;

/// What sequences are to contain.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The families to draw from.
    pub families: Vec<&'static Family>,
    /// Most keys share one `{tag}`, so that slot sharding puts them into one shard.
    pub hot_tag: bool,
    /// Steps of one sequence.
    pub sequence_length: usize,
    /// Commands that are left out, upper case: those that only one of the servers has.
    pub missing: BTreeSet<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            families: families::ALL.iter().collect(),
            hot_tag: false,
            sequence_length: 1000,
            missing: BTreeSet::new(),
        }
    }
}

/// A command under construction.
#[derive(Debug, Clone)]
pub struct Command {
    words: Vec<Word>,
    /// Which words are option names, whose letter case does not matter.
    tokens: u64,
    /// Words of the name: two for a subcommand.
    name_words: usize,
    /// Arguments may be left out or added, not replaced.
    fixed: bool,
}

impl Command {
    /// A command named `name`; a subcommand's name follows after a space.
    pub fn new(name: &str) -> Self {
        let mut command = Command { words: Vec::new(), tokens: 0, name_words: 0, fixed: false };
        for part in name.split(' ') {
            command = command.token(part);
        }
        command.name_words = command.words.len();
        command
    }

    /// Spoilt, it still has no argument replaced: it works on this key only.
    pub fn fixed(mut self) -> Self {
        self.fixed = true;
        self
    }

    /// Adds an argument.
    pub fn arg(mut self, argument: impl AsRef<[u8]>) -> Self {
        self.words.push(Word::Bytes(argument.as_ref().to_vec()));
        self
    }

    /// Adds several arguments.
    pub fn args<A: AsRef<[u8]>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.words.extend(arguments.into_iter().map(|argument| Word::Bytes(argument.as_ref().to_vec())));
        self
    }

    /// Adds an option's name.
    pub fn token(mut self, name: impl AsRef<str>) -> Self {
        self.tokens |= 1 << self.words.len().min(63);
        self.words.push(Word::Bytes(name.as_ref().as_bytes().to_vec()));
        self
    }

    /// Adds a word that differs between the two servers.
    pub fn word(mut self, word: Word) -> Self {
        self.words.push(word);
        self
    }

    /// The words as bytes; placeholders become empty.
    pub fn bytes(&self) -> Vec<Vec<u8>> {
        let bytes = |word: &Word| match word {
            Word::Bytes(bytes) => bytes.clone(),
            _ => Vec::new(),
        };
        self.words.iter().map(bytes).collect()
    }
}

/// What the generator knows of a client without having seen a reply.
#[derive(Debug, Clone, Copy, Default)]
struct ClientModel {
    in_multi: bool,
    /// It has sent a command whose reply is still to be taken.
    waits: bool,
}

/// The generator of one sequence.
#[derive(Debug)]
pub struct Gen {
    /// Its randomness.
    pub rng: Rng,
    pub(super) settings: Settings,
    /// Counts relative expiries, each of which is another one (see `values.rs`).
    pub(super) expiries: u64,
    clients: Vec<ClientModel>,
    current: usize,
    steps: Vec<Step>,
    /// Whether every command is spoilt at the moment.
    spoil_all: bool,
    /// Whether the last step was left out, and what is glued to it must be too.
    left_out: bool,
    /// Flavours of keys that the families work with.
    flavours: Vec<(Flavour, &'static str, usize)>,
}

/// A sequence ends after this many draws per step, however many of them were left out.
const DRAWS_PER_STEP: usize = 20;

impl Gen {
    /// The sequence of `seed`.
    pub fn sequence(settings: &Settings, seed: u64) -> Vec<Step> {
        let mut rng = Rng::new(seed);
        let waiting = settings.families.iter().any(|family| family.waits);
        let clients = *rng.pick(if waiting { &[2, 3, 4, 6] } else { &[1, 2, 2, 3] });
        let has = |family: &str| settings.families.iter().any(|each| each.name == family);
        // Without any family that has a flavour of its own, strings.
        let mut flavours: Vec<_> = FLAVOURS.iter().filter(|row| has(row.3)).collect();
        if flavours.is_empty() {
            flavours = FLAVOURS.iter().filter(|row| row.3 == "string").collect();
        }
        let mut g = Gen {
            rng,
            settings: settings.clone(),
            expiries: 0,
            clients: vec![ClientModel::default(); clients],
            current: 0,
            steps: Vec::with_capacity(settings.sequence_length + 64),
            spoil_all: false,
            left_out: false,
            flavours: flavours
                .into_iter()
                .map(|&(flavour, prefix, count, _)| (flavour, prefix, count))
                .collect(),
        };
        g.prologue();
        // How long one client acts before another one takes over: long runs travel in large pipelines.
        let run_length = *g.rng.pick(&[2, 10, 40]);
        for _ in 0..settings.sequence_length * DRAWS_PER_STEP {
            if g.steps.len() >= settings.sequence_length {
                break;
            }
            if g.rng.one_in(run_length) {
                g.current = g.rng.below(clients);
            }
            if g.rng.percent(3) {
                g.end_a_wait();
            }
            if g.clients[g.current].waits {
                let free: Vec<usize> = (0..clients).filter(|&client| !g.clients[client].waits).collect();
                g.current = *g.rng.pick(&free);
            }
            g.step();
        }
        g.steps
    }

    /// Takes the late reply of one client, if any waits.
    fn end_a_wait(&mut self) {
        let waiting: Vec<usize> =
            (0..self.clients.len()).filter(|&client| self.clients[client].waits).collect();
        if waiting.is_empty() {
            return;
        }
        let client = *self.rng.pick(&waiting);
        let own = self.switch_client(client);
        self.take_late_reply(false);
        self.switch_client(own);
    }

    fn prologue(&mut self) {
        if self.rng.percent(40) {
            self.push_exact(Command::new("DEBUG SET-ACTIVE-EXPIRE").arg("0"));
        }
        if self.rng.percent(60) {
            self.tiny_thresholds();
        }
        if self.rng.percent(20) {
            let policy = *self.rng.pick(&["allkeys-lfu", "volatile-lfu"]);
            self.push_exact(Command::new("CONFIG SET").arg("maxmemory-policy").arg(policy));
        }
        for client in 0..self.clients.len() {
            self.current = client;
            if self.rng.percent(35) {
                self.push_exact(Command::new("HELLO").arg("3"));
            }
        }
    }

    fn step(&mut self) {
        if self.in_multi() && self.rng.percent(14) {
            return self.push_end_of_multi();
        }
        let families = self.settings.families.clone();
        // Errors of the commands that are drawn least: every row has the same chance here.
        if self.rng.percent(10) {
            let rows = self.rng.pick(&families).generators;
            self.spoil_all = true;
            (self.rng.pick(rows).run)(self);
            self.spoil_all = false;
            return;
        }
        let family = families[self.rng.weighted(families.iter().map(|family| family.weight))];
        let rows = family.generators;
        let row = &rows[self.rng.weighted(rows.iter().map(|row| row.weight))];
        (row.run)(self);
    }

    fn push_end_of_multi(&mut self) {
        let name = if self.rng.percent(88) { "EXEC" } else { "DISCARD" };
        // An EXEC that is refused ends the transaction too.
        if self.push(Command::new(name)) || name == "EXEC" {
            self.set_in_multi(false);
        }
    }

    /// Thresholds so small that collections cross them all the time.
    fn tiny_thresholds(&mut self) {
        let sizes: &[(&str, &[&str])] = &[
            ("hash-max-listpack-entries", &["2", "5", "8", "0"]),
            ("hash-max-listpack-value", &["8", "20", "64"]),
            ("list-max-listpack-size", &["3", "5", "-1", "-2", "1"]),
            ("list-compress-depth", &["0", "1"]),
            ("set-max-intset-entries", &["3", "6", "0"]),
            ("set-max-listpack-entries", &["4", "8", "0"]),
            ("set-max-listpack-value", &["8", "20", "64"]),
            ("zset-max-listpack-entries", &["3", "8", "0"]),
            ("zset-max-listpack-value", &["8", "20", "64"]),
            ("stream-node-max-entries", &["3", "10", "1"]),
            ("stream-node-max-bytes", &["4096", "200", "0"]),
        ];
        let mut command = Command::new("CONFIG SET");
        for (name, values) in sizes {
            if self.rng.percent(70) {
                command = command.arg(name).arg(self.rng.pick(values));
            }
        }
        if command.words.len() > 2 {
            self.push_exact(command);
        }
    }

    /// True when the acting client has a transaction open.
    pub fn in_multi(&self) -> bool {
        self.clients[self.current].in_multi
    }

    /// Notes that the acting client opened or ended a transaction.
    pub fn set_in_multi(&mut self, open: bool) {
        self.clients[self.current].in_multi = open;
    }

    /// One of the sequence's clients, perhaps the acting one.
    pub fn any_client(&mut self) -> usize {
        self.rng.below(self.clients.len())
    }

    /// The acting client.
    pub fn current_client(&self) -> usize {
        self.current
    }

    /// The clients, other than the acting one, that neither wait nor have a transaction open.
    pub fn idle_clients(&self) -> Vec<usize> {
        let idle = |client: &usize| {
            *client != self.current && !self.clients[*client].waits && !self.clients[*client].in_multi
        };
        (0..self.clients.len()).filter(idle).collect()
    }

    /// How many clients the sequence has.
    pub fn clients(&self) -> usize {
        self.clients.len()
    }

    /// Notes that a client's connection was replaced: its transaction is gone.
    pub fn forget_client(&mut self, client: usize) {
        self.clients[client] = ClientModel::default();
    }

    /// Adds a command, now and then spoilt. Returns whether it was left intact.
    pub fn push(&mut self, command: Command) -> bool {
        let mut command = command;
        let intact = !self.spoil_all && !self.rng.percent(8);
        if !intact {
            self.spoil(&mut command);
        }
        self.push_exact(command);
        intact
    }

    /// Adds a command that must not be spoilt.
    pub fn push_exact(&mut self, mut command: Command) {
        self.vary_case(&mut command);
        self.add(Action::Command(command.words), false);
    }

    /// Adds a command, not spoilt, that makes no sense without the step before it.
    pub fn glue(&mut self, mut command: Command) {
        self.vary_case(&mut command);
        self.add(Action::Command(command.words), true);
    }

    /// Adds an action that is no command.
    pub fn push_action(&mut self, action: Action) {
        self.add(action, false);
    }

    /// Adds an action that is no command and makes no sense without the step before it.
    pub fn glue_action(&mut self, action: Action) {
        self.add(action, true);
    }

    /// Adds a command of the acting client whose reply may come later, not spoilt. Until the reply is taken, the client
    /// does nothing else.
    pub fn send(&mut self, mut command: Command) {
        self.vary_case(&mut command);
        let before = self.steps.len();
        self.add(Action::Send(command.words), false);
        if self.steps.len() > before {
            self.clients[self.current].waits = true;
        }
    }

    /// Takes the acting client's late reply. `own` when the command has a short timeout of its own.
    pub fn take_late_reply(&mut self, own: bool) {
        if !self.clients[self.current].waits {
            return;
        }
        let let_go = match self.rng.below(2) {
            _ if own => LetGo::ByItself,
            0 => LetGo::Timeout,
            _ => LetGo::Error,
        };
        self.clients[self.current].waits = false;
        self.add(Action::Await(let_go), false);
    }

    /// One of the families' flavours of keys.
    pub(super) fn any_flavour(&mut self) -> (Flavour, &'static str, usize) {
        *self.rng.pick(&self.flavours)
    }

    fn add(&mut self, action: Action, glued: bool) {
        let words: Vec<&[u8]> = match &action {
            Action::Command(words) | Action::Send(words) => words
                .iter()
                .take(2)
                .map(|word| if let Word::Bytes(bytes) = word { &bytes[..] } else { b"" })
                .collect(),
            Action::Scan(argv) | Action::Sample(argv) => argv.iter().take(2).map(Vec::as_slice).collect(),
            _ => Vec::new(),
        };
        self.left_out = (glued && self.left_out) || self.is_missing(&words);
        if !self.left_out {
            self.steps.push(Step { client: self.current, action, glued });
        }
    }

    /// Whether a command with these first words is not to be used.
    fn is_missing(&self, words: &[&[u8]]) -> bool {
        let (missing, upper) =
            (&self.settings.missing, |word: &&[u8]| String::from_utf8_lossy(word).to_ascii_uppercase());
        let Some(name) = words.first().map(upper).filter(|_| !missing.is_empty()) else { return false };
        missing.contains(&name)
            || words.get(1).is_some_and(|sub| missing.contains(&format!("{name}|{}", upper(sub))))
    }

    /// Lets another client of the sequence act in what follows. Returns the one that acted.
    pub fn switch_client(&mut self, client: usize) -> usize {
        std::mem::replace(&mut self.current, client)
    }

    /// Wrong arity, trailing nonsense, an argument replaced. Numbers are never put in place of others: they
    /// could become an expiry a second ahead, whose outcome depends on the moment.
    fn spoil(&mut self, command: &mut Command) {
        let length = command.words.len();
        // `*` as the id of XADD would be a time.
        let xadd = matches!(&command.words[0], Word::Bytes(name) if name.eq_ignore_ascii_case(b"XADD"));
        match self.rng.below(10) {
            0 | 9 if length > command.name_words => command.words.truncate(command.name_words),
            1..4 if length > 1 => command.words.truncate(1 + self.rng.below(length - 1)),
            4 if length > 1 && !command.fixed => {
                let index = 1 + self.rng.below(length - 1);
                let nonsense = self.nonsense();
                command.words[index] =
                    Word::Bytes(if xadd && nonsense == b"*" { b"**".into() } else { nonsense });
            }
            _ => {
                for _ in 0..1 + self.rng.below(2) {
                    let nonsense = self.nonsense();
                    command.words.push(Word::Bytes(nonsense));
                }
            }
        }
    }

    fn vary_case(&mut self, command: &mut Command) {
        if !self.rng.percent(8) {
            return;
        }
        let style = self.rng.below(3);
        for (index, word) in command.words.iter_mut().enumerate() {
            let Word::Bytes(bytes) = word else { continue };
            if index >= 63 || command.tokens & (1 << index) == 0 {
                continue;
            }
            match style {
                0 => bytes.make_ascii_lowercase(),
                1 => bytes.iter_mut().step_by(2).for_each(|byte| byte.make_ascii_lowercase()),
                _ => bytes.iter_mut().skip(1).for_each(|byte| byte.make_ascii_lowercase()),
            }
        }
    }
}

/// The seed of sequence `index` of a campaign.
pub fn sequence_seed(seed: u64, index: u64) -> u64 {
    Rng::new(seed ^ index.wrapping_mul(0x9e37_79b9_7f4a_7c15)).next_u64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_one_sequence() {
        let settings = Settings::default();
        assert_eq!(Gen::sequence(&settings, 3), Gen::sequence(&settings, 3));
        assert_ne!(Gen::sequence(&settings, 3), Gen::sequence(&settings, 4));
        assert_ne!(sequence_seed(1, 0), sequence_seed(1, 1));
    }

    #[test]
    fn every_step_has_a_text_form() {
        for seed in 0..20 {
            for step in Gen::sequence(&Settings::default(), seed) {
                assert_eq!(Step::parse(&step.line(usize::MAX)).as_ref(), Ok(&step));
            }
        }
    }
}
