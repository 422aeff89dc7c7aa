#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| commands::geo::fuzzing::fuzz_geo(data));
