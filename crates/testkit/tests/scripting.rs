//! Scripts and functions: the same calls on both protocols to valkey-server and to Brasa on one and two threads; replies
//! are compared byte for byte.

use std::io::{Read, Write};

use testkit::client::Client;
use testkit::reply::escape;
use testkit::server::{Kind, Launch, Server};

fn start(kind: Kind, threads: usize) -> Server {
    let launch = Launch::new(kind);
    let launch = match kind {
        Kind::Brasa => launch.args(["--io-threads", &threads.to_string()]),
        _ => launch,
    };
    launch.start().unwrap_or_else(|error| panic!("{error}"))
}

/// Lua whose value is the reply.
const RETURNS: &[&str] = &[
    "1",
    "-1",
    "3.99",
    "-3.99",
    "1e15",
    "0/0",
    "true",
    "false",
    "nil",
    "'text'",
    "''",
    "{}",
    "{1,2,3}",
    "{1,nil,3}",
    "{1,{2,{3,'four'}},false,true}",
    "{ok='FINE'}",
    "{err='ERR custom'}",
    "{err='nocode'}",
    "{double=3.5}",
    "{map={a=1}}",
    "{set={a=true}}",
    "{big_number='123456789012345678901234567890'}",
    "{a=1}",
    "{verbatim_string={string='hi',format='txt'}}",
    "redis.status_reply('YES')",
    "redis.error_reply('ERR no')",
    "redis.error_reply('no')",
    "server.error_reply('-ERR x')",
    "redis.sha1hex('')",
    "redis.sha1hex('a')",
    "#KEYS",
    "#ARGV",
    "{KEYS[1],ARGV[1]}",
    "tostring(redis.LOG_WARNING)",
    "type(redis.call)",
    "type(server.call)",
    "_VERSION",
    "tostring(print)",
    "tostring(dofile)",
    "tostring(loadfile)",
    "tostring(require)",
    "tostring(io)",
    "type(os.clock)",
    "tostring(os.execute)",
    "type(string.dump)",
    "math.random(1000000)",
    "math.floor(math.random()*1000000)",
    "tonumber('0x10')",
    "tonumber('zz',36)",
    "string.rep('ab',5)",
    "#string.rep('x',100000)",
    "string.format('%5.1f',3.14159)",
    "table.concat({1,2,3},'-')",
    "select('#',1,2,3)",
    "unpack({1,2,3})",
    "pcall(error,'oops')",
    "({pcall(error,'oops')})[2]",
    "loadstring('return 7')()",
    "type(loadstring('\\27Lua'))",
    "bit.band(0xff,0x0f)",
    "bit.bor(1,2,4)",
    "bit.bxor(5,1)",
    "bit.bnot(0)",
    "bit.lshift(1,31)",
    "bit.rshift(-1,28)",
    "bit.arshift(-256,4)",
    "bit.rol(0x12345678,12)",
    "bit.ror(0x12345678,12)",
    "bit.bswap(0x12345678)",
    "bit.tohex(255)",
    "bit.tohex(-1,-4)",
    "bit.tobit(4294967296)",
    "cjson.encode({1,2,3})",
    "cjson.encode({})",
    "cjson.encode({a=1})",
    "cjson.encode('q\"\\\\/\\n')",
    "cjson.encode(1.5)",
    "cjson.encode(1e300)",
    "cjson.encode(123456789012345)",
    "cjson.encode({[3]='x'})",
    "cjson.encode(cjson.null)",
    "cjson.encode({true,false,cjson.null})",
    "cjson.decode('[1,2,{\"a\":[]}]')[2]",
    "cjson.decode('{\"a\":null}').a==cjson.null",
    "cjson.decode('\"\\\\u00e9\\\\ud83d\\\\ude00\"')",
    "cjson.decode('-1.5e2')",
    "#cjson.decode('[]')",
    "cmsgpack.pack(1)",
    "cmsgpack.pack(-33)",
    "cmsgpack.pack(70000)",
    "cmsgpack.pack(1.5)",
    "cmsgpack.pack('abc')",
    "cmsgpack.pack({1,2,3})",
    "cmsgpack.pack({a=1})",
    "cmsgpack.pack(nil,true,false)",
    "cmsgpack.unpack(cmsgpack.pack({1,{2,3}}))[2][2]",
    "cmsgpack.unpack_one(cmsgpack.pack(1,2))",
    "{cmsgpack.unpack_limit(cmsgpack.pack(1,2,3),2)}",
    "struct.pack('>I2',258)",
    "struct.pack('<i4',-2)",
    "struct.pack('s','hey')",
    "struct.pack('d',1.5)",
    "struct.size('>I4i8')",
    "{struct.unpack('>I2I2','\\1\\2\\3\\4')}",
    "{struct.unpack('<bB','\\255\\255')}",
    "struct.pack('c3','abcdef')",
    "redis.call('PING')",
    "redis.call('SET',KEYS[1],ARGV[1])",
    "redis.call('GET',KEYS[1])",
    "redis.call('GET','none')",
    "redis.call('INCR','n{k}')",
    "redis.call('TYPE',KEYS[1])",
    "redis.call('RPUSH','l{k}','a','b')",
    "redis.call('LRANGE','l{k}',0,-1)",
    "redis.pcall('INCR',KEYS[1])",
    "redis.pcall('INCR',KEYS[1]).err",
    "redis.call('HSET','h{k}','f','v')",
    "redis.call('HGETALL','h{k}')",
    "redis.call('EXISTS','a{k}','l{k}')",
    "redis.call('ECHO','x')",
    "redis.call('SCAN',0,'COUNT',1)[1]~=nil",
    "redis.call('PUBLISH','c','m')",
    "redis.acl_check_cmd('GET','k')",
];

