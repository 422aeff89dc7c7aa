//! The server under test: which binary, with which arguments, and one process of it.

use std::{
    env, fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

/// How long a server may take until it answers PING.
const START_TIMEOUT: Duration = Duration::from_secs(15);
/// What the suite needs of a server that it does not configure itself.
const ARGUMENTS: &[&str] = &[
    "--save",
    "",
    "--enable-debug-command",
    "yes",
    "--enable-protected-configs",
    "yes",
    "--enable-module-command",
    "yes",
];

/// How to start the server under test.
#[derive(Debug)]
pub struct Launch {
    binary: PathBuf,
    /// Brasa's binary has sub-commands; redis-server is called bare.
    is_brasa: bool,
}

impl Launch {
    /// Looks for the binary: the one that is given, else the release build or redis-server of the system.
    pub fn new(binary: Option<PathBuf>, is_brasa: bool) -> Result<Launch> {
        let binary = binary.unwrap_or_else(|| match (is_brasa, env::current_exe()) {
            // This program is built by the same command into the same folder.
            (true, Ok(own)) => own.with_file_name("brasa"),
            (true, Err(_)) => "target/release/brasa".into(),
            (false, _) => "/usr/bin/redis-server".into(),
        });
        // Not resolved further: a binary called by its link's target would not know its name.
        let binary = std::path::absolute(binary)?;
        if !binary.is_file() {
            bail!("{} is missing; build it with: cargo build --release --package brasa", binary.display());
        }
        Ok(Launch { binary, is_brasa })
    }

    /// Text of a shell script that becomes the server, for a harness that starts servers itself.
    pub fn script(&self) -> String {
        let quoted = self.binary.display().to_string().replace('\'', r"'\''");
        let sub_command = if self.is_brasa { " node" } else { "" };
        format!("#!/bin/sh\nexec '{quoted}'{sub_command} \"$@\"\n")
    }

    /// Starts a server and waits until it answers. It works in `dir` and leaves its log there.
    pub fn start(&self, port: u16, dir: &Path) -> Result<Server> {
        if ping(port) {
            bail!("port {port} is taken: choose another with --base-port");
        }
        let log = fs::File::create(dir.join("server.log"))?;
        let mut command = Command::new(&self.binary);
        if self.is_brasa {
            command.arg("node");
        }
        let child = command
            .args(["--port", &port.to_string()])
            .args(ARGUMENTS)
            .current_dir(dir)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {}", self.binary.display()))?;
        let mut server = Server { child };
        let asked = Instant::now();
        while !ping(port) {
            if !server.is_up() || asked.elapsed() > START_TIMEOUT {
                let log = fs::read_to_string(dir.join("server.log")).unwrap_or_default();
                bail!("the server does not answer; its log:\n{log}");
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }
}

/// A running server; killed when dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
}

impl Server {
    /// Whether it still runs.
    pub fn is_up(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing of it is to be kept, so nothing is asked.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ping(port: u16) -> bool {
    let answer = || -> std::io::Result<[u8; 1]> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(b"PING\r\n")?;
        let mut first = [0];
        stream.read_exact(&mut first)?;
        Ok(first)
    };
    answer().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_quotes_the_path() {
        let launch = Launch { binary: "/tmp/it's/brasa".into(), is_brasa: true };
        assert_eq!(launch.script(), "#!/bin/sh\nexec '/tmp/it'\\''s/brasa' node \"$@\"\n");
    }

    #[test]
    fn a_missing_binary_is_named() {
        let error = Launch::new(Some("/nowhere/brasa".into()), true).unwrap_err();
        assert!(error.to_string().starts_with("/nowhere/brasa is missing"), "{error}");
    }
}
