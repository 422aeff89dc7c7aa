//! Group *connection*: <https://valkey.io/commands/#connection>. What clients that track keys are told is compared by
//! `tests/tracking`; here nobody tracks for longer than it takes to ask about it.

use super::{Family, Generator, row};
use crate::client::encode;
use crate::differential::generate::{Command, Gen};
use crate::differential::side::PASSWORD;
use crate::differential::step::{Action, Word};

/// The family.
pub const FAMILY: Family =
    Family { name: "connection", group: "connection", weight: 18, waits: false, generators: GENERATORS };

const GENERATORS: &[Generator] = &[
    row(7, auth),
    row(1, requirepass),
    row(4, client_capa),
    row(4, client_getname),
    row(3, client_help),
    row(3, client_id),
    row(4, client_import_source),
    row(4, client_info),
    row(52, client_kill),
    row(58, client_list),
    row(5, client_no_evict),
    row(5, client_no_touch),
    row(5, client_reply),
    row(8, client_setinfo),
    row(4, client_setname),
    row(22, client_tracking),
    row(3, client_unknown),
    row(7, client_unblock),
    row(8, client_pause),
    row(3, client_unpause),
    row(3, echo),
    row(14, hello),
    row(4, ping),
    row(3, quit),
    row(3, reset),
    row(8, select),
    row(1, reconnect),
];

/// Names for CLIENT SETNAME and their like; the last ones are refused.
const NAMES: &[&str] = &["", "worker", "a-b_c", "x", "with space", "line\nend", "caf\u{e9}"];

fn name(g: &mut Gen) -> &'static str {
    let kinds = if g.rng.percent(85) { 4 } else { NAMES.len() };
    NAMES[g.rng.below(kinds)]
}

fn auth(g: &mut Gen) {
    let mut command = Command::new("AUTH");
    if g.rng.percent(75) {
        command = command.arg(g.rng.pick(&["default", "default", "default", "nobody"]));
    }
    command = command.arg(g.rng.pick(&["", "secret", "wrong"]));
    g.push(command);
}

/// A password set while clients are connected: those stay in, a new connection must authenticate.
fn requirepass(g: &mut Gen) {
    if g.in_multi() {
        return auth(g);
    }
    g.push_exact(Command::new("CONFIG SET").arg("requirepass").arg(PASSWORD));
    g.glue_action(Action::Reconnect);
    let tries = [
        Command::new("PING"),
        Command::new("GET").arg("n:0"),
        Command::new("MULTI"),
        Command::new("NOPE"),
        Command::new("GET"),
        Command::new("HELLO"),
        Command::new("HELLO").arg("3"),
        Command::new("HELLO").arg("3").token("AUTH").arg("default").arg("wrong"),
        Command::new("AUTH").arg("wrong"),
        Command::new("AUTH").arg("nobody").arg(PASSWORD),
        Command::new("RESET"),
        Command::new("SELECT").arg("1"),
    ];
    for _ in 0..2 + g.rng.below(5) {
        let command = g.rng.pick(&tries).clone();
        g.glue(command);
    }
    let entry = match g.rng.below(3) {
        0 => Command::new("AUTH").arg(PASSWORD),
        1 => Command::new("AUTH").arg("default").arg(PASSWORD),
        _ => Command::new("HELLO")
            .arg("3")
            .token("AUTH")
            .arg("default")
            .arg(PASSWORD)
            .token("SETNAME")
            .arg("in"),
    };
    g.glue(entry);
    g.glue(Command::new("CONFIG SET").arg("requirepass").arg(""));
}

fn client_capa(g: &mut Gen) {
    if g.rng.percent(8) {
        // Any word will do: only none is an error.
        g.push_exact(Command::new("CLIENT CAPA"));
        return;
    }
    let mut command = Command::new("CLIENT CAPA").arg(g.rng.pick(&["redirect", "REDIRECT", "future"]));
    if g.rng.percent(30) {
        command = command.arg("other");
    }
    g.push(command);
}

fn client_getname(g: &mut Gen) {
    g.push(Command::new("CLIENT GETNAME"));
}

fn client_help(g: &mut Gen) {
    g.push(Command::new("CLIENT HELP"));
}

fn client_id(g: &mut Gen) {
    g.push(Command::new("CLIENT ID"));
}

fn client_import_source(g: &mut Gen) {
    let command = Command::new("CLIENT IMPORT-SOURCE").token(g.rng.pick(&["ON", "OFF"]));
    if g.in_multi() || g.rng.percent(20) {
        g.push(command);
        return;
    }
    g.push_exact(Command::new("CONFIG SET").arg("import-mode").arg("yes"));
    g.glue(command);
    if g.rng.percent(15) {
        g.glue(Command::new("CLIENT IMPORT-SOURCE").token("OFF").arg("extra"));
    }
    g.glue(Command::new("CLIENT IMPORT-SOURCE").token("OFF"));
    g.glue(Command::new("CONFIG SET").arg("import-mode").arg("no"));
}