/// Whole scripts that fail.
const FAILURES: &[&str] = &[
    "return redis.call('INCR',KEYS[1])",
    "return redis.call()",
    "return redis.call('NOSUCH')",
    "return redis.call('GET')",
    "return redis.call('GET',{})",
    "return redis.call('MULTI')",
    "return redis.call('SUBSCRIBE','c')",
    "return redis.call('EVAL','return 1',0)",
    "return redis.call('CONFIG','GET','port')",
    "error('boom')",
    "error({err='ERR table'})",
    "error({})",
    "return nosuch",
    "x = 1",
    "return redis.nosuch()",
    "redis.call = 1",
    "string.x = 1",
    "setmetatable(_G,{})",
    "getmetatable('').__index = nil",
    "return cjson.decode('{')",
    "return cjson.decode('[1,]')",
    "return cjson.encode(print)",
    "local t={} t[1]=t return cjson.encode(t)",
    "return cmsgpack.unpack('\\193')",
    "return struct.pack('I99',1)",
    "return struct.unpack('>I4','x')",
    "local t = {unpack({},0,2147483647)} return t",
    "return bit.band()",
    "return redis.sha1hex()",
    "return redis.log(99,'x')",
    "return redis.setresp(4)",
    "return 1 +",
    "local a = ",
    "return redis.error_reply()",
    "return redis.status_reply({})",
    "local function f() return f()+1 end return f()",
    "return ('x'):rep(-1,2,3)..nil",
];

