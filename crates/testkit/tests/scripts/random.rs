//! Random scripts: the same ones to both servers, replies compared byte for byte. `SCRIPTS_SEED` names another run,
//! `SCRIPTS_COUNT` its size.

use testkit::rng::Rng;

use crate::{Peers, same, shown, words};

const BATCH: usize = 100;

const KEYS: &[&str] = &["s", "n", "l", "h", "z", "t", "f", "none"];
const TEXTS: &[&str] = &[
    "''",
    "'a'",
    "'10'",
    "'-1'",
    "'3.5'",
    "'x y'",
    "'\\0\\r\\n'",
    "'abcdefgh'",
    "0",
    "1",
    "-1",
    "2^31",
    "3.99",
    "1e15",
    "2^53",
    "-0.5",
    "0.1",
    "1/3",
    "100",
    "'nan'",
    "string.rep('ab', 40)",
];
/// What commands answer at random, and how they store what a script gave them, is not for scripts to compare.
const CALLS: &[&str] = &[
    "'SET', K, T",
    "'GET', K",
    "'DEL', K",
    "'INCR', K",
    "'INCRBYFLOAT', K, T",
    "'APPEND', K, T",
    "'STRLEN', K",
    "'GETRANGE', K, T, T",
    "'LPUSH', K, T",
    "'RPUSH', K, T, T",
    "'LRANGE', K, 0, -1",
    "'LPOP', K",
    "'LLEN', K",
    "'HSET', K, T, T",
    "'HGET', K, T",
    "'HGETALL', 'h1'",
    "'HSET', 'h1', 'f', T",
    "'HINCRBY', K, T, T",
    "'ZADD', K, T, T",
    "'ZRANGE', K, 0, -1, 'WITHSCORES'",
    "'ZSCORE', K, T",
    "'ZINCRBY', K, T, T",
    "'SADD', K, T",
    "'SISMEMBER', K, T",
    "'SCARD', K",
    "'SADD', 't1', 'm'",
    "'SMEMBERS', 't1'",
    "'TYPE', K",
    "'EXISTS', K, K",
    "'ECHO', T",
    "'PING'",
    "'EXPIRE', K, 1000",
    "'PERSIST', K",
    "'MGET', K, K",
    "'MSET', K, T, K, T",
    "'NOSUCH', T",
    "'GET'",
    "'SET', K",
    "'SUBSCRIBE', 'a'",
    "'LPOS', K, T",
    "'GETEX', K",
    "'SETRANGE', K, 3, T",
    "'BITCOUNT', K",
    "'HELLO', 3",
    "'SELECT', 0",
    "'COPY', K, K",
    "'RENAME', K, K",
    "'SINTERCARD', 1, K",
    "'XLEN', K",
    "{}",
    "nil",
    "",
    "'EVAL', 'return 1', 0",
    "'DBSIZE', T",
    "'CONFIG', 'NONE'",
];
/// No tables of several keys are encoded: their order is nobody's promise. No errors of functions that are Lua's own here
/// in a tail call, after which Lua does not know any more where that stood.
const PURE: &[&str] = &[
    "cjson.encode(A)",
    "cjson.decode(T)",
    "cjson.decode(cjson.encode(A))",
    "cjson.decode('{\"a\":[1,2,{\"b\":null}],\"c\":1.5}')",
    "cjson.decode('[1,')",
    "cjson.decode('tru')",
    "cjson.encode(1/0)",
    "cmsgpack.pack(A)",
    "cmsgpack.unpack(cmsgpack.pack(A))",
    "cmsgpack.unpack(T)",
    "{cmsgpack.unpack_limit(cmsgpack.pack(T, T, T), 2)}",
    "{cmsgpack.unpack_one(cmsgpack.pack(T, T))}",
    "struct.pack('>I4i2bd', N, N, N, N)",
    "{struct.unpack('<I2bB', 'abcdef')}",
    "struct.pack('s', T)",
    "{struct.unpack('s', T)}",
    "struct.size('>I4i8d')",
    "struct.pack('I3', T)",
    "struct.unpack('>I4', T)",
    "bit.band(N, N)",
    "bit.bor(N, N, N)",
    "bit.tohex(N, N)",
    "bit.lshift(N, N)",
    "bit.rol(N, N)",
    "bit.bswap(N)",
    "bit.bnot(T)",
    "redis.sha1hex(T)",
    "redis.error_reply(T)",
    "redis.status_reply(T)",
    "redis.error_reply('CODE a text')",
    "redis.error_reply('-X y')",
    "redis.status_reply()",
    "redis.error_reply({})",
    "tostring(T)",
    "tonumber(T)",
    "string.format('%s|%5.2f|%d', T, N, N)",
    "string.rep(T, 3)",
    "string.sub(T, N, N)",
    "string.upper(T)",
    "string.reverse(T)",
    "string.byte(T, 1, 3)",
    "#T",
    "T .. T",
    "T + T",
    "T < T",
    "T == T",
    "string.find(T, '%w+')",
    "string.gsub(T, '.', '%0%0')",
    "string.gsub(T, '(', '')",
    "string.match(T, '(%d)')",
    "string.find(T, '%')",
    "string.format('%d', T)",
    "string.format('%q', T)",
    "math.floor(T)",
    "math.max(N, N)",
    "math.fmod(N, N)",
    "table.concat({T, T}, ',')",
    "table.concat({{}}, ',')",
    "select(N, T, T)",
    "unpack({T, T})",
    "type(V)",
    "next({})",
    "#A",
    "undefined_name",
    "redis.nothing",
    "(nil)()",
    "V.x.y",
    "V()",
    "redis.setresp(T)",
    "redis.acl_check_cmd('GET', T)",
    "redis.acl_check_cmd('NOSUCH')",
    "tostring(nil) .. V",
    "string.char(N)",
    "rawget(A, 1)",
    "_G.x",
    "pcall(error, V)",
    "select(2, pcall(error, V))",
    "assert(false, T)",
    "assert(nil)",
    "math.random(10)",
    "select(2, xpcall(function() return V.x.y end, function(e) return e end))",
    "select(2, xpcall(function() return redis.call(C) end, function(e) return type(e) end))",
    "select(2, pcall(redis.call, C))",
    "table.insert(A, T)",
    "table.remove(A)",
    "string.len(V)",
    "tostring(1/0)",
    "0/0",
    "1e300",
];
const VALUES: &[&str] = &[
    "T",
    "T",
    "N",
    "A",
    "nil",
    "true",
    "false",
    "{}",
    "{1, 2, T}",
    "{A, T}",
    "{ok = T}",
    "{err = T}",
    "{err = 'X y'}",
    "{err = '-X y'}",
    "{double = N}",
    "{big_number = '12345678901234567890'}",
    "{big_number = T}",
    "{map = {a = V}}",
    "{set = {a = true}}",
    "{verbatim_string = {format = 'txt', string = T}}",
    "{1, nil, 3}",
    "{a = T}",
    "{ok = 1}",
    "{double = T}",
    "{map = T}",
    "{V, V}",
    "cjson.null",
    "P",
    "P",
];

