//! JSON to Lua values.

use mlua::{Lua, Value};

use super::Options;
use crate::failure::Failure;
use crate::number::parse_prefix;

#[derive(Clone, Debug, PartialEq)]
enum Token {
    ObjectBegin,
    ObjectEnd,
    ArrayBegin,
    ArrayEnd,
    Text(Vec<u8>),
    Number(f64),
    Boolean(bool),
    Null,
    Colon,
    Comma,
    End,
    Error(&'static str),
}

impl Token {
    fn name(&self) -> &'static str {
        match self {
            Token::ObjectBegin => "T_OBJ_BEGIN",
            Token::ObjectEnd => "T_OBJ_END",
            Token::ArrayBegin => "T_ARR_BEGIN",
            Token::ArrayEnd => "T_ARR_END",
            Token::Text(_) => "T_STRING",
            Token::Number(_) => "T_NUMBER",
            Token::Boolean(_) => "T_BOOLEAN",
            Token::Null => "T_NULL",
            Token::Colon => "T_COLON",
            Token::Comma => "T_COMMA",
            Token::End => "T_END",
            Token::Error(text) => text,
        }
    }
}

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
    /// Where the last token began.
    token_at: usize,
    options: &'a Options,
    depth: i64,
}

pub(super) fn decode(lua: &Lua, text: &[u8], options: &Options) -> Result<Value, Failure> {
    // A sign of UTF-16 or UTF-32, which are not understood.
    if text.len() >= 2 && (text[0] == 0 || text[1] == 0) {
        return Err("JSON parser does not support UTF-16 or UTF-32".into());
    }
    let mut parser = Parser { text, at: 0, token_at: 0, options, depth: 0 };
    let first = parser.next();
    let value = parser.value(lua, first)?;
    match parser.next() {
        Token::End => Ok(value),
        other => Err(parser.expected("the end", &other)),
    }
}

