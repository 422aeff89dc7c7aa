//! Two servers side by side: sends steps to both, compares what comes back and, at the end, the whole state.
//!
//! Runs of commands by one client travel in one pipeline per server; both servers work on it at the same time.

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use super::coverage::Coverage;
use super::differences::{self, Call};
use super::side::{PairError, Side, tail};
use super::step::{Action, LetGo, Step, Word};
use crate::client::{Finish, Replies, encode};
use crate::reply::{Scanner, Value};
use crate::server::{Kind, Launch};

/// Commands of one pipeline, and its bytes, at most.
const BATCH_COMMANDS: usize = 200;
const BATCH_BYTES: usize = 64 * 1024;

/// What ends the replies to a `!raw` step.
const SENTINEL: &[u8] = b"end-of-raw-7f3a";

/// How long a `!raw` step may take: what follows it may never come.
const RAW_TIMEOUT: Duration = Duration::from_millis(1500);

/// How many clients a sequence has. No more are connected: Valkey lists five clients in the order in which they came,
/// and more of them in an order that its timer turns.
fn clients_of(steps: &[Step]) -> usize {
    let named = |word: &Word| match word {
        Word::ClientId(client) | Word::ClientAddress(client) => *client,
        _ => 0,
    };
    let of_step = |step: &Step| match &step.action {
        Action::Command(words) | Action::Send(words) => {
            words.iter().map(named).max().unwrap_or(0).max(step.client)
        }
        _ => step.client,
    };
    1 + steps.iter().map(of_step).max().unwrap_or(0)
}

/// Where the two servers differed.
#[derive(Debug, Clone)]
pub struct Mismatch {
    /// Index of the step; the number of steps when the state afterwards differed.
    pub step: usize,
    /// The command, or what was compared.
    pub command: String,
    /// In what they differed.
    pub what: String,
    /// What the left server sent.
    pub left: Vec<u8>,
    /// What the right server sent.
    pub right: Vec<u8>,
}

impl Mismatch {
    /// What must stay the same while a sequence is cut down: else another fault would be found.
    pub fn signature(&self) -> (&str, bool, bool) {
        (&self.command, self.left.starts_with(b"-"), self.right.starts_with(b"-"))
    }
}

/// Two servers under comparison.
#[derive(Debug)]
pub struct Pair {
    pub(super) left: Side,
    pub(super) right: Side,
    /// Commands that each client has queued in a transaction.
    queued: Vec<Vec<Vec<Vec<u8>>>>,
    /// What each client has sent whose reply has not been taken.
    pub(super) sent: Vec<Option<Vec<Vec<u8>>>>,
    /// Names of commands and subcommands that belong to what is compared.
    stage: Vec<String>,
    /// With it, a mismatch is noted here and the sequence goes on.
    survey: Option<Vec<Mismatch>>,
}

impl Pair {
    /// Starts both.
    pub fn start(left: (Kind, Launch), right: (Kind, Launch)) -> Result<Self, PairError> {
        let (left, right) = (Side::start(left.0, left.1)?, Side::start(right.0, right.1)?);
        Ok(Pair { left, right, queued: Vec::new(), sent: Vec::new(), stage: Vec::new(), survey: None })
    }

    /// COMMAND DOCS of the left server, which is the oracle.
    pub fn docs(&mut self) -> Result<Vec<u8>, PairError> {
        let reply = self.left.admin().and_then(|admin| admin.command(&["COMMAND", "DOCS"]));
        reply.map_err(|error| self.left.lost(error))
    }

    /// Commands and subcommands (`XGROUP|CREATE`) that only one of the servers has.
    pub fn not_common(&mut self) -> Result<BTreeSet<String>, PairError> {
        let mut names = Vec::new();
        for side in [&mut self.left, &mut self.right] {
            let reply = side.admin().and_then(|admin| admin.command(&["COMMAND", "LIST"]));
            let reply = reply.map_err(|error| side.lost(error))?;
            let list = Value::parse(&reply).map_or_else(BTreeSet::new, |value| {
                value.items.iter().map(|name| String::from_utf8_lossy(name.text).to_uppercase()).collect()
            });
            names.push(list);
        }
        Ok(names[0].symmetric_difference(&names[1]).cloned().collect())
    }

