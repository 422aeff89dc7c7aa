//! Population counts: `BITCOUNT`.

/// Number of one bits in `bytes`. O(n), at memory speed where the processor has AVX2.
pub fn count_ones(bytes: &[u8]) -> u64 {
    #[cfg(target_arch = "x86_64")]
    if bytes.len() >= WIDE_BYTES_MIN {
        if is_x86_feature_detected!("avx512vpopcntdq") && is_x86_feature_detected!("avx512f") {
            // SAFETY: the processor has the features the function is compiled for, as just detected.
            return unsafe { count_ones_avx512(bytes) };
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("popcnt") {
            // SAFETY: as above.
            return unsafe { count_ones_avx2(bytes) };
        }
    }
    count_ones_portable(bytes)
}

/// Number of one bits in the concatenation of `parts` without its first `skip_head` and last `skip_tail`
/// bits, both below 8: `BITCOUNT … BIT` over the bytes that hold the range.
pub fn count_ones_between<'a>(
    parts: impl IntoIterator<Item = &'a [u8]>,
    skip_head: u32,
    skip_tail: u32,
) -> u64 {
    let (mut ones, mut len) = (0, 0);
    let (mut first, mut last) = (0, 0);
    for part in parts {
        if let (Some(&head), Some(&tail)) = (part.first(), part.last()) {
            ones += count_ones(part);
            if len == 0 {
                first = head;
            }
            last = tail;
            len += part.len();
        }
    }
    let head_mask = !(0xff_u8 >> skip_head);
    let tail_mask = !(0xff_u8 << skip_tail);
    // In a single byte the two may meet, and nothing is to be taken off twice.
    let tail_mask = if len == 1 { tail_mask & !head_mask } else { tail_mask };
    ones - u64::from((first & head_mask).count_ones()) - u64::from((last & tail_mask).count_ones())
}

/// Below this the detection of features costs more than it saves.
#[cfg(target_arch = "x86_64")]
const WIDE_BYTES_MIN: usize = 128;

/// The one body that each variant compiles for its own instruction set.
#[inline(always)]
fn count_ones_portable(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let whole: u64 = words.iter().map(|word| u64::from(u64::from_le_bytes(*word).count_ones())).sum();
    whole + rest.iter().map(|byte| u64::from(byte.count_ones())).sum::<u64>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,popcnt")]
fn count_ones_avx2(bytes: &[u8]) -> u64 {
    count_ones_portable(bytes)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vpopcntdq")]
fn count_ones_avx512(bytes: &[u8]) -> u64 {
    count_ones_portable(bytes)
}
