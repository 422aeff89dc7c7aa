#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| structures::listpack::fuzzing::fuzz_listpack(data));
