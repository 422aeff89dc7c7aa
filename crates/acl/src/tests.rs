//! Rules, descriptions and decisions. What real servers answer is compared in `testkit`.

use commands::args::OwnedArgs;

use crate::*;

fn users(rules: &[(&str, &[&str])]) -> Users {
    let mut users = Users::default();
    for (name, rules) in rules {
        let rules: Vec<&[u8]> = rules.iter().map(|rule| rule.as_bytes()).collect();
        let user = users.changed(name.as_bytes(), &rules, false).expect("right rules");
        users.put(user);
    }
    users
}

fn user(rules: &[&str]) -> User {
    User::clone(users(&[("u", rules)]).get(b"u").expect("just made"))
}

fn error(rules: &[&str]) -> String {
    let rules: Vec<&[u8]> = rules.iter().map(|rule| rule.as_bytes()).collect();
    let text = Users::default().changed(b"u", &rules, false).expect_err("a wrong rule");
    String::from_utf8(text).expect("text")
}

fn describe(rules: &[&str]) -> String {
    String::from_utf8(user(rules).describe()).expect("text")
}

fn check_in(user: &User, db: u16, call: &str) -> Result<(), (Reason, usize)> {
    let args: OwnedArgs = call.split(' ').map(str::as_bytes).collect();
    let words: Vec<&str> = call.split(' ').collect();
    let sub = words.get(1).and_then(|sub| catalogue().find(format!("{}|{sub}", words[0]).as_bytes()));
    let id = sub.or(catalogue().find(words[0].as_bytes())).expect("a command");
    let args = args.as_args();
    user.check(&Call { id, args: &args, db, databases: 16 }).map_err(|denial| (denial.reason, denial.at))
}

fn check(user: &User, call: &str) -> Result<(), (Reason, usize)> {
    check_in(user, 0, call)
}

#[test]
fn users_are_described_as_their_rules() {
    let cases: [(&[&str], &str); 12] = [
        (&[], "off resetchannels -@all"),
        (&["on", "nopass", "~*", "&*", "+@all"], "on nopass ~* &* +@all"),
        (&["+get", "+set", "-get"], "off resetchannels -@all +set -get"),
        (&["+config|get", "+CONFIG"], "off resetchannels -@all +config"),
        (&["+config", "-config|set"], "off resetchannels -@all +config -config|set"),
        (&["+@read", "+get", "+@READ"], "off resetchannels -@all +get +@read"),
        (&["+select|0", "+select|1"], "off resetchannels -@all +select|0 +select|1"),
        (&["%R~a", "%W~b", "%RW~c", "%R~d", "%W~d"], "off %R~a %W~b ~c ~d resetchannels -@all"),
        (&["&a", "&b", "&a"], "off resetchannels &a &b -@all"),
        (&["db=5,1, 1"], "off resetchannels db=1,5 -@all"),
        (&["resetdbs"], "off resetchannels resetdbs -@all"),
        (
            &["(+get", "~x)", "(resetdbs)"],
            "off resetchannels -@all (~x resetchannels -@all +get) (resetchannels resetdbs -@all)",
        ),
    ];
    for (rules, line) in cases {
        assert_eq!(describe(rules), line, "{rules:?}");
    }
}

#[test]
fn descriptions_make_the_same_user() {
    for rules in [
        &["on", ">a", ">b", "~a*", "%R~b", "&c", "db=3", "+@all", "-@write", "+set", "(+get ~q)"][..],
        &["allkeys", "allchannels", "allcommands", "resetdbs", "(alldbs nocommands +select|7)"],
        &["+@string", "-@slow", "+client", "-client|kill"],
    ] {
        let made = user(rules);
        let text = made.describe();
        let again: Vec<&[u8]> = text.split(|&byte| byte == b' ').collect();
        let again = Users::default().changed(b"u", &again, false).expect("its own rules");
        assert_eq!(again.describe(), text);
        for call in ["get q", "set a 1", "set z 1", "select 7", "client kill a", "client id", "append a b"] {
            assert_eq!(check(&again, call), check(&made, call), "{call}");
        }
    }
}

