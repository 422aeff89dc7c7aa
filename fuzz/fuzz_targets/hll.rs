#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| structures::hll::fuzzing::fuzz_hll(data));
