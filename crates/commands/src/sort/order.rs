//! The order of sorted elements: numbers, texts, and what decides between equals.
//!
//! Valkey's results are followed where clients could see a difference. Numbers that are equal go by their elements'
//! bytes. Texts are compared by all their bytes for `STORE` and up to the first zero byte for a reply; those that are
//! equal stay as they were, in either direction. With `BY` and `LIMIT`, Valkey sorts only the part that is wanted, by a
//! partial quicksort, and that moves equals about: it is done here just so, unless it takes far too long.

use std::cell::Cell;
use std::cmp::Ordering;
use std::ops::Range;

use super::args::visible;

/// A quicksort can be made to take quadratic time. After this many times the comparisons that a good sort needs, equals
/// stay as they were after all.
const PATIENCE: usize = 8;

/// What an element is compared by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Weight {
    /// A number.
    Number(f64),
    /// A text, at this place of the arena.
    Text(Span),
    /// The text of a key that is missing.
    Missing,
}

/// A part of the arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    start: usize,
    len: usize,
}

/// An element to sort.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Item {
    /// Its text. Items loaded earlier have lower places.
    pub text: Span,
    /// What it is compared by.
    pub weight: Weight,
}

/// All texts of one command, one after another.
#[derive(Default)]
pub(super) struct Arena(Vec<u8>);

impl Arena {
    /// Adds a text, at a higher place than all before it.
    pub fn add(&mut self, text: &[u8]) -> Span {
        let span = Span { start: self.0.len(), len: text.len() };
        self.0.extend_from_slice(text);
        self.0.push(0);
        span
    }

    /// A text.
    #[inline]
    pub fn get(&self, span: Span) -> &[u8] {
        &self.0[span.start..span.start + span.len]
    }
}

/// How to compare.
#[derive(Clone, Copy, Debug)]
pub(super) struct Order {
    pub descending: bool,
    /// All bytes of a text count, not only those before the first zero byte.
    pub all_bytes: bool,
    /// With `BY` a pattern: partial sorting moves equals about.
    pub by_pattern: bool,
}

impl Order {
    fn texts(self, a: &[u8], b: &[u8]) -> Ordering {
        if self.all_bytes { a.cmp(b) } else { visible(a).cmp(visible(b)) }
    }

    /// Compares two items; `Equal` for those that stay as they were.
    #[inline]
    fn compare(self, arena: &Arena, a: &Item, b: &Item) -> Ordering {
        let order = match (a.weight, b.weight) {
            (Weight::Number(x), Weight::Number(y)) => x
                .partial_cmp(&y)
                .unwrap_or(Ordering::Equal)
                .then_with(|| arena.get(a.text).cmp(arena.get(b.text))),
            (Weight::Text(x), Weight::Text(y)) => self.texts(arena.get(x), arena.get(y)),
            (Weight::Missing, Weight::Missing) => Ordering::Equal,
            (Weight::Missing, _) => Ordering::Less,
            _ => Ordering::Greater,
        };
        if self.descending { order.reverse() } else { order }
    }

    /// Sorts so that the items of `wanted` stand where a full sort would put them. O(n + k log k) for k of n items.
    pub fn sort(self, arena: &Arena, items: &mut [Item], wanted: Range<usize>) {
        let all = wanted.start == 0 && wanted.end == items.len();
        if all {
            return items.sort_by(|a, b| self.compare(arena, a, b));
        }
        if self.by_pattern {
            let before = items.to_vec();
            let left = Cell::new(PATIENCE * items.len() * (items.len().max(2).ilog2() as usize + 1));
            let compare = |a: &Item, b: &Item| {
                left.set(left.get().saturating_sub(1));
                self.compare(arena, a, b)
            };
            if partial_quicksort(items, 0, &wanted, &compare, &|| left.get() > 0) {
                return;
            }
            items.copy_from_slice(&before);
        }
        let stable = |a: &Item, b: &Item| self.compare(arena, a, b).then(a.text.start.cmp(&b.text.start));
        let mut part = items;
        if wanted.is_empty() {
            return;
        }
        if wanted.end < part.len() {
            part.select_nth_unstable_by(wanted.end - 1, stable);
            part = &mut part[..wanted.end];
        }
        if wanted.start > 0 {
            part.select_nth_unstable_by(wanted.start, stable);
            part = &mut part[wanted.start..];
        }
        part.sort_unstable_by(stable);
    }
}

