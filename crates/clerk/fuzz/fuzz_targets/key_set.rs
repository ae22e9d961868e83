//! See [`capykeys_clerk_fuzz::key_set`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| capykeys_clerk_fuzz::key_set(data));
