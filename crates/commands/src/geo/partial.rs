//! The first elements of an order, without sorting the rest.
//!
//! It is the quicksort of Bentley and McIlroy ("Engineering a Sort Function", 1993) that leaves out parts which lie
//! beyond the wanted ones. Not the standard library's selection, because members at the same distance must come in the
//! order that Valkey's sort, built on the same paper, leaves them in.

use std::cmp::Ordering;

/// Below this many elements, insertion is quicker.
const INSERTION_MAX: usize = 6;
/// Above this many, the pivot is the median of three medians.
const MEDIAN_OF_THREE_MAX: usize = 40;

/// Brings the first `count` elements into place. O(n + count log count) on average.
pub(super) fn sort_first<T>(items: &mut [T], count: usize, compare: &impl Fn(&T, &T) -> Ordering) {
    let (mut items, mut wanted) = (items, count);
    loop {
        let n = items.len();
        if n <= INSERTION_MAX {
            for end in 1..n {
                let mut at = end;
                while at > 0 && compare(&items[at - 1], &items[at]).is_gt() {
                    items.swap(at - 1, at);
                    at -= 1;
                }
            }
            return;
        }
        let pivot = pivot(items, compare);
        items.swap(0, pivot);
        // Equal ones gather at both ends: [equal | less | not looked at | greater | equal].
        let (mut equal_end, mut less_end) = (1, 1);
        let (mut greater_start, mut equal_start) = (n, n);
        loop {
            while less_end < greater_start {
                match compare(&items[less_end], &items[0]) {
                    Ordering::Greater => break,
                    Ordering::Equal => {
                        items.swap(equal_end, less_end);
                        equal_end += 1;
                    }
                    Ordering::Less => {}
                }
                less_end += 1;
            }
            while less_end < greater_start {
                match compare(&items[greater_start - 1], &items[0]) {
                    Ordering::Less => break,
                    Ordering::Equal => {
                        equal_start -= 1;
                        items.swap(greater_start - 1, equal_start);
                    }
                    Ordering::Greater => {}
                }
                greater_start -= 1;
            }
            if less_end >= greater_start {
                break;
            }
            items.swap(less_end, greater_start - 1);
            less_end += 1;
            greater_start -= 1;
        }
        // The equal ones go between the others.
        swap_blocks(items, 0, less_end, equal_end.min(less_end - equal_end));
        swap_blocks(items, less_end, n, (equal_start - greater_start).min(n - equal_start));
        let (less, greater) = (less_end - equal_end, equal_start - greater_start);
        if less > 1 {
            sort_first(&mut items[..less], wanted, compare);
        }
        let start = n - greater;
        if greater <= 1 || start >= wanted {
            return;
        }
        (items, wanted) = (&mut items[start..], wanted - start);
    }
}

/// Exchanges `len` elements from `start` on with as many before `end`.
fn swap_blocks<T>(items: &mut [T], start: usize, end: usize, len: usize) {
    for i in 0..len {
        items.swap(start + i, end - len + i);
    }
}

/// Where the pivot is.
fn pivot<T>(items: &[T], compare: &impl Fn(&T, &T) -> Ordering) -> usize {
    let n = items.len();
    let (mut low, mut middle, mut high) = (0, n / 2, n - 1);
    if n <= INSERTION_MAX + 1 {
        return middle;
    }
    let median = |a: usize, b: usize, c: usize| {
        let less = |i: usize, j: usize| compare(&items[i], &items[j]).is_lt();
        if less(a, b) {
            if less(b, c) {
                b
            } else if less(a, c) {
                c
            } else {
                a
            }
        } else if less(c, b) {
            b
        } else if less(a, c) {
            a
        } else {
            c
        }
    };
    if n > MEDIAN_OF_THREE_MAX {
        let step = n / 8;
        low = median(low, low + step, low + 2 * step);
        middle = median(middle - step, middle, middle + step);
        high = median(high - 2 * step, high - step, high);
    }
    median(low, middle, high)
}

#[cfg(test)]
mod tests {
    use sys::random::Rng;

    use super::*;

    #[test]
    fn the_first_elements_are_those_of_a_sort() {
        let mut rng = Rng::new(1);
        for round in 0..2000 {
            let len = 1 + rng.index(if round % 10 == 0 { 500 } else { 60 });
            let values = 1 + rng.below(len as u64);
            let items: Vec<u64> = (0..len).map(|_| rng.below(values)).collect();
            let count = rng.index(len + 1);
            let (mut some, mut all) = (items.clone(), items);
            sort_first(&mut some, count, &u64::cmp);
            all.sort_unstable();
            assert_eq!(some[..count], all[..count]);
            some.sort_unstable();
            assert_eq!(some, all);
        }
    }

    #[test]
    fn a_bad_pivot_does_not_matter() {
        for len in [100, 10_000] {
            let mut items: Vec<u32> = (0..len).map(|i| (i / 2) ^ 1).collect();
            sort_first(&mut items, len as usize / 2, &u32::cmp);
            assert!(items[..len as usize / 2].is_sorted());
        }
    }
}
