//! One step of a sequence, and the text form in which reports print it and regressions keep it.
//!
//! A line is `<client> <word> ...`: words are bare or in double quotes with `\r \n \t \\ \" \xhh`, `<id:1>`,
//! `<addr:1>` and `<laddr>` stand for what differs between the two servers. A leading `+` glues the line to the
//! one before it: the minimiser keeps or deletes them together. Words that begin with `!` are no commands:
//! `!raw BYTES`, `!scan COMMAND...`, `!sample COMMAND...`, `!send COMMAND...`, `!await [TIMEOUT|ERROR]`,
//! `!pause MS KEY`, `!reconnect`.
//!
//! A command that may wait is sent by `!send` and its reply taken by a later `!await`, so that other clients can act
//! between the two.

use std::iter::Peekable;
use std::str::Bytes;

use crate::reply::escape;

/// A word of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// Sent as it is.
    Bytes(Vec<u8>),
    /// The `CLIENT ID` of a client of the sequence.
    ClientId(usize),
    /// `ip:port` of a client's own end.
    ClientAddress(usize),
    /// `ip:port` of the server's end.
    ServerAddress,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// One command, one reply.
    Command(Vec<Word>),
    /// Bytes as they are, which any number of replies or a close may follow.
    Raw(Vec<u8>),
    /// A whole walk by this command (SCAN, HSCAN, SSCAN, ZSCAN; without its cursor): what is found is compared as a
    /// set.
    Scan(Vec<Vec<u8>>),
    /// A read of random members (SRANDMEMBER and its kin): each server's must be in its collection.
    Sample(Vec<Vec<u8>>),
    /// A command whose reply may come later. Goes on once both servers have replied or have the client wait.
    Send(Vec<Word>),
    /// Takes the reply to what was sent, if it has not come before. A client that still waits is let go.
    Await(LetGo),
    /// Sleeps `ms`, then reads the key: for a key that expires a few milliseconds ahead.
    Pause {
        /// How long.
        ms: u64,
        /// What to read.
        key: Vec<u8>,
    },
    /// The client closes its connection and opens another.
    Reconnect,
}

/// How `!await` lets a client go that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LetGo {
    /// Not within a short time: it has a timeout of its own.
    ByItself,
    /// `CLIENT UNBLOCK id TIMEOUT`.
    Timeout,
    /// `CLIENT UNBLOCK id ERROR`.
    Error,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Which client of the sequence.
    pub client: usize,
    /// What it does.
    pub action: Action,
    /// True when the step makes no sense without the one before it.
    pub glued: bool,
}

impl Step {
    /// A word of the command, upper-cased; empty when there is none or when it is a placeholder.
    pub fn upper_word(&self, index: usize) -> Vec<u8> {
        match &self.action {
            Action::Command(words) => match words.get(index) {
                Some(Word::Bytes(bytes)) if bytes.len() < 64 => bytes.to_ascii_uppercase(),
                _ => Vec::new(),
            },
            _ => Vec::new(),
        }
    }

    /// True for commands after which the connection may be gone: nothing may be pipelined behind them.
    pub fn ends_batch(&self) -> bool {
        match self.upper_word(0).as_slice() {
            b"QUIT" | b"SHUTDOWN" => true,
            b"CLIENT" => self.upper_word(1) == b"KILL",
            _ => false,
        }
    }

    /// The text form. Words longer than `max` bytes are cut, which makes the line unfit for [`Step::parse`].
    pub fn line(&self, max: usize) -> String {
        let glue = if self.glued { "+" } else { "" };
        let words: Vec<String> = match &self.action {
            Action::Command(words) => words.iter().map(|word| word_text(word, max)).collect(),
            Action::Raw(bytes) => vec!["!raw".into(), quote(bytes, max)],
            Action::Scan(argv) => marked("!scan", argv.iter().map(|word| quote(word, max))),
            Action::Sample(argv) => marked("!sample", argv.iter().map(|word| quote(word, max))),
            Action::Send(words) => marked("!send", words.iter().map(|word| word_text(word, max))),
            Action::Await(LetGo::ByItself) => vec!["!await".into()],
            Action::Await(LetGo::Timeout) => vec!["!await".into(), "TIMEOUT".into()],
            Action::Await(LetGo::Error) => vec!["!await".into(), "ERROR".into()],
            Action::Pause { ms, key } => vec!["!pause".into(), ms.to_string(), quote(key, max)],
            Action::Reconnect => vec!["!reconnect".into()],
        };
        format!("{glue}{} {}", self.client, words.join(" "))
    }

    /// Reads the text form back. The error says what is wrong with the line.
    pub fn parse(line: &str) -> Result<Step, String> {
        let fault = |what: &str| format!("{what}: {line}");
        let (glued, rest) = match line.trim().strip_prefix('+') {
            Some(rest) => (true, rest),
            None => (false, line.trim()),
        };
        let (client, rest) = rest.split_once(' ').ok_or_else(|| fault("no command"))?;
        let client = client.parse().map_err(|_| fault("no client number"))?;
        let words = words_of(rest).map_err(|what| fault(&what))?;
        let text = |index: usize| match words.get(index) {
            Some(Word::Bytes(bytes)) => Ok(bytes.clone()),
            _ => Err(fault("a word is missing")),
        };
        let action = match text(0)?.as_slice() {
            b"!raw" => Action::Raw(text(1)?),
            b"!scan" | b"!sample" => {
                let argv = (1..words.len().max(2)).map(text).collect::<Result<_, _>>()?;
                if words[0] == Word::Bytes(b"!scan".into()) {
                    Action::Scan(argv)
                } else {
                    Action::Sample(argv)
                }
            }
            b"!send" => text(1).map(|_| Action::Send(words[1..].to_vec()))?,
            b"!await" => Action::Await(match text(1).unwrap_or_default().as_slice() {
                b"" if words.len() == 1 => LetGo::ByItself,
                b"TIMEOUT" => LetGo::Timeout,
                b"ERROR" => LetGo::Error,
                _ => return Err(fault("TIMEOUT or ERROR")),
            }),
            b"!pause" => {
                let ms = String::from_utf8_lossy(&text(1)?).parse().map_err(|_| fault("no milliseconds"))?;
                Action::Pause { ms, key: text(2)? }
            }
            b"!reconnect" => Action::Reconnect,
            _ => Action::Command(words),
        };
        Ok(Step { client, action, glued })
    }
}

