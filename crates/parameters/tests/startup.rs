//! The command line and the configuration file. Texts were taken from valkey-server 9.1.2.

use std::fs;
use std::path::{Path, PathBuf};

use parameters::{Parameters, StartError, load, table};

/// A directory of its own for each test, removed at the end.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Directory {
        let path = std::env::temp_dir().join(format!("parameters-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a directory");
        Directory(path.canonicalize().expect("it exists"))
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        fs::write(&path, text).expect("writable");
        path.to_str().expect("text").to_string()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn start(args: &[&str], stdin: &str) -> Result<Parameters, String> {
    let failed = |error: StartError| String::from_utf8(error.render("9.1.2")).expect("text");
    load(args, &mut stdin.as_bytes()).map_err(failed)
}

fn shown(parameters: &Parameters, names: &[&str]) -> Vec<String> {
    let value = |name: &&str| parameters.config_get(&[name.as_bytes()])[0].1.clone();
    names.iter().map(|name| String::from_utf8(value(name)).expect("text")).collect()
}

fn line_error(number: usize, line: &str, reason: &str) -> Option<String> {
    Some(format!(
        "\n*** FATAL CONFIG FILE ERROR (Version 9.1.2) ***\nReading the configuration file, at line {number}\n>>> '{line}'\n{reason}\n"
    ))
}

#[test]
fn arguments_become_lines() {
    let cases: &[(&[&str], &[&str])] = &[
        (&["--save", "60", "1", "--hz", "20"], &["60 1", "20"]),
        (&["--save", "60 1 300 5"], &["60 1 300 5", "10"]),
        (&["--save", "60", "1", "--save", "300", "5"], &["60 1 300 5", "10"]),
        (&["--save", "60", "1", "--save", "", "--save", "5", "5"], &["5 5", "10"]),
        (&["--save"], &["", "10"]),
        (&["--save", "--hz", "20"], &["", "20"]),
        (&["--hz 20", "--save 60 1"], &["60 1", "20"]),
        (&["--HZ", "20", "--Save", "1 1"], &["1 1", "20"]),
        (&[], &["3600 1 300 100 60 10000", "10"]),
    ];
    for (args, expected) in cases {
        let parameters = start(args, "").unwrap_or_else(|error| panic!("{args:?}: {error}"));
        assert_eq!(shown(&parameters, &["save", "hz"]), *expected, "{args:?}");
    }
    let parameters = start(&["--requirepass", "--abc", "--bind", "a", "b"], "").expect("valid");
    assert_eq!(shown(&parameters, &["requirepass", "bind"]), ["--abc", "a b"]);
}

#[test]
fn wrong_arguments_are_shown_as_lines() {
    let few = "wrong number of arguments";
    let integer = "argument couldn't be parsed into an integer";
    let cases: &[(&[&str], Option<String>)] = &[
        (&["--hz", "--save", "60", "1"], line_error(2, "hz \"--save\" \"60\" \"1\"", few)),
        (&["--port", "1", "--requirepass"], line_error(3, "requirepass", few)),
        (&["--port", "1", "-hz", "20"], line_error(2, "port \"1\" \"-hz\" \"20\"", few)),
        (&["--port 1", "a.conf"], line_error(2, "port 1 \"a.conf\"", few)),
        (&["--port", "1", "-", "--hz", "2"], line_error(2, "port \"1\" \"-\"", few)),
        (&["--hz", "a\"b\n"], line_error(2, "hz \"a\\\"b\\n\"", integer)),
        (&["--save", "60 1", "300 5"], line_error(2, "save \"60 1\" \"300 5\"", "Invalid save parameters")),
        (&["--zzz", "1"], line_error(2, "zzz \"1\"", "Bad directive or wrong number of arguments")),
        (&["--dir", "/no/such"], line_error(2, "dir \"/no/such\"", "No such file or directory")),
        (
            &["--unixsocketperm", "1000"],
            line_error(2, "unixsocketperm \"1000\"", "argument must be between 0 and 777 inclusive"),
        ),
    ];
    for (args, expected) in cases {
        assert_eq!(start(args, "").err(), *expected, "{args:?}");
    }
}

#[test]
fn the_file_comes_first_then_standard_input_then_arguments() {
    let directory = Directory::new("order");
    let ended = directory.file("a.conf", "hz 30\n# c\n   timeout 3\n");
    let open = directory.file("b.conf", "hz 30\n# c\n   timeout 3");
    let parameters = start(&[&ended, "--hz", "5", "-"], "timeout 5\nhz 7").expect("valid");
    assert_eq!(shown(&parameters, &["hz", "timeout"]), ["5", "5"]);
    assert_eq!(parameters.config_file.as_deref(), Some(Path::new(&ended)));
    let integer = "argument couldn't be parsed into an integer";
    assert_eq!(start(&[&ended, "--port", "1", "--hz", "5x"], "").err(), line_error(6, "hz \"5x\"", integer));
    assert_eq!(start(&[&open, "--port", "1", "--hz", "5x"], "").err(), line_error(5, "hz \"5x\"", integer));
    let glued = line_error(3, "timeout 3timeout 5", "wrong number of arguments");
    assert_eq!(start(&[&open, "-"], "timeout 5\nhz 7").err(), glued);
    assert_eq!(shown(&start(&["-"], "hz 30").expect("valid"), &["hz"]), ["30"]);
}

#[test]
fn includes_take_effect_where_they_stand() {
    let directory = Directory::new("include");
    let inner = directory.file("b1.conf", "hz 40\n");
    directory.file("b2.conf", "hz 50\ntcp-keepalive 9");
    let under = |name: &str| directory.0.join(name).to_str().expect("text").to_string();
    let main = |text: &str| directory.file("a.conf", text);
    let start = |path: &str| start(&[path], "");
    let both = start(&main(&format!("hz 30\ninclude {}\ntimeout 7\n", under("b*.conf")))).expect("valid");
    assert_eq!(shown(&both, &["hz", "timeout", "tcp-keepalive"]), ["50", "7", "9"]);
    let later = start(&main(&format!("include {inner}\nhz 30\n"))).expect("valid");
    assert_eq!(shown(&later, &["hz"]), ["30"]);
    let relative = start(&main(&format!("dir {}\ninclude b1.conf\n", directory.0.display()))).expect("valid");
    assert_eq!(shown(&relative, &["hz"]), ["40"]);
    assert!(start(&main(&format!("include {}\n", under("none*")))).is_ok());
    assert_eq!(
        start(&main("include /no/such\n")).err().as_deref(),
        Some("Fatal error, can't open config file '/no/such': No such file or directory\n")
    );
    directory.file("b1.conf", "\n\nhz abc\n");
    let wrong = line_error(3, "hz abc", "argument couldn't be parsed into an integer");
    assert_eq!(start(&main(&format!("include {inner}\n"))).err(), wrong);
    let itself = main(&format!("include {}\n", under("a.conf")));
    assert!(start(&itself).expect_err("no end").contains("too many nested includes"));
}

#[test]
fn directives_that_are_no_rows_are_kept_or_refused() {
    let text = "rename-command get \"\"\nuser x on\nloadmodule /m a b\nfoo.bar 1\nsentinel\ndynamic-hz yes\n";
    let parameters = start(&["-"], text).expect("valid");
    assert_eq!(parameters.renamed_commands[0].words, [b"rename-command".to_vec(), b"get".to_vec(), vec![]]);
    assert_eq!(parameters.users[0].words.len(), 3);
    assert_eq!(parameters.modules[0].words.len(), 4);
    assert_eq!(parameters.module_settings[0].words[0], b"foo.bar");
    let refused = parameters.renamed_commands[0].refused("No such command in rename-command").render("9.1.2");
    assert_eq!(
        String::from_utf8(refused).ok(),
        line_error(1, "rename-command get \"\"", "No such command in rename-command")
    );
    let bad = "Bad directive or wrong number of arguments";
    for (line, reason) in [
        ("rename-command get", bad),
        ("user", bad),
        ("loadmodule", bad),
        ("include", bad),
        ("dynamic-hz", bad),
        ("foo.bar", "Module config specified without value"),
        ("sentinel monitor a", "sentinel directive while not in sentinel mode"),
        ("hz \"10", "Unbalanced quotes in configuration line"),
        ("hz 10 # c", "wrong number of arguments"),
        ("replicaof a 1x", "Invalid primary port"),
        ("databases 0", "argument must be between 1 and 2147483647 inclusive"),
        ("appendfilename a/b", "appendfilename can't be a path, just a filename"),
    ] {
        assert_eq!(start(&["-"], line).err(), line_error(1, line, reason));
    }
}

#[test]
fn some_errors_concern_the_whole() {
    let whole = |reason: &str| Some(format!("\n*** FATAL CONFIG FILE ERROR (Version 9.1.2) ***\n{reason}\n"));
    assert_eq!(
        start(&["--replicaof", "a 1", "--cluster-enabled", "yes"], "").err(),
        whole("replicaof directive not allowed in cluster mode")
    );
    assert_eq!(
        start(&["--logfile", "/no/such"], "").err(),
        whole("Can't open the log file: No such file or directory")
    );
    assert_eq!(
        start(&["/no/such.conf"], "").err().as_deref(),
        Some("Fatal error, can't open config file '/no/such.conf': No such file or directory\n")
    );
}

#[test]
fn lists_in_files() {
    let text = "save 60 1\nsave \"\"\nsave 3 3\nsave 4 4\nbind \"\"\nclient-output-buffer-limit normal 1 2 3\n\
                client-output-buffer-limit \"pubsub 1 2 3\"\nhz 0\nrepl-backlog-size 1\nslaveof a +1\n";
    let parameters = start(&["-"], text).expect("valid");
    let names = ["save", "bind", "client-output-buffer-limit", "hz", "repl-backlog-size", "replicaof"];
    let limits = "normal 1 2 3 slave 268435456 67108864 60 pubsub 1 2 3";
    assert_eq!(shown(&parameters, &names), ["3 3 4 4", "", limits, "1", "1", "a 1"]);
    assert!(parameters.get_words(table::row("bind")).is_empty());
}
