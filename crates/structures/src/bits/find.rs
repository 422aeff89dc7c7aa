//! The first bit of a kind: `BITPOS`.

/// Position of the first bit equal to `bit` in the concatenation of `parts`, or `None`. O(n).
///
/// `BITPOS` treats a string as if zeros followed it when it looks for a zero bit without an end; that is the
/// caller's to add.
pub fn first_bit<'a>(parts: impl IntoIterator<Item = &'a [u8]>, bit: bool) -> Option<u64> {
    first_bit_between(parts, bit, 0, 0)
}

/// [`first_bit`] that overlooks the first `skip_head` and the last `skip_tail` bits, both below 8: `BITPOS …
/// BIT` over the bytes that hold the range. The position counts from the start of the first byte.
pub fn first_bit_between<'a>(
    parts: impl IntoIterator<Item = &'a [u8]>,
    bit: bool,
    skip_head: u32,
    skip_tail: u32,
) -> Option<u64> {
    // Looking for zeros is looking for ones in the complement.
    let flip = if bit { 0x00 } else { 0xff_u8 };
    let mut before_bytes = 0;
    let mut head_mask = 0xff_u8 >> skip_head;
    let mut found = None;
    for part in parts {
        if found.is_none()
            && let Some((&head, rest)) = part.split_first()
        {
            let masked = (head ^ flip) & head_mask;
            head_mask = 0xff;
            found = if masked != 0 {
                Some(8 * before_bytes + u64::from(masked.leading_zeros()))
            } else {
                first_in(rest, flip).map(|at| 8 * (before_bytes + 1) + at)
            };
        }
        before_bytes += part.len() as u64;
        // Without a tail to respect there is no need to know where the last part ends.
        if found.is_some() && skip_tail == 0 {
            break;
        }
    }
    found.filter(|&at| at + u64::from(skip_tail) < 8 * before_bytes)
}

fn first_in(bytes: &[u8], flip: u8) -> Option<u64> {
    const BLOCK: usize = 64;
    let (blocks, _) = bytes.as_chunks::<BLOCK>();
    // Whole blocks are compared branch-free, which vectorises; only the one with a hit is looked into.
    let quiet =
        blocks.iter().take_while(|block| block.iter().fold(0, |any, byte| any | (byte ^ flip)) == 0).count();
    let at = quiet * BLOCK + bytes[quiet * BLOCK..].iter().position(|&byte| byte != flip)?;
    Some(8 * at as u64 + u64::from((bytes[at] ^ flip).leading_zeros()))
}
