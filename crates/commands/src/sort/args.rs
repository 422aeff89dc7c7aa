//! Arguments of `SORT` and what their patterns mean.

use keyspace::slot_of;
use smallvec::SmallVec;

use crate::keys::pattern_slot;
use crate::options::integer;
use crate::{Args, CommandError, Ctx};

/// What elements are compared by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By<'a> {
    /// Themselves.
    Element,
    /// Nothing: they stay in order.
    Nothing,
    /// Values that a pattern leads to.
    Pattern(Pattern<'a>),
}

/// What is said about one element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Get<'a> {
    /// Itself.
    Element,
    /// Nothing: the pattern has no place for it.
    Nothing,
    /// A value that a pattern leads to.
    Pattern(Pattern<'a>),
}

/// From an element to a value: the key that the element completes, or a field of the hash there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pattern<'a> {
    /// The key before the element,
    pub before: &'a [u8],
    /// and behind it.
    pub after: &'a [u8],
    /// The field, if the value is one of a hash.
    pub field: Option<&'a [u8]>,
}

impl<'a> Pattern<'a> {
    /// Takes a pattern apart; `None` if there is no place for the element. As in Valkey, whatever follows a zero byte
    /// is looked at as neither star nor arrow.
    pub fn parse(text: &'a [u8]) -> Option<Pattern<'a>> {
        let visible = visible(text);
        let star = visible.iter().position(|&byte| byte == b'*')?;
        let arrow = visible[star + 1..].windows(2).position(|pair| pair == b"->").map(|at| star + 1 + at);
        // An arrow at the very end is part of the key.
        let arrow = arrow.filter(|at| at + 2 < visible.len());
        let key_end = arrow.unwrap_or(text.len());
        let field = arrow.map(|at| &text[at + 2..]);
        Some(Pattern { before: &text[..star], after: &text[star + 1..key_end], field })
    }
}

/// A text up to its first zero byte: all that C's string functions see.
pub(super) fn visible(text: &[u8]) -> &[u8] {
    text.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// The arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SortArgs<'a> {
    pub by: By<'a>,
    pub gets: SmallVec<[Get<'a>; 2]>,
    /// First element wanted, and how many; negative for all.
    pub limit: (i64, i64),
    pub descending: bool,
    pub alpha: bool,
    /// Which argument is the destination.
    pub store: Option<usize>,
}

impl<'a> SortArgs<'a> {
    /// Reads the options. With `ctx`, patterns whose keys may be in other slots than the first key are refused, as a
    /// cluster must.
    pub fn parse(args: &Args<'a>, stores: bool, ctx: Option<&Ctx<'_>>) -> Result<SortArgs<'a>, CommandError> {
        let mut options = SortArgs {
            by: By::Element,
            gets: SmallVec::new(),
            limit: (0, -1),
            descending: false,
            alpha: false,
            store: None,
        };
        let elsewhere = |pattern: &[u8]| {
            ctx.is_some_and(|ctx| ctx.limits.is_cluster)
                && pattern_slot(pattern) != Some(u32::from(slot_of(args.get(1))))
        };
        let mut i = 2;
        while i < args.len() {
            let is = |word| args.is(i, word);
            let value = args.try_get(i + 1);
            i += match value {
                _ if is("asc") => {
                    options.descending = false;
                    1
                }
                _ if is("desc") => {
                    options.descending = true;
                    1
                }
                _ if is("alpha") => {
                    options.alpha = true;
                    1
                }
                Some(start) if is("limit") && i + 2 < args.len() => {
                    options.limit = (integer(start)?, integer(args.get(i + 2))?);
                    3
                }
                Some(_) if stores && is("store") => {
                    options.store = Some(i + 1);
                    2
                }
                Some(pattern) if is("by") => {
                    options.by = match (options.by, Pattern::parse(pattern)) {
                        (_, Some(_)) if elsewhere(pattern) => return Err(ELSEWHERE_BY),
                        // One constant pattern among several ends all sorting.
                        (By::Nothing, _) | (_, None) => By::Nothing,
                        (_, Some(pattern)) => By::Pattern(pattern),
                    };
                    2
                }
                Some(pattern) if is("get") => {
                    options.gets.push(if visible(pattern) == b"#" {
                        Get::Element
                    } else if elsewhere(pattern) {
                        return Err(ELSEWHERE_GET);
                    } else {
                        Pattern::parse(pattern).map_or(Get::Nothing, Get::Pattern)
                    });
                    2
                }
                _ => return Err(CommandError::Syntax),
            };
        }
        Ok(options)
    }

    /// Whether keys are read that the arguments do not name.
    pub fn reads_undeclared(&self) -> bool {
        matches!(self.by, By::Pattern(_)) || self.gets.iter().any(|get| matches!(get, Get::Pattern(_)))
    }
}

const ELSEWHERE_BY: CommandError = CommandError::text(
    "ERR BY option of SORT denied in Cluster mode when keys formed by the pattern may be in different slots.",
);
const ELSEWHERE_GET: CommandError = CommandError::text(
    "ERR GET option of SORT denied in Cluster mode when keys formed by the pattern may be in different slots.",
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::OwnedArgs;

    #[test]
    fn patterns_come_apart_as_in_valkey() {
        let check = |text: &[u8], expected: Option<Pattern<'_>>| {
            assert_eq!(Pattern::parse(text), expected, "{}", text.escape_ascii());
        };
        fn parts<'a>(before: &'a [u8], after: &'a [u8], field: Option<&'a [u8]>) -> Option<Pattern<'a>> {
            Some(Pattern { before, after, field })
        }
        check(b"w_*", parts(b"w_", b"", None));
        check(b"*", parts(b"", b"", None));
        check(b"a*b*c", parts(b"a", b"b*c", None));
        check(b"w", None);
        check(b"", None);
        check(b"h->f", None);
        check(b"h_*->f", parts(b"h_", b"", Some(b"f")));
        check(b"h_*x->f->g", parts(b"h_", b"x", Some(b"f->g")));
        check(b"a->b*", parts(b"a->b", b"", None));
        check(b"h_*->", parts(b"h_", b"->", None));
        check(b"h_*->\0f", parts(b"h_", b"->\0f", None));
        check(b"h_*->f\0g", parts(b"h_", b"", Some(b"f\0g")));
        check(b"a\0*", None);
        check(b"a*\0b->c", parts(b"a", b"\0b->c", None));
    }

    #[test]
    fn options_may_be_given_again() {
        let parse = |line: &str| {
            let owned: OwnedArgs = line.split(' ').map(str::as_bytes).collect();
            let parsed = SortArgs::parse(&owned.as_args(), true, None);
            parsed
                .map(|o| {
                    let by = match o.by {
                        By::Element => "element",
                        By::Nothing => "nothing",
                        By::Pattern(_) => "pattern",
                    };
                    (by, o.gets.len(), o.limit, o.descending, o.alpha, o.store)
                })
                .map_err(|e| e.to_string())
        };
        assert_eq!(parse("SORT k"), Ok(("element", 0, (0, -1), false, false, None)));
        assert_eq!(
            parse("SORT k DESC asc Desc ALPHA limit 1 2 LIMIT -3 4 BY a* STORE x BY b* GET # GET y STORE z"),
            Ok(("pattern", 2, (-3, 4), true, true, Some(23)))
        );
        for line in ["SORT k BY a* BY STORE", "SORT k BY STORE BY a*"] {
            assert_eq!(parse(line), Ok(("nothing", 0, (0, -1), false, false, None)));
        }
        for line in ["SORT k LIMIT 1", "SORT k BY", "SORT k GET", "SORT k STORE", "SORT k x"] {
            assert_eq!(parse(line), Err("ERR syntax error".to_owned()), "{line}");
        }
        let owned: OwnedArgs = ["SORT_RO", "k", "STORE", "d"].map(str::as_bytes).into_iter().collect();
        assert!(SortArgs::parse(&owned.as_args(), false, None).is_err());
    }
}
