//! Time per command of the codec's hot paths: `cargo bench -p wire`.
//!
//! Each line is the best of several runs, in nanoseconds per command (or call): on a shared machine the
//! smallest number is the least disturbed one.

use std::hint::black_box;
use std::time::Instant;

use wire::glob;
use wire::long_double::LongDouble;
use wire::number::{DoubleBuf, IntBuf, format_f64, format_i64, parse_f64, parse_i64};
use wire::resp::{Limits, Parsed, ReplyWriter, RequestParser, Resp, Span, encode_command};

const RUNS: usize = 15;

fn measure(name: &str, operations: usize, mut run: impl FnMut()) {
    let best = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed()
        })
        .min()
        .expect("at least one run");
    println!("{name:<44} {:>8.2} ns", best.as_nanos() as f64 / operations as f64);
}

/// Parses a pipelined buffer of `commands`, repeated to about 16 KiB, as one read would deliver it.
fn parse(name: &str, commands: &[&[&[u8]]]) {
    let mut buf = Vec::new();
    let mut count = 0;
    while buf.len() < 16 << 10 {
        for command in commands {
            encode_command(&mut buf, command);
            count += 1;
        }
    }
    const READS: usize = 200;
    let (mut parser, mut args, limits) = (RequestParser::default(), Vec::<Span>::new(), Limits::default());
    measure(name, count * READS, || {
        for _ in 0..READS {
            let mut pos = 0;
            while pos < buf.len() {
                args.clear();
                match parser.parse(black_box(&mut buf), pos, &limits, &mut args) {
                    Ok(Parsed::Complete { next }) => pos = next,
                    other => panic!("{other:?}"),
                }
                black_box(&args);
            }
        }
    });
}

fn main() {
    parse("parse GET, 16-byte key", &[&[b"GET", &[b'k'; 16]]]);
    parse("parse SET, 16-byte key, 64-byte value", &[&[b"SET", &[b'k'; 16], &[b'v'; 64]]]);
    parse("parse SET, 16-byte key, 256-byte value", &[&[b"SET", &[b'k'; 16], &[b'v'; 256]]]);
    parse("parse SET, 16-byte key, 1200-byte value", &[&[b"SET", &[b'k'; 16], &[b'v'; 1200]]]);
    parse("parse PING", &[&[b"PING"]]);
    parse("parse MGET of 10", &[&[b"MGETx", b"1", b"22", b"3", b"4", b"5", b"6", b"7", b"8", b"9", b"0"]]);
    parse(
        "parse GET/SET/HSET/DEL mixed",
        &[
            &[b"GET", b"user:1000"],
            &[b"SET", b"user:1000:session", &[b'v'; 130]],
            &[b"HSET", b"h:7", b"field", b"1"],
            &[b"DEL", &[b'k'; 101]],
        ],
    );

    let mut out = Vec::with_capacity(4 << 20);
    let mut write = |name: &str, mut reply: Box<dyn FnMut(&mut ReplyWriter)>| {
        measure(name, CALLS, || {
            out.clear();
            let mut writer = ReplyWriter::new(&mut out, Resp::V2);
            for _ in 0..CALLS {
                reply(black_box(&mut writer));
            }
        });
    };
    write("write +OK", Box::new(|w| w.ok()));
    write("write integer 7", Box::new(|w| w.int(black_box(7))));
    write("write integer 1234567", Box::new(|w| w.int(black_box(1_234_567))));
    write("write bulk of 16", Box::new(|w| w.bulk(black_box(&[b'v'; 16]))));
    write("write bulk of 256", Box::new(|w| w.bulk(black_box(&[b'v'; 256]))));
    write("write bulk integer", Box::new(|w| w.bulk_int(black_box(123_456))));
    write("write double 0.1", Box::new(|w| w.double(black_box(0.1))));

    call("parse_i64, 7 digits", || parse_i64(black_box(b"1234567")));
    call("parse_i64, 19 digits", || parse_i64(black_box(b"1234567890123456789")));
    call("format_i64, 7 digits", || format_i64(black_box(1_234_567), &mut IntBuf::new()).len());
    call("parse_f64 12.3456", || parse_f64(black_box(b"12.3456")));
    call("format_f64 12.3456", || format_f64(black_box(12.3456), &mut DoubleBuf::new()).len());
    let mut text = Vec::with_capacity(64);
    call("long double 10.50 + 0.1, parse to text", || {
        text.clear();
        let sum = LongDouble::parse(black_box(b"10.50")).zip(LongDouble::parse(black_box(b"0.1")));
        sum.map(|(a, b)| a.add(b)).expect("numbers").format_human(&mut text);
        text.len()
    });
    call("glob user:*:session", || glob::matches(black_box(b"user:*:session"), b"user:1000:session", false));
}

const CALLS: usize = 10_000;

fn call<T>(name: &str, mut run: impl FnMut() -> T) {
    measure(name, CALLS, || {
        for _ in 0..CALLS {
            black_box(run());
        }
    });
}
