//! The format of keys: prefix, 32 random characters, checksum.

use alloc::{borrow::ToOwned, string::String};
use core::fmt;

use zeroize::Zeroizing;

use super::PlaintextKey;
use crate::model::{Invalid, KeyPrefix};

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const RANDOM_LENGTH: usize = 32;
const CHECKSUM_LENGTH: usize = 6;
/// How many of the random characters a [`KeyPrefix`] shows.
const SHOWN_LENGTH: usize = 4;

/// How keys look: the configured prefix, 32 characters of base 62 (190 random bits) and the
/// CRC-32 (IEEE) of all that precedes in 6 characters of base 62.
///
/// The checksum lets a scanner tell a key from a look-alike, and the service refuse a mistyped one
/// without asking the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFormat {
    prefix: String,
}

impl Default for KeyFormat {
    fn default() -> Self {
        Self { prefix: "capy_live_".to_owned() }
    }
}

impl KeyFormat {
    /// Keys that begin with `prefix`: 2 to 32 of `a-z`, `0-9` and `_`, a letter first, `_` last.
    ///
    /// # Errors
    /// [`Invalid`] for any other prefix.
    pub fn new(prefix: &str) -> Result<Self, Invalid> {
        let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_');
        let fits = (2..=32).contains(&prefix.len())
            && prefix.bytes().all(allowed)
            && prefix.starts_with(|c: char| c.is_ascii_lowercase())
            && prefix.ends_with('_');
        if !fits {
            return Err(Invalid::new(
                "key_prefix",
                "must be 2 to 32 characters from a-z, 0-9 and _, begin with a letter and end with _",
            ));
        }
        Ok(Self { prefix: prefix.to_owned() })
    }

    /// What every key begins with.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// A new key, of the bytes that `fill` gives, which must come from a CSPRNG.
    ///
    /// # Errors
    /// Where `fill` gives none.
    pub fn mint<E>(&self, mut fill: impl FnMut(&mut [u8]) -> Result<(), E>) -> Result<PlaintextKey, E> {
        let random_end = self.prefix.len() + RANDOM_LENGTH;
        // The whole length at once: a string that grew would leave copies behind in memory.
        let mut text = Zeroizing::new(String::with_capacity(random_end + CHECKSUM_LENGTH));
        text.push_str(&self.prefix);
        let mut buffer = Zeroizing::new([0_u8; RANDOM_LENGTH]);
        while text.len() < random_end {
            fill(buffer.as_mut())?;
            for digit in buffer.iter().filter_map(|&byte| unbiased_digit(byte)) {
                if text.len() < random_end {
                    text.push(digit);
                }
            }
        }
        for digit in checksum(&text) {
            text.push(char::from(digit));
        }
        Ok(PlaintextKey::new(text))
    }

    /// The key that `text` is: of this format to the letter, with the right checksum.
    #[must_use]
    pub fn parse(&self, text: &str) -> Option<PlaintextKey> {
        let random = text.strip_prefix(&self.prefix)?;
        if random.len() != RANDOM_LENGTH + CHECKSUM_LENGTH
            || !random.bytes().all(|b| b.is_ascii_alphanumeric())
        {
            return None;
        }
        let (body, given) = text.split_at(text.len() - CHECKSUM_LENGTH);
        (checksum(body) == given.as_bytes()).then(|| PlaintextKey::new(Zeroizing::new(text.to_owned())))
    }

    /// Whether a key stands somewhere in `text`, where none should be.
    #[must_use]
    pub fn occurs_in(&self, text: &str) -> bool {
        let length = self.prefix.len() + RANDOM_LENGTH + CHECKSUM_LENGTH;
        let places = text.match_indices(&self.prefix);
        places.filter_map(|(at, _)| text.get(at..at + length)).any(|part| self.parse(part).is_some())
    }

    /// Refuses a text of this name that holds a key: it would be stored and shown.
    ///
    /// # Errors
    /// [`Invalid`] where one stands somewhere in it.
    pub fn must_not_occur_in(&self, field: &'static str, text: Option<&str>) -> Result<(), Invalid> {
        if text.is_some_and(|text| self.occurs_in(text)) {
            return Err(Invalid::new(field, "must not contain an API key"));
        }
        Ok(())
    }

    /// What may be shown of a key.
    #[must_use]
    pub fn shown(&self, key: &PlaintextKey) -> KeyPrefix {
        let length = self.prefix.len() + SHOWN_LENGTH;
        KeyPrefix::from_stored(key.expose().get(..length).unwrap_or_default())
    }
}

impl fmt::Display for KeyFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[0-9A-Za-z]{{{}}}", self.prefix, RANDOM_LENGTH + CHECKSUM_LENGTH)
    }
}

