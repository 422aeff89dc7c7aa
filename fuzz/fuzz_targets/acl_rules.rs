#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| acl::fuzzing::rules(data));
