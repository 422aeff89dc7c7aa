#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| script::fuzzing::cjson(data));
