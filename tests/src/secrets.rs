//! Finding secrets where none may be.

use std::sync::LazyLock;

use aws_lc_rs::digest;

/// The prefix of every key that these tests meet.
pub const KEY_PREFIX: &str = "capy_live_";

const SECRET_LENGTH: usize = 38;

/// The pepper of every installation, as the configuration writes it.
pub const PEPPER: &str = "5d1c0f6be8a74fd2b69f3e0a7c148d29e6b5f0937a2cd84e1b60c7f3952ea8d4";

/// What in `line` is a secret: the kind alone, so that it may be said aloud.
pub fn found_in(line: &str) -> Option<&'static str> {
    if after(line, KEY_PREFIX).any(|rest| run(rest, |byte| byte.is_ascii_alphanumeric()) >= SECRET_LENGTH) {
        Some("a plaintext key")
    } else if after(line, "eyJ").any(|rest| run(rest, is_base64url) >= SECRET_LENGTH) {
        Some("a bearer token")
    } else if line.to_ascii_lowercase().contains(PEPPER) {
        Some("the pepper")
    } else {
        None
    }
}

/// The digest under which the store knows the key, in hexadecimal.
pub fn digest(plaintext: &str) -> String {
    static KEY: LazyLock<[u8; 32]> = LazyLock::new(|| {
        let mut bytes = [0; 32];
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&PEPPER[2 * index..2 * index + 2], 16).expect("hexadecimal digits");
        }
        bytes
    });
    blake3::keyed_hash(&KEY, plaintext.as_bytes()).to_hex().to_string()
}

/// The SHA-256 of a secret that was made elsewhere.
pub fn sha256(secret: &str) -> Vec<u8> {
    digest::digest(&digest::SHA256, secret.as_bytes()).as_ref().to_vec()
}

/// The same as it is brought.
pub fn brought_digest(secret: &str) -> String {
    sha256(secret).iter().fold("sha256:".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

/// A key that is well-formed but nobody's: the checksum is right, the store has none such.
pub fn unknown_key() -> &'static str {
    // crc32("capy_live_" + 32 × "A") in base 62.
    static KEY: LazyLock<String> = LazyLock::new(|| {
        let body = format!("{KEY_PREFIX}{}", "A".repeat(32));
        let checksum = checksum(&body);
        format!("{body}{checksum}")
    });
    &KEY
}

/// The six characters that end a key: the CRC-32 (IEEE) of what precedes, in base 62.
pub fn checksum(body: &str) -> String {
    const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let crc = !body.bytes().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    });
    // 62⁵ fits in 32 bits, 62⁶ does not, so six digits hold every value.
    (0..6).rev().map(|place| char::from(ALPHABET[(crc / 62_u32.pow(place) % 62) as usize])).collect()
}

fn after<'a>(line: &'a str, start: &'a str) -> impl Iterator<Item = &'a str> {
    line.match_indices(start).map(move |(at, _)| &line[at + start.len()..])
}

fn run(text: &str, allowed: impl Fn(u8) -> bool) -> usize {
    text.bytes().take_while(|&byte| allowed(byte)).count()
}

fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}
