//! `maxmemory-clients`, scripts under CLIENT PAUSE and renamed commands: the same steps against Brasa and valkey-server.

use std::time::{Duration, Instant};

use testkit::client::Client;
use testkit::server::{Kind, Launch, Server};

fn start(kind: Kind) -> Server {
    let threads: &[&str] = if kind == Kind::Brasa { &["--io-threads", "2"] } else { &[] };
    Launch::new(kind).args(threads).start().expect("the server starts")
}

fn ask(client: &mut Client, words: &[&str]) -> String {
    String::from_utf8_lossy(&client.command(words).expect("the server answers")).trim_end().to_owned()
}

/// A connection under a name that holds an argument of `bytes` bytes which never ends.
fn holder(server: &Server, name: &str, bytes: usize) -> Client {
    let mut client = server.connect().expect("connects");
    assert_eq!(ask(&mut client, &["CLIENT", "SETNAME", name]), "+OK");
    client.send(format!("*2\r\n${bytes}\r\n").as_bytes()).expect("the connection holds");
    client.send(&vec![b'x'; bytes]).expect("the connection holds");
    client
}

/// A field of CLIENT LIST for the client of that name.
fn field(control: &mut Client, name: &str, field: &str) -> Option<u64> {
    let list = ask(control, &["CLIENT", "LIST"]);
    let line = list.lines().find(|line| line.contains(&format!(" name={name} ")))?;
    let value = line.split(' ').find_map(|word| word.strip_prefix(&format!("{field}=")))?;
    value.parse().ok()
}

