//! `cargo xtask suite memcached`: the Perl tests of memcached 1.6.18.
//!
//! Each starts the servers that it needs itself, as `./memcached-debug` in the folder where it runs. There stands a
//! script that becomes the binary under test.

use std::{
    env, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, ValueEnum};

use super::{
    expected::Expected,
    harness::{Group, Mode, Run},
    table::Table,
    tap,
    verdicts::NO_VERDICT,
};

/// Where the expected failures stand, from the root of the project.
const EXPECTED: &str = "tests/suite/memcached-1.6.18-expected.txt";

/// Options of `cargo xtask suite memcached`.
#[derive(Args)]
pub struct MemcachedArgs {
    /// Checkout of the repository memcached/memcached at tag 1.6.18
    #[arg(long)]
    dir: PathBuf,
    /// Binary to test [default: the release build, or /usr/bin/memcached for --peer memcached]
    #[arg(long)]
    server: Option<PathBuf>,
    /// Only these files, parted by commas: cas, issue_70
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Which server is under test; the list of expected failures is Brasa's
    #[arg(long, value_enum, default_value_t = Peer::Brasa)]
    peer: Peer,
    /// Seconds that one file may take
    #[arg(long, default_value_t = 180)]
    time_limit: u64,
    /// Write what each file prints into this folder
    #[arg(long)]
    logs: Option<PathBuf>,
    /// Print the table as it stands in docs/conformance.md
    #[arg(long)]
    markdown: bool,
}

/// A server that the suite can be run against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Peer {
    /// This project's node
    Brasa,
    /// memcached, for a baseline, without a list of expected failures
    Memcached,
}

/// Runs the suite.
pub fn run(args: &MemcachedArgs) -> Result<()> {
    let expected = match args.peer {
        Peer::Brasa => {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(EXPECTED);
            let text = fs::read_to_string(&path).with_context(|| format!("cannot read {EXPECTED}"))?;
            Expected::parse(&text).with_context(|| EXPECTED.to_owned())?
        }
        Peer::Memcached => Expected::default(),
    };
    let folder = Folder::new(&args.dir, &script(&binary(args)?, args.peer))?;
    let files = files(&folder.0, &args.only, &expected)?;
    if let Some(logs) = &args.logs {
        fs::create_dir_all(logs).with_context(|| format!("cannot make {}", logs.display()))?;
    }
    let mut table = Table::default();
    for file in &files {
        let run = folder.run(file, Duration::from_secs(args.time_limit))?;
        if let Some(logs) = &args.logs {
            fs::write(logs.join(format!("{file}.log")), &run.output)?;
        }
        let surprises = expected.compare(file, &run.verdicts, Mode::Spawn);
        table.add(file, run, surprises, expected.reasons(file), 0);
    }
    if args.markdown {
        print!("{}", table.markdown());
    }
    println!("{}", table.summary());
    match table.surprises() {
        0 => Ok(()),
        number => bail!("{number} results are not as {EXPECTED} says"),
    }
}

fn binary(args: &MemcachedArgs) -> Result<PathBuf> {
    let binary = match (&args.server, args.peer) {
        (Some(binary), _) => binary.clone(),
        // This program is built by the same command into the same folder.
        (None, Peer::Brasa) => env::current_exe()?.with_file_name("brasa"),
        (None, Peer::Memcached) => "/usr/bin/memcached".into(),
    };
    // Not resolved further: a binary called by its link's target would not know its name.
    let binary = std::path::absolute(binary)?;
    ensure!(binary.is_file(), "{} is missing", binary.display());
    Ok(binary)
}

