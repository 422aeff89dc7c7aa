//! Libraries as `FUNCTION DUMP` gives them: the RDB encoding of functions
//! (<https://rdb.fnordig.de/file_format.html>), with the RDB version and a checksum behind it.

/// What stands before a library.
const OPCODE_FUNCTION: u8 = 245;
/// Valkey 9.1's RDB version.
const RDB_VERSION: u16 = 80;
/// The last RDB version that Redis and Valkey share.
const RDB_VERSION_SHARED: u16 = 11;

/// CRC-64 as Redis has it (polynomial of Jones, reflected).
fn crc64(bytes: &[u8]) -> u64 {
    const POLYNOMIAL: u64 = 0x95ac_9329_ac4b_c9b5;
    bytes.iter().fold(0, |crc, &byte| {
        (0..8)
            .fold(crc ^ u64::from(byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ POLYNOMIAL } else { crc >> 1 })
    })
}

fn push_len(out: &mut Vec<u8>, len: usize) {
    match len {
        0..=63 => out.push(len as u8),
        64..=16383 => out.extend_from_slice(&[0x40 | (len >> 8) as u8, len as u8]),
        _ => {
            out.push(0x80);
            out.extend_from_slice(&(len as u32).to_be_bytes());
        }
    }
}

/// The payload of libraries.
pub fn dump<'a>(libraries: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut out = Vec::new();
    for text in libraries {
        out.push(OPCODE_FUNCTION);
        push_len(&mut out, text.len());
        out.extend_from_slice(text);
    }
    out.extend_from_slice(&RDB_VERSION.to_le_bytes());
    let crc = crc64(&out);
    out.extend_from_slice(&crc.to_le_bytes());
    out
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(taken)
    }

    /// A length, or the number of a special encoding.
    fn len(&mut self) -> Option<Result<usize, u8>> {
        let first = self.take(1)?[0];
        Some(Ok(match first >> 6 {
            0 => usize::from(first & 63),
            1 => usize::from(first & 63) << 8 | usize::from(self.take(1)?[0]),
            2 if first == 0x80 => u32::from_be_bytes(self.take(4)?.try_into().ok()?) as usize,
            2 if first == 0x81 => u64::from_be_bytes(self.take(8)?.try_into().ok()?) as usize,
            2 => return None,
            _ => return Some(Err(first & 63)),
        }))
    }

    fn string(&mut self) -> Option<Vec<u8>> {
        match self.len()? {
            Ok(len) => Some(self.take(len)?.to_vec()),
            // LZF: both lengths, then what was compressed.
            Err(3) => {
                let (Ok(packed), Ok(len)) = (self.len()?, self.len()?) else { return None };
                unpack(self.take(packed)?, len)
            }
            Err(_) => None,
        }
    }
}

/// LZF: runs of literals, and copies of what came before.
fn unpack(packed: &[u8], len: usize) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut reader = Reader(packed);
    while !reader.0.is_empty() {
        let control = usize::from(reader.take(1)?[0]);
        if control < 32 {
            out.extend_from_slice(reader.take(control + 1)?);
        } else {
            let mut count = control >> 5;
            if count == 7 {
                count += usize::from(reader.take(1)?[0]);
            }
            let back = (control & 31) << 8 | usize::from(reader.take(1)?[0]);
            let from = out.len().checked_sub(back + 1)?;
            for at in from..from + count + 2 {
                out.push(out[at]);
            }
        }
        if out.len() > len {
            return None;
        }
    }
    (out.len() == len).then_some(out)
}

/// The libraries of a payload. The error is the reply's text.
pub fn restore(payload: &[u8]) -> Result<Vec<Vec<u8>>, &'static str> {
    const WRONG: &str = "ERR DUMP payload version or checksum are wrong";
    let body_len = payload.len().checked_sub(10).ok_or(WRONG)?;
    let (version, crc) = payload[body_len..].split_at(2);
    let version = u16::from_le_bytes([version[0], version[1]]);
    if version > RDB_VERSION_SHARED && version != RDB_VERSION {
        return Err(WRONG);
    }
    if crc64(&payload[..body_len + 2]).to_le_bytes() != crc {
        return Err(WRONG);
    }
    let mut reader = Reader(&payload[..body_len]);
    let mut libraries = Vec::new();
    while !reader.0.is_empty() {
        if reader.take(1).is_none_or(|kind| kind[0] != OPCODE_FUNCTION) {
            return Err("ERR given type is not a function");
        }
        libraries.push(reader.string().ok_or("ERR Failed loading library data")?);
    }
    Ok(libraries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_redis() {
        assert_eq!(crc64(b"123456789"), 0xe9c6_d914_c4b8_d9ca);
    }

    #[test]
    fn what_was_dumped_is_restored() {
        let long = vec![b'x'; 70_000];
        let texts = [&b"#!lua name=a\nx"[..], &long, &long[..100]];
        let mut payload = dump(texts.into_iter());
        assert_eq!(restore(&payload).unwrap(), texts.map(<[u8]>::to_vec));
        payload[3] ^= 1;
        assert!(restore(&payload).is_err());
    }

    #[test]
    fn lzf_copies_what_came_before() {
        assert_eq!(unpack(&[2, b'a', b'b', b'c', 0x60, 2], 8).unwrap(), b"abcabcab"[..].to_vec());
        assert_eq!(unpack(&[0x20, 9], 3), None);
    }
}
