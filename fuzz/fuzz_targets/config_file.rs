#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| brasa_fuzz::config_file::config_file(data));
