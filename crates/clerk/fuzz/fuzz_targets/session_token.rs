//! See [`capykeys_clerk_fuzz::session_token`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| capykeys_clerk_fuzz::session_token(data));