/// The quicksort of Bentley and McIlroy, "Engineering a Sort Function" (1993), in the shape that BSD gave it, going into
/// parts only that have some of `wanted`. `from` is the position of the first item. `false` if `goes_on` said no before
/// the end.
fn partial_quicksort<T>(
    items: &mut [T],
    from: usize,
    wanted: &Range<usize>,
    compare: &impl Fn(&T, &T) -> Ordering,
    goes_on: &impl Fn() -> bool,
) -> bool {
    /// Fewer items than this are sorted by insertion.
    const INSERTION_MAX: usize = 7;
    /// From this many items on, the pivot is a median of nine.
    const NINTHER_MIN: usize = 41;
    let n = items.len();
    if n < INSERTION_MAX {
        insertion_sort(items, compare);
        return true;
    }
    if !goes_on() {
        return false;
    }
    let mut middle = n / 2;
    if n > INSERTION_MAX {
        let (mut low, mut high) = (0, n - 1);
        if n >= NINTHER_MIN {
            let d = n / 8;
            low = median(items, [low, low + d, low + 2 * d], compare);
            middle = median(items, [middle - d, middle, middle + d], compare);
            high = median(items, [high - 2 * d, high - d, high], compare);
        }
        middle = median(items, [low, middle, high], compare);
    }
    items.swap(0, middle);
    // Equal | less | not seen | greater | equal. The pivot is the first item; `right` is one past what was not seen.
    let (mut equal_left, mut left, mut right, mut equal_right) = (1, 1, n, n);
    loop {
        while left < right && compare(&items[left], &items[0]) != Ordering::Greater {
            if compare(&items[left], &items[0]) == Ordering::Equal {
                items.swap(equal_left, left);
                equal_left += 1;
            }
            left += 1;
        }
        while left < right && compare(&items[right - 1], &items[0]) != Ordering::Less {
            if compare(&items[right - 1], &items[0]) == Ordering::Equal {
                equal_right -= 1;
                items.swap(right - 1, equal_right);
            }
            right -= 1;
        }
        if left >= right {
            break;
        }
        items.swap(left, right - 1);
        left += 1;
        right -= 1;
    }
    // The equal ones change places with as many of those that belong outside.
    let (less, greater) = (left - equal_left, equal_right - right);
    let moved = equal_left.min(less);
    swap_ranges(items, 0, left - moved, moved);
    let moved = greater.min(n - equal_right);
    swap_ranges(items, left, n - moved, moved);
    let mut go_into = |part: Range<usize>| {
        let positions = from + part.start..from + part.end;
        let is_wanted = part.len() > 1 && positions.start < wanted.end && wanted.start < positions.end;
        !is_wanted || partial_quicksort(&mut items[part], positions.start, wanted, compare, goes_on)
    };
    go_into(0..less) && go_into(n - greater..n)
}

fn insertion_sort<T>(items: &mut [T], compare: &impl Fn(&T, &T) -> Ordering) {
    for i in 1..items.len() {
        let mut at = i;
        while at > 0 && compare(&items[at - 1], &items[at]) == Ordering::Greater {
            items.swap(at - 1, at);
            at -= 1;
        }
    }
}

fn median<T>(items: &[T], [a, b, c]: [usize; 3], compare: &impl Fn(&T, &T) -> Ordering) -> usize {
    let less = |x: usize, y: usize| compare(&items[x], &items[y]) == Ordering::Less;
    if less(a, b) {
        if less(b, c) {
            b
        } else if less(a, c) {
            c
        } else {
            a
        }
    } else if compare(&items[b], &items[c]) == Ordering::Greater {
        b
    } else if less(a, c) {
        a
    } else {
        c
    }
}

fn swap_ranges<T>(items: &mut [T], a: usize, b: usize, len: usize) {
    for i in 0..len {
        items.swap(a + i, b + i);
    }
}

#[cfg(test)]
mod tests {
    use sys::random::Rng;

    use super::*;

    fn load(texts: &[&[u8]], weigh: impl Fn(Span, &[u8]) -> Weight) -> (Arena, Vec<Item>) {
        let mut arena = Arena::default();
        let items = texts.iter().map(|text| {
            let span = arena.add(text);
            Item { text: span, weight: weigh(span, text) }
        });
        let items = items.collect();
        (arena, items)
    }

    fn shown(arena: &Arena, items: &[Item]) -> String {
        items.iter().map(|item| arena.get(item.text).escape_ascii().to_string()).collect::<Vec<_>>().join(" ")
    }

    #[track_caller]
    fn check(order: Order, texts: &[&[u8]], weigh: impl Fn(Span, &[u8]) -> Weight, expected: &str) {
        let (arena, mut items) = load(texts, weigh);
        let all = 0..items.len();
        order.sort(&arena, &mut items, all);
        assert_eq!(shown(&arena, &items), expected);
    }

    const UP: Order = Order { descending: false, all_bytes: false, by_pattern: false };
    const DOWN: Order = Order { descending: true, ..UP };

    #[test]
    fn equal_numbers_go_by_their_texts() {
        let texts: [&[u8]; 5] = [b"b", b"a", b"c", b"ab", b""];
        let number = |_: Span, text: &[u8]| Weight::Number(if text == b"c" { -1.0 } else { 0.0 });
        check(UP, &texts, number, "c  a ab b");
        check(DOWN, &texts, number, "b ab a  c");
    }

