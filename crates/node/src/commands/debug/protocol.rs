//! `DEBUG PROTOCOL`: a value of every type of the protocol, for tests of clients.

use commands::{Args, CommandError, CommandResult, Outcome};
use wire::resp::{ReplyWriter, Resp};

use crate::ctx::NodeCtx;

/// What Valkey answers.
#[allow(clippy::approx_constant, reason = "a number with three decimals, not the ratio of a circle")]
const A_DOUBLE: f64 = 3.141;

/// `DEBUG PROTOCOL type`. O(1).
pub(super) fn protocol(ctx: &mut NodeCtx<'_>, args: &Args<'_>) -> CommandResult {
    let kind = String::from_utf8_lossy(args.get(2)).to_ascii_lowercase();
    let reply = &mut ctx.data.reply;
    match kind.as_str() {
        "string" => reply.bulk(b"Hello World"),
        "integer" => reply.int(12345),
        "double" => reply.double(A_DOUBLE),
        "null" => reply.null(),
        "array" => {
            reply.array(3);
            (0..3).for_each(|i| reply.int(i));
        }
        "set" => {
            reply.set(3);
            (0..3).for_each(|i| reply.int(i));
        }
        "map" => {
            reply.map(3);
            for i in 0..3 {
                reply.int(i);
                reply.bool(i == 1);
            }
        }
        "attrib" => {
            if reply.attribute(1) {
                reply.bulk(b"key-popularity");
                reply.array(2);
                reply.bulk(b"key:123");
                reply.int(90);
            }
            // An attribute always stands before a reply.
            reply.bulk(b"Some real reply following the attribute");
        }
        "push" => {
            if reply.resp == Resp::V2 {
                return Err(CommandError::text("ERR RESP2 is not supported by this command"));
            }
            // A push never comes in the middle of a reply, so it leaves behind this one.
            reply.bulk(b"Some real reply following the push reply");
            let mut bytes = Vec::new();
            let mut push = ReplyWriter::new(&mut bytes, reply.resp);
            push.push(2);
            push.bulk(b"server-cpu-usage");
            push.int(42);
            if ctx.data.session.executing.is_some() {
                ctx.data.session.pushes.get_or_insert_default().extend_from_slice(&bytes);
            } else {
                reply.raw(&bytes);
            }
        }
        "true" => reply.bool(true),
        "false" => reply.bool(false),
        "verbatim" => reply.verbatim(b"txt", b"This is a verbatim\nstring"),
        "bignum" => reply.big_number("1234567999999999999999999999999999999"),
        _ => {
            return Err(CommandError::text(
                "ERR Wrong protocol type name. Please use one of the following: \
                 string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false",
            ));
        }
    }
    Ok(Outcome::Done)
}
