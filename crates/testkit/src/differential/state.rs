//! Compares the whole state of both servers after a sequence.

use std::io;

use super::pair::{Mismatch, Pair, mismatch};
use crate::client::Client;
use crate::reply::Value;

/// Databases whose keys are compared one by one; DEBUG DIGEST covers them all.
const DATABASES: [usize; 6] = [0, 1, 2, 3, 9, 15];

/// Commands that read a whole value, of which the digest tells too.
const WHOLE: &[&[u8]] = &[b"GETRANGE", b"LRANGE", b"SMEMBERS", b"ZRANGE", b"XRANGE", b"HGETALL"];

impl Pair {
    /// Compares databases, types, encodings, values and expiries.
    pub(super) fn compare_state(&mut self, step: usize) -> io::Result<Option<Mismatch>> {
        let (left, right) = (
            self.left.admin()?.command(&["DEBUG", "DIGEST"])?,
            self.right.admin()?.command(&["DEBUG", "DIGEST"])?,
        );
        let digests_differ = left != right;
        for database in DATABASES {
            let number = database.to_string();
            let keys_left = keys_of(self.left.admin()?, &number)?;
            let keys_right = keys_of(self.right.admin()?, &number)?;
            if keys_left != keys_right {
                let (left, right) = (keys_left.join(&b"\r\n"[..]), keys_right.join(&b"\r\n"[..]));
                let (command, what) = ("state KEYS".into(), format!("the keys of database {number}"));
                return Ok(Some(Mismatch { step, command, what, left, right }));
            }
            if keys_left.is_empty() {
                continue;
            }
            let mut commands: Vec<Vec<Vec<u8>>> = Vec::new();
            for (key, contents) in keys_left.iter().zip(self.contents(&keys_left)?) {
                let of_key = |words: &[&[u8]]| {
                    words.iter().copied().chain([key.as_slice()]).map(<[u8]>::to_vec).collect::<Vec<_>>()
                };
                commands.push(of_key(&[b"TYPE"]));
                commands.push(of_key(&[b"OBJECT", b"ENCODING"]));
                commands.push(of_key(&[b"PTTL"]));
                // Read in full only to see what is different: the digest tells that something is.
                commands.extend(
                    contents
                        .into_iter()
                        .filter(|argv| digests_differ || !WHOLE.contains(&argv[0].as_slice())),
                );
                commands.push(of_key(&[b"DEBUG", b"DIGEST-VALUE"]));
            }
            let (left, right) =
                (self.left.admin()?.pipeline(&commands)?, self.right.admin()?.pipeline(&commands)?);
            for (index, argv) in commands.iter().enumerate() {
                let (l, r) = (left.get(index).unwrap_or_default(), right.get(index).unwrap_or_default());
                if l == r {
                    continue;
                }
                let outcome = match (Value::parse(l), Value::parse(r)) {
                    (Some(l), Some(r)) => self.compare_values(argv, &l, &r),
                    _ => Err("no reply".into()),
                };
                if let Err(what) = outcome {
                    let words: Vec<String> =
                        argv.iter().take(4).map(|word| crate::reply::escape(word, 200)).collect();
                    let what = format!("{what} (database {number}: {})", words.join(" "));
                    let mut mismatch = *mismatch(argv, what, l, r);
                    (mismatch.step, mismatch.command) = (step, format!("state {}", mismatch.command));
                    return Ok(Some(mismatch));
                }
            }
        }
        if digests_differ {
            let (command, what) = ("state DEBUG DIGEST".into(), "the digest of all databases".into());
            return Ok(Some(Mismatch { step, command, what, left, right }));
        }
        Ok(None)
    }
}

impl Pair {
    /// By key, the commands that show what is in it and what the digest leaves out: TTLs of fields, consumer groups.
    fn contents(&mut self, keys: &[Vec<u8>]) -> io::Result<Vec<Vec<Vec<Vec<u8>>>>> {
        let admin = self.left.admin()?;
        let asked: Vec<Vec<&[u8]>> = keys.iter().map(|key| vec![b"TYPE".as_slice(), key]).collect();
        let types = admin.pipeline(&asked)?;
        let mut contents = Vec::with_capacity(keys.len());
        for (index, key) in keys.iter().enumerate() {
            let line = |words: &[&[u8]]| words.iter().map(|word| word.to_vec()).collect::<Vec<_>>();
            contents.push(match types.get(index).unwrap_or_default() {
                b"+string\r\n" => vec![line(&[b"GETRANGE", key, b"0", b"-1"])],
                b"+list\r\n" => vec![line(&[b"LRANGE", key, b"0", b"-1"])],
                b"+set\r\n" => vec![line(&[b"SMEMBERS", key])],
                b"+zset\r\n" => vec![line(&[b"ZRANGE", key, b"0", b"-1", b"WITHSCORES"])],
                b"+stream\r\n" => vec![
                    line(&[b"XRANGE", key, b"-", b"+"]),
                    line(&[b"XINFO", b"STREAM", key, b"FULL", b"COUNT", b"0"]),
                ],
                b"+hash\r\n" => {
                    let fields = admin.command(&[b"HKEYS".as_slice(), key])?;
                    let fields = Value::parse(&fields).map_or_else(Vec::new, |value| {
                        value.items.iter().map(|field| field.text.to_vec()).collect::<Vec<_>>()
                    });
                    let mut times =
                        line(&[b"HPEXPIRETIME", key, b"FIELDS", fields.len().to_string().as_bytes()]);
                    times.extend(fields);
                    vec![line(&[b"HGETALL", key]), times]
                }
                _ => Vec::new(),
            });
        }
        Ok(contents)
    }
}

fn keys_of(client: &mut Client, database: &str) -> io::Result<Vec<Vec<u8>>> {
    let replies = client.pipeline(&[vec!["SELECT", database], vec!["KEYS", "*"]])?;
    let keys = replies.get(1).and_then(Value::parse).ok_or_else(|| io::Error::other("KEYS got no reply"))?;
    let mut keys: Vec<Vec<u8>> = keys.items.iter().map(|key| key.text.to_vec()).collect();
    keys.sort();
    Ok(keys)
}
