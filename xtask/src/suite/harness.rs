//! The harness of the suite, a Tcl program: one process of it per unit file, in a folder of its own, with a time limit.

use std::{
    env, fs,
    io::Write as _,
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

use super::{
    server::Launch,
    verdicts::{NO_VERDICT, Verdicts},
};

/// Tags that are switched off: tests of replicas and of files on disk.
const TAGS_OFF: &str = "-needs:repl -needs:save";
/// Unit files that are tagged slow as a whole and yet take seconds; elsewhere the slow tests are switched off too.
const SLOW_ONLY: &[&str] = &["unit/querybuf", "unit/type/list-2"];
/// Unit files that take other names of encodings for granted than Valkey has had since 7.2, where small lists and small
/// sets are listpacks: `unit/sort` would end at its first line. They run with the harness's switch for that.
const OTHER_ENCODINGS: &[&str] = &[
    "unit/type/list",
    "unit/type/list-2",
    "unit/type/list-3",
    "unit/type/set",
    "unit/sort",
    "unit/scan",
    "unit/keyspace",
];
/// The tools that the harness calls, from the root of the checkout.
const TOOLS: &[&str] = &["redis-cli", "redis-benchmark", "redis-check-aof", "redis-check-rdb"];
/// Where the packages put them.
const TOOLS_DIR: &str = "/usr/bin";
/// Ports from the base: the server of a run, then what the harness takes for itself and the servers it starts.
const HARNESS_PORT: u16 = 100;
const HARNESS_PORTS: u16 = 400;

/// Where the tests find their server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// We start one and the harness connects; tests that want start-up parameters of their own skip themselves.
    Connect,
    /// The harness starts each itself.
    Spawn,
}

/// What a run gave.
#[derive(Debug)]
pub struct Run {
    /// Its verdicts.
    pub verdicts: Verdicts,
    /// All that the harness printed.
    pub output: String,
    /// How long it took.
    pub took: Duration,
}

/// A copy of the checkout's tests in a folder that is removed when this is dropped.
#[derive(Debug)]
pub struct Harness {
    root: PathBuf,
    launch: Launch,
    base_port: u16,
    time_limit: Duration,
}

impl Harness {
    /// Copies the tests of the checkout at `dir`, which stays untouched, and puts the server under test beside them.
    pub fn new(dir: &Path, launch: Launch, base_port: u16, time_limit: Duration) -> Result<Harness> {
        ensure!(
            dir.join("tests/test_helper.tcl").is_file(),
            "{} is not a checkout of redis/redis: it has no tests/test_helper.tcl",
            dir.display()
        );
        let root = env::temp_dir().join(format!("brasa-suite-{}", std::process::id()));
        let harness = Harness { root, launch, base_port, time_limit };
        let src = harness.root.join("src");
        fs::create_dir_all(&src)?;
        let copied = Command::new("cp").arg("-R").arg(dir.join("tests")).arg(&harness.root).status()?;
        ensure!(copied.success(), "cannot copy the tests to {}", harness.root.display());
        for tool in TOOLS {
            std::os::unix::fs::symlink(Path::new(TOOLS_DIR).join(tool), src.join(tool))?;
        }
        let script = src.join("redis-server");
        fs::File::create(&script)?.write_all(harness.launch.script().as_bytes())?;
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
        Ok(harness)
    }