fn calls() -> Vec<Vec<String>> {
    let command = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
    let mut calls = vec![command(&["FLUSHALL"]), command(&["SET", "a{k}", "start"])];
    for script in
        RETURNS.iter().map(|value| format!("return {value}")).chain(FAILURES.iter().map(|&s| s.to_owned()))
    {
        calls.push(command(&["EVAL", &script, "1", "a{k}", "value"]));
        calls.push(command(&["EVAL_RO", &script, "1", "a{k}", "value"]));
    }
    const ONE: &str = "e0e1f9fabfc9d4800c877a703b823ac0578ff8db";
    let library = "#!lua name=lib\n\
        redis.register_function('f', function(keys, args) return {#keys, args[1]} end)\n\
        redis.register_function{function_name='ro', callback=function(keys) return redis.call('GET', keys[1]) end, flags={'no-writes'}}\n\
        redis.register_function('w', function(keys) return redis.call('SET', keys[1], 'w') end)";
    let read_only = "#!lua flags=no-writes\nreturn redis.call('SET',KEYS[1],1)";
    let others: &[&[&str]] = &[
        &["EVALSHA", ONE, "0"],
        &["SCRIPT", "LOAD", "return 1"],
        &["EVALSHA", ONE, "0"],
        &["EVALSHA_RO", ONE, "0"],
        &["SCRIPT", "EXISTS", ONE, "x"],
        &["SCRIPT", "SHOW", ONE],
        &["SCRIPT", "SHOW", "x"],
        &["SCRIPT", "LOAD", "return +"],
        &["SCRIPT", "FLUSH", "x"],
        &["SCRIPT", "KILL"],
        &["SCRIPT", "NOSUCH"],
        &["EVALSHA", "short", "0"],
        &["EVAL", "return 1"],
        &["EVAL", "return 1", "x"],
        &["EVAL", "return 1", "-1"],
        &["EVAL", "return 1", "2", "a"],
        &["EVAL", read_only, "1", "a{k}"],
        &["EVAL", "#!lua flags=bad\nreturn 1", "0"],
        &["EVAL", "#!js\nreturn 1", "0"],
        &["EVAL", "#!lua name=x\nreturn 1", "0"],
        &["EVAL", "#!lua", "0"],
        &["FUNCTION", "LOAD", library],
        &["FUNCTION", "LOAD", library],
        &["FUNCTION", "LOAD", "REPLACE", library],
        &["FUNCTION", "LOAD", "return 1"],
        &["FUNCTION", "LOAD", "#!lua name=bad name\nreturn 1"],
        &["FUNCTION", "LOAD", "#!lua name=e\nreturn 1"],
        &["FUNCTION", "LOAD", "#!lua name=e\nredis.call('PING')"],
        &["FUNCTION", "LOAD", "#!lua name=e\nerror('x')"],
        &["FCALL", "f", "1", "a{k}", "arg"],
        &["FCALL", "nosuch", "0"],
        &["FCALL_RO", "ro", "1", "a{k}"],
        &["FCALL_RO", "w", "1", "a{k}"],
        &["FCALL", "w", "1", "a{k}"],
        &["FCALL", "ro", "x"],
        &["FUNCTION", "STATS", "x"],
        &["FUNCTION", "DELETE", "nosuch"],
        &["FUNCTION", "KILL"],
        &["FUNCTION", "RESTORE", "garbage"],
        &["FUNCTION", "RESTORE"],
        &["FUNCTION", "FLUSH", "a", "b"],
        &["FUNCTION", "DELETE", "lib"],
        &["FCALL", "f", "0"],
        &["FUNCTION", "FLUSH"],
        &["MULTI"],
        &["EVAL", "return redis.call('SET',KEYS[1],'m')", "1", "a{k}"],
        &["EVAL", "return bad", "0"],
        &["GET", "a{k}"],
        &["EXEC"],
        &["DEBUG", "DIGEST"],
    ];
    calls.extend(others.iter().map(|words| command(words)));
    calls
}

fn replies(client: &mut Client, calls: &[Vec<String>]) -> Vec<String> {
    calls
        .iter()
        .map(|call| {
            let words: Vec<&str> = call.iter().map(String::as_str).collect();
            let reply = client.command(&words).unwrap_or_else(|error| panic!("{call:?}: {error}"));
            escape(&reply, 4000).to_string()
        })
        .collect()
}

#[test]
fn scripts_answer_as_valkeys() {
    let calls = calls();
    let mut differences = Vec::new();
    for protocol in ["2", "3"] {
        let speak = |server: &Server| {
            let mut client = server.connect().expect("connects");
            client.command(&["HELLO", protocol]).expect("speaks it");
            client.command(&["SCRIPT", "FLUSH"]).expect("the server answers");
            client.command(&["FUNCTION", "FLUSH"]).expect("the server answers");
            replies(&mut client, &calls)
        };
        // A fresh one: random numbers go on from script to script.
        let expected = speak(&start(Kind::Valkey, 1));
        for threads in [1, 2] {
            let brasa = start(Kind::Brasa, threads);
            for (call, (theirs, ours)) in calls.iter().zip(expected.iter().zip(speak(&brasa))) {
                if *theirs != ours {
                    differences
                        .push(format!("RESP{protocol}, {threads} threads: {call:?}\n  {theirs}\n  {ours}"));
                }
            }
        }
    }
    assert!(differences.is_empty(), "{} differences\n{}", differences.len(), differences.join("\n"));
}

