//! What scripts and their clients see of errors and of numbers, in Valkey's words.

use script::{Host, Interpreter, LogLevel, Outcome, Protocol};
use wire::resp::parse::Span;

/// A server that has one command, which fails.
struct Failing;

impl Host for Failing {
    fn call(&mut self, _: &[u8], _: &[Span], _: bool, reply: &mut Vec<u8>) -> bool {
        reply.extend_from_slice(b"-WRONG no such thing\r\n");
        true
    }
    fn may_call(&mut self, _: &[u8], _: &[Span]) -> Option<bool> {
        None
    }
    fn log(&mut self, _: LogLevel, _: &[u8]) {}
    fn tick(&mut self) -> bool {
        true
    }
    fn set_repl(&mut self, _: i32) {}
}

fn run_in(lua: &Interpreter, text: &str, protocol: Protocol) -> String {
    let program = lua.compile(text.as_bytes()).expect("it compiles");
    let mut out = Vec::new();
    match lua.run(&program, &[], &[], &mut Failing, protocol, &mut out, &mut |_| {}) {
        Outcome::Done => String::from_utf8_lossy(&out).into_owned(),
        Outcome::Failed(error) => String::from_utf8_lossy(&error.reply()).into_owned(),
        Outcome::Ended(_) => "ended".into(),
    }
}

fn run(text: &str) -> String {
    run_in(&Interpreter::new(64 << 20).expect("it starts"), text, Protocol::V2)
}

#[test]
fn handlers_of_xpcall_see_what_scripts_see() {
    let seen = |what: &str| {
        run(&format!(
            "local _, seen = xpcall(function() {what} end, function(e) return e end) \
                                          return type(seen) == 'table' and {{'table', seen.err}} or seen"
        ))
    };
    assert_eq!(seen("redis.call('x')"), "*2\r\n$5\r\ntable\r\n$19\r\nWRONG no such thing\r\n");
    assert_eq!(seen("cjson.decode('')"), {
        let text = "user_script:1: Expected value but found T_END at character 1";
        format!("${}\r\n{text}\r\n", text.len())
    });
    assert_eq!(seen("error({err = 'X y'})"), "*2\r\n$5\r\ntable\r\n$3\r\nX y\r\n");
}

#[test]
fn errors_keep_all_their_dashes() {
    assert_eq!(run("return {err = '-WEIRD x'}"), "--WEIRD x\r\n");
    assert_eq!(run("return {{err = '-WEIRD x'}}"), "*1\r\n--WEIRD x\r\n");
    assert_eq!(run("return redis.error_reply('-WEIRD x')"), "-WEIRD x\r\n");
    assert_eq!(run("error({err = '-WEIRD x'})"), "-WEIRD x script: on @user_script:1.");
    assert_eq!(run("return {err = 'A b\\0c'}"), "-A b\r\n");
    assert_eq!(
        run("return table.concat({{}})"),
        "ERR user_script:1: invalid value (table) at index 1 in table for \
                'concat' script: on @user_script:1."
    );
}

#[test]
fn doubles_have_no_more_digits_than_they_need() {
    let lua = Interpreter::new(64 << 20).expect("it starts");
    for (number, short) in [("0.1", "0.1"), ("3.5", "3.5"), ("1e300", "1e+300")] {
        let text = format!("redis.setresp(3) return {{double = {number}}}");
        assert_eq!(run_in(&lua, &text, Protocol::V2), format!("${}\r\n{short}\r\n", short.len()));
        assert_eq!(run_in(&lua, &text, Protocol::V3), format!(",{short}\r\n"));
    }
}

#[test]
fn keys_that_no_table_takes_have_no_place() {
    let failed = |bytes: &str| run(&format!("return ({{pcall(cmsgpack.unpack, '{bytes}')}})[2]"));
    assert_eq!(failed("\\129\\192\\1"), "$18\r\ntable index is nil\r\n");
    assert_eq!(failed("\\129\\203\\127\\248\\0\\0\\0\\0\\0\\0\\1"), "$18\r\ntable index is NaN\r\n");
}

#[test]
fn memory_that_a_script_took_is_the_next_ones() {
    let lua = Interpreter::new(64 << 20).expect("it starts");
    let take = "local t = {} local ok, e = pcall(function() while true do t[#t + 1] = string.rep('x', 1e6 + #t) end end) ";
    for end in ["error('other')", "return redis.error_reply('OTHER x')", "return redis.call('x')", "return 1"]
    {
        let reply = run_in(&lua, &format!("{take}{end}"), Protocol::V2);
        assert!(!reply.contains("not enough memory"), "{end}: {reply}");
        assert_eq!(
            run_in(&lua, "return #string.rep('x', 2e7)", Protocol::V2),
            ":20000000\r\n",
            "after {end}"
        );
    }
}
