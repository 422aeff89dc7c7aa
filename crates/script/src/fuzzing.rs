//! What the fuzz targets of the libraries run, and seeded tests with them. The checks are scripts: what they see is what
//! any script sees.

use crate::{Host, Interpreter, LogLevel, Outcome, Program, Protocol};
use wire::resp::parse::Span;

/// `same(a, b)`: whether two values say the same, whatever tables they are in. Keys must be no tables.
const SAME: &str = r"
local function same(a, b)
    if type(a) ~= type(b) then return false end
    if type(a) == 'number' then return a == b or (a ~= a and b ~= b) end
    if type(a) ~= 'table' then return a == b end
    for k, v in pairs(a) do if not same(v, b[k]) then return false end end
    for k in pairs(b) do if a[k] == nil then return false end end
    return true
end
";

/// What is decoded is encoded to text that decodes to the same, to as many digits as are written.
const CJSON: &str = r"
local ok, v = pcall(cjson.decode, ARGV[1])
if not ok then return type(v) end
local ok, text = pcall(cjson.encode, v)
if not ok then return text:match('NaN or Inf') and 'string' or text end
local again = cjson.decode(text)
-- The first text may have lost digits; what comes of it loses no more.
return same(again, cjson.decode(cjson.encode(again))) and 'string' or 'not the same: ' .. text
";