/// Rows of scripts that find their keys by themselves share a passage of the gate with plain commands in between: still
/// nobody sees one of two keys changed and the other not, and each connection's commands happen in their order.
#[test]
fn rows_of_scripts_with_undeclared_keys_run_alone() {
    const SCRIPT: &str = "local p = ARGV[1] \
        local a, b = redis.call('GET', p .. 'a'), redis.call('GET', p .. 'b') \
        if a ~= b then return redis.error_reply('ERR torn') end \
        redis.call('INCR', p .. 'a') \
        return redis.call('INCR', p .. 'b')";
    const ROWS: usize = 400;
    let server = start(Kind::Brasa, 2);
    let port = server.port();
    std::thread::scope(|scope| {
        for number in 0..4 {
            scope.spawn(move || {
                let mut client = Client::connect(port).expect("connects");
                let own = format!("own{number}");
                let script = ["EVAL", SCRIPT, "0", "both:"].map(str::to_owned).to_vec();
                let count = ["INCR", own.as_str()].map(str::to_owned).to_vec();
                let look = ["MGET", "both:a", "both:b"].map(str::to_owned).to_vec();
                for round in 0..5 {
                    // One more each time, so that rows end within the gate's reach and beyond it.
                    let between = 1 + round * 5;
                    let mut commands = Vec::new();
                    for _ in 0..ROWS {
                        commands.push(script.clone());
                        commands.push(look.clone());
                        commands.extend(std::iter::repeat_n(count.clone(), between));
                    }
                    let replies = client.pipeline(&commands).expect("replies");
                    let mut counted = None;
                    for (at, command) in commands.iter().enumerate() {
                        let reply = escape(replies.get(at).expect("a reply for each"), 200);
                        match command[0].as_str() {
                            "EVAL" => assert!(reply.starts_with(':'), "{reply}"),
                            "MGET" => {
                                let parts: Vec<&str> = reply.split("\\r\\n").collect();
                                assert_eq!(parts[2], parts[4], "{reply}");
                            }
                            _ => {
                                let now: i64 =
                                    reply[1..].trim_end_matches("\\r\\n").parse().expect("a number");
                                assert!(
                                    counted.is_none_or(|before| now == before + 1),
                                    "{now} after {counted:?}"
                                );
                                counted = Some(now);
                            }
                        }
                    }
                }
            });
        }
    });
    let mut client = Client::connect(port).expect("connects");
    let total = 4 * 5 * ROWS;
    let found = client.command(&["MGET", "both:a", "both:b"]).expect("a reply");
    let digits = total.to_string().len();
    assert_eq!(found, format!("*2\r\n${digits}\r\n{total}\r\n${digits}\r\n{total}\r\n").into_bytes());
}

