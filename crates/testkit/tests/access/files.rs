//! `aclfile`, `user` directives, CONFIG REWRITE.

use std::fs;

use testkit::server::{Kind, Launch, free_port};

use crate::{Both, pair};

#[test]
fn the_file_of_users_is_read_and_written() {
    let servers = pair(&[]);
    // Servers run in their own folders, which only exist now: the file is named when they start again.
    let text = "user alice on nopass ~* +@all\nuser bob off >pw (+get ~a)\n";
    let servers = servers.map(|server| {
        let kind = server.kind();
        drop(server);
        let folder = std::env::temp_dir().join(format!("brasa-acl-{}-{}", std::process::id(), kind.name()));
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join("users.acl"), text).expect("a file");
        let path = folder.join("users.acl").display().to_string();
        (
            folder,
            Launch::new(kind).args(["--aclfile", &path]).start().unwrap_or_else(|error| panic!("{error}")),
        )
    });
    let [(left_folder, left), (right_folder, right)] = servers;
    let (servers, folders) = ([left, right], [left_folder, right_folder]);
    let write =
        |text: &str| folders.iter().for_each(|f| fs::write(f.join("users.acl"), text).expect("writes"));
    let read = || folders.each_ref().map(|f| fs::read_to_string(f.join("users.acl")).expect("reads"));
    let mut admin = Both::connect(&servers);
    let mut alice = Both::connect(&servers);
    alice.same("AUTH alice x");
    admin.same("ACL LIST");
    admin.same("ACL SETUSER carol on >pw %R~r &c db=3 +@read -get");
    admin.same("ACL SAVE");
    let [left, right] = read();
    assert_eq!(right, left);
    assert!(left.contains("user carol"));
    admin.same("ACL DELUSER carol");
    admin.same("ACL LOAD");
    admin.same("ACL LIST");
    assert!(!alice.closed(), "its user stayed");
    // With an error nothing changes. The errors name the path, which differs: what follows it does not.
    for wrong in ["user x +nope foo", "usr x", "user a\tb", "user x (+get", "user x on\nuser x off", "user"] {
        write(wrong);
        let [left, right] = admin.0.each_mut().map(|client| {
            let reply = client.command(&["ACL", "LOAD"]).expect("answers");
            String::from_utf8_lossy(&reply).into_owned()
        });
        let without = |text: &str, folder: &std::path::Path| text.replace(&folder.display().to_string(), "");
        assert_eq!(without(&right, &folders[1]), without(&left, &folders[0]), "{wrong}");
        assert!(left.starts_with("-ERR"), "{left}");
        admin.same("ACL LIST");
    }
    write("user default on nopass +@all ~* &*\n\n  user dave on nopass +ping \r\n");
    admin.same("ACL LOAD");
    admin.same("ACL LIST");
    assert!(alice.closed(), "its user is gone");
    folders.iter().for_each(|folder| drop(fs::remove_dir_all(folder)));
}

#[test]
fn directives_make_users_and_are_rewritten() {
    let lines = "bind 127.0.0.1\nsave \"\"\nuser default on nopass ~* &* +@all\nuser alice on >pw ~a* +@all -@dangerous\n\
                 user bob on nopass (+get ~b)";
    let servers = [Kind::Valkey, Kind::Brasa]
        .map(|kind| Launch::new(kind).config(lines).start().unwrap_or_else(|error| panic!("{error}")));
    let mut admin = Both::connect(&servers);
    admin.same("ACL LIST");
    admin.same("ACL SETUSER alice -get");
    admin.same("ACL DELUSER bob");
    admin.same("ACL SETUSER carol +ping");
    admin.same("CONFIG REWRITE");
    let users = servers.each_ref().map(|server| {
        let text = fs::read_to_string(server.directory().join("server.conf")).expect("reads");
        let mut users: Vec<String> =
            text.lines().filter(|line| line.starts_with("user ")).map(str::to_owned).collect();
        users.sort();
        users
    });
    assert_eq!(users[1], users[0]);
    assert_eq!(users[0].len(), 3);
}

#[test]
fn wrong_users_stop_the_start() {
    for (lines, word) in [
        ("user alice on nope", "Syntax error"),
        ("user alice on\nuser alice off", "Duplicate user"),
        ("user alice +nope", "Unknown command or category name in ACL"),
        ("user alice on\naclfile users.acl", "but not both"),
        ("aclfile there-is-none.acl", "opening file"),
    ] {
        for kind in [Kind::Valkey, Kind::Brasa] {
            let launch = Launch::new(kind).config(&format!("bind 127.0.0.1\nsave \"\"\n{lines}"));
            let exit = launch.run_to_exit(free_port().expect("a port")).expect("starts");
            assert_eq!(exit.code, Some(1), "{kind:?}, {lines}");
            let said = exit.stdout + &exit.stderr;
            assert!(said.contains(word), "{kind:?}, {lines}: {said}");
        }
    }
}
