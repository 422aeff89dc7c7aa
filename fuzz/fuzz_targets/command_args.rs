#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| brasa_fuzz::command_args::command_args(data));
