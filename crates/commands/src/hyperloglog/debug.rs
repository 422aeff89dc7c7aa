//! `PFDEBUG`, `PFSELFTEST`: for tests of HyperLogLogs.

use keyspace::{Key, NewValue, Object};
use structures::big_string::BigString;
use structures::hll;

use crate::ctx::Text;
use crate::{Args, CommandError, CommandResult, Ctx, Outcome};

/// `PFDEBUG GETREG | DECODE | ENCODING | TODENSE key`, `PFDEBUG SIMD ON | OFF`. O(registers).
pub fn pfdebug(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    if args.is(1, "SIMD") {
        return pfdebug_simd(ctx, args);
    }
    let key = ctx.key(args, 2);
    let mut value = match ctx.space.read_for_write(key) {
        Some(entry) => Text::of(entry)?.to_vec(),
        None => return Err(CommandError::text("ERR The specified key does not exist")),
    };
    let header = hll::check(&value)?;
    ctx.space.mark_raw(key);
    if args.is(1, "GETREG") {
        let registers = hll::registers(&value)?;
        if hll::to_dense(&mut value)? {
            store_dense(ctx, key, &value);
        }
        ctx.reply.array(hll::REGISTERS);
        for &register in registers.iter() {
            ctx.reply.int(i64::from(register));
        }
    } else if args.is(1, "DECODE") {
        match hll::decode(&value)? {
            Some(runs) => ctx.reply.bulk(runs.as_bytes()),
            None => return Err(CommandError::text("ERR HLL encoding is not sparse")),
        }
    } else if args.is(1, "ENCODING") {
        ctx.reply.simple(header.encoding.name());
    } else if args.is(1, "TODENSE") {
        let converted = hll::to_dense(&mut value)?;
        if converted {
            store_dense(ctx, key, &value);
        }
        ctx.reply.int(i64::from(converted));
    } else {
        let name = String::from_utf8_lossy(args.get(1));
        return Err(CommandError::owned(format!("ERR Unknown PFDEBUG subcommand '{name}'")));
    }
    Ok(Outcome::Done)
}

/// The same elements in the other encoding: no news to whoever watches the key.
fn store_dense(ctx: &mut Ctx<'_>, key: Key<'_>, value: &[u8]) {
    let object = Box::new(Object::String(BigString::from_slice(value)));
    ctx.space.recode(key, NewValue::Object(object));
}

/// The vector instructions that this build uses are the compiler's: there is nothing to turn on or off, and results
/// do not depend on it.
fn pfdebug_simd(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CommandResult {
    if args.is(2, "ON") {
        ctx.reply.simple("enabled");
    } else if args.is(2, "OFF") {
        ctx.reply.simple("disabled");
    } else {
        return Err(CommandError::text("ERR Argument must be ON or OFF"));
    }
    Ok(Outcome::Done)
}

/// `PFSELFTEST`: checks registers and estimates of this build, on a worker thread.
pub fn pfselftest(ctx: &mut Ctx<'_>, _args: &Args<'_>) -> CommandResult {
    let seed = ctx.rng.next_u64();
    Ok(Outcome::Worker(Box::new(move || match hll::self_test(seed) {
        Ok(()) => b"+OK\r\n".to_vec(),
        Err(text) => format!("-TESTFAILED {text}\r\n").into_bytes(),
    })))
}