/// The digit of a random byte; none for the last 8 of 256, which would favour some digits.
fn unbiased_digit(byte: u8) -> Option<char> {
    const FAIR: u8 = 62 * 4;
    (byte < FAIR).then(|| char::from(BASE62[usize::from(byte % 62)]))
}

fn checksum(text: &str) -> [u8; CHECKSUM_LENGTH] {
    let mut rest = crc32fast::hash(text.as_bytes());
    let mut digits = [b'0'; CHECKSUM_LENGTH];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[(rest % 62) as usize];
        rest /= 62;
    }
    digits
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, format, string::ToString};

    use proptest::prelude::*;

    use super::*;

    /// The key of these bytes, and then of sevens.
    fn minted(bytes: impl IntoIterator<Item = u8>) -> PlaintextKey {
        let mut bytes = bytes.into_iter();
        let fill = |buffer: &mut [u8]| {
            buffer.fill_with(|| bytes.next().unwrap_or(7));
            Ok::<(), ()>(())
        };
        KeyFormat::default().mint(fill).unwrap()
    }

    fn minted_of(byte: u8) -> PlaintextKey {
        minted(std::iter::repeat(byte))
    }

    #[test]
    fn a_key_is_prefix_random_part_and_crc_32_in_base_62() {
        let format = KeyFormat::default();
        let key = minted_of(0);
        // python3: binascii.crc32(b"capy_live_" + b"0" * 32) in base 62 with the same alphabet.
        assert_eq!(key.expose(), "capy_live_000000000000000000000000000000003UFVO5");
        assert_eq!(format.shown(&key).as_str(), "capy_live_0000");
        assert_eq!(format.to_string(), "capy_live_[0-9A-Za-z]{38}");
    }

    #[test]
    fn without_randomness_there_is_no_key() {
        assert_eq!(KeyFormat::default().mint(|_| Err("none")).err(), Some("none"));
    }

    #[test]
    fn every_digit_is_equally_likely() {
        let mut counts = std::collections::HashMap::new();
        for digit in (0..=255).filter_map(unbiased_digit) {
            *counts.entry(digit).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 62);
        assert_eq!(counts.values().collect::<HashSet<_>>().len(), 1);
    }

    #[test]
    fn look_alikes_are_refused() {
        let format = KeyFormat::default();
        let key = minted_of(100);
        let good = key.expose();
        let wrong_checksum = format!("{}x", &good[..47]);
        for text in [
            "",
            "capy_live_",
            &good[..47],
            &format!("{good}\n"),
            &format!(" {good}"),
            &good.to_lowercase(),
            &good.replace("live", "test"),
            &wrong_checksum,
            &format!("{good}0"),
        ] {
            assert!(format.parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_key_is_found_wherever_it_stands() {
        let format = KeyFormat::default();
        let key = minted_of(100);
        for text in [key.expose(), &format!("é{}é", key.expose()), &format!("capy_live_{}", key.expose())] {
            assert!(format.occurs_in(text), "{text}");
        }
        for text in ["", "capy_live_", &key.expose()[..47], "capy_live_éééééééééééééééééééééééééééé"]
        {
            assert!(!format.occurs_in(text), "{text}");
        }
    }

    #[test]
    fn prefixes_of_another_shape_are_refused() {
        assert!(KeyFormat::new("acme_test_").is_ok());
        for prefix in ["", "_", "acme", "Acme_", "1a_", "a-b_", &format!("{}_", "a".repeat(32))] {
            assert!(KeyFormat::new(prefix).is_err(), "{prefix}");
        }
    }

    #[test]
    fn debug_shows_nothing_of_a_key() {
        let key = minted_of(3);
        assert_eq!(format!("{key:?}"), "PlaintextKey(…)");
    }

    proptest! {
        #[test]
        fn every_minted_key_parses_and_has_the_published_form(bytes: std::vec::Vec<u8>) {
            let format = KeyFormat::default();
            let key = minted(bytes);
            prop_assert_eq!(key.expose().len(), 48);
            prop_assert!(key.expose()[10..].bytes().all(|b| b.is_ascii_alphanumeric()));
            let parsed = format.parse(key.expose()).unwrap();
            prop_assert_eq!(parsed.expose(), key.expose());
        }

        #[test]
        fn one_changed_character_is_always_noticed(byte: u8, place in 10..48_usize, digit in 0..62_usize) {
            let format = KeyFormat::default();
            let key = minted_of(byte % 248);
            let mut changed = key.expose().as_bytes().to_vec();
            prop_assume!(changed[place] != BASE62[digit]);
            changed[place] = BASE62[digit];
            prop_assert!(format.parse(std::str::from_utf8(&changed).unwrap()).is_none());
        }

        #[test]
        fn parsing_never_panics(text in "(capy_live_)?\\PC{0,60}") {
            let _ = KeyFormat::default().parse(&text);
        }
    }
}