    #[test]
    fn texts_end_at_a_zero_byte_unless_they_are_stored() {
        let texts: [&[u8]; 5] = [b"a\0b", b"\xff", b"a", b"B", b"a\0a"];
        let own = |span: Span, _: &[u8]| Weight::Text(span);
        check(UP, &texts, own, r"B a\x00b a a\x00a \xff");
        check(DOWN, &texts, own, r"\xff a\x00b a a\x00a B");
        check(Order { all_bytes: true, ..UP }, &texts, own, r"B a a\x00a a\x00b \xff");
    }

    #[test]
    fn missing_texts_come_first_and_stay_as_they_were() {
        let texts: [&[u8]; 4] = [b"x", b"b", b"y", b"a"];
        let weigh = |span: Span, text: &[u8]| {
            if text < b"x".as_slice() { Weight::Text(span) } else { Weight::Missing }
        };
        check(UP, &texts, weigh, "x y a b");
        check(DOWN, &texts, weigh, "b a x y");
    }

    #[test]
    fn a_part_is_the_part_of_the_whole() {
        let mut rng = Rng::new(1);
        for len in [1, 2, 7, 8, 41, 100, 1500] {
            for by_pattern in [false, true] {
                let texts: Vec<Vec<u8>> = (0..len).map(|_| rng.below(50).to_string().into_bytes()).collect();
                let texts: Vec<&[u8]> = texts.iter().map(Vec::as_slice).collect();
                let by_number = |_: Span, text: &[u8]| Weight::Number(text.len() as f64);
                let by_text = |span: Span, _: &[u8]| Weight::Text(span);
                let order = Order { by_pattern, descending: rng.below(2) == 0, all_bytes: true };
                for numbers in [true, false] {
                    let (arena, items) =
                        if numbers { load(&texts, by_number) } else { load(&texts, by_text) };
                    let mut all = items.clone();
                    order.sort(&arena, &mut all, 0..len);
                    assert!(all.is_sorted_by(|a, b| order.compare(&arena, a, b).is_le()));
                    for _ in 0..20 {
                        let start = rng.index(len + 1);
                        let wanted = start..start + rng.index(len - start + 1);
                        let mut part = items.clone();
                        order.sort(&arena, &mut part, wanted.clone());
                        assert_eq!(
                            shown(&arena, &part[wanted.clone()]),
                            shown(&arena, &all[wanted.clone()]),
                            "{wanted:?} of {len}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn an_endless_quicksort_is_given_up() {
        let mut items = [3, 1, 2, 9, 7, 8, 5, 4];
        assert!(!partial_quicksort(&mut items, 0, &(0..8), &i32::cmp, &|| false));
        assert!(partial_quicksort(&mut items, 0, &(0..8), &i32::cmp, &|| true));
        assert_eq!(items, [1, 2, 3, 4, 5, 7, 8, 9]);
        // An adversary (McIlroy, "A Killer Adversary for Quicksort", 1999) decides as late as it can which of two items
        // is less: what it was asked about and left for the end makes the next pivots bad.
        let n = 3000;
        let values: Vec<Cell<usize>> = (0..n).map(|_| Cell::new(n)).collect();
        let (solid, candidate, asked) = (Cell::new(0), Cell::new(0), Cell::new(0usize));
        let compare = |a: &usize, b: &usize| {
            asked.set(asked.get() + 1);
            let gas = |i: usize| values[i].get() == n;
            if gas(*a) && gas(*b) {
                let frozen = if *a == candidate.get() { *a } else { *b };
                values[frozen].set(solid.get());
                solid.set(solid.get() + 1);
            }
            if gas(*a) {
                candidate.set(*a);
            } else if gas(*b) {
                candidate.set(*b);
            }
            values[*a].get().cmp(&values[*b].get())
        };
        let mut items: Vec<usize> = (0..n).collect();
        let limit = PATIENCE * n * 12;
        assert!(!partial_quicksort(&mut items, 0, &(0..n), &compare, &|| asked.get() < limit));
        assert!(asked.get() < limit + 3 * n, "{}", asked.get());
    }

    #[test]
    fn a_partial_quicksort_moves_equals_as_valkeys() {
        // SORT l BY w* ALPHA LIMIT 0 5 of 0 to 29, where w* is x for odd and y for even elements.
        let texts: Vec<String> = (0..30).map(|n| n.to_string()).collect();
        let texts: Vec<&[u8]> = texts.iter().map(String::as_bytes).collect();
        let mut arena = Arena::default();
        let (odd, even) = (arena.add(b"x"), arena.add(b"y"));
        let mut items: Vec<Item> = texts
            .iter()
            .map(|text| Item {
                text: arena.add(text),
                weight: Weight::Text(if (text[text.len() - 1] - b'0') % 2 == 1 { odd } else { even }),
            })
            .collect();
        Order { by_pattern: true, ..UP }.sort(&arena, &mut items, 0..5);
        assert_eq!(shown(&arena, &items[..5]), "29 1 3 5 7");
    }
}
