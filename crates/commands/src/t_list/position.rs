//! `LPOS`: where elements stand.

use structures::list::{End, List, Needle};

use crate::options::{integer_between, positive_or};
use crate::slices::reply_in_slices;
use crate::{Args, CommandError, CommandResult, Ctx, Outcome};

/// Elements that a search looks at under the lock, and in one slice beyond it.
const SLICE_ELEMENTS: usize = 20_000;

/// `LPOS key element [RANK rank] [COUNT num-matches] [MAXLEN len]`: indexes of elements that equal one. O(elements
/// looked at), in slices beyond some thousands.
pub fn lpos(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let mut search = Search::parse(args)?;
    let key = ctx.key(args, 1);
    let Some(list) = ctx.space.read_as::<List>(key)? else {
        search.reply_none(ctx);
        return Ok(Outcome::Done);
    };
    if search.max > 0 {
        search.left = search.max.min(list.len());
    } else {
        search.left = list.len();
    }
    if search.advance(list) {
        return search.finish(ctx);
    }
    let list = list.clone();
    go_on(list, search)
}

fn go_on(list: List, search: Search) -> CommandResult {
    let mut state = Some((list, search));
    Ok(Outcome::Continue(Box::new(move |ctx| {
        let Some((list, mut search)) = state.take() else { return Ok(Outcome::Done) };
        if search.advance(&list) { search.finish(ctx) } else { go_on(list, search) }
    })))
}

/// A search under way.
struct Search {
    element: Vec<u8>,
    from: End,
    /// Matches to pass over before the first one that counts.
    skip: u64,
    /// `COUNT`: matches wanted, 0 for all; `None` for one that is no array.
    count: Option<usize>,
    /// `MAXLEN`: elements to look at, 0 for all.
    max: usize,
    /// Elements passed.
    passed: usize,
    /// Elements to look at.
    left: usize,
    found: Vec<usize>,
}

impl Search {
    fn parse(args: &Args<'_>) -> Result<Search, CommandError> {
        let (mut rank, mut count, mut max) = (1, None, 0);
        let mut i = 3;
        while i < args.len() {
            let value = args.try_get(i + 1).ok_or(CommandError::Syntax);
            if args.is(i, "RANK") {
                rank = integer_between(value?, -i64::MAX, i64::MAX)?;
                if rank == 0 {
                    return Err(CommandError::text(
                        "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use \
                         negative to start from the end of the list",
                    ));
                }
            } else if args.is(i, "COUNT") {
                count = Some(positive_or(value?, CommandError::text("ERR COUNT can't be negative"))?);
            } else if args.is(i, "MAXLEN") {
                max = positive_or(value?, CommandError::text("ERR MAXLEN can't be negative"))?;
            } else {
                return Err(CommandError::Syntax);
            }
            i += 2;
        }
        Ok(Search {
            element: args.get(2).to_vec(),
            from: if rank < 0 { End::Back } else { End::Front },
            skip: rank.unsigned_abs() - 1,
            count,
            max,
            passed: 0,
            left: 0,
            found: Vec::new(),
        })
    }

    /// Looks at some more elements; `true` when the search is over.
    fn advance(&mut self, list: &List) -> bool {
        let element = Needle::new(&self.element);
        let wanted = self.count.unwrap_or(1);
        let slice = self.left.min(SLICE_ELEMENTS);
        let (len, passed) = (list.len(), self.passed);
        let range = match self.from {
            End::Front => passed..passed + slice,
            End::Back => len - passed - slice..len - passed,
        };
        for (i, other) in list.walk(range, self.from).enumerate() {
            if !element.matches(other) {
                continue;
            }
            if self.skip > 0 {
                self.skip -= 1;
                continue;
            }
            self.found.push(if self.from == End::Front { passed + i } else { len - 1 - passed - i });
            if self.found.len() == wanted {
                return true;
            }
        }
        self.passed += slice;
        self.left -= slice;
        self.left == 0
    }

    fn reply_none(&self, ctx: &mut Ctx<'_>) {
        match self.count {
            Some(_) => ctx.reply.array(0),
            None => ctx.reply.null(),
        }
    }

    fn finish(self, ctx: &mut Ctx<'_>) -> CommandResult {
        if self.count.is_some() {
            ctx.reply.array(self.found.len());
            return reply_in_slices(self.found.into_iter(), |reply, index| reply.int(index as i64));
        }
        match self.found.first() {
            Some(&index) => ctx.reply.int(index as i64),
            None => ctx.reply.null(),
        }
        Ok(Outcome::Done)
    }
}