fn marked(mark: &str, words: impl Iterator<Item = String>) -> Vec<String> {
    std::iter::once(mark.to_owned()).chain(words).collect()
}

fn word_text(word: &Word, max: usize) -> String {
    match word {
        Word::Bytes(bytes) => quote(bytes, max),
        Word::ClientId(client) => format!("<id:{client}>"),
        Word::ClientAddress(client) => format!("<addr:{client}>"),
        Word::ServerAddress => "<laddr>".into(),
    }
}

/// A word as it is when it is plain, else in double quotes.
fn quote(bytes: &[u8], max: usize) -> String {
    let plain = |b: &u8| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\' | b'<' | b'!' | b'+');
    if !bytes.is_empty() && bytes.len() <= max && bytes.iter().all(plain) {
        String::from_utf8_lossy(bytes).into_owned()
    } else {
        format!("\"{}\"", escape(bytes, max))
    }
}

fn words_of(text: &str) -> Result<Vec<Word>, String> {
    let mut words = Vec::new();
    let mut bytes = text.bytes().peekable();
    while let Some(&byte) = bytes.peek() {
        match byte {
            b' ' => {
                bytes.next();
            }
            b'"' => {
                bytes.next();
                words.push(Word::Bytes(quoted(&mut bytes)?));
            }
            _ => {
                let mut word = Vec::new();
                while let Some(byte) = bytes.next_if(|&byte| byte != b' ') {
                    word.push(byte);
                }
                words.push(placeholder(&word).unwrap_or(Word::Bytes(word)));
            }
        }
    }
    Ok(words)
}

fn quoted(bytes: &mut Peekable<Bytes>) -> Result<Vec<u8>, String> {
    let mut word = Vec::new();
    loop {
        match bytes.next().ok_or("a quote is not closed")? {
            b'"' => return Ok(word),
            b'\\' => match bytes.next().ok_or("a backslash ends the line")? {
                b'r' => word.push(b'\r'),
                b'n' => word.push(b'\n'),
                b't' => word.push(b'\t'),
                b'x' => {
                    let mut digit = || (bytes.next()? as char).to_digit(16);
                    let (high, low) = (digit(), digit());
                    let (Some(high), Some(low)) = (high, low) else {
                        return Err("\\x needs two digits".into());
                    };
                    word.push((high * 16 + low) as u8);
                }
                other => word.push(other),
            },
            other => word.push(other),
        }
    }
}

fn placeholder(word: &[u8]) -> Option<Word> {
    let inner = std::str::from_utf8(word).ok()?.strip_prefix('<')?.strip_suffix('>')?;
    match inner.split_once(':') {
        Some(("id", client)) => Some(Word::ClientId(client.parse().ok()?)),
        Some(("addr", client)) => Some(Word::ClientAddress(client.parse().ok()?)),
        None if inner == "laddr" => Some(Word::ServerAddress),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(words: Vec<Word>) -> Step {
        Step { client: 1, action: Action::Command(words), glued: true }
    }

    #[test]
    fn text_form_comes_back_as_it_was() {
        let all: Vec<u8> = (0..=255).collect();
        let steps = [
            command(vec![Word::Bytes(b"SET".into()), Word::Bytes(all), Word::Bytes(Vec::new())]),
            command(vec![Word::Bytes(b"CLIENT".into()), Word::ClientId(2), Word::ServerAddress]),
            command(vec![Word::Bytes(b"<id:1>".into()), Word::ClientAddress(0)]),
            Step { client: 0, action: Action::Raw(b"*1\r\n".into()), glued: false },
            Step { client: 0, action: Action::Scan(vec![b"SCAN".into(), b"TYPE".into()]), glued: false },
            Step { client: 0, action: Action::Sample(vec![b"SPOP".into(), b"k".into()]), glued: false },
            Step { client: 0, action: Action::Send(vec![Word::Bytes(b"BLPOP".into())]), glued: false },
            Step { client: 0, action: Action::Await(LetGo::ByItself), glued: true },
            Step { client: 0, action: Action::Await(LetGo::Timeout), glued: true },
            Step { client: 0, action: Action::Await(LetGo::Error), glued: true },
            Step { client: 2, action: Action::Pause { ms: 20, key: b"k 1".into() }, glued: true },
            Step { client: 2, action: Action::Reconnect, glued: false },
        ];
        for step in steps {
            assert_eq!(Step::parse(&step.line(usize::MAX)), Ok(step));
        }
    }

    #[test]
    fn bad_lines_are_errors() {
        for line in
            ["", "0", "x GET k", "0 \"open", "0 !pause x k", "0 !raw", "0 !scan", "0 !await x", "0 \"\\x0\""]
        {
            assert!(Step::parse(line).is_err(), "{line}");
        }
    }
}
