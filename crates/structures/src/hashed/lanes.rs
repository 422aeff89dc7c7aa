//! Looking at many bytes of a leaf at once: which equal a tag, what they add up to. Arrays are padded to whole lanes.

/// Bytes looked at together.
pub(super) const LANE: usize = 16;

/// The positions of `byte` in `array[..count]`, ascending. `array` is a whole number of lanes.
#[inline]
pub(super) fn positions(array: &[u8], count: usize, byte: u8) -> Positions<'_> {
    debug_assert!(array.len() % LANE == 0 && count <= array.len());
    Positions { lanes: array.as_chunks().0, count, byte, next_lane: 0, mask: 0 }
}

pub(super) struct Positions<'a> {
    lanes: &'a [[u8; LANE]],
    count: usize,
    byte: u8,
    next_lane: usize,
    mask: u32,
}

impl Iterator for Positions<'_> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        while self.mask == 0 {
            if self.next_lane * LANE >= self.count {
                return None;
            }
            self.mask = equal_mask(&self.lanes[self.next_lane], self.byte);
            self.next_lane += 1;
        }
        let position = (self.next_lane - 1) * LANE + self.mask.trailing_zeros() as usize;
        self.mask &= self.mask - 1;
        (position < self.count).then_some(position)
    }
}

/// What the first `count` bytes of `array` add up to. `array` is a whole number of lanes.
#[inline(always)]
pub(super) fn sum(array: &[u8], count: usize) -> usize {
    let (whole, last) = cut(array, count);
    sum_lanes(whole, &last)
}

/// How many of the first `count` bytes of `array` are 255. `array` is a whole number of lanes.
#[inline]
pub(super) fn count_255(array: &[u8], count: usize) -> usize {
    let (whole, last) = cut(array, count);
    whole.iter().chain([&last]).map(|lane| equal_mask(lane, 255).count_ones() as usize).sum()
}

/// The whole lanes of the first `count` bytes, and the rest of them with zeros behind.
#[inline(always)]
fn cut(array: &[u8], count: usize) -> (&[[u8; LANE]], [u8; LANE]) {
    debug_assert!(array.len() % LANE == 0 && count <= array.len());
    let lanes: &[[u8; LANE]] = array.as_chunks().0;
    let (whole, rest) = lanes.split_at(count / LANE);
    let last = match rest.first() {
        Some(lane) => u128::from_le_bytes(*lane) & !(u128::MAX << (8 * (count % LANE))),
        None => 0,
    };
    (whole, last.to_le_bytes())
}

/// One bit for each byte of the lane that equals `byte`.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn equal_mask(lane: &[u8; LANE], byte: u8) -> u32 {
    use core::arch::x86_64::{_mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_set1_epi8};
    // SAFETY: the load is of 16 bytes of the array at any alignment; SSE2 is part of x86_64.
    unsafe {
        let bytes = _mm_loadu_si128(lane.as_ptr().cast());
        _mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(byte as i8))) as u32
    }
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn sum_lanes(lanes: &[[u8; LANE]], last: &[u8; LANE]) -> usize {
    use core::arch::x86_64::{
        __m128i, _mm_add_epi64, _mm_cvtsi128_si64, _mm_loadu_si128, _mm_sad_epu8, _mm_setzero_si128,
        _mm_unpackhi_epi64,
    };
    // SAFETY: the loads are of 16 bytes of an array at any alignment; SSE2 is part of x86_64.
    unsafe {
        let halves = |lane: &[u8; LANE]| {
            _mm_sad_epu8(_mm_loadu_si128(lane.as_ptr().cast::<__m128i>()), _mm_setzero_si128())
        };
        let sums = lanes.iter().fold(halves(last), |sums, lane| _mm_add_epi64(sums, halves(lane)));
        _mm_cvtsi128_si64(_mm_add_epi64(sums, _mm_unpackhi_epi64(sums, sums))) as usize
    }
}

#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
fn equal_mask(lane: &[u8; LANE], byte: u8) -> u32 {
    lane.iter().enumerate().fold(0, |mask, (i, own)| mask | u32::from(*own == byte) << i)
}

#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
fn sum_lanes(lanes: &[[u8; LANE]], last: &[u8; LANE]) -> usize {
    lanes.iter().chain([last]).flatten().map(|byte| usize::from(*byte)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sys::random::Rng;

    #[test]
    fn equal_to_one_byte_at_a_time() {
        let mut rng = Rng::new(8);
        for _ in 0..2000 {
            let len = LANE * rng.index(10);
            let count = rng.index(len + 1);
            let few = rng.below(2) == 0;
            let array: Vec<u8> =
                (0..len).map(|_| if few { 253 + rng.below(3) as u8 } else { rng.next_u64() as u8 }).collect();
            let byte = *array.first().unwrap_or(&0);
            let expected: Vec<usize> = (0..count).filter(|i| array[*i] == byte).collect();
            assert_eq!(positions(&array, count, byte).collect::<Vec<_>>(), expected);
            assert_eq!(sum(&array, count), array[..count].iter().map(|byte| usize::from(*byte)).sum());
            assert_eq!(count_255(&array, count), array[..count].iter().filter(|byte| **byte == 255).count());
        }
    }
}
