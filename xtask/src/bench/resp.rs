//! A blocking client of a few lines for what the benchmark asks servers outside of measurements.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    time::Duration,
};

use anyhow::{Context, Result, bail};

/// One connection.
pub struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    /// Connects to a server on this machine.
    pub fn connect(port: u16) -> Result<Client> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(120)))?;
        Ok(Client { stream: BufReader::new(stream) })
    }

    /// Sends a command and returns its reply as text; elements of arrays come in lines. An error reply is an error.
    pub fn call(&mut self, words: &[&str]) -> Result<String> {
        let mut request = format!("*{}\r\n", words.len());
        for word in words {
            request.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        self.stream.get_mut().write_all(request.as_bytes())?;
        self.reply().with_context(|| words.join(" "))
    }

    /// A number that the reply consists of.
    pub fn number(&mut self, words: &[&str]) -> Result<u64> {
        let reply = self.call(words)?;
        reply.parse().with_context(|| format!("{}: '{reply}' is no number", words.join(" ")))
    }

    /// The field of an INFO section.
    pub fn info(&mut self, section: &str, field: &str) -> Result<String> {
        let text = self.call(&["INFO", section])?;
        let value = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        Ok(value.with_context(|| format!("INFO {section} has no {field}"))?.trim().to_owned())
    }

    fn reply(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            bail!("the server closed the connection");
        }
        let line = line.trim_end();
        let (kind, text) = line.split_at_checked(1).context("an empty reply")?;
        match kind {
            "+" | ":" => Ok(text.to_owned()),
            "-" => bail!("{text}"),
            "$" if text == "-1" => Ok(String::new()),
            "$" => {
                let mut payload = vec![0; text.parse::<usize>()? + 2];
                self.stream.read_exact(&mut payload)?;
                payload.truncate(payload.len() - 2);
                Ok(String::from_utf8_lossy(&payload).into_owned())
            }
            "*" => {
                let elements: Result<Vec<String>> = (0..text.parse::<i64>()?).map(|_| self.reply()).collect();
                Ok(elements?.join("\n"))
            }
            _ => bail!("a reply of unknown kind: {line}"),
        }
    }
}