#[test]
fn wrong_rules_change_nothing_and_say_why() {
    assert_eq!(error(&["on", "foo"]), "Error in ACL SETUSER modifier 'foo': Syntax error");
    assert_eq!(error(&["(+get"]), "Unmatched parenthesis in acl selector starting at '(+get'.");
    let cases = [
        ("+nope", RuleError::Unknown),
        ("+@nope", RuleError::Unknown),
        ("-get|x", RuleError::Unknown),
        ("+config|nope", RuleError::Unknown),
        ("+config|get|x", RuleError::ArgumentOfSubcommand),
        ("+get|", RuleError::Syntax),
        ("%~a", RuleError::Syntax),
        ("%RR~a", RuleError::Syntax),
        ("~a b", RuleError::Syntax),
        ("#abc", RuleError::BadHash),
        ("<x", RuleError::NoSuchPassword),
        ("db=", RuleError::Syntax),
        ("db=1,", RuleError::Syntax),
        ("db=-1", RuleError::DatabaseRange),
        ("(~* ~a)", RuleError::KeysAreAll),
        ("(&* &a)", RuleError::ChannelsAreAll),
        ("(nopass)", RuleError::Syntax),
    ];
    for (rule, why) in cases {
        let expected = format!("Error in ACL SETUSER modifier '{rule}': {why}");
        assert_eq!(error(&[rule]), expected);
    }
}

#[test]
fn passwords() {
    let mut someone = user(&["on", ">secret"]);
    assert!(someone.accepts(b"secret") && !someone.accepts(b"Secret") && !someone.accepts(b""));
    // The hash of "secret" as sha256sum(1) prints it.
    let hash = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
    assert_eq!(describe(&["on", &format!("#{hash}")]), format!("on #{hash} resetchannels -@all"));
    someone.apply(b"<secret", false).expect("it is there");
    assert!(!someone.accepts(b"secret"));
    someone.apply(b"nopass", false).expect("a rule");
    assert!(someone.accepts(b"anything"));
    someone.apply(b"off", false).expect("a rule");
    assert!(!someone.accepts(b"anything"));
}

#[test]
fn decisions() {
    let one = user(&["+get", "+set", "+config|get", "+select|3", "%R~r:*", "%W~w:*", "~b:*"]);
    let cases = [
        ("get r:1", Ok(())),
        ("get w:1", Err((Reason::Key, 1))),
        ("set w:1 x", Ok(())),
        ("set w:1 x get", Err((Reason::Key, 1))),
        ("set b:1 x get", Ok(())),
        ("mget r:1", Err((Reason::Command, 0))),
        ("config get a", Ok(())),
        ("config set a b", Err((Reason::Command, 0))),
        ("select 3", Ok(())),
        ("select 4", Err((Reason::Command, 0))),
        ("auth x y", Ok(())),
    ];
    for (call, expected) in cases {
        assert_eq!(check(&one, call), expected, "{call}");
    }
    let two = user(&["+@all", "~*", "&a*", "resetdbs", "(+@all ~k db=1)"]);
    let cases = [
        (0, "dbsize", Err((Reason::Database, 0))),
        (1, "get k", Ok(())),
        (1, "get q", Err((Reason::Key, 1))),
        (0, "select 1", Ok(())),
        (0, "select 2", Err((Reason::Database, 1))),
        (0, "select nope", Ok(())),
        (1, "swapdb 1 2", Err((Reason::Database, 2))),
        (1, "flushall", Err((Reason::Database, 0))),
        (0, "publish abc m", Ok(())),
        (0, "publish b m", Err((Reason::Channel, 1))),
        (0, "subscribe abc b", Err((Reason::Channel, 2))),
        (0, "psubscribe a*", Ok(())),
        (0, "psubscribe ab*", Err((Reason::Channel, 1))),
        (0, "unsubscribe b", Ok(())),
    ];
    for (db, call, expected) in cases {
        assert_eq!(check_in(&two, db, call), expected, "{call}");
    }
}