/// Writes a template, its capital letters replaced.
fn fill(rng: &mut Rng, template: &str, depth: usize, out: &mut String) {
    let bytes = template.as_bytes();
    let is_name = |at: usize| bytes.get(at).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
    let mut quoted = false;
    for (i, &byte) in bytes.iter().enumerate() {
        if byte == b'\'' {
            quoted = !quoted;
        }
        let alone = !quoted && !is_name(i + 1) && (i == 0 || !is_name(i - 1));
        match byte {
            b'K' if alone => out.push_str(&format!("'{}'", rng.pick(KEYS))),
            b'T' if alone => out.push_str(&format!("({})", rng.pick(TEXTS))),
            b'N' if alone => out.push_str(&format!("({})", rng.between(-40, 300))),
            b'A' if alone => out.push_str(&format!("({{{}, {}, 'x'}})", rng.between(0, 9), rng.pick(TEXTS))),
            b'C' if alone => fill_one(rng, CALLS, depth + 1, out),
            b'V' if alone && depth < 3 => {
                out.push('(');
                fill_one(rng, VALUES, depth + 1, out);
                out.push(')');
            }
            b'P' if alone && depth < 3 => fill_one(rng, PURE, depth + 1, out),
            b'V' | b'P' if alone => out.push_str("('deep')"),
            other => out.push(other as char),
        }
    }
}

