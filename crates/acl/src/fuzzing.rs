//! What fuzz targets run, and a seeded test with them.

use commands::args::OwnedArgs;

use crate::{Call, Users, catalogue, load, save};

/// Any bytes as rules of a user, a line each, and as a file of users.
///
/// # Panics
/// When a user's description does not make the same user again, when a check fails to end in a decision, or when what
/// was written as a file cannot be read.
pub fn rules(data: &[u8]) {
    let mut users = Users::default();
    let lines: Vec<&[u8]> = data.split(|&byte| byte == b'\n').collect();
    match users.changed(b"u", &lines, false) {
        Err(why) => assert!(!why.is_empty()),
        Ok(user) => {
            let text = user.describe();
            // Quotes in selectors are read once more than they were written.
            if !text.iter().any(|byte| matches!(byte, b'"' | b'\'' | 0xff)) {
                let words: Vec<&[u8]> = text.split(|&byte| byte == b' ').collect();
                let again = users.changed(b"u", &words, false).expect("its own rules");
                assert_eq!(again.describe(), text, "{}", text.escape_ascii());
                assert_eq!(again.is_unrestricted(), user.is_unrestricted());
            }
            for name in ["get", "set", "copy", "select", "publish", "config|get", "eval", "sort"] {
                let id = catalogue().find(name.as_bytes()).expect("a command");
                let args: OwnedArgs =
                    std::iter::once(name.as_bytes()).chain(lines.iter().copied()).take(6).collect();
                let args = args.as_args();
                let decision = user.check(&Call { id, args: &args, db: 0, databases: 16 });
                assert!(decision.is_ok() || !user.is_unrestricted());
                if let Err(denial) = decision {
                    assert!(!denial.full_text(&user, catalogue().facts(id), &args).is_empty());
                }
            }
            users.put(user);
            let _ = save(&users);
        }
    }
    if let Ok(users) = load("file", data, true) {
        let text = save(&users);
        if !text.iter().any(|byte| matches!(byte, b'"' | b'\'' | 0xff)) {
            let again = load("file", &text, true).expect("a file that was written");
            assert_eq!(save(&again), text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pieces of rules put together at random.
    #[test]
    fn random_rules() {
        const PIECES: [&str; 34] = [
            "on", "off", "nopass", ">p", "<p", "+", "-", "@", "read", "all", "get", "config", "|", "set",
            "~", "*", "a", "%R", "%W~", "&", "db=", "1", ",", "(", ")", " ", "\n", "reset", "keys", "dbs",
            "\\", "\"", "user u ", "[",
        ];
        let mut state = 1u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize
        };
        for _ in 0..20_000 {
            let count = next() % 24;
            let text: String = (0..count).map(|_| PIECES[next() % PIECES.len()]).collect();
            rules(text.as_bytes());
        }
    }
}