fn client_info(g: &mut Gen) {
    g.push(Command::new("CLIENT INFO"));
}

/// Adds one filter of CLIENT LIST and CLIENT KILL. Ages and idle times are never near those of the test.
fn filter(g: &mut Gen, command: Command, kill: bool) -> Command {
    let not = g.rng.percent(42);
    let types: &[&str] = if kill {
        &["NORMAL", "MASTER", "PRIMARY", "SLAVE", "REPLICA", "PUBSUB"]
    } else {
        &["NORMAL", "MASTER", "REPLICA", "PUBSUB"]
    };
    let option = *g.rng.pick(if not {
        &[
            "TYPE", "TYPE", "ID", "USER", "ADDR", "LADDR", "NAME", "FLAGS", "LIB-NAME", "LIB-VER", "DB",
            "CAPA", "IP",
        ]
    } else {
        &[
            "TYPE", "TYPE", "TYPE", "TYPE", "TYPE", "ID", "USER", "ADDR", "LADDR", "SKIPME", "SKIPME",
            "MAXAGE", "NAME", "IDLE", "FLAGS", "LIB-NAME", "LIB-VER", "DB", "CAPA", "IP",
        ]
    });
    let command = if not { command.token(format!("NOT-{option}")) } else { command.token(option) };
    let wrong = g.rng.percent(5);
    match option {
        "TYPE" if wrong => command.arg("nope"),
        "TYPE" => command.token(g.rng.pick(types)),
        "ID" if wrong => command.arg(g.rng.pick(&["0", "-1", "x"])),
        "ID" => {
            let client = g.any_client();
            let mut command = command.word(Word::ClientId(client));
            if g.rng.percent(20) {
                command = command.arg("999999999");
            }
            command
        }
        "USER" => command.arg(if wrong { "nobody" } else { "default" }),
        "ADDR" if g.rng.percent(60) => {
            let client = g.any_client();
            command.word(Word::ClientAddress(client))
        }
        "ADDR" => command.arg("127.0.0.1:1"),
        "LADDR" => {
            if g.rng.percent(60) {
                command.word(Word::ServerAddress)
            } else {
                command.arg("127.0.0.1:1")
            }
        }
        "SKIPME" if wrong => command.arg("maybe"),
        "SKIPME" => command.token(g.rng.pick(&["YES", "NO"])),
        "MAXAGE" | "IDLE" => command.arg(if wrong { *g.rng.pick(&["-1", "x", "0"]) } else { "1000000" }),
        "FLAGS" => command.arg(if wrong { "?" } else { *g.rng.pick(&["N", "x", "NP", "P", "t"]) }),
        "DB" => command.arg(if wrong { "-1" } else { *g.rng.pick(&["0", "1", "3"]) }),
        "CAPA" => command.arg(if wrong { "?" } else { "r" }),
        "IP" => command.arg(g.rng.pick(&["127.0.0.1", "10.1.2.3"])),
        _ => command.arg(name(g)),
    }
}

fn client_list(g: &mut Gen) {
    let mut command = Command::new("CLIENT LIST");
    for _ in 0..g.rng.below(4) {
        command = filter(g, command, false);
    }
    if g.rng.percent(10) {
        command = command.token("NOPE").arg("x");
    }
    g.push(command);
}

/// Filters that match nobody mostly, else every client would be new all the time.
fn client_kill(g: &mut Gen) {
    let mut command = Command::new("CLIENT KILL");
    if g.in_multi() {
        // Killed in the middle of EXEC, a client gets half a reply.
        g.push(command.token("TYPE").token("REPLICA").token("ID").arg("999999999"));
        return;
    }
    if g.rng.percent(4) {
        let client = g.any_client();
        let known = g.rng.percent(50);
        g.push(if known { command.word(Word::ClientAddress(client)) } else { command.arg("1.2.3.4:5") });
        return;
    }
    for _ in 0..1 + g.rng.below(3) {
        command = filter(g, command, true);
    }
    if g.rng.percent(6) {
        command = command.token("NOPE").arg("x");
    }
    if g.rng.percent(90) {
        command = command.token("ID").arg("999999999");
    }
    g.push(command);
}

fn client_no_evict(g: &mut Gen) {
    let command = Command::new("CLIENT NO-EVICT").token(g.rng.pick(&["ON", "OFF"]));
    g.push(command);
}

fn client_no_touch(g: &mut Gen) {
    let command = Command::new("CLIENT NO-TOUCH").token(g.rng.pick(&["ON", "OFF"]));
    g.push(command);
}

