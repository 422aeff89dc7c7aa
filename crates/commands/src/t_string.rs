//! Family *string*: values as plain bytes (<https://valkey.io/commands/#string>).
//!
//! A string stands in its entry as an integer or as bytes, or, above [`INLINE_MAX_BYTES`], behind it in chunks. The
//! form follows the length and who made the value: what a client sends may be an integer, what `APPEND` or
//! `SETRANGE` made is `raw` for ever.
//!
//! [`INLINE_MAX_BYTES`]: structures::object::INLINE_MAX_BYTES

mod counter;
pub(crate) mod edit;
mod expiring;
mod lcs;
mod multiple;
pub(crate) mod snapshot;
mod store;
#[cfg(test)]
mod tests;

pub use counter::{decr, decrby, incr, incrby, incrbyfloat};
pub use edit::{append, getrange, setrange, substr};
pub use expiring::{delifeq, getdel, getex};
pub use lcs::lcs;
pub use multiple::{mget, mset, msetex, msetnx};
pub use store::{getset, psetex, set, setex, setnx};

use wire::number::{IntBuf, format_i64};

use crate::ctx::Text;
use crate::slices::{AT_ONCE_BYTES_MAX, reply_big_in_slices};
use crate::{Args, CommandResult, Ctx, Log, Outcome, Spec, facts};

/// The family's rows.
pub const COMMANDS: &[Spec] = &[
    Spec { facts: &facts::string::APPEND, log: Log::Verbatim, run: append },
    Spec { facts: &facts::string::DECR, log: Log::Verbatim, run: decr },
    Spec { facts: &facts::string::DECRBY, log: Log::Verbatim, run: decrby },
    Spec { facts: &facts::string::DELIFEQ, log: Log::Rewritten, run: delifeq },
    Spec { facts: &facts::string::GET, log: Log::Nothing, run: get },
    Spec { facts: &facts::string::GETDEL, log: Log::Rewritten, run: getdel },
    Spec { facts: &facts::string::GETEX, log: Log::Rewritten, run: getex },
    Spec { facts: &facts::string::GETRANGE, log: Log::Nothing, run: getrange },
    Spec { facts: &facts::string::GETSET, log: Log::Rewritten, run: getset },
    Spec { facts: &facts::string::INCR, log: Log::Verbatim, run: incr },
    Spec { facts: &facts::string::INCRBY, log: Log::Verbatim, run: incrby },
    Spec { facts: &facts::string::INCRBYFLOAT, log: Log::Rewritten, run: incrbyfloat },
    Spec { facts: &facts::string::LCS, log: Log::Nothing, run: lcs },
    Spec { facts: &facts::string::MGET, log: Log::Nothing, run: mget },
    Spec { facts: &facts::string::MSET, log: Log::Verbatim, run: mset },
    Spec { facts: &facts::string::MSETEX, log: Log::Rewritten, run: msetex },
    Spec { facts: &facts::string::MSETNX, log: Log::Verbatim, run: msetnx },
    Spec { facts: &facts::string::PSETEX, log: Log::Rewritten, run: psetex },
    Spec { facts: &facts::string::SET, log: Log::Rewritten, run: set },
    Spec { facts: &facts::string::SETEX, log: Log::Rewritten, run: setex },
    Spec { facts: &facts::string::SETNX, log: Log::Verbatim, run: setnx },
    Spec { facts: &facts::string::SETRANGE, log: Log::Verbatim, run: setrange },
    Spec { facts: &facts::string::STRLEN, log: Log::Nothing, run: strlen },
    Spec { facts: &facts::string::SUBSTR, log: Log::Nothing, run: substr },
];

/// `GET key`: the string, or null. O(1) for values in their entry, O(length) to copy chunked ones out.
pub fn get(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    match ctx.space.read(key) {
        Some(entry) => match Text::of(entry)? {
            Text::Big(big) if big.len() > AT_ONCE_BYTES_MAX => {
                let (big, len) = (big.clone(), big.len());
                return reply_big_in_slices(&mut ctx.reply, big, 0..len);
            }
            text => Ctx::reply_text(&mut ctx.reply, text),
        },
        None => ctx.reply.null(),
    }
    Ok(Outcome::Done)
}

/// `STRLEN key`: the length in bytes, 0 for a missing key. O(1).
pub fn strlen(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    let key = ctx.key(args, 1);
    let len = match ctx.space.read(key) {
        Some(entry) => Text::of(entry)?.len(),
        None => 0,
    };
    ctx.reply.int(len as i64);
    Ok(Outcome::Done)
}

/// Whether a string is `bytes`. O(length).
fn equals(text: Text<'_>, bytes: &[u8]) -> bool {
    match text {
        Text::Int(n) => bytes == format_i64(n, &mut IntBuf::new()),
        Text::Bytes(own) => own == bytes,
        Text::Big(big) => big == bytes,
    }
}
