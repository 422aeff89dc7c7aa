//! From a key's bytes to its place: shard and hash order.

use structures::siphash::SipKey;
use structures::table::ORDER_BITS;

/// Which bits choose a key's shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharding {
    /// The top bits of the key's hash: standalone nodes. Hash tags do not skew it.
    Hash {
        /// Two to this power shards.
        bits: u32,
    },
    /// The cluster slot (CRC16 of the key or its hash tag): one shard per slot.
    Slot,
}

/// Slots of a cluster.
pub const SLOTS: u32 = 16384;

/// A key with its place.
#[derive(Clone, Copy, Debug)]
pub struct Key<'a> {
    /// The key's bytes.
    pub bytes: &'a [u8],
    /// Its shard's number.
    pub shard: u32,
    /// Its position in its table's hash order.
    pub order: u32,
}

/// Places keys. Copy it where it is used often.
#[derive(Clone, Copy, Debug)]
pub struct KeyHasher {
    sip: SipKey,
    sharding: Sharding,
}

impl KeyHasher {
    /// A hasher with a secret `seed`.
    pub fn new(seed: [u64; 2], sharding: Sharding) -> Self {
        KeyHasher { sip: SipKey::new(seed[0], seed[1]), sharding }
    }

    /// Shards that keys are spread over.
    pub fn shards(&self) -> u32 {
        match self.sharding {
            Sharding::Hash { bits } => 1 << bits,
            Sharding::Slot => SLOTS,
        }
    }

    /// How keys are spread.
    pub fn sharding(&self) -> Sharding {
        self.sharding
    }

    /// The key's place. The one function that decides.
    #[inline(always)]
    pub fn place<'a>(&self, bytes: &'a [u8]) -> Key<'a> {
        let hash = self.sip.hash(bytes);
        match self.sharding {
            Sharding::Hash { bits } => Key {
                bytes,
                shard: (hash >> (64 - ORDER_BITS) >> (ORDER_BITS - bits)) as u32,
                order: ((hash << bits) >> (64 - ORDER_BITS)) as u32,
            },
            Sharding::Slot => {
                Key { bytes, shard: u32::from(slot_of(bytes)), order: (hash >> (64 - ORDER_BITS)) as u32 }
            }
        }
    }
}

/// The cluster slot of a key: CRC16 (XMODEM) of the key, or of what stands between the first `{` and the next `}`
/// when that is not empty, modulo 16384. See the Redis Cluster specification, "Hash tags".
pub fn slot_of(key: &[u8]) -> u16 {
    let tag = key.iter().position(|&b| b == b'{').and_then(|open| {
        let rest = &key[open + 1..];
        let close = rest.iter().position(|&b| b == b'}')?;
        (close > 0).then(|| &rest[..close])
    });
    crc16(tag.unwrap_or(key)) % SLOTS as u16
}

/// CRC16 with polynomial 0x1021, eight bytes a step.
fn crc16(bytes: &[u8]) -> u16 {
    let mut crc: u16 = 0;
    let mut chunks = bytes.chunks_exact(8);
    for c in &mut chunks {
        crc = CRC_TABLES[7][usize::from(c[0] ^ (crc >> 8) as u8)]
            ^ CRC_TABLES[6][usize::from(c[1] ^ crc as u8)]
            ^ CRC_TABLES[5][usize::from(c[2])]
            ^ CRC_TABLES[4][usize::from(c[3])]
            ^ CRC_TABLES[3][usize::from(c[4])]
            ^ CRC_TABLES[2][usize::from(c[5])]
            ^ CRC_TABLES[1][usize::from(c[6])]
            ^ CRC_TABLES[0][usize::from(c[7])];
    }
    for &b in chunks.remainder() {
        crc = (crc << 8) ^ CRC_TABLES[0][usize::from((crc >> 8) as u8 ^ b)];
    }
    crc
}

/// `CRC_TABLES[k][b]`: the CRC of byte `b` followed by `k` zero bytes.
static CRC_TABLES: [[u16; 256]; 8] = crc_tables();

const fn crc_tables() -> [[u16; 256]; 8] {
    let mut tables = [[0u16; 256]; 8];
    let mut b = 0;
    while b < 256 {
        let mut crc = (b as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 != 0 { (crc << 1) ^ 0x1021 } else { crc << 1 };
            bit += 1;
        }
        tables[0][b] = crc;
        b += 1;
    }
    let mut k = 1;
    while k < 8 {
        let mut b = 0;
        while b < 256 {
            let before = tables[k - 1][b];
            tables[k][b] = (before << 8) ^ tables[0][(before >> 8) as usize];
            b += 1;
        }
        k += 1;
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_redis_clusters() {
        // The reference value of the CRC16 in the cluster specification, and slots that CLUSTER KEYSLOT answers.
        assert_eq!(crc16(b"123456789"), 0x31c3);
        assert_eq!(slot_of(b"foo"), 12182);
        assert_eq!(slot_of(b"{user1000}.following"), slot_of(b"user1000"));
        assert_eq!(slot_of(b"foo{}{bar}"), crc16(b"foo{}{bar}") % 16384);
        assert_eq!(slot_of(b"foo{{bar}}zap"), crc16(b"{bar") % 16384);
        assert_eq!(slot_of(b"foo{bar}{zap}"), crc16(b"bar") % 16384);
        assert_eq!(slot_of(b""), 0);
    }

    #[test]
    fn places_stay_in_range() {
        for sharding in [Sharding::Hash { bits: 0 }, Sharding::Hash { bits: 10 }, Sharding::Slot] {
            let hasher = KeyHasher::new([1, 2], sharding);
            for i in 0..10_000 {
                let name = format!("key:{i}");
                let key = hasher.place(name.as_bytes());
                assert!(key.shard < hasher.shards() && key.order < structures::table::ORDER_END);
            }
        }
    }
}