#[test]
fn only_who_may_do_everything_is_unrestricted() {
    assert!(user(&["+@all", "~*", "&*"]).is_unrestricted());
    assert!(user(&["(+@all ~* &*)"]).is_unrestricted());
    for rules in
        [&["+@all", "~*"][..], &["+@all", "~*", "&*", "db=0"], &["+@all", "-get", "+get", "~*", "&*"]]
    {
        assert!(!user(rules).is_unrestricted(), "{rules:?}");
    }
}

#[test]
fn channels_that_are_lost() {
    let (all, some, fewer) = (user(&["&*"]), user(&["&a", "&b"]), user(&["&b"]));
    assert_eq!(lost_channels(&some, &all), None);
    assert_eq!(lost_channels(&fewer, &some), None);
    let left = lost_channels(&all, &some).expect("most");
    assert!(may_keep(&left, b"a", false) && !may_keep(&left, b"c", false));
    assert!(lost_channels(&some, &fewer).is_some());
}

#[test]
fn files() {
    let text = b"user default on nopass ~* &* +@all\n\n  user x on >p (+get ~a) \r\n";
    let loaded = load("f", text, false).expect("a right file");
    assert_eq!(loaded.iter().count(), 2);
    assert_eq!(load("f", &save(&loaded), false).expect("its own text").iter().count(), 2);
    let wrong = b"x\nuser a +nope foo bar\nuser a on\nuser b (+get\nuser c\tc\n";
    let FileError(why) = load("f", wrong, false).expect_err("a wrong file");
    assert_eq!(
        why,
        "f:1 should start with user keyword followed by the username. f:2: Error in applying operation '+nope': \
         Unknown command or category name in ACL. f:2: Syntax error. WARNING: Duplicate user 'a' found on line 3. \
         f:4: Unmatched parenthesis in selector definition.'f:5: username 'c\tc' contains invalid characters. \
         WARNING: ACL errors detected, no change to the previously active ACL rules was performed"
    );
}

#[test]
fn equal_denials_share_an_entry() {
    let event = |object: &str| Event {
        reason: Reason::Key,
        context: Context::TopLevel,
        object: object.into(),
        username: b"u".to_vec(),
        client: Vec::new(),
    };
    let mut log = AclLog::default();
    log.add(event("a"), 0, 2);
    log.add(event("b"), 1, 2);
    log.add(event("a"), 60_000, 2);
    let seen: Vec<_> = log.entries().map(|e| (e.event.object[0], e.count, e.id)).collect();
    assert_eq!(seen, [(b'a', 2, 0), (b'b', 1, 1)]);
    log.add(event("a"), 130_000, 2);
    assert_eq!(log.entries().next().map(|e| (e.count, e.id)), Some((1, 2)));
    assert_eq!(log.entries().len(), 2);
    log.add(event("a"), 130_000, 0);
    assert_eq!(log.entries().len(), 0);
}

#[test]
fn prefixes_decide_as_their_globs() {
    let patterns = [
        "*",
        "a*",
        "a**",
        "a\\*",
        "a?*",
        "[a]*",
        "",
        "a",
        "a]*",
        "ab:*",
        "abcdefgh*",
        "abcdefghi*",
        "abcdefghi",
    ];
    let keys = [
        "",
        "a",
        "ab",
        "b",
        "a*",
        "ab:c",
        "a]x",
        "*",
        "abcdefg",
        "abcdefgh",
        "abcdefgx",
        "abcdefghi",
        "abcdefghj",
    ];
    for pattern in patterns {
        let user = user(&["on", "+@all", &format!("%R~{pattern}")]);
        for key in keys {
            let expected = wire::glob::matches(pattern.as_bytes(), key.as_bytes(), false);
            assert_eq!(check(&user, &format!("get {key}")).is_ok(), expected, "{pattern:?} {key:?}");
        }
    }
}
