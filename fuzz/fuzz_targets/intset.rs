#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| structures::intset::fuzzing::fuzz_intset(data));