/// Scripts that find their keys by themselves, before and after they have written, run beside other threads' commands and
/// want the same few keys in every order: each ends, none fails, and nobody sees one half-way.
#[test]
fn scripts_with_undeclared_keys_run_beside_other_threads() {
    const ACCOUNTS: usize = 6;
    const EACH: usize = 1000;
    /// Reads all it needs before it writes.
    const FIRST: &str = "local from, to = 'acc:' .. ARGV[1], 'acc:' .. ARGV[2] \
        local a, b = redis.call('GET', from), redis.call('GET', to) \
        if from == to then return 0 end \
        redis.call('SET', from, a - 1) redis.call('SET', to, b + 1) return 1";
    /// Asks for one key after the other while it writes.
    const LATER: &str = "redis.call('INCR', KEYS[1]) \
        redis.call('DECR', 'acc:' .. ARGV[1]) redis.call('INCR', 'acc:' .. ARGV[2]) \
        redis.call('RPUSH', 'queue:' .. ARGV[1], ARGV[3]) return 1";
    /// Declares one and asks for another.
    const DECLARED: &str = "redis.call('INCR', KEYS[1]) redis.call('DECR', 'acc:' .. ARGV[1]) return 1";
    /// Says so first, which it must do once only.
    const SAYS: &str = "redis.call('PUBLISH', 'news', ARGV[3]) \
        local a, b = redis.call('GET', 'acc:' .. ARGV[1]), redis.call('GET', 'acc:' .. ARGV[2]) \
        if a < b then return 0 end return 1";
    const SCRIPTS: [&str; 4] = [FIRST, LATER, DECLARED, SAYS];
    let server = start(Kind::Brasa, 4);
    let port = server.port();
    let accounts: Vec<String> = (0..ACCOUNTS).map(|n| format!("acc:{n}")).collect();
    let mut client = Client::connect(port).expect("connects");
    for account in &accounts {
        client.command(&["SET", account, "1000"]).expect("a reply");
    }
    let sum = move |client: &mut Client| -> i64 {
        let names: Vec<String> = (0..ACCOUNTS).map(|n| format!("acc:{n}")).collect();
        let words: Vec<&str> = std::iter::once("MGET").chain(names.iter().map(String::as_str)).collect();
        let reply = escape(&client.command(&words).expect("a reply"), 4000).to_string();
        reply.split("\\r\\n").skip(2).step_by(2).map(|number| number.parse::<i64>().expect("a number")).sum()
    };
    let mut listener = std::net::TcpStream::connect(("127.0.0.1", port)).expect("connects");
    listener.set_read_timeout(Some(std::time::Duration::from_secs(120))).expect("is set");
    listener.write_all(b"SUBSCRIBE news\r\n").expect("is sent");
    let mut heard = [0; 1 << 16];
    assert!(listener.read(&mut heard).expect("an answer") > 0);
    let (said, done) = (std::sync::atomic::AtomicUsize::new(0), std::sync::atomic::AtomicUsize::new(0));
    let ended = || done.load(std::sync::atomic::Ordering::Acquire) == 6;
    let (looks, taken) = std::thread::scope(|scope| {
        for number in 0..6u64 {
            let (said, done) = (&said, &done);
            scope.spawn(move || {
                let mut client = Client::connect(port).expect("connects");
                let mut rng = testkit::rng::Rng::new(number + 1);
                let counter = format!("count:{number}");
                for round in 0..EACH / 20 {
                    let mut commands = Vec::new();
                    for n in 0..20 {
                        let mut account = || rng.below(ACCOUNTS).to_string();
                        let (from, to) = (account(), account());
                        let script = *rng.pick(&SCRIPTS);
                        said.fetch_add(usize::from(script == SAYS), std::sync::atomic::Ordering::Relaxed);
                        let job = format!("{number}-{round}-{n}");
                        // The third gives to the key that it declares.
                        let declared = if script == DECLARED { format!("acc:{to}") } else { counter.clone() };
                        let keys = if script == FIRST || script == SAYS {
                            vec!["0"]
                        } else {
                            vec!["1", declared.as_str()]
                        };
                        let words = ["EVAL", script].into_iter().chain(keys).chain([&from[..], &to, &job]);
                        commands.push(words.map(str::to_owned).collect());
                        commands.push(["INCR", "plain"].map(str::to_owned).to_vec());
                    }
                    let replies = client.pipeline(&commands).expect("replies");
                    for (at, command) in commands.iter().enumerate() {
                        let reply = escape(replies.get(at).expect("a reply for each"), 200).to_string();
                        assert!(reply.starts_with(':'), "{command:?}: {reply}");
                    }
                }
                done.fetch_add(1, std::sync::atomic::Ordering::Release);
            });
        }
        let looks = scope.spawn(move || {
            let mut client = Client::connect(port).expect("connects");
            let mut looks = 0;
            while !ended() {
                assert_eq!(sum(&mut client), 1000 * ACCOUNTS as i64, "after {looks} looks");
                looks += 1;
            }
            looks
        });
        // Waits for what the scripts push without having said so.
        let taken = scope.spawn(move || {
            let mut client = Client::connect(port).expect("connects");
            let queues: Vec<String> = (0..ACCOUNTS).map(|n| format!("queue:{n}")).collect();
            let words: Vec<&str> =
                std::iter::once("BLPOP").chain(queues.iter().map(String::as_str)).chain(["0.2"]).collect();
            let mut taken = 0;
            loop {
                let was_over = ended();
                if client.command(&words).expect("a reply").starts_with(b"*2") {
                    taken += 1;
                } else if was_over {
                    return taken;
                }
            }
        });
        (looks.join().expect("sums are right"), taken.join().expect("queues are read"))
    });
    assert!(looks > 0);
    client.command(&["PUBLISH", "news", "the end"]).expect("a reply");
    let mut text = Vec::new();
    while !text.ends_with(b"the end\r\n") {
        let count = listener.read(&mut heard).expect("what was said");
        assert!(count > 0, "the connection is closed");
        text.extend_from_slice(&heard[..count]);
    }
    let messages = text.windows(9).filter(|bytes| bytes == b"message\r\n").count();
    assert_eq!(messages, said.into_inner() + 1, "each was said once");
    let number = |reply: Vec<u8>| -> usize {
        let text = String::from_utf8(reply).expect("text");
        text.trim_start_matches(|c: char| !c.is_ascii_digit() && c != '\n')
            .lines()
            .last()
            .unwrap_or("0")
            .parse()
            .unwrap_or(0)
    };
    assert_eq!(number(client.command(&["GET", "plain"]).expect("a reply")), 6 * EACH);
    let counted: usize =
        (0..6).map(|n| number(client.command(&["GET", &format!("count:{n}")]).expect("a reply"))).sum();
    assert_eq!(counted, taken, "each push was taken once");
}

