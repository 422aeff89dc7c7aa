//! SORT and SORT_RO of the group *generic*: <https://valkey.io/commands/sort/>.
//!
//! Two elements with equal weights that are texts have no order that anybody promises, nor have the members of a set
//! that is not sorted. Where that can happen nothing is stored, and replies are compared as sets.

use crate::differential::generate::{Command, Gen};
use crate::differential::values::Flavour;

/// SORT or SORT_RO.
pub(super) fn sort(g: &mut Gen, name: &str) {
    if g.rng.percent(12) {
        return weights(g);
    }
    let flavours = [Flavour::List, Flavour::List, Flavour::Ints, Flavour::Set, Flavour::Zset];
    let flavour = *g.rng.pick(&flavours);
    let mut command = Command::new(name).arg(g.key_of(flavour));
    let tag = g.tag();
    let by = g.rng.below(10);
    let alpha = g.rng.percent(55);
    let (mut unordered, mut texts) = (false, false);
    let mut parts = [0, 1, 2, 3, 4];
    let turn = g.rng.below(5);
    parts.rotate_left(turn);
    for part in parts {
        command = match part {
            0 => match by {
                0..4 => {
                    texts = alpha;
                    let pattern = ["n:*", "n:*", "H:0->f*", "s:*"][by];
                    command.token("BY").arg(format!("{tag}{pattern}"))
                }
                4 | 5 => {
                    unordered = matches!(flavour, Flavour::Set | Flavour::Ints);
                    command.token("BY").arg("nosort")
                }
                _ => command,
            },
            1 if g.rng.percent(45) => limit(g, command),
            2 => {
                for _ in 0..*g.rng.pick(&[0, 0, 1, 1, 2, 3]) {
                    let patterns = [
                        "#".to_owned(),
                        format!("{tag}s:*"),
                        format!("{tag}n:*"),
                        format!("{tag}H:0->f*"),
                        format!("{tag}H:*->f1"),
                        "nothing".to_owned(),
                        "*->".to_owned(),
                        "*".to_owned(),
                    ];
                    command = command.token("GET").arg(g.rng.pick(&patterns));
                }
                command
            }
            3 if g.rng.percent(50) => command.token(g.rng.pick(&["ASC", "DESC"])),
            4 if alpha => command.token("ALPHA"),
            _ => command,
        };
    }
    if name == "SORT" && g.rng.percent(45) && !unordered && !texts {
        command = command.token("STORE").arg(g.key_of(Flavour::List));
    } else if g.rng.one_in(20) {
        command = command.token("STORE");
    }
    g.push(command);
}

fn limit(g: &mut Gen, command: Command) -> Command {
    let offset = if g.rng.percent(80) { g.rng.below(4).to_string().into_bytes() } else { g.rank() };
    command.token("LIMIT").arg(offset).arg(g.count())
}

/// Elements that are all numbers, and what BY and GET look up for them.
fn weights(g: &mut Gen) {
    let count = 2 + g.rng.below(8);
    let elements: Vec<String> = (0..count)
        .map(|_| match g.rng.below(8) {
            0 => g.rng.pick(&["0.5", "-1.5", "1e2", "0x3", "-0", "inf", "-inf"]).to_string(),
            1 => g.rng.between(-1000, 1000).to_string(),
            _ => g.rng.below(6).to_string(),
        })
        .collect();
    let key = g.key_of(Flavour::List);
    g.push_exact(Command::new("DEL").arg(&key));
    g.glue(Command::new("RPUSH").arg(&key).args(&elements));
    let tag = g.tag();
    for number in 0..3 {
        if g.rng.percent(50) {
            let weight = g.plain_score();
            g.push_exact(Command::new("SET").arg(format!("{tag}n:{number}")).arg(weight));
        }
        if g.rng.percent(30) {
            // Different for each, so that their order is determined.
            let text = format!("{}{number}", (b'a' + g.rng.below(26) as u8) as char);
            g.push_exact(Command::new("SET").arg(format!("{tag}s:{number}")).arg(text));
        }
    }
    let command =
        Command::new("HSET").arg(format!("{tag}H:0")).arg("f1").arg(g.plain_score()).arg("f2").arg("7");
    g.push_exact(command);
}