    /// Runs one unit file to its end, or to the limit of time. `left_out` names tests that are not to be run.
    pub fn run(&self, unit: &str, mode: Mode, left_out: &[&str]) -> Result<Run> {
        let started = Instant::now();
        let data = self.root.join("data");
        fs::create_dir_all(&data)?;
        let mut server = match mode {
            Mode::Connect => Some(self.launch.start(self.base_port, &data)?),
            Mode::Spawn => None,
        };
        let log_path = self.root.join("harness.log");
        let log = fs::File::create(&log_path)?;
        let mut group = Group::spawn(
            self.command(unit, mode, left_out).stdout(log.try_clone()?).stderr(log).stdin(Stdio::null()),
        )?;
        let ended = loop {
            if group.leader.try_wait()?.is_some() {
                break true;
            }
            if started.elapsed() > self.time_limit {
                break false;
            }
            thread::sleep(Duration::from_millis(50));
        };
        let server_died = server.as_mut().is_some_and(|server| !server.is_up());
        // Before the log is read: what the harness has started must not write any more.
        drop(group);
        drop(server);
        let output = String::from_utf8_lossy(&fs::read(&log_path)?).into_owned();
        let mut verdicts = Verdicts::parse(&output);
        if server_died {
            verdicts.add_failure(NO_VERDICT, "the server is gone");
        } else if !ended {
            let limit = self.time_limit.as_secs();
            let last = verdicts.passed.last().map_or("the start", String::as_str);
            let detail = format!("stopped after {limit} s; the last test that passed was: {last}");
            verdicts.add_failure(NO_VERDICT, &detail);
        } else if !verdicts.done && !verdicts.failed.contains_key(NO_VERDICT) {
            let last = output.lines().rev().find(|line| !line.trim().is_empty());
            verdicts.add_failure(NO_VERDICT, last.unwrap_or("the harness printed nothing"));
        }
        fs::remove_dir_all(&data)?;
        Ok(Run { verdicts, output, took: started.elapsed() })
    }

    fn command(&self, unit: &str, mode: Mode, left_out: &[&str]) -> Command {
        let tags = if SLOW_ONLY.contains(&unit) { TAGS_OFF.to_owned() } else { format!("-slow {TAGS_OFF}") };
        let mut command = Command::new("tclsh8.6");
        command
            .current_dir(&self.root)
            .arg("tests/test_helper.tcl")
            .args(["--tags", &tags, "--durable", "--clients", "1", "--single", unit])
            .args(["--baseport", &(self.base_port + HARNESS_PORT).to_string()])
            .args(["--portcount", &HARNESS_PORTS.to_string()]);
        if OTHER_ENCODINGS.contains(&unit) {
            command.arg("--ignore-encoding");
        }
        if mode == Mode::Connect {
            command.args(["--host", "127.0.0.1", "--port", &self.base_port.to_string()]);
        }
        for name in left_out {
            command.args(["--skiptest", name]);
        }
        command
    }
}

impl Drop for Harness {
    fn drop(&mut self) {
        // A folder of temporary files may stay; the next run has another.
        let _ = fs::remove_dir_all(&self.root);
    }
}

/// A process and all that it starts, killed together when dropped.
#[derive(Debug)]
pub struct Group {
    /// The process that was asked for.
    pub leader: Child,
}

impl Group {
    /// Starts it in a process group of its own.
    pub fn spawn(command: &mut Command) -> Result<Group> {
        let program = command.get_program().to_string_lossy().into_owned();
        let leader = command.process_group(0).spawn().with_context(|| format!("cannot run {program}"))?;
        Ok(Group { leader })
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // The group outlives its leader when the harness dies before the servers it has started; an empty one is no
        // error worth telling.
        let group = format!("-{}", self.leader.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
        let _ = self.leader.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_the_suite_is_refused() {
        let launch = Launch::new(env::current_exe().ok(), true).unwrap();
        let error = Harness::new(Path::new("/"), launch, 24_000, Duration::from_secs(1)).unwrap_err();
        assert!(error.to_string().contains("no tests/test_helper.tcl"), "{error}");
    }

    #[test]
    fn what_a_process_has_started_dies_with_it() {
        let mut group =
            Group::spawn(Command::new("sh").args(["-c", "sleep 60 & echo $!"]).stdout(Stdio::piped()))
                .unwrap();
        let mut child = String::new();
        let mut stdout = std::io::BufReader::new(group.leader.stdout.take().unwrap());
        std::io::BufRead::read_line(&mut stdout, &mut child).unwrap();
        let stat = format!("/proc/{}/stat", child.trim());
        assert!(fs::exists(&stat).unwrap());
        drop(group);
        let asked = Instant::now();
        // A killed orphan is a zombie until its new parent looks.
        while fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z")) {
            assert!(asked.elapsed() < Duration::from_secs(10), "{stat} still runs");
            thread::sleep(Duration::from_millis(10));
        }
    }
}