/// Replies that are not sent; the bytes go out in one piece, since nobody knows how many replies to wait for.
fn client_reply(g: &mut Gen) {
    if g.in_multi() || g.rng.percent(35) {
        let command = Command::new("CLIENT REPLY").token(g.rng.pick(&["ON", "ON", "ON", "MAYBE"]));
        g.push(command);
        return;
    }
    let silence = *g.rng.pick(&["OFF", "SKIP"]);
    let mut bytes = Vec::new();
    encode(&Command::new("CLIENT REPLY").token(silence).bytes(), &mut bytes);
    for _ in 0..1 + g.rng.below(4) {
        let command = match g.rng.below(5) {
            0 => Command::new("SET").arg(g.key()).arg(g.short_value()),
            1 => Command::new("NOPE").arg("x"),
            2 => Command::new("GET"),
            3 => Command::new("MGET").args(g.keys(3)),
            _ => Command::new("CLIENT REPLY").token("SKIP"),
        };
        encode(&command.bytes(), &mut bytes);
    }
    encode(&Command::new("CLIENT REPLY").token("ON").bytes(), &mut bytes);
    encode(&Command::new("CLIENT REPLY").token("ON").bytes(), &mut bytes);
    g.push_action(Action::Raw(bytes));
    // An error for the names, which a reply that is not sent cannot count.
    g.push_exact(Command::new("CLIENT REPLY").token(silence).arg("extra"));
}

fn client_setinfo(g: &mut Gen) {
    let option = *g.rng.pick(&["LIB-NAME", "LIB-VER", "LIB-NAME", "LIB-VER", "LIB-NOPE"]);
    let command = Command::new("CLIENT SETINFO").token(option).arg(name(g));
    g.push(command);
}

fn client_setname(g: &mut Gen) {
    let command = Command::new("CLIENT SETNAME").arg(name(g));
    g.push(command);
}

/// The client tracks, is asked about it, perhaps turns to another mode, and tracks no more. Nothing is told meanwhile:
/// no key is read, and none begins as it asks for.
fn client_tracking(g: &mut Gen) {
    let tracking = |state: &str| Command::new("CLIENT TRACKING").token(state);
    if g.rng.percent(30) {
        let command = match g.rng.below(14) {
            0 => tracking("MAYBE"),
            1 => tracking("ON").token("OPTIN").token("OPTOUT"),
            2 => tracking("ON").token("BCAST").token("OPTIN"),
            3 => tracking("ON").token("BCAST").token("OPTOUT"),
            4 => tracking("ON").token("PREFIX").arg("none:"),
            5 => tracking("ON").token("REDIRECT").arg(g.rng.pick(&["x", "", "1.5"])),
            6 => tracking("ON").token("REDIRECT").arg(g.rng.pick(&["0", "-1", "999999999"])),
            7 => tracking("OFF").token("REDIRECT").arg("0"),
            8 => tracking("ON").token("NOLOOP").arg("NOPE"),
            9 => tracking("OFF").token("NOLOOP").token("PREFIX"),
            10 => tracking("ON").token("BCAST").token("PREFIX").arg("none:").token("PREFIX").arg("none"),
            11 => Command::new("CLIENT CACHING").token(g.rng.pick(&["YES", "NO"])),
            12 => Command::new("CLIENT GETREDIR").arg("x"),
            _ => Command::new("CLIENT TRACKINGINFO").arg("x"),
        };
        return g.push_exact(command);
    }
    const MODES: [&str; 4] = ["", "BCAST", "OPTIN", "OPTOUT"];
    let mode = *g.rng.pick(&MODES);
    let mut command = tracking("ON");
    if g.rng.percent(50) {
        let client = g.any_client();
        command = command.token("REDIRECT").word(Word::ClientId(client));
    }
    if mode == "BCAST" {
        command = command.token("PREFIX").arg("none:").token("PREFIX").arg("never:");
    }
    if !mode.is_empty() {
        command = command.token(mode);
    }
    if g.rng.percent(40) {
        command = command.token("NOLOOP");
    }
    g.push_exact(command);
    for _ in 0..1 + g.rng.below(4) {
        let caching = match mode {
            "OPTIN" => "YES",
            "OPTOUT" => "NO",
            _ => *g.rng.pick(&["YES", "NO", "MAYBE"]),
        };
        let command = match g.rng.below(6) {
            0 | 1 => Command::new("CLIENT CACHING").token(caching),
            2 | 3 => Command::new("CLIENT TRACKINGINFO"),
            4 => Command::new("CLIENT GETREDIR"),
            _ => match *g.rng.pick(&MODES) {
                "" => tracking("ON"),
                "BCAST" => {
                    tracking("ON").token("BCAST").token("PREFIX").arg(g.rng.pick(&["none:x", "other:"]))
                }
                other => tracking("ON").token(other),
            },
        };
        g.glue(command);
    }
    g.glue(tracking("OFF"));
}

