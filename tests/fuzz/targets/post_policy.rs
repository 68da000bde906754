#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| osp_core::properties::post_policy(data));