/// What is unpacked and packed is unpacked to the same, but for what lies too deep.
const CMSGPACK: &str = r"
pcall(cmsgpack.unpack_one, ARGV[1], #ARGV[1] % 7)
pcall(cmsgpack.unpack_limit, ARGV[1], 3, 1)
local ok, all = pcall(function() return { cmsgpack.unpack(ARGV[1]) } end)
if not ok then return type(all) end
local function plain(v)
    if type(v) ~= 'table' then return true end
    for k, item in pairs(v) do if type(k) == 'table' or not plain(item) then return false end end
    return true
end
for i, v in pairs(all) do
    local packed = cmsgpack.pack(v)
    if plain(v) then
        local once = cmsgpack.unpack(packed)
        if not same(once, cmsgpack.unpack(cmsgpack.pack(once))) then return 'not the same: value ' .. i end
    end
end
return 'string'
";

/// What is unpacked by a format takes as many bytes when it is packed by it.
const STRUCT: &str = r"
local format, data = ARGV[1], ARGV[2]
pcall(struct.size, format)
pcall(struct.pack, format, 1, data, -1, data, 2 ^ 53, data, 0.5)
pcall(struct.unpack, format, data, #format)
local ok, all = pcall(function() return { struct.unpack(format, data) } end)
if not ok then return type(all) end
-- c0 unpacks by the size before it and packs what it is given.
if format:find('c0', 1, true) then return 'string' end
local after = table.remove(all)
local ok, packed = pcall(struct.pack, format, unpack(all))
if ok and #packed ~= after - 1 then return 'other length: ' .. #packed .. ' and ' .. after - 1 end
return 'string'
";

/// A server without commands, that ends scripts after ten million instructions.
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

/// An interpreter with the check of each library.
struct Checks {
    lua: Interpreter,
    cjson: Program,
    cmsgpack: Program,
    structs: Program,
}

impl Checks {
    fn new() -> Checks {
        let lua = Interpreter::new(256 << 20).expect("it starts");
        let compile = |text: &str| lua.compile([SAME, text].concat().as_bytes()).expect("it compiles");
        let (cjson, cmsgpack, structs) = (compile(CJSON), compile(CMSGPACK), compile(STRUCT));
        Checks { lua, cjson, cmsgpack, structs }
    }

    fn run(&self, program: &Program, args: &[&[u8]]) {
        let mut out = Vec::new();
        let outcome = self.lua.run(program, &[], args, &mut Nobody(100), Protocol::V2, &mut out, &mut |_| {});
        let args: Vec<String> = args.iter().map(|arg| arg.escape_ascii().to_string()).collect();
        assert_eq!(outcome, Outcome::Done, "{args:?}");
        assert_eq!(out.escape_ascii().to_string(), r"$6\r\nstring\r\n", "{args:?}");
    }
}

thread_local! {
    static CHECKS: Checks = Checks::new();
}

/// Any bytes as JSON.
///
/// # Panics
/// When what was decoded cannot be encoded to the same, or a refusal is no text.
pub fn cjson(data: &[u8]) {
    CHECKS.with(|checks| checks.run(&checks.cjson, &[data]));
}

/// Any bytes as MessagePack.
///
/// # Panics
/// When what was unpacked cannot be packed to the same, or a refusal is no text.
pub fn cmsgpack(data: &[u8]) {
    CHECKS.with(|checks| checks.run(&checks.cmsgpack, &[data]));
}

/// Any bytes as a format of `struct` (as many as the first byte says) and data.
///
/// # Panics
/// When packing takes another number of bytes than unpacking, or a refusal is no text.
pub fn structs(data: &[u8]) {
    let (&len, rest) = data.split_first().unwrap_or((&0, &[]));
    let (format, data) = rest.split_at(usize::from(len).min(rest.len()));
    CHECKS.with(|checks| checks.run(&checks.structs, &[format, data]));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers() -> impl FnMut() -> usize {
        let mut state = 1u64;
        move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize
        }
    }

    #[test]
    fn random_json() {
        const PIECES: [&[u8]; 36] = [
            b"[",
            b"[",
            b"[",
            b"]",
            b"]",
            b"]",
            b"{",
            b"{",
            b"}",
            b"}",
            b",",
            b",",
            b",",
            b":",
            b"\"a\":",
            b"\"b\":",
            b"\"",
            b"\\u00e9",
            b"\\ud83d\\ude00",
            b"\\ud800",
            b"\\n",
            b"\\",
            b"1",
            b"-0.5e3",
            b"1e999",
            b"nan",
            b"-inf",
            b"0x1f",
            b"123456789012345678",
            b"true",
            b"false",
            b"null",
            b" ",
            b"\0",
            b"\xff",
            b"\"x\"",
        ];
        let mut next = numbers();
        for _ in 0..20_000 {
            let count = next() % 16;
            let text: Vec<u8> = (0..count).flat_map(|_| PIECES[next() % PIECES.len()].to_vec()).collect();
            cjson(&text);
        }
        for depth in [999, 1000, 1001, 200_000] {
            cjson(&[b"[".repeat(depth), b"]".repeat(depth)].concat());
            cjson(&[b"{\"a\":".repeat(depth), b"1".to_vec(), b"}".repeat(depth)].concat());
            cjson(&b"[".repeat(depth));
        }
    }

    #[test]
    fn random_msgpack() {
        let mut next = numbers();
        for _ in 0..20_000 {
            let count = next() % 24;
            let bytes: Vec<u8> = (0..count)
                .map(|_| match next() % 4 {
                    // Short arrays, maps and texts, then heads of all kinds.
                    0 => 0x80 + (next() % 4) as u8 + 16 * (next() % 3) as u8,
                    1 => 0xc0 + (next() % 32) as u8,
                    2 => next() as u8 % 4,
                    _ => next() as u8,
                })
                .collect();
            cmsgpack(&bytes);
        }
        for depth in [15, 16, 17, 189, 190, 191, 200_000] {
            cmsgpack(&[b"\x91".repeat(depth), b"\x01".to_vec()].concat());
            cmsgpack(&[b"\x81\x01".repeat(depth), b"\x01".to_vec()].concat());
            cmsgpack(&[b"\x81".repeat(depth), b"\x01".repeat(depth + 1)].concat());
        }
    }

    #[test]
    fn random_formats() {
        const PIECES: [&[u8]; 26] = [
            b"<",
            b">",
            b"=",
            b"!",
            b"!4",
            b"!16",
            b"!99999999999",
            b"b",
            b"B",
            b"h",
            b"H",
            b"i",
            b"I",
            b"i3",
            b"I33",
            b"i99",
            b"l",
            b"L",
            b"T",
            b"f",
            b"d",
            b"s",
            b"x",
            b"c2",
            b"c0",
            b"c4294967296",
        ];
        let mut next = numbers();
        for _ in 0..20_000 {
            let count = next() % 6;
            let mut format: Vec<u8> =
                (0..count).flat_map(|_| PIECES[next() % PIECES.len()].to_vec()).collect();
            if next() % 8 == 0 {
                format.push(next() as u8);
            }
            let mut all = vec![format.len() as u8];
            all.extend(format);
            let count = next() % 40;
            all.extend((0..count).map(|_| if next() % 3 == 0 { 0 } else { next() as u8 }));
            structs(&all);
        }
    }
}