impl Parser<'_> {
    fn expected(&self, what: &str, found: &Token) -> Failure {
        format!("Expected {what} but found {} at character {}", found.name(), self.token_at + 1).into()
    }

    fn value(&mut self, lua: &Lua, token: Token) -> Result<Value, Failure> {
        Ok(match token {
            Token::Text(text) => Value::String(lua.create_string(text)?),
            Token::Number(n) => Value::Number(n),
            Token::Boolean(b) => Value::Boolean(b),
            Token::Null => Value::NULL,
            Token::ObjectBegin => self.object(lua)?,
            Token::ArrayBegin => self.array(lua)?,
            other => return Err(self.expected("value", &other)),
        })
    }

    fn descend(&mut self) -> Result<(), Failure> {
        self.depth += 1;
        if self.depth > self.options.decode_depth_max.min(super::DEPTH_MAX) {
            let (depth, at) = (self.depth, self.at);
            return Err(format!("Found too many nested data structures ({depth}) at character {at}").into());
        }
        Ok(())
    }

    fn object(&mut self, lua: &Lua) -> Result<Value, Failure> {
        self.descend()?;
        let table = lua.create_table()?;
        let mut token = self.next();
        if token == Token::ObjectEnd {
            self.depth -= 1;
            return Ok(Value::Table(table));
        }
        loop {
            let Token::Text(key) = token else { return Err(self.expected("object key string", &token)) };
            let key = lua.create_string(key)?;
            match self.next() {
                Token::Colon => {}
                other => return Err(self.expected("colon", &other)),
            }
            let token_of_value = self.next();
            let value = self.value(lua, token_of_value)?;
            table.raw_set(key, value)?;
            match self.next() {
                Token::ObjectEnd => break,
                Token::Comma => token = self.next(),
                other => return Err(self.expected("comma or object end", &other)),
            }
        }
        self.depth -= 1;
        Ok(Value::Table(table))
    }

    fn array(&mut self, lua: &Lua) -> Result<Value, Failure> {
        self.descend()?;
        let table = lua.create_table()?;
        let mut token = self.next();
        if token == Token::ArrayEnd {
            self.depth -= 1;
            return Ok(Value::Table(table));
        }
        let mut count = 0;
        loop {
            let value = self.value(lua, token)?;
            count += 1;
            table.raw_set(count, value)?;
            match self.next() {
                Token::ArrayEnd => break,
                Token::Comma => token = self.next(),
                other => return Err(self.expected("comma or array end", &other)),
            }
        }
        self.depth -= 1;
        Ok(Value::Table(table))
    }

    fn next(&mut self) -> Token {
        while matches!(self.text.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
        self.token_at = self.at;
        let Some(&byte) = self.text.get(self.at) else { return Token::End };
        let single = match byte {
            b'{' => Token::ObjectBegin,
            b'}' => Token::ObjectEnd,
            b'[' => Token::ArrayBegin,
            b']' => Token::ArrayEnd,
            b':' => Token::Colon,
            b',' => Token::Comma,
            b'"' => return self.string(),
            _ => return self.word(byte),
        };
        self.at += 1;
        single
    }

    fn word(&mut self, byte: u8) -> Token {
        let rest = &self.text[self.at..];
        let is_number_like = matches!(byte, b'-' | b'0'..=b'9');
        let lower = byte.to_ascii_lowercase();
        if is_number_like || (self.options.decode_invalid && matches!(lower, b'i' | b'n' | b'+')) {
            let digits = rest.strip_prefix(b"-").unwrap_or(rest);
            let is_plain = digits.first().is_some_and(|b| b.is_ascii_digit())
                && !(digits[0] == b'0'
                    && digits.get(1).is_some_and(|b| b.is_ascii_digit() || matches!(b, b'x' | b'X')));
            let starts_null = rest.starts_with(b"null");
            if !starts_null {
                if is_number_like && !is_plain && !self.options.decode_invalid {
                    return Token::Error("invalid number");
                }
                let (value, len) = if lower == b'+' { (0.0, 0) } else { parse_prefix(rest) };
                if len > 0 {
                    self.at += len;
                    return Token::Number(value);
                }
                if is_number_like {
                    return Token::Error("invalid number");
                }
            }
        }
        for (word, token) in
            [("true", Token::Boolean(true)), ("false", Token::Boolean(false)), ("null", Token::Null)]
        {
            if rest.starts_with(word.as_bytes()) {
                self.at += word.len();
                return token;
            }
        }
        Token::Error("invalid token")
    }

    fn string(&mut self) -> Token {
        let mut out = Vec::new();
        let mut at = self.at + 1;
        loop {
            match self.text.get(at) {
                None => {
                    self.token_at = at;
                    return Token::Error("unexpected end of string");
                }
                Some(b'"') => break,
                Some(b'\\') => {
                    let plain = match self.text.get(at + 1) {
                        Some(b'"') => b'"',
                        Some(b'\\') => b'\\',
                        Some(b'/') => b'/',
                        Some(b'b') => 8,
                        Some(b't') => 9,
                        Some(b'n') => 10,
                        Some(b'f') => 12,
                        Some(b'r') => 13,
                        Some(b'u') => {
                            let Some(len) = self.unicode(at, &mut out) else {
                                self.token_at = at;
                                return Token::Error("invalid unicode escape code");
                            };
                            at += len;
                            continue;
                        }
                        _ => {
                            self.token_at = at;
                            return Token::Error("invalid escape code");
                        }
                    };
                    out.push(plain);
                    at += 2;
                }
                Some(&byte) => {
                    out.push(byte);
                    at += 1;
                }
            }
        }
        self.at = at + 1;
        Token::Text(out)
    }

    fn unit(&self, at: usize) -> Option<u32> {
        let digits = self.text.get(at..at + 4)?;
        digits.iter().try_fold(0, |n, &b| Some(n << 4 | (b as char).to_digit(16)?))
    }

    /// Decodes `\uXXXX` at `at`, with its second half if it has one; how many bytes that took.
    fn unicode(&self, at: usize, out: &mut Vec<u8>) -> Option<usize> {
        let mut code = self.unit(at + 2)?;
        let mut len = 6;
        if code & 0xf800 == 0xd800 {
            if code & 0x400 != 0 || self.text.get(at + 6..at + 8)? != b"\\u" {
                return None;
            }
            let low = self.unit(at + 8)?;
            if low & 0xfc00 != 0xdc00 {
                return None;
            }
            code = 0x10000 + ((code & 0x3ff) << 10 | low & 0x3ff);
            len = 12;
        }
        let c = char::from_u32(code)?;
        out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        Some(len)
    }
}
