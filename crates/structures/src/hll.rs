//! HyperLogLog values in the string format of Redis and Valkey, byte for byte: `PFADD`, `PFCOUNT`, `PFMERGE`.
//!
//! A value is an ordinary string, so clients can `GET` it here and `SET` it there. It is a header and one of
//! two encodings of 16384 registers of 6 bits:
//!
//! ```text
//! | "HYLL" | encoding | 3 unused | cached cardinality, u64 LE | registers … |
//!   0        4          5          8                            16
//! ```
//!
//! * dense: register `i` is bits `6i .. 6i + 6`, least significant bit first; always 12304 bytes in all;
//! * sparse: runs of equal registers, see [`sparse`]; turned dense when a register passes 32 or the string
//!   passes `hll-sparse-max-bytes`.
//!
//! The top bit of the cached cardinality says that it is stale. The estimate is Ertl's improved one ("New
//! cardinality estimation algorithms for HyperLogLog sketches", 2017, algorithm 6), on the algorithm of
//! Flajolet, Fusy, Gandouet and Meunier (2007) with the 64-bit hashes of Heule, Nunkesser and Hall (2013).
//!
//! Clients may store anything with that header: every function takes arbitrary bytes without a panic.

mod debug;
mod dense;
mod estimate;
pub mod fuzzing;
mod hash;
mod sparse;
#[cfg(test)]
mod tests;

pub use debug::{decode, registers, self_test};

/// Registers of every value.
pub const REGISTERS: usize = 1 << INDEX_BITS;

/// Length in bytes of a value in the dense encoding.
pub const DENSE_BYTES: usize = HEADER_BYTES + REGISTERS * REGISTER_BITS / 8;

/// Default of the parameter `hll-sparse-max-bytes`.
pub const SPARSE_MAX_BYTES_DEFAULT: usize = 3000;

const HEADER_BYTES: usize = 16;
const INDEX_BITS: u32 = 14;
const REGISTER_BITS: usize = 6;
/// Bits of a hash that remain to count zeros in; no register added to exceeds this plus one.
const RANK_BITS: usize = 64 - INDEX_BITS as usize;
const MAGIC: &[u8] = b"HYLL";
const ENCODING_AT: usize = 4;
const CACHE_AT: usize = 8;
const STALE_AT: usize = 15;
const STALE_BIT: u8 = 0x80;

/// One byte for each register, the form in which values are merged.
pub(crate) type Registers = [u8; REGISTERS];

/// Why a string cannot be used as a HyperLogLog. `Display` is the exact text that clients see after `-`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HllError {
    /// The header is not one.
    NotHll,
    /// The header is right and the registers are not.
    Corrupt,
}

impl std::fmt::Display for HllError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            HllError::NotHll => "WRONGTYPE Key is not a valid HyperLogLog string value.",
            HllError::Corrupt => "INVALIDOBJ Corrupted HLL object detected",
        })
    }
}

impl std::error::Error for HllError {}

/// How the registers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Six bits for each register.
    Dense,
    /// Runs of equal registers.
    Sparse,
}

impl Encoding {
    /// The name that `PFDEBUG ENCODING` replies.
    pub fn name(self) -> &'static str {
        match self {
            Encoding::Dense => "dense",
            Encoding::Sparse => "sparse",
        }
    }
}

/// What the first 16 bytes of a value say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// How the registers are stored.
    pub encoding: Encoding,
    /// The cardinality, unless the value changed since it was computed.
    pub cached: Option<u64>,
}

/// A cardinality, and whether computing it changed the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// The estimate; reply it as the signed integer of the same bits, as Valkey does.
    pub cardinality: u64,
    /// Whether the cache inside the value was rewritten, which is a write to the key.
    pub cache_rewritten: bool,
}

/// A value without elements, in the sparse encoding: 18 bytes. Its cache is stale, as it is in every value
/// that a command leaves behind.
pub fn create() -> Vec<u8> {
    let mut value = vec![0; HEADER_BYTES];
    value[..MAGIC.len()].copy_from_slice(MAGIC);
    value[ENCODING_AT] = 1;
    invalidate_cache(&mut value);
    value.extend_from_slice(&sparse::EMPTY);
    value
}

/// Reads the header of `value`. O(1).
///
/// # Errors
/// [`HllError::NotHll`] for anything but a header and, if dense, the length that goes with it.
pub fn check(value: &[u8]) -> Result<Header, HllError> {
    let encoding = encoding_of(value)?;
    let mut cache = [0; 8];
    cache.copy_from_slice(&value[CACHE_AT..HEADER_BYTES]);
    let cached = (cache[7] & STALE_BIT == 0).then(|| u64::from_le_bytes(cache));
    Ok(Header { encoding, cached })
}

/// Adds `element` and tells whether the value changed: one element of `PFADD`. O(1) in place when dense, else
/// O(length).
///
/// # Errors
/// [`HllError::NotHll`], and [`HllError::Corrupt`] when the sparse runs do not reach the element's register.
pub fn add(value: &mut Vec<u8>, element: &[u8], sparse_max_bytes: usize) -> Result<bool, HllError> {
    let encoding = encoding_of(value)?;
    let (index, rank) = hash::place(element);
    let changed = match encoding {
        Encoding::Dense => dense::raise(&mut value[HEADER_BYTES..], index, rank),
        Encoding::Sparse => sparse::raise(value, index, rank, sparse_max_bytes)?,
    };
    if changed {
        invalidate_cache(value);
    }
    Ok(changed)
}

