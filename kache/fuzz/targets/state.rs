#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| kache_fuzz::run("state", data));
