//! Holes of Lua 5.1 that Redis and Valkey had to close: each is tried.

use script::{Host, Interpreter, LogLevel, Outcome, Protocol};
use wire::resp::parse::Span;

/// A server without commands, that ends scripts after some time.
struct Nobody(u32);

impl Host for Nobody {
    fn call(&mut self, _: &[u8], _: &[Span], _: bool, reply: &mut Vec<u8>) -> bool {
        reply.extend_from_slice(b"+OK\r\n");
        true
    }
    fn may_call(&mut self, _: &[u8], _: &[Span]) -> Option<bool> {
        None
    }
    fn log(&mut self, _: LogLevel, _: &[u8]) {}
    fn tick(&mut self) -> bool {
        self.0 = self.0.saturating_sub(1);
        self.0 > 0
    }
    fn set_repl(&mut self, _: i32) {}
}

fn run(text: &str) -> String {
    let lua = Interpreter::new(64 << 20).expect("it starts");
    run_in(&lua, text)
}

/// Runs a test with the stack that scripts are promised.
fn with_stack(test: impl FnOnce() + Send + 'static) {
    let builder = std::thread::Builder::new().stack_size(script::STACK_BYTES);
    let thread = builder.spawn(test).expect("a thread starts");
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

fn run_in(lua: &Interpreter, text: &str) -> String {
    let program = match lua.compile(text.as_bytes()) {
        Ok(program) => program,
        Err(error) => return format!("compile: {}", String::from_utf8_lossy(&error)),
    };
    let mut out = Vec::new();
    match lua.run(&program, &[], &[], &mut Nobody(1000), Protocol::V2, &mut out, &mut |_| {}) {
        Outcome::Done => String::from_utf8_lossy(&out).into_owned(),
        Outcome::Failed(error) => String::from_utf8_lossy(&error.reply()).into_owned(),
        Outcome::Ended(_) => "ended".into(),
    }
}

#[test]
fn bytecode_is_refused() {
    // CVE-2015-4335 and later.
    assert!(run("\u{1b}Lua").starts_with("compile: "));
    assert_eq!(run("return loadstring(string.dump(function() end)) == nil"), ":1\r\n");
    assert_eq!(
        run("local n = 0 return load(function() n = n + 1 if n == 1 then return '\\27Lua' end end) == nil"),
        ":1\r\n"
    );
}

#[test]
fn names_of_chunks_outlive_the_parser() {
    // CVE-2025-49844.
    let text = "for i = 1, 2000 do local n = 'name' .. i loadstring('return ' .. string.rep('{', 100), n .. '\\0x') \
                collectgarbage() end return 1";
    assert_eq!(run(text), ":1\r\n");
}

#[test]
fn unpack_counts_without_overflow() {
    // CVE-2025-46817.
    for bounds in
        ["0, 1e9", "-2147483648, 2147483647", "'-2147483648', '2147483647'", "1, 2^53", "-2^63, 2^63"]
    {
        let reply = run(&format!("local t = {{unpack({{}}, {bounds})}} return 1"));
        assert!(reply.contains("too many results to unpack"), "{bounds}: {reply}");
    }
    assert_eq!(run("return {unpack({1, 2, 3}, 2)}"), "*2\r\n:2\r\n:3\r\n");
}

#[test]
fn metatables_of_basic_types_are_out_of_reach() {
    // CVE-2025-46818, CVE-2022-24735.
    for text in [
        "getmetatable('').__index = nil",
        "getmetatable('').__index.len = nil",
        "string.len = nil",
        "redis.call = nil",
        "getmetatable(_G).__index = nil",
        "_G.x = 1",
        "bit.band = nil",
        "table.insert(redis, 1)",
    ] {
        assert!(run(text).contains("Attempt to modify a readonly table"), "{text}: {}", run(text));
    }
}

#[test]
fn long_brackets_and_bad_code_end_in_errors() {
    // CVE-2025-46819, CVE-2022-24736.
    assert!(run(&format!("return [{}[", "=".repeat(100_000))).starts_with("compile: "));
    assert!(run("return loadstring('x =', 'y')()").starts_with("ERR "));
    assert!(run(&format!("return {}1{}", "(".repeat(10_000), ")".repeat(10_000))).starts_with("compile: "));
}

#[test]
fn bit_takes_any_width() {
    // CVE-2024-31449.
    assert_eq!(run("return bit.tohex(65535, -2147483648)"), "$8\r\n0000FFFF\r\n");
}

#[test]
fn packed_data_is_never_read_beyond_its_end() {
    // CVE-2018-11218, CVE-2018-11219, CVE-2024-46981.
    for text in [
        "return struct.unpack('c0', 'abc')",
        "return struct.unpack('>I2147483648', 'x')",
        "return struct.unpack('Bc0', '\\255')",
        "return struct.unpack('>I4', 'abcdefgh', -1)",
        "return struct.pack('>I33', 1)",
        "return struct.unpack('>s', 'abc')",
        "return cmsgpack.unpack(string.char(0xdd, 255, 255, 255, 255))",
        "return cmsgpack.unpack(string.char(0xdb, 255, 255, 255, 255))",
        "return cmsgpack.unpack(string.rep(string.char(0x91), 100000))",
        "return cjson.decode(string.rep('[', 100000))",
        "local t = {} for i = 1, 100000 do t = {t} end return cjson.encode(t)",
        "cjson.encode_max_depth(2^31 - 1) local t = {} for i = 1, 100000 do t = {t} end return cjson.encode(t)",
    ] {
        assert!(run(text).starts_with("ERR "), "{text}: {}", run(text));
    }
    assert_eq!(run("local t = {} for i = 1, 100000 do t = {t} end return #cmsgpack.pack(t)"), ":17\r\n");
}

#[test]
fn scripts_that_take_all_get_errors() {
    let lua = Interpreter::new(64 << 20).expect("it starts");
    for text in [
        "local t = {} while true do t[#t + 1] = string.rep('x', 1e6 + #t) end",
        "return string.rep('x', 1e9)",
        "local function f() return f() + 1 end return f()",
        "local function f() return pcall(f) end local t = {} t[1] = function() return t[1]() + 1 end return t[1]()",
    ] {
        assert!(run_in(&lua, text).starts_with("ERR "), "{text}: {}", run_in(&lua, text));
        assert_eq!(run_in(&lua, "return 1"), ":1\r\n", "it goes on");
    }
    assert_eq!(run_in(&lua, "while true do pcall(function() while true do end end) end"), "ended");
    assert!(run_in(&lua, "local t = {} t[1] = t return t").contains("reached lua stack limit"));
}

#[test]
fn patterns_of_any_length_leave_the_stack_whole() {
    with_stack(|| {
        for item in ["a?", "a-", "a*", "[a]?"] {
            for (count, is_refused) in [(40_000, false), (200_000, false), (200_001, true), (1_000_000, true)]
            {
                let pattern = format!("string.rep('{item}', {count})");
                for call in [
                    format!("string.find(string.rep('a', {count}), {pattern})"),
                    format!("string.match(string.rep('a', {count}), {pattern})"),
                    format!("string.gmatch(string.rep('a', {count}), {pattern})()"),
                    format!("string.gsub(string.rep('a', {count}), {pattern}, '', 1)"),
                    format!("(string.rep('a', {count})):find({pattern})"),
                ] {
                    let reply = run(&format!("{call} return 1"));
                    let expected = if is_refused {
                        "ERR user_script:1: pattern too complex script: on @user_script:1."
                    } else {
                        ":1\r\n"
                    };
                    assert_eq!(reply, expected, "{call}");
                }
            }
        }
        // What repeats nothing, or is no pattern, may be as long as it likes.
        assert_eq!(run("local s = string.rep('a', 1e6) return (s:find(s))"), ":1\r\n");
        assert_eq!(run("local s = string.rep('a?', 1e6) return (s:find(s, 1, true))"), ":1\r\n");
        assert_eq!(run("return #string.match('a', 'a\\0' .. string.rep('a?', 1e6))"), ":1\r\n");
        assert!(run("return string.gsub('a', string.rep('a?', 1e6), '', 1)").contains("pattern too complex"));
    });
}

#[test]
fn nested_calls_of_c_leave_the_stack_whole() {
    with_stack(|| {
        let deep = "local n = 0 local function f() n = n + 1 return (string.gsub('x', 'x', f)) end \
                    local ok, e = pcall(f) return {n > 150 and 1 or n, e}";
        assert!(run(deep).contains("C stack overflow"), "{}", run(deep));
        let matcher = "local p = string.rep('a*', 200000) local s = string.rep('a', 1000) \
                       local function f(d) if d == 0 then return (s:find(p)) end \
                       return (string.gsub('x', 'x', function() return f(d - 1) end)) end return f(190)";
        let reply = run(matcher);
        assert!(reply.starts_with('$') || reply.contains("stack overflow"), "{reply}");
    });
}

#[test]
fn of_many_results_one_counts() {
    assert_eq!(
        run("return unpack({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21})"),
        ":1\r\n"
    );
    assert_eq!(run("return cmsgpack.unpack(string.rep('a', 80))"), ":97\r\n");
}

#[test]
fn functions_that_match_say_what_they_said() {
    for (text, error) in [
        ("string.find()", "bad argument #1 to 'find' (string expected, got no value)"),
        ("('x'):find()", "bad argument #1 to 'find' (string expected, got no value)"),
        ("string.gsub('x', '[', '')", "malformed pattern (missing ']')"),
        ("string.match('x', '%')", "malformed pattern (ends with '%')"),
        ("string.gmatch({}, 'x')", "bad argument #1 to 'gmatch' (string expected, got table)"),
    ] {
        let expected = format!("ERR user_script:1: {error} script: on @user_script:1.");
        assert_eq!(run(&format!("return {text}")), expected);
    }
}