/// One of several templates.
fn fill_one(rng: &mut Rng, templates: &[&str], depth: usize, out: &mut String) {
    let template = *rng.pick(templates);
    fill(rng, template, depth, out);
}

/// A script of some statements and a result.
fn script(rng: &mut Rng) -> String {
    let mut out = String::new();
    if rng.one_in(6) {
        out.push_str("redis.setresp(3) ");
    }
    for _ in 0..rng.below(3) {
        let template = match rng.below(4) {
            0 => "redis.call(C) ",
            1 => "local a = redis.pcall(C) ",
            2 => "pcall(function() return V end) ",
            _ => "pcall(redis.call, C) ",
        };
        fill(rng, template, 0, &mut out);
    }
    let template = match rng.below(10) {
        0 | 1 => "return redis.call(C)",
        2 | 3 => "return redis.pcall(C)",
        4 => "return {redis.pcall(C), V}",
        5 => "error(V)",
        6 => "return V",
        7 => "return {pcall(redis.call, C)}",
        _ => "return P",
    };
    fill(rng, template, 0, &mut out);
    out
}

#[test]
fn random_scripts_answer_as_on_valkey() {
    let number =
        |name: &str, default: u64| std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(default);
    let (seed, count) = (number("SCRIPTS_SEED", 1), number("SCRIPTS_COUNT", 20_000) as usize);
    let mut rng = Rng::new(seed);
    let peers = Peers::start(&[]);
    let mut differences = Vec::new();
    let mut done = 0;
    while done < count && differences.len() < 40 {
        let mut clients = peers.connect();
        let resp = if done % (2 * BATCH) == 0 { "2" } else { "3" };
        for client in &mut clients {
            client.command(&["HELLO", resp]).expect("it answers");
            client.command(&["FLUSHALL"]).expect("it answers");
        }
        for setup in [
            &["SET", "s", "text"][..],
            &["SET", "n", "5"],
            &["RPUSH", "l", "a", "b"],
            &["HSET", "h", "f", "1"],
            &["ZADD", "z", "1.5", "m"],
            &["SADD", "t", "1", "2"],
        ] {
            same(&mut clients, setup);
        }
        let mut calls: Vec<Vec<String>> = Vec::new();
        for _ in 0..BATCH {
            let text = script(&mut rng);
            if rng.one_in(4) {
                let code = format!("#!lua name=l\nredis.register_function('f', function() {text} end)");
                calls.push(vec!["FUNCTION".into(), "LOAD".into(), "REPLACE".into(), code]);
                calls.push(["FCALL", "f", "0"].map(String::from).to_vec());
            } else {
                calls.push(vec!["EVAL".into(), text, "0".into()]);
            }
        }
        let [valkey, brasa] = &mut clients;
        let replies = [valkey, brasa].map(|client| client.pipeline(&calls).expect("it sends"));
        for (i, call) in calls.iter().enumerate() {
            let [valkey, brasa] = [0, 1].map(|side: usize| replies[side].get(i));
            if valkey != brasa {
                let text = |reply: Option<&[u8]>| reply.map_or("nothing".into(), shown);
                differences.push(format!(
                    "{}\n  valkey: {}\n  brasa:  {}",
                    words(call),
                    text(valkey),
                    text(brasa)
                ));
            }
        }
        done += BATCH;
    }
    assert!(
        differences.is_empty(),
        "seed {seed}, {} differences:\n{}",
        differences.len(),
        differences.join("\n")
    );
}
