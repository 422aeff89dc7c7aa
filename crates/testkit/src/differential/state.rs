//! Compares the whole state of both servers after a sequence.

use std::io;

use super::pair::{Mismatch, Pair, mismatch};
use crate::client::Client;
use crate::reply::Value;

/// Databases whose keys are compared one by one; DEBUG DIGEST covers them all.
const DATABASES: [usize; 6] = [0, 1, 2, 3, 9, 15];

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
            let commands: Vec<Vec<&[u8]>> = keys_left
                .iter()
                .flat_map(|key| {
                    [
                        vec![b"TYPE".as_slice(), key],
                        vec![b"OBJECT", b"ENCODING", key],
                        vec![b"PTTL", key],
                        vec![b"DEBUG", b"DIGEST-VALUE", key],
                        vec![if digests_differ { b"GET".as_slice() } else { b"STRLEN" }, key],
                    ]
                })
                .collect();
            let (left, right) =
                (self.left.admin()?.pipeline(&commands)?, self.right.admin()?.pipeline(&commands)?);
            for (index, argv) in commands.iter().enumerate() {
                let (l, r) = (left.get(index).unwrap_or_default(), right.get(index).unwrap_or_default());
                if l == r {
                    continue;
                }
                let argv: Vec<Vec<u8>> = argv.iter().map(|word| word.to_vec()).collect();
                let outcome = match (Value::parse(l), Value::parse(r)) {
                    (Some(l), Some(r)) => self.compare_values(&argv, &l, &r),
                    _ => Err("no reply".into()),
                };
                if let Err(what) = outcome {
                    let key = crate::reply::escape(argv.last().map_or(&[], Vec::as_slice), 200);
                    let mut mismatch =
                        *mismatch(&argv, format!("{what} (database {number}, key \"{key}\")"), l, r);
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

fn keys_of(client: &mut Client, database: &str) -> io::Result<Vec<Vec<u8>>> {
    let replies = client.pipeline(&[vec!["SELECT", database], vec!["KEYS", "*"]])?;
    let keys = replies.get(1).and_then(Value::parse).ok_or_else(|| io::Error::other("KEYS got no reply"))?;
    let mut keys: Vec<Vec<u8>> = keys.items.iter().map(|key| key.text.to_vec()).collect();
    keys.sort();
    Ok(keys)
}