/// Text of the script that becomes the server. The harness adds `-o relaxed_privileges`, which only debug builds of
/// memcached know, and `-U` with a free port wherever TCP is used, which Brasa refuses: there it becomes 0.
fn script(binary: &Path, peer: Peer) -> String {
    let quoted = binary.display().to_string().replace('\'', r"'\''");
    let (test, instead, role) = match peer {
        Peer::Brasa => (r#"[ "$last" = -U ]"#, "0", " memcached"),
        Peer::Memcached => (r#"[ "$a" = relaxed_privileges ]"#, "modern", ""),
    };
    format!(
        "#!/bin/sh\nlast=\nfor a; do\n  shift\n  b=$a\n  {test} && b={instead}\n  set -- \"$@\" \"$b\"\n  last=$a\ndone\n\
         exec '{quoted}'{role} \"$@\"\n"
    )
}

/// Names of the files to run, without folder and ending.
fn files(root: &Path, only: &[String], expected: &Expected) -> Result<Vec<String>> {
    let mut known = Vec::new();
    for entry in fs::read_dir(root.join("t"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "t")
            && let Some(name) = path.file_stem().and_then(|name| name.to_str())
        {
            known.push(name.to_owned());
        }
    }
    known.sort();
    if let Some(name) = expected.units().find(|name| !known.iter().any(|file| file == name)) {
        bail!("{EXPECTED}: there is no file t/{name}.t");
    }
    if let Some(name) = only.iter().find(|name| !known.contains(name)) {
        bail!("{name} is not one of: {}", known.join(", "));
    }
    known.retain(|name| only.is_empty() || only.contains(name));
    Ok(known)
}

/// A copy of the checkout's tests, removed when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(dir: &Path, script: &str) -> Result<Folder> {
        ensure!(
            dir.join("t/lib/MemcachedTest.pm").is_file(),
            "{} is not a checkout of memcached/memcached: it has no t/lib/MemcachedTest.pm",
            dir.display()
        );
        let folder = Folder(env::temp_dir().join(format!("brasa-suite-memcached-{}", std::process::id())));
        fs::create_dir_all(&folder.0)?;
        let copied = Command::new("cp").arg("-R").arg(dir.join("t")).arg(&folder.0).status()?;
        ensure!(copied.success(), "cannot copy the tests to {}", folder.0.display());
        // The second is built from C by the suite's Makefile to bound a server's life; killing the group does that.
        for (name, text) in [("memcached-debug", script), ("timedrun", "#!/bin/sh\nshift\nexec \"$@\"\n")] {
            let path = folder.0.join(name);
            fs::write(&path, text)?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        }
        Ok(folder)
    }

    fn run(&self, file: &str, time_limit: Duration) -> Result<Run> {
        let started = Instant::now();
        let log_path = self.0.join("output.log");
        let log = fs::File::create(&log_path)?;
        let mut command = Command::new("perl");
        command.current_dir(&self.0).args(["-It/lib", &format!("t/{file}.t")]);
        let mut group = Group::spawn(command.stdout(log.try_clone()?).stderr(log).stdin(Stdio::null()))?;
        let in_time = loop {
            if group.leader.try_wait()?.is_some() {
                break true;
            }
            if started.elapsed() > time_limit {
                break false;
            }
            thread::sleep(Duration::from_millis(50));
        };
        // Before the log is read: servers that are left must not write any more.
        drop(group);
        let output = String::from_utf8_lossy(&fs::read(&log_path)?).into_owned();
        let mut verdicts = tap::parse(&output);
        if !in_time {
            verdicts.add_failure(NO_VERDICT, &format!("stopped after {} s", time_limit.as_secs()));
        }
        Ok(Run { verdicts, output, took: started.elapsed() })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder of temporary files may stay; the next run has another.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_in_the_tree_is_well_formed() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(EXPECTED);
        Expected::parse(&fs::read_to_string(path).unwrap()).unwrap();
    }

    #[test]
    fn scripts_change_the_one_argument() {
        let run = |peer, args: &[&str]| {
            let script = script(Path::new("/bin/echo"), peer);
            let output = Command::new("sh").args(["-c", &script, "sh"]).args(args).output().unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        let args = ["-m", "a b", "-U", "31000", "-o", "relaxed_privileges"];
        assert_eq!(run(Peer::Brasa, &args), "memcached -m a b -U 0 -o relaxed_privileges\n");
        assert_eq!(run(Peer::Memcached, &args), "-m a b -U 31000 -o modern\n");
    }

    #[test]
    fn a_folder_without_the_suite_is_refused() {
        let error = Folder::new(Path::new("/"), "").err().unwrap();
        assert!(error.to_string().contains("no t/lib/MemcachedTest.pm"), "{error}");
    }
}