fn wait(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The largest go first, at once when CONFIG SET says so, and no more than needed; who may not be evicted stays.
fn evicts_the_largest(kind: Kind) {
    let server = start(kind);
    let mut control = server.connect().expect("connects");
    assert_eq!(ask(&mut control, &["CLIENT", "NO-EVICT", "ON"]), "+OK");
    let sizes = [("small", 200_000), ("middle", 1_000_000), ("large", 3_000_000)];
    let mut held: Vec<Client> = sizes.iter().map(|(name, bytes)| holder(&server, name, *bytes)).collect();
    for (name, bytes) in sizes {
        wait("the query buffer fills", || field(&mut control, name, "qbuf") == Some(bytes as u64));
        let all = field(&mut control, name, "tot-mem").expect("it is listed");
        assert!(all >= bytes as u64 && all < bytes as u64 + 100_000, "{name} counts {all} bytes");
    }
    assert_eq!(ask(&mut control, &["CONFIG", "SET", "maxmemory-clients", "2mb"]), "+OK");
    assert_eq!(field(&mut control, "large", "tot-mem"), None);
    assert!(field(&mut control, "middle", "tot-mem").is_some(), "no more than needed");
    // A percentage of maxmemory, and never less than 128 KiB.
    assert_eq!(ask(&mut control, &["CONFIG", "SET", "maxmemory", "50mb"]), "+OK");
    assert_eq!(ask(&mut control, &["CONFIG", "SET", "maxmemory-clients", "1%"]), "+OK");
    assert_eq!(field(&mut control, "middle", "tot-mem"), None);
    assert!(field(&mut control, "small", "tot-mem").is_some());
    let info = ask(&mut control, &["INFO", "stats"]);
    assert!(info.contains("evicted_clients:2\r\n"), "{info}");
    assert_eq!(ask(&mut control, &["CONFIG", "SET", "maxmemory-clients", "1"]), "+OK");
    assert_eq!(field(&mut control, "small", "tot-mem"), None);
    assert_eq!(ask(&mut control, &["PING"]), "+PONG");
    for client in &mut held {
        assert!(client.receive(1).is_empty(), "evicted clients get no reply");
    }
}

/// Who queues, watches or subscribes without end goes as well.
fn evicts_for_what_is_kept(kind: Kind) {
    let server = start(kind);
    let mut control = server.connect().expect("connects");
    assert_eq!(ask(&mut control, &["CONFIG", "SET", "maxmemory-clients", "200000"]), "+OK");
    for (begin, command) in
        [("PING", "WATCH"), ("MULTI", "GET"), ("PING", "SUBSCRIBE"), ("PING", "SSUBSCRIBE")]
    {
        let mut client = server.connect().expect("connects");
        ask(&mut client, &[begin]);
        let gone = (0..200_000).any(|n| client.command(&[command, &format!("{n:020}")]).is_err());
        assert!(gone, "{command} goes on for ever");
        assert_eq!(ask(&mut control, &["PING"]), "+PONG");
    }
}

/// CLIENT PAUSE WRITE lets scripts pass that say that they do not write, also queued ones.
fn pause_looks_at_scripts(kind: Kind) {
    const READS: &str = "#!lua flags=no-writes\nreturn 12";
    const SILENT: &str = "return 13";
    let server = start(kind);
    let mut control = server.connect().expect("connects");
    let mut reader = server.connect().expect("connects");
    let mut writer = server.connect().expect("connects");
    let function = "#!lua name=l\nredis.register_function{function_name='f', callback=function() return 14 end, \
                    flags={'no-writes'}}";
    assert_eq!(ask(&mut control, &["FUNCTION", "LOAD", function]), "$1\r\nl");
    let sha = ask(&mut control, &["SCRIPT", "LOAD", READS]).lines().nth(1).expect("a digest").to_owned();
    assert_eq!(ask(&mut writer, &["MULTI"]), "+OK");
    assert_eq!(ask(&mut writer, &["EVAL", SILENT, "0"]), "+QUEUED");
    assert_eq!(ask(&mut control, &["CLIENT", "PAUSE", "60000", "WRITE"]), "+OK");
    assert_eq!(ask(&mut reader, &["EVAL", READS, "0"]), ":12");
    assert_eq!(ask(&mut reader, &["EVALSHA", &sha.to_uppercase(), "0"]), ":12");
    assert_eq!(ask(&mut reader, &["EVAL_RO", SILENT, "0"]), ":13");
    assert_eq!(ask(&mut reader, &["FCALL", "F", "0"]), ":14");
    assert_eq!(ask(&mut reader, &["MULTI"]), "+OK");
    assert_eq!(ask(&mut reader, &["EVAL", READS, "0"]), "+QUEUED");
    assert_eq!(ask(&mut reader, &["EXEC"]), "*1\r\n:12");
    writer.send(b"EXEC\r\n").expect("the connection holds");
    reader.send(format!("EVAL \"{SILENT}\" 0\r\n").as_bytes()).expect("the connection holds");
    wait("both are held", || ask(&mut control, &["INFO", "clients"]).contains("blocked_clients:2\r\n"));
    assert_eq!(ask(&mut control, &["CLIENT", "UNPAUSE"]), "+OK");
    assert_eq!(writer.receive(1).get(0), Some(&b"*1\r\n:13\r\n"[..]));
    assert_eq!(reader.receive(1).get(0), Some(&b":13\r\n"[..]));
}

/// `rename-command` gives commands other names, or none.
fn renames_commands(kind: Kind) {
    let lines = "rename-command flushdb badger\nrename-command FLUSHALL \"\"\nrename-command multi begin\n";
    let server = Launch::new(kind).config(lines).start().expect("the server starts");
    let mut client = server.connect().expect("connects");
    for (words, reply) in [
        (&["flushdb"][..], "-ERR unknown command 'flushdb', with args beginning with:"),
        (&["flushall"][..], "-ERR unknown command 'flushall', with args beginning with:"),
        (&["BADGER"][..], "+OK"),
        (&["Begin"][..], "+OK"),
        (&["set", "k", "v"][..], "+QUEUED"),
        (&["exec"][..], "*1\r\n+OK"),
    ] {
        assert_eq!(ask(&mut client, words), reply, "{words:?}");
    }
    for (lines, reason) in [
        ("rename-command nothing something\n", "No such command in rename-command"),
        ("rename-command get set\n", "Target command name already exists"),
    ] {
        let port = testkit::server::free_port().expect("a port is free");
        let exit = Launch::new(kind).config(lines).run_to_exit(port).expect("it ends by itself");
        assert_eq!(exit.code, Some(1));
        assert!(exit.stderr.contains(reason), "{}", exit.stderr);
    }
}

#[test]
fn largest_clients_go_first() {
    evicts_the_largest(Kind::Brasa);
    evicts_the_largest(Kind::Valkey);
}

#[test]
fn what_clients_keep_counts() {
    evicts_for_what_is_kept(Kind::Brasa);
    evicts_for_what_is_kept(Kind::Valkey);
}

#[test]
fn scripts_say_whether_a_pause_holds_them() {
    pause_looks_at_scripts(Kind::Brasa);
    pause_looks_at_scripts(Kind::Valkey);
}

#[test]
fn commands_have_the_names_of_the_configuration() {
    renames_commands(Kind::Brasa);
    renames_commands(Kind::Valkey);
}
