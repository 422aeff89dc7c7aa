//! Steps of a pair that are several commands: walks, and random members that are looked up afterwards.

use std::io;

use super::coverage::Coverage;
use super::pair::{Mismatch, Pair, mismatch};
use crate::client::{Client, Finish};
use crate::reply::Value;

impl Pair {
    /// Walks both servers from cursor 0 to its return; the sets that are found must be the same.
    pub(super) fn run_scan(
        &mut self,
        client: usize,
        argv: &[Vec<u8>],
        step: usize,
        coverage: &mut Coverage,
    ) -> io::Result<Option<Mismatch>> {
        let mut left = walk(self.left.client(client)?, argv);
        let mut right = walk(self.right.client(client)?, argv);
        if left.is_err() && right.is_err() {
            // Another client has killed this one since it last acted.
            self.reopen(client)?;
            left = walk(self.left.client(client)?, argv);
            right = walk(self.right.client(client)?, argv);
        }
        let ((left, ok), (right, _)) = (left?, right?);
        let mut counted = argv.to_vec();
        counted.insert(cursor_at(argv), b"0".to_vec());
        coverage.count(&counted, ok);
        if left == right {
            return Ok(None);
        }
        let (left, right) = (left.join(&b"\r\n"[..]), right.join(&b"\r\n"[..]));
        let command = String::from_utf8_lossy(&argv[0].to_ascii_uppercase()).into_owned();
        Ok(Some(Mismatch { step, command, what: "what a whole walk finds".into(), left, right }))
    }

    /// Draws random members on both servers. What comes must have one shape, and each member must be in the
    /// collection that it was drawn from.
    pub(super) fn run_sample(
        &mut self,
        client: usize,
        argv: &[Vec<u8>],
        step: usize,
        coverage: &mut Coverage,
    ) -> io::Result<Option<Mismatch>> {
        let argvs = [argv.to_vec()];
        let left = self.left.client(client)?.pipeline(&argvs)?;
        let right = self.right.client(client)?.pipeline(&argvs)?;
        if left.finish != Finish::Complete && left.finish == right.finish {
            self.reopen(client)?;
            return Ok(None);
        }
        let (l, r) = (left.get(0).unwrap_or_default(), right.get(0).unwrap_or_default());
        if let Err(mut mismatch) = self.compare_reply(client, argv, l, r, coverage) {
            mismatch.step = step;
            return Ok(Some(*mismatch));
        }
        for (side, reply) in [(&mut self.left, l), (&mut self.right, r)] {
            let Some(value) = Value::parse(reply) else { continue };
            if let Some(member) = stranger(side.client(client)?, argv, &value)? {
                let what = format!("\"{}\" is not in there", crate::reply::escape(&member, 200));
                let mut mismatch = *mismatch(argv, what, l, r);
                mismatch.step = step;
                return Ok(Some(mismatch));
            }
        }
        Ok(None)
    }
}

/// Where the cursor goes.
fn cursor_at(argv: &[Vec<u8>]) -> usize {
    if argv[0].eq_ignore_ascii_case(b"SCAN") { 1 } else { 2.min(argv.len()) }
}

/// What a whole walk finds, sorted, each once; or the reply that is none. The flag: whether it went well.
fn walk(client: &mut Client, argv: &[Vec<u8>]) -> io::Result<(Vec<Vec<u8>>, bool)> {
    let has = |option: &[u8]| argv.iter().skip(2).any(|word| word.eq_ignore_ascii_case(option));
    // Fields come with their values, members with their scores.
    let pairs = match argv[0].to_ascii_uppercase().as_slice() {
        b"HSCAN" => !has(b"NOVALUES"),
        b"ZSCAN" => !has(b"NOSCORES"),
        _ => false,
    };
    let mut request = argv.to_vec();
    let at = cursor_at(argv);
    request.insert(at, b"0".to_vec());
    let mut found = Vec::new();
    for _ in 0..100_000 {
        let reply = client.command(&request)?;
        let batch = Value::parse(&reply).filter(|value| value.items.len() == 2);
        let Some(batch) = batch else { return Ok((vec![reply], false)) };
        let items = &batch.items[1].items;
        if pairs {
            let joined =
                |pair: &[Value]| pair.iter().map(|part| part.text).collect::<Vec<_>>().join(&b" -> "[..]);
            found.extend(items.chunks(2).map(joined));
        } else {
            found.extend(items.iter().map(|item| item.text.to_vec()));
        }
        request[at] = batch.items[0].text.to_vec();
        if request[at] == b"0" {
            found.sort();
            found.dedup();
            return Ok((found, true));
        }
    }
    Ok((vec![b"the cursor never came back to 0".to_vec()], false))
}

/// A member of the reply that is not in the collection, if there is one.
fn stranger(client: &mut Client, argv: &[Vec<u8>], reply: &Value) -> io::Result<Option<Vec<u8>>> {
    let (look_up, with): (&[u8], &[u8]) = match argv[0].to_ascii_uppercase().as_slice() {
        b"SRANDMEMBER" => (b"SISMEMBER", b""),
        b"HRANDFIELD" => (b"HGET", b"WITHVALUES"),
        b"ZRANDMEMBER" => (b"ZSCORE", b"WITHSCORES"),
        _ => return Ok(None),
    };
    if reply.is_error() || reply.null || reply.kind == b'+' {
        return Ok(None);
    }
    let pairs = argv.get(3).is_some_and(|word| !with.is_empty() && word.eq_ignore_ascii_case(with));
    let drawn: Vec<(&Value, Option<&Value>)> = match reply.kind {
        b'$' => vec![(reply, None)],
        // RESP3 nests the pairs.
        _ if pairs && reply.items.first().is_some_and(|item| item.items.len() == 2) => {
            reply.items.iter().map(|pair| (&pair.items[0], pair.items.get(1))).collect()
        }
        _ if pairs => reply.items.chunks(2).map(|pair| (&pair[0], pair.get(1))).collect(),
        _ => reply.items.iter().map(|member| (member, None)).collect(),
    };
    for (member, of) in drawn.into_iter().take(40) {
        let found = client.command(&[look_up, argv[1].as_slice(), member.text])?;
        let Some(found) = Value::parse(&found) else { return Ok(Some(member.text.to_vec())) };
        let there = if look_up == b"SISMEMBER" { found.text == b"1" } else { !found.null };
        if !there || found.is_error() || of.is_some_and(|of| of.text != found.text) {
            return Ok(Some(member.text.to_vec()));
        }
    }
    Ok(None)
}