    /// Sets which commands COMMAND and its kin are compared for.
    pub fn set_stage(&mut self, names: Vec<String>) {
        self.stage = names;
    }

    /// From now on collects mismatches of replies instead of stopping at the first.
    pub fn survey(&mut self) {
        self.survey = Some(Vec::new());
    }

    /// What was collected since the last call.
    pub fn take_survey(&mut self) -> Vec<Mismatch> {
        self.survey.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Runs a whole sequence on fresh connections and an empty keyspace, then compares the state.
    pub fn run(&mut self, steps: &[Step], coverage: &mut Coverage) -> Result<Option<Mismatch>, PairError> {
        let clients = clients_of(steps);
        for side in [&mut self.left, &mut self.right] {
            side.revive()?;
            side.reset(clients).map_err(|error| side.lost(error))?;
        }
        self.queued = vec![Vec::new(); clients];
        self.sent = vec![None; clients];
        let result = match self.run_steps(steps, coverage) {
            Ok(None) => self.compare_state(steps.len()),
            other => other,
        };
        match result {
            Ok(found) => Ok(found.or_else(|| self.death(steps.len()))),
            // A connection that cannot be made or used: one of the servers has died.
            Err(error) => match self.death(steps.len()) {
                Some(mismatch) => Ok(Some(mismatch)),
                None => Err(self.right.lost(error)),
            },
        }
    }

    fn death(&mut self, step: usize) -> Option<Mismatch> {
        let (left, right) = (self.left.server.is_running(), self.right.server.is_running());
        if left && right {
            return None;
        }
        let state = |alive: bool, side: &Side| {
            if alive { b"running".to_vec() } else { tail(&side.server.log()).into() }
        };
        Some(Mismatch {
            step,
            command: "server".into(),
            what: "a server ended".into(),
            left: state(left, &self.left),
            right: state(right, &self.right),
        })
    }

    fn run_steps(&mut self, steps: &[Step], coverage: &mut Coverage) -> io::Result<Option<Mismatch>> {
        let mut index = 0;
        while index < steps.len() {
            let step = &steps[index];
            let found = self.run_step(steps, &mut index, coverage).map_err(|error| {
                io::Error::new(error.kind(), format!("step {index}, {}: {error}", step.line(100)))
            })?;
            if let Some(mismatch) = self.collect(found) {
                return Ok(Some(mismatch));
            }
            index += 1;
        }
        // Nobody waits while the state is compared.
        for client in 0..self.sent.len() {
            let found = self.run_await(client, LetGo::Error, steps.len(), coverage)?;
            if let Some(mismatch) = self.collect(found) {
                return Ok(Some(mismatch));
            }
        }
        Ok(None)
    }

    /// Keeps a mismatch for the survey, if there is one; else gives it back.
    fn collect(&mut self, found: Option<Mismatch>) -> Option<Mismatch> {
        match &mut self.survey {
            Some(seen) => {
                seen.extend(found);
                None
            }
            None => found,
        }
    }

    /// Runs the step at `index`, and those after it that travel in the same pipeline: `index` becomes the last one's.
    fn run_step(
        &mut self,
        steps: &[Step],
        index: &mut usize,
        coverage: &mut Coverage,
    ) -> io::Result<Option<Mismatch>> {
        let (first, step) = (*index, &steps[*index]);
        // Who waits can do nothing else; a sequence that was cut down may want it to.
        if !matches!(step.action, Action::Await(_) | Action::Reconnect)
            && let Some(mismatch) = self.run_await(step.client, LetGo::Error, first, coverage)?
        {
            return Ok(Some(mismatch));
        }
        match &step.action {
            Action::Command(_) => {
                let end = batch_end(steps, first);
                *index = end - 1;
                self.run_batch(&steps[first..end], first, coverage)
            }
            Action::Raw(bytes) => self.run_raw(step.client, bytes, first, coverage),
            Action::Scan(argv) => self.run_scan(step.client, argv, first, coverage),
            Action::Sample(argv) => self.run_sample(step.client, argv, first, coverage),
            Action::Send(words) => self.run_send(step.client, words, first, coverage),
            Action::Await(let_go) => self.run_await(step.client, *let_go, first, coverage),
            Action::Pause { ms, key } => {
                std::thread::sleep(Duration::from_millis(*ms));
                let exists = Step {
                    client: step.client,
                    action: Action::Command(vec![Word::Bytes(b"EXISTS".into()), Word::Bytes(key.clone())]),
                    glued: false,
                };
                self.run_batch(&[exists], first, coverage)
            }
            Action::Reconnect => self.reopen(step.client).map(|()| None),
        }
    }

    pub(super) fn reopen(&mut self, client: usize) -> io::Result<()> {
        self.queued[client].clear();
        self.sent[client] = None;
        self.left.reopen(client)?;
        self.right.reopen(client)
    }

    /// Runs commands of one client in one pipeline. `first` is the index of the first in the sequence.
    fn run_batch(
        &mut self,
        steps: &[Step],
        first: usize,
        coverage: &mut Coverage,
    ) -> io::Result<Option<Mismatch>> {
        let client = steps[0].client;
        // A client that another one has killed since it last acted finds out now; then it connects again.
        for attempt in 0..2 {
            let (mut request, mut other) = (Vec::new(), Vec::new());
            for step in steps {
                let Action::Command(words) = &step.action else { continue };
                let left: Vec<Vec<u8>> = words.iter().map(|word| self.left.resolve(word)).collect();
                let right: Vec<Vec<u8>> = words.iter().map(|word| self.right.resolve(word)).collect();
                encode(&left, &mut request);
                encode(&right, &mut other);
            }
            let sent_left = self.left.client(client)?.send(&request);
            let sent_right = self.right.client(client)?.send(&other);
            let left = self.left.client(client)?.receive(steps.len());
            let right = self.right.client(client)?.receive(steps.len());
            let nothing = |replies: &Replies| replies.finish == Finish::Closed && replies.bytes.is_empty();
            if attempt == 0 && nothing(&left) && nothing(&right) {
                self.reopen(client)?;
                continue;
            }
            if left.finish == Finish::Complete && right.finish == Finish::Complete {
                sent_left.and(sent_right)?;
            }
            return self.compare_batch(steps, first, &left, &right, coverage);
        }
        Ok(None)
    }

    fn compare_batch(
        &mut self,
        steps: &[Step],
        first: usize,
        left: &Replies,
        right: &Replies,
        coverage: &mut Coverage,
    ) -> io::Result<Option<Mismatch>> {
        let client = steps[0].client;
        let mut found = None;
        for (index, step) in steps.iter().enumerate() {
            let (Some(l), Some(r)) = (left.get(index), right.get(index)) else { break };
            let Action::Command(words) = &step.action else { continue };
            let argv: Vec<Vec<u8>> = words.iter().map(|word| self.left.resolve(word)).collect();
            let outcome = self.compare_reply(client, &argv, l, r, coverage);
            if let Err(mut mismatch) = outcome {
                mismatch.step = first + index;
                if let Some(mismatch) = self.collect(Some(*mismatch)) {
                    return Ok(Some(mismatch));
                }
            }
        }
        let quits = steps.last().is_some_and(|step| step.upper_word(0) == b"QUIT");
        let whole = left.finish == Finish::Complete && right.finish == Finish::Complete;
        // No reply from either: the sequence stops making sense, and its author has to look.
        let stuck = left.finish == Finish::TimedOut;
        if stuck || left.finish != right.finish || left.len() != right.len() || left.rest() != right.rest() {
            let step = left.len().min(right.len()).min(steps.len() - 1);
            found = Some(Mismatch {
                step: first + step,
                command: String::from_utf8_lossy(&steps[step].upper_word(0)).into_owned(),
                what: format!("the connection: left {:?}, right {:?}", left.finish, right.finish),
                left: left.rest().to_vec(),
                right: right.rest().to_vec(),
            });
        } else if let Some(mismatch) = self.surplus(client, first + steps.len() - 1)? {
            found = Some(mismatch);
        } else if quits && whole {
            let left = self.left.client(client)?.receive_to_close(RAW_TIMEOUT);
            let right = self.right.client(client)?.receive_to_close(RAW_TIMEOUT);
            found = differing("QUIT", "after QUIT", first, &left, &right);
        }
        if !whole || quits {
            self.reopen(client)?;
        }
        Ok(found)
    }

    /// More replies than commands. A push is none: it waits for the reply after it.
    fn surplus(&mut self, client: usize, step: usize) -> io::Result<Option<Mismatch>> {
        let left = self.left.client(client)?.unread().to_vec();
        let right = self.right.client(client)?.unread().to_vec();
        let is_surplus = |bytes: &[u8]| bytes.first().is_some_and(|&kind| kind != b'>');
        if !is_surplus(&left) && !is_surplus(&right) {
            return Ok(None);
        }
        let what = "more replies than commands in this pipeline".into();
        Ok(Some(Mismatch { step, command: "pipeline".into(), what, left, right }))
    }

    /// Compares one reply; follows transactions, so that what EXEC returns is compared as what it is.
    pub(super) fn compare_reply(
        &mut self,
        client: usize,
        argv: &[Vec<u8>],
        left: &[u8],
        right: &[u8],
        coverage: &mut Coverage,
    ) -> Result<(), Box<Mismatch>> {
        let is_exec = argv[0].eq_ignore_ascii_case(b"EXEC");
        let queued = match left {
            b"+QUEUED\r\n" => {
                self.queued[client].push(argv.to_vec());
                return same_bytes(argv, left, right);
            }
            _ if is_exec && (!left.starts_with(b"-") || left.starts_with(b"-EXECABORT")) => {
                std::mem::take(&mut self.queued[client])
            }
            b"+OK\r\n"
                if argv[0].eq_ignore_ascii_case(b"MULTI") || argv[0].eq_ignore_ascii_case(b"DISCARD") =>
            {
                std::mem::take(&mut self.queued[client]);
                Vec::new()
            }
            b"+RESET\r\n" => {
                std::mem::take(&mut self.queued[client]);
                Vec::new()
            }
            _ => Vec::new(),
        };
        coverage.count(argv, !left.starts_with(b"-"));
        if !is_exec && left == right {
            return Ok(());
        }
        let (Some(l), Some(r)) = (Value::parse(left), Value::parse(right)) else {
            return same_bytes(argv, left, right);
        };
        if is_exec
            && l.is_aggregate()
            && r.is_aggregate()
            && l.items.len() == queued.len()
            && r.items.len() == queued.len()
        {
            for ((argv, l), r) in queued.iter().zip(&l.items).zip(&r.items) {
                coverage.count(argv, !l.is_error());
                if l != r {
                    self.compare_values(argv, l, r)
                        .map_err(|what| mismatch(argv, "in EXEC: ".to_owned() + &what, left, right))?;
                }
            }
            return Ok(());
        }
        if left == right {
            return Ok(());
        }
        self.compare_values(argv, &l, &r).map_err(|what| mismatch(argv, what, left, right))
    }

    pub(super) fn compare_values(&self, argv: &[Vec<u8>], left: &Value, right: &Value) -> Result<(), String> {
        let call = Call { argv, stage: &self.stage, brasa: self.right.kind == Kind::Brasa };
        differences::compare(&call, left, right)
    }

    /// Sends bytes and a sentinel; everything until the sentinel's reply, or until the close, must be the same.
    fn run_raw(
        &mut self,
        client: usize,
        bytes: &[u8],
        step: usize,
        coverage: &mut Coverage,
    ) -> io::Result<Option<Mismatch>> {
        let mut request = bytes.to_vec();
        encode(&[b"ECHO", SENTINEL], &mut request);
        let mark = [format!("${}\r\n", SENTINEL.len()).as_bytes(), SENTINEL, b"\r\n"].concat();
        let mut outcome = None;
        for attempt in 0..2 {
            let mut replies = Vec::new();
            for side in [&mut self.left, &mut self.right] {
                // A refused request can end in a reset while it is being sent: reading tells.
                let _ = side.client(client)?.send(&request);
            }
            for side in [&mut self.left, &mut self.right] {
                let connection = side.client(client)?;
                connection.set_timeout(RAW_TIMEOUT)?;
                replies.push(connection.receive_until(&mark));
                connection.set_timeout(crate::client::REPLY_TIMEOUT)?;
            }
            let (right, left) = (replies.pop().expect("two sides"), replies.pop().expect("two sides"));
            let nothing = |replies: &Replies| replies.finish == Finish::Closed && replies.bytes.is_empty();
            if attempt == 0 && nothing(&left) && nothing(&right) {
                self.reopen(client)?;
                continue;
            }
            outcome = differing("raw", "after raw bytes", step, &left, &right);
            if left.finish != Finish::Complete || right.finish != Finish::Complete {
                self.reopen(client)?;
            }
            break;
        }
        if outcome.is_none() {
            count_raw(bytes, coverage);
        }
        Ok(outcome)
    }
}

/// Where the pipeline that begins at `start` ends.
fn batch_end(steps: &[Step], start: usize) -> usize {
    let (mut end, mut bytes) = (start, 0);
    while end < steps.len() && end - start < BATCH_COMMANDS && bytes < BATCH_BYTES {
        let step = &steps[end];
        let Action::Command(words) = &step.action else { break };
        if step.client != steps[start].client {
            break;
        }
        end += 1;
        bytes += words
            .iter()
            .map(|word| if let Word::Bytes(bytes) = word { bytes.len() } else { 0 })
            .sum::<usize>();
        if step.ends_batch() {
            break;
        }
    }
    end
}

pub(super) fn mismatch(argv: &[Vec<u8>], what: String, left: &[u8], right: &[u8]) -> Box<Mismatch> {
    let command = differences::command_name(argv);
    Box::new(Mismatch { step: 0, command, what, left: left.to_vec(), right: right.to_vec() })
}

fn same_bytes(argv: &[Vec<u8>], left: &[u8], right: &[u8]) -> Result<(), Box<Mismatch>> {
    if left == right { Ok(()) } else { Err(mismatch(argv, "replies differ".into(), left, right)) }
}

pub(super) fn differing(
    command: &str,
    what: &str,
    step: usize,
    left: &Replies,
    right: &Replies,
) -> Option<Mismatch> {
    if left.bytes == right.bytes && left.finish == right.finish {
        return None;
    }
    let what = format!("{what}: left {:?}, right {:?}", left.finish, right.finish);
    Some(Mismatch {
        step,
        command: command.into(),
        what,
        left: left.bytes.clone(),
        right: right.bytes.clone(),
    })
}

/// Counts the CLIENT REPLY commands among raw bytes: their success is that no reply comes.
fn count_raw(bytes: &[u8], coverage: &mut Coverage) {
    let mut start = 0;
    while let Ok(Some(end)) = Scanner::new(start).end(bytes) {
        let Some(value) = Value::parse(&bytes[start..end]) else { return };
        let argv: Vec<Vec<u8>> = value.items.iter().map(|item| item.text.to_vec()).collect();
        if argv.len() == 3 && argv[0].eq_ignore_ascii_case(b"CLIENT") {
            coverage.count(&argv, true);
        }
        start = end;
    }
}
