//! Scripts that want too much. The node answers each and goes on.

use std::time::{Duration, Instant};

use testkit::server::{Kind, Launch};

use crate::Peers;

const HOSTILE: &[&str] = &[
    "return string.find(string.rep('a',40000), string.rep('a?',40000))",
    "return string.find(string.rep('a',1e6), string.rep('a?',1e6))",
    "return string.find(string.rep('a',1e6), string.rep('a*',1e6))",
    "return string.match('', string.rep('(a?',1e6))",
    "return string.find(string.rep('a',1e6), '(' .. string.rep('a-',1e6) .. ')')",
    "local p = string.rep('%w?', 1e6) for _ in string.gmatch('a', p) do end",
    "local function f() return (string.gsub('x', 'x', f)) end return f()",
    "local function f() return f() + 1 end return f()",
    "local t = {} while true do t[#t + 1] = string.rep('x', 1e6 + #t) end",
    "return string.rep('x', 1e10)",
    "local t = {} t[1] = t return t",
    "local t = {} for i = 1, 1e5 do t = {t} end return t",
    "local t = {} for i = 1, 1e5 do t = {t} end return cjson.encode(t)",
    "local t = {} for i = 1, 1e5 do t = {t} end return #cmsgpack.pack(t)",
    "return cjson.decode(string.rep('[', 1e6))",
    "return cjson.decode(string.rep('{\"a\":', 1e6))",
    "return cmsgpack.unpack(string.rep('\\145', 1e6))",
    "return cmsgpack.unpack('\\221\\255\\255\\255\\255')",
    "return struct.unpack('>I2147483648', 'x')",
    "return struct.pack('>I2147483648', 1)",
    "return bit.tohex(65535, -2147483648)",
    "return {unpack({}, 0, 1e9)}",
    "return loadstring('\\27Lua')",
    "return string.format('%99999d', 1)",
    "return table.concat({}, 'x', 1, 1e9)",
    "local co co = coroutine.wrap(function() return co() end) return co()",
    "local function f() return coroutine.wrap(f)() end return f()",
    "table.sort({3, 1, 2, 5, 4}, function() return true end)",
    "return loadstring(string.rep('(', 1e5) .. '1' .. string.rep(')', 1e5))",
    "return setmetatable({}, {__index = function(t, k) return t[k] end}).x",
];

#[test]
fn whatever_a_script_does_the_node_goes_on() {
    let mut server = Launch::new(Kind::Brasa).args(["--io-threads", "2"]).start().expect("it starts");
    let mut client = server.connect().expect("it accepts");
    for script in HOSTILE {
        let reply =
            client.command(&["EVAL", script, "0"]).unwrap_or_else(|error| panic!("{script}: {error}"));
        assert!(!reply.is_empty());
        assert_eq!(
            client.command(&["EVAL", "return #string.rep('x', 1e6)", "0"]).unwrap(),
            b":1000000\r\n",
            "{script}"
        );
    }
    assert!(server.is_running());
}

#[test]
fn shutdown_waits_for_scripts_but_with_nosave() {
    let mut peers = Peers::start(&["--busy-reply-threshold", "20"]);
    for i in [0, 1] {
        let mut runs = peers.servers[i].connect().unwrap();
        let mut asks = peers.servers[i].connect().unwrap();
        let mut request = Vec::new();
        testkit::client::encode(&["EVAL", "while true do end", "0"], &mut request);
        runs.send(&request).unwrap();
        let until = Instant::now() + Duration::from_secs(10);
        while !asks.command(&["PING"]).unwrap().starts_with(b"-BUSY") {
            assert!(Instant::now() < until, "the script runs");
            std::thread::sleep(Duration::from_millis(10));
        }
        let busy = asks.command(&["PING"]).unwrap();
        for call in [&["SHUTDOWN"][..], &["SHUTDOWN", "SAVE"], &["SHUTDOWN", "NOW"], &["SHUTDOWN", "FORCE"]] {
            assert_eq!(asks.command(call).unwrap(), busy, "{} {call:?}", crate::NAMES[i]);
        }
        assert_eq!(asks.command(&["SHUTDOWN", "SAVE", "NOSAVE"]).unwrap(), b"-ERR syntax error\r\n");
        assert_eq!(asks.command(&["SCRIPT", "KILL"]).unwrap(), b"+OK\r\n");
        let killed = runs.receive(1);
        assert!(
            killed.bytes.starts_with(b"-ERR Error running script")
                || killed.bytes.starts_with(b"-ERR Script killed")
        );
        assert_eq!(asks.command(&["PING"]).unwrap(), b"+PONG\r\n");
        assert!(peers.servers[i].is_running());
    }
}
