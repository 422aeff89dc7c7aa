//! Commands whose reply may come later: BLPOP and its kin, and whatever CLIENT PAUSE holds back.
//!
//! A step goes on only when each server has either replied or has the client wait, which CLIENT LIST tells by the flag
//! `b`. So the order in which clients begin to wait is the same on both, and that they wait at all is compared too.

use std::io;
use std::time::{Duration, Instant};

use super::coverage::Coverage;
use super::pair::{Mismatch, Pair, differing, mismatch};
use super::side::Side;
use super::step::{LetGo, Word};
use crate::client::{Arrival, Finish, encode};
use crate::reply::Value;

/// How long one server may be behind the other.
const BEHIND_MAX: Duration = Duration::from_secs(2);

/// How long an `!await` leaves a client its own timeout.
const OWN_TIMEOUT_MAX: Duration = Duration::from_millis(300);

/// How far a command has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// Neither of the two yet.
    Runs,
    /// The server has put the client aside.
    Waits,
    /// There is a reply, or the connection is closed.
    Replied,
}

impl Side {
    fn progress(&mut self, client: usize) -> io::Result<Progress> {
        if self.client(client)?.arrival()? != Arrival::None {
            return Ok(Progress::Replied);
        }
        let address =
            self.clients[client].as_ref().map_or_else(Vec::new, |connection| connection.address.clone());
        let reply = self.admin()?.command(&[b"CLIENT".as_slice(), b"LIST", b"ADDR", &address])?;
        let list = Value::parse(&reply).map(|value| String::from_utf8_lossy(value.body()).into_owned());
        let list = list.unwrap_or_default();
        let flags = list.split(' ').find_map(|part| part.strip_prefix("flags="));
        Ok(if flags.is_some_and(|flags| flags.contains('b')) { Progress::Waits } else { Progress::Runs })
    }

    /// Makes sure of the connection for questions, and that it has asked one: clients can see that in statistics.
    fn prepare_admin(&mut self) -> io::Result<()> {
        self.admin()?.command(&["CLIENT", "LIST", "ADDR", "-"]).map(drop)
    }

    /// Lets a client go that waits; the reply of CLIENT UNBLOCK.
    fn unblock(&mut self, client: usize, how: &[u8]) -> io::Result<Vec<u8>> {
        let id = self.clients[client].as_ref().map_or_else(Vec::new, |connection| connection.id.clone());
        self.admin()?.command(&[b"CLIENT".as_slice(), b"UNBLOCK", &id, how])
    }
}

impl Pair {
    /// Sends a command and waits until both servers have replied or have the client wait.
    pub(super) fn run_send(
        &mut self,
        client: usize,
        words: &[Word],
        step: usize,
        coverage: &mut Coverage,
    ) -> io::Result<Option<Mismatch>> {
        let argv: Vec<Vec<u8>> = words.iter().map(|word| self.left.resolve(word)).collect();
        self.left.prepare_admin()?;
        self.right.prepare_admin()?;
        for attempt in 0..2 {
            for side in [&mut self.left, &mut self.right] {
                let words: Vec<Vec<u8>> = words.iter().map(|word| side.resolve(word)).collect();
                let mut request = Vec::new();
                encode(&words, &mut request);
                // A connection that was killed tells when it is read.
                let _ = side.client(client)?.send(&request);
            }
            let closed = |side: &mut Side| io::Result::Ok(side.client(client)?.arrival()? == Arrival::Closed);
            if attempt == 0 && closed(&mut self.left)? && closed(&mut self.right)? {
                self.reopen(client)?;
                continue;
            }
            break;
        }
        self.sent[client] = Some(argv);
        self.settle(client, Duration::ZERO, step, coverage)
    }

    /// Takes the reply to what a client has sent, if it has not come yet.
    pub(super) fn run_await(
        &mut self,
        client: usize,
        let_go: LetGo,
        step: usize,
        coverage: &mut Coverage,
    ) -> io::Result<Option<Mismatch>> {
        let Some(argv) = self.sent[client].clone() else { return Ok(None) };
        let own = if let_go == LetGo::ByItself { OWN_TIMEOUT_MAX } else { Duration::ZERO };
        let found = self.settle(client, own, step, coverage)?;
        if found.is_some() || self.sent[client].is_none() {
            return Ok(found);
        }
        let how: &[u8] = if let_go == LetGo::Timeout { b"TIMEOUT" } else { b"ERROR" };
        let (left, right) = (self.left.unblock(client, how)?, self.right.unblock(client, how)?);
        if left != right {
            let argv = [b"CLIENT".to_vec(), b"UNBLOCK".to_vec()];
            let mut found = mismatch(&argv, "of a client that waits".into(), &left, &right);
            found.step = step;
            self.reopen(client)?;
            return Ok(Some(*found));
        }
        let counted = [b"CLIENT", b"UNBLOCK".as_slice(), b"1", how].map(<[u8]>::to_vec);
        coverage.count(&counted, !left.starts_with(b"-"));
        if left == b":0\r\n" {
            // Held back by CLIENT PAUSE, which nothing ends before its time.
            for side in [&mut self.left, &mut self.right] {
                side.admin()?.command(&["CLIENT", "UNPAUSE"])?;
            }
        }
        let found = self.settle(client, BEHIND_MAX, step, coverage)?;
        if found.is_none() && self.sent[client].is_some() {
            let mut stuck = mismatch(&argv, "no reply after CLIENT UNBLOCK".into(), b"", b"");
            stuck.step = step;
            self.reopen(client)?;
            return Ok(Some(*stuck));
        }
        Ok(found)
    }

    /// Waits until both servers are equally far, at most `patience` for replies; takes replies once both have come.
    fn settle(
        &mut self,
        client: usize,
        patience: Duration,
        step: usize,
        coverage: &mut Coverage,
    ) -> io::Result<Option<Mismatch>> {
        let begun = Instant::now();
        loop {
            let (left, right) = (self.left.progress(client)?, self.right.progress(client)?);
            match (left, right) {
                (Progress::Replied, Progress::Replied) => return self.take_reply(client, step, coverage),
                (Progress::Waits, Progress::Waits) if begun.elapsed() >= patience => return Ok(None),
                _ if begun.elapsed() > patience + BEHIND_MAX => {
                    let argv = self.sent[client].take().unwrap_or_default();
                    let what = format!("left {left:?}, right {right:?}");
                    let mut bytes = Vec::new();
                    for side in [&mut self.left, &mut self.right] {
                        bytes.push(side.client(client)?.unread().to_vec());
                    }
                    let mut found = mismatch(&argv, what, &bytes[0], &bytes[1]);
                    found.step = step;
                    self.reopen(client)?;
                    return Ok(Some(*found));
                }
                _ => std::thread::sleep(Duration::from_micros(if patience.is_zero() { 50 } else { 500 })),
            }
        }
    }

    fn take_reply(
        &mut self,
        client: usize,
        step: usize,
        coverage: &mut Coverage,
    ) -> io::Result<Option<Mismatch>> {
        let argv = self.sent[client].take().unwrap_or_default();
        let left = self.left.client(client)?.receive(1);
        let right = self.right.client(client)?.receive(1);
        if left.finish != Finish::Complete || right.finish != Finish::Complete {
            self.reopen(client)?;
            return Ok(differing(
                &super::differences::command_name(&argv),
                "late reply",
                step,
                &left,
                &right,
            ));
        }
        let outcome = self.compare_reply(client, &argv, &left.bytes, &right.bytes, coverage);
        Ok(outcome.err().map(|mut mismatch| {
            mismatch.step = step;
            *mismatch
        }))
    }
}