fn client_unknown(g: &mut Gen) {
    let command = Command::new("CLIENT").arg(g.rng.pick(&["NOPE", "", "LISTS", "kill2"]));
    g.push(command);
}

fn client_unblock(g: &mut Gen) {
    let client = g.any_client();
    let command = Command::new("CLIENT UNBLOCK");
    let command = match g.rng.below(8) {
        0 => command.arg(g.rng.pick(&["x", "", "1.5", "9223372036854775808"])),
        1 => command.arg(g.rng.pick(&["0", "-1", "999999999"])),
        _ => command.word(Word::ClientId(client)),
    };
    let command = match g.rng.below(8) {
        0 => command,
        1 => command.arg("NOPE"),
        2..5 => command.token("TIMEOUT"),
        _ => command.token("ERROR"),
    };
    g.push(command);
}

fn client_unpause(g: &mut Gen) {
    g.push(Command::new("CLIENT UNPAUSE"));
}

/// Another client's command is held back until the pause ends: by itself after a few milliseconds, or by CLIENT UNPAUSE
/// where that is not held back itself.
fn client_pause(g: &mut Gen) {
    let others = g.idle_clients();
    let wrong = *g.rng.pick(&["-1", "x", "", "1.5", "9223372036854775807"]);
    if g.in_multi() || others.is_empty() || g.rng.percent(45) {
        let command = Command::new("CLIENT PAUSE");
        return match g.rng.below(6) {
            0 => g.push_exact(command.arg(wrong).token("WRITE")),
            1 => g.push_exact(command.arg("1").arg("NOPE")),
            2 => g.push_exact(command.arg(wrong).token("ALL")),
            _ if g.in_multi() => client_unpause(g),
            _ => {
                let mode = *g.rng.pick(&["ALL", "WRITE"]);
                g.push_exact(command.arg("2").token(mode));
                let command = Command::new("SET").arg(g.key()).arg("paused");
                g.glue(command);
            }
        };
    }
    let command = Command::new("CLIENT PAUSE").arg("3000").token("WRITE");
    g.push_exact(command);
    let client = *g.rng.pick(&others);
    let own = g.switch_client(client);
    let command = match g.rng.below(6) {
        0 => Command::new("SET").arg(g.key()).arg("held"),
        1 => Command::new("MSET").arg(g.key()).arg("held").arg(g.key()).arg("back"),
        2 => Command::new("GET").arg(g.key()),
        3 => Command::new("SET").arg("no value"),
        4 => Command::new("PFCOUNT").arg(g.key()),
        _ => Command::new("DEL").arg(g.key()),
    };
    g.send(command);
    g.switch_client(own);
    let command = match g.rng.below(4) {
        0 => Command::new("GET").arg(g.key()),
        1 => Command::new("CLIENT LIST"),
        2 => Command::new("CLIENT UNBLOCK").word(Word::ClientId(client)),
        _ => Command::new("INFO").arg("clients"),
    };
    g.push_exact(command);
    g.push_exact(Command::new("CLIENT UNPAUSE"));
    let own = g.switch_client(client);
    g.take_late_reply(true);
    g.switch_client(own);
}

fn echo(g: &mut Gen) {
    let command = Command::new("ECHO").arg(g.value());
    g.push(command);
}

fn hello(g: &mut Gen) {
    let mut command = Command::new("HELLO");
    if g.rng.percent(92) {
        let version = if g.rng.percent(90) {
            *g.rng.pick(&["2", "2", "3"])
        } else {
            *g.rng.pick(&["1", "4", "x", "", "-3"])
        };
        command = command.arg(version);
        if g.rng.percent(30) {
            command = command.token("AUTH").arg(g.rng.pick(&["default", "default", "nobody"])).arg("secret");
        }
        if g.rng.percent(30) {
            command = command.token("SETNAME").arg(name(g));
        }
        if g.rng.percent(4) {
            command = command.token("NOPE");
        }
    }
    g.push(command);
}

fn ping(g: &mut Gen) {
    let mut command = Command::new("PING");
    if g.rng.percent(50) {
        command = command.arg(g.short_value());
    }
    g.push(command);
}

fn quit(g: &mut Gen) {
    g.push(Command::new("QUIT"));
    let client = g.current_client();
    g.forget_client(client);
}

fn reset(g: &mut Gen) {
    if g.push(Command::new("RESET")) {
        g.set_in_multi(false);
    }
}

fn select(g: &mut Gen) {
    let command = Command::new("SELECT").arg(g.database());
    g.push(command);
}

fn reconnect(g: &mut Gen) {
    if g.rng.percent(50) {
        return ping(g);
    }
    g.push_action(Action::Reconnect);
    let client = g.current_client();
    g.forget_client(client);
}