/// [`add`] for a dense value wherever it is stored: never changes the length. O(1).
///
/// # Errors
/// [`HllError::NotHll`], also for a sparse value.
pub fn add_dense(value: &mut [u8], element: &[u8]) -> Result<bool, HllError> {
    if encoding_of(value)? != Encoding::Dense {
        return Err(HllError::NotHll);
    }
    let (index, rank) = hash::place(element);
    let changed = dense::raise(&mut value[HEADER_BYTES..], index, rank);
    if changed {
        invalidate_cache(value);
    }
    Ok(changed)
}

/// Whether [`add`] would leave `value` as it is, so that a handler can spare itself the copy of an immutable
/// entry. False also for corrupt runs: `add` tells.
pub fn would_keep(value: &[u8], element: &[u8]) -> Result<bool, HllError> {
    let encoding = encoding_of(value)?;
    let (index, rank) = hash::place(element);
    Ok(match encoding {
        Encoding::Dense => dense::get(&value[HEADER_BYTES..], index) >= rank,
        Encoding::Sparse => sparse::get(&value[HEADER_BYTES..], index).is_some_and(|old| old >= rank),
    })
}

/// The cardinality of the union of `values`, which are not changed: `PFCOUNT` of several keys. O(values).
///
/// # Errors
/// The first of [`HllError::NotHll`] and [`HllError::Corrupt`] met.
pub fn count(values: &[&[u8]]) -> Result<u64, HllError> {
    let mut registers = [0; REGISTERS];
    for value in values {
        merge_into(&mut registers, value)?;
    }
    Ok(estimate::cardinality(&estimate::histogram(&registers)))
}

/// The cardinality of `value`, from its cache if that holds, else computed and put there: `PFCOUNT` of one
/// key. O(1) or O(registers).
///
/// # Errors
/// [`HllError::NotHll`] or [`HllError::Corrupt`], with the value unchanged.
pub fn count_cached(value: &mut [u8]) -> Result<Counted, HllError> {
    let header = check(value)?;
    if let Some(cardinality) = header.cached {
        return Ok(Counted { cardinality, cache_rewritten: false });
    }
    let body = &value[HEADER_BYTES..];
    let histogram = match header.encoding {
        Encoding::Dense => dense::histogram(body),
        Encoding::Sparse => sparse::histogram(body)?,
    };
    let cardinality = estimate::cardinality(&histogram);
    value[CACHE_AT..HEADER_BYTES].copy_from_slice(&cardinality.to_le_bytes());
    Ok(Counted { cardinality, cache_rewritten: true })
}

/// Makes `dst`, a value ([`create`] makes a missing one), the union of itself and `sources`: `PFMERGE`. Dense
/// if any of them is. O(sources).
///
/// # Errors
/// As [`count`], with `dst` unchanged.
pub fn merge(dst: &mut Vec<u8>, sources: &[&[u8]], sparse_max_bytes: usize) -> Result<(), HllError> {
    let mut registers = [0; REGISTERS];
    let mut dense = merge_into(&mut registers, dst)? == Encoding::Dense;
    for source in sources {
        dense |= merge_into(&mut registers, source)? == Encoding::Dense;
    }
    if dense {
        set_dense(dst, &registers);
    } else {
        raise_all(dst, &registers, sparse_max_bytes)?;
    }
    invalidate_cache(dst);
    Ok(())
}

/// Turns a sparse value dense and returns whether it was sparse: `PFDEBUG TODENSE`. Keeps the cache.
///
/// # Errors
/// [`HllError::NotHll`] or [`HllError::Corrupt`], with the value unchanged.
pub fn to_dense(value: &mut Vec<u8>) -> Result<bool, HllError> {
    if encoding_of(value)? == Encoding::Dense {
        return Ok(false);
    }
    let mut registers = [0; REGISTERS];
    sparse::merge_into(&mut registers, &value[HEADER_BYTES..])?;
    set_dense(value, &registers);
    Ok(true)
}

/// Marks the cached cardinality stale. No effect on what is too short for a header.
pub fn invalidate_cache(value: &mut [u8]) {
    if let Some(byte) = value.get_mut(STALE_AT) {
        *byte |= STALE_BIT;
    }
}

/// Raises each register of a value to the one of `registers`; starts sparse and may end dense.
fn raise_all(value: &mut Vec<u8>, registers: &Registers, sparse_max_bytes: usize) -> Result<(), HllError> {
    for (index, &rank) in registers.iter().enumerate().filter(|&(_, &rank)| rank != 0) {
        match encoding_of(value)? {
            Encoding::Dense => dense::raise(&mut value[HEADER_BYTES..], index, rank),
            Encoding::Sparse => sparse::raise(value, index, rank, sparse_max_bytes)?,
        };
    }
    Ok(())
}

fn set_dense(value: &mut Vec<u8>, registers: &Registers) {
    value.resize(DENSE_BYTES, 0);
    value[ENCODING_AT] = 0;
    dense::pack(registers, &mut value[HEADER_BYTES..]);
}

/// Raises `registers` to those of `value` where these are greater.
fn merge_into(registers: &mut Registers, value: &[u8]) -> Result<Encoding, HllError> {
    let encoding = encoding_of(value)?;
    let body = &value[HEADER_BYTES..];
    match encoding {
        Encoding::Dense => dense::merge_into(registers, body),
        Encoding::Sparse => sparse::merge_into(registers, body)?,
    }
    Ok(encoding)
}

/// The part of [`check`] that every operation needs. After it the header can be indexed.
fn encoding_of(value: &[u8]) -> Result<Encoding, HllError> {
    match value {
        [b'H', b'Y', b'L', b'L', 0, ..] if value.len() == DENSE_BYTES => Ok(Encoding::Dense),
        [b'H', b'Y', b'L', b'L', 1, ..] if value.len() >= HEADER_BYTES => Ok(Encoding::Sparse),
        _ => Err(HllError::NotHll),
    }
}
