#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| commands::t_stream::fuzzing::fuzz_ids(data));