/// A script that runs for long holds its key. Clients that wait for the key or watch it and go away meanwhile do not hold
/// up their threads, which go on to answer; what they left is taken out afterwards.
#[test]
fn clients_may_go_away_while_a_script_holds_their_key() {
    const SCRIPT: &str =
        "redis.call('LLEN', KEYS[1]) if ARGV[1] == 'long' then while true do end end return 1";
    for threads in [1, 2, 4] {
        let launch = Launch::new(Kind::Brasa);
        let launch = launch.args(["--io-threads", &threads.to_string(), "--busy-reply-threshold", "20"]);
        let server = launch.start().unwrap_or_else(|error| panic!("{error}"));
        let connect = || server.connect().expect("connects");
        let mut runner = connect();
        for _ in 0..20 {
            assert_eq!(runner.command(&["EVAL", SCRIPT, "1", "key", "short"]).expect("a reply"), b":1\r\n");
        }
        let going: Vec<Client> = (0..12)
            .map(|number| {
                let mut client = connect();
                if number % 2 == 0 {
                    client.send(b"BLPOP key 0\r\n").expect("is sent");
                } else {
                    client.command(&["WATCH", "key", "other"]).expect("a reply");
                }
                client
            })
            .collect();
        let mut others: Vec<Client> = (0..8).map(|_| connect()).collect();
        let until = |client: &mut Client, words: &[&str], is_it: &dyn Fn(&str) -> bool| {
            for _ in 0..6000 {
                let reply = client.command(words).expect("a reply");
                if is_it(&String::from_utf8_lossy(&reply)) {
                    return;
                }
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
            panic!("{words:?} never replied what it must with {threads} threads");
        };
        until(&mut others[0], &["INFO", "clients"], &|text| text.contains("blocked_clients:6"));
        let mut call = Vec::new();
        testkit::client::encode(&["EVAL", SCRIPT, "1", "key", "long"], &mut call);
        runner.send(&call).expect("is sent");
        until(&mut others[0], &["PING"], &|text| text.starts_with("-BUSY"));
        drop(going);
        for _ in 0..3 {
            for client in &mut others {
                until(client, &["PING"], &|text| text.starts_with("-BUSY"));
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        assert_eq!(others[1].command(&["SCRIPT", "KILL"]).expect("a reply"), b"+OK\r\n");
        for client in &mut others {
            until(client, &["PING"], &|text| text == "+PONG\r\n");
        }
        until(&mut others[0], &["INFO", "clients"], &|text| text.contains("blocked_clients:0"));
        until(&mut others[0], &["INFO", "clients"], &|text| text.contains("watching_clients:0"));
        // Nobody is left to take it.
        assert_eq!(others[2].command(&["RPUSH", "key", "a"]).expect("a reply"), b":1\r\n");
        assert_eq!(others[3].command(&["LLEN", "key"]).expect("a reply"), b":1\r\n");
    }
}
