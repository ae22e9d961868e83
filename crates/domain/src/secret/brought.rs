//! Secrets that were made elsewhere: what they may look like, and what is said in their place.

use alloc::borrow::ToOwned;
use core::fmt;

use base64ct::{Base64, Base64Unpadded, Base64Url, Base64UrlUnpadded, Encoding};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{KeyFormat, PlaintextKey};
use crate::model::{Invalid, KeyPrefix};

/// Fewer characters hold no secret that a fast hash could keep.
const SHORTEST: usize = 16;
const LONGEST: usize = 512;
/// Less than the shortest secret.
const LONGEST_PREFIX: usize = 12;
const SHA256: &str = "sha256:";

/// The SHA-256 of a secret that was made elsewhere, as whoever brings it says it. Not shown under `{:?}`.
///
/// It does not go into the store as it is: a [`KeyDigest`](super::KeyDigest) is made of it.
#[derive(Clone)]
pub struct BroughtDigest([u8; 32]);

impl BroughtDigest {
    /// Of `sha256:` and the 32 bytes, in hexadecimal digits of either case or in Base64 (RFC 4648, sections 4 and
    /// 5), with or without padding.
    ///
    /// # Errors
    /// [`Invalid`] for any other text.
    pub fn parse(field: &'static str, text: &str) -> Result<Self, Invalid> {
        let bytes = text.strip_prefix(SHA256).and_then(|encoded| hex(encoded).or_else(|| base64(encoded)));
        let rule = "must be sha256: and the SHA-256 of the secret, in 64 hexadecimal digits or in Base64";
        bytes.map(Self).ok_or(Invalid::new(field, rule))
    }

    pub(super) fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret).into())
    }

    pub(super) const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for BroughtDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BroughtDigest(…)")
    }
}

fn hex(text: &str) -> Option<[u8; 32]> {
    let mut digits = text.chars().map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok()));
    let mut bytes = [0; 32];
    for byte in &mut bytes {
        *byte = digits.next()?? << 4 | digits.next()??;
    }
    digits.next().is_none().then_some(bytes)
}

fn base64(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let mut decodes = |decode: for<'b> fn(&str, &'b mut [u8]) -> Result<&'b [u8], base64ct::Error>| {
        decode(text, &mut bytes).is_ok_and(|decoded| decoded.len() == 32)
    };
    let is_any = decodes(|text, bytes| Base64::decode(text, bytes))
        || decodes(|text, bytes| Base64Unpadded::decode(text, bytes))
        || decodes(|text, bytes| Base64Url::decode(text, bytes))
        || decodes(|text, bytes| Base64UrlUnpadded::decode(text, bytes));
    is_any.then_some(bytes)
}

/// What is known of a secret that was made elsewhere.
#[derive(Clone, Debug)]
pub struct BroughtSecret {
    /// Its hash.
    pub digest: BroughtDigest,
    /// What may be shown of it.
    pub prefix: KeyPrefix,
}

impl BroughtSecret {
    /// With its beginning, by which a person recognises it: up to 12 visible ASCII characters. Where nobody says one,
    /// `-` is shown.
    ///
    /// # Errors
    /// [`Invalid`] for any other beginning, and for that of a key that is made here.
    pub fn new(format: &KeyFormat, digest: BroughtDigest, prefix: Option<&str>) -> Result<Self, Invalid> {
        let prefix = prefix.unwrap_or("-");
        let is_visible = prefix.bytes().all(|byte| byte.is_ascii_graphic());
        let rule = if !(1..=LONGEST_PREFIX).contains(&prefix.len()) || !is_visible {
            "must be 1 to 12 visible ASCII characters without blanks"
        } else if prefix.starts_with(format.prefix())
            || (prefix.len() > 3 && format.prefix().starts_with(prefix))
        {
            "must not be the beginning of a key that is made here"
        } else {
            return Ok(Self { digest, prefix: KeyPrefix::from_stored(prefix) });
        };
        Err(Invalid::new("key_prefix", rule))
    }
}

/// Which texts can be keys: those of the format and, where any were brought, most others.
#[derive(Clone, Copy, Debug)]
pub struct KeyTexts<'f> {
    /// How keys look that are made here.
    pub format: &'f KeyFormat,
    /// Whether there are keys whose secrets were made elsewhere.
    pub brought: bool,
}

impl<'f> From<&'f KeyFormat> for KeyTexts<'f> {
    fn from(format: &'f KeyFormat) -> Self {
        Self { format, brought: false }
    }
}

impl KeyTexts<'_> {
    /// The key that `text` can be. One that begins as those do that are made here is of their format or none; of the
    /// others, one that is 16 to 512 visible ASCII characters long and does not look like a [JWT](is_jwt).
    #[must_use]
    pub fn parse(&self, text: &str) -> Option<PlaintextKey> {
        if text.starts_with(self.format.prefix()) {
            return self.format.parse(text);
        }
        let can_be_one = self.brought
            && (SHORTEST..=LONGEST).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic())
            && !is_jwt(text);
        can_be_one.then(|| PlaintextKey::brought(Zeroizing::new(text.to_owned())))
    }
}

/// Whether it is three parts with dots between them.
pub(super) fn is_jwt(text: &str) -> bool {
    text.split('.').count() == 3 && text.split('.').all(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use std::{format, string::String, string::ToString};

    use proptest::prelude::*;

    use super::*;

    /// `printf %s sk_live_0123456789abcdef | sha256sum`
    const SECRET: &str = "sk_live_0123456789abcdef";
    const HEX: &str = "sha256:342e20dec519556fcfd48f5437e0531f1f3beab35b6ebccddb916d264d67f76e";

    fn parsed(text: &str) -> Option<[u8; 32]> {
        BroughtDigest::parse("key_digest", text).ok().map(|digest| digest.0)
    }

    #[test]
    fn a_digest_is_read_in_each_of_its_spellings() {
        let own = BroughtDigest::of(SECRET).0;
        assert_eq!(parsed(HEX), Some(own));
        assert_eq!(parsed(&format!("sha256:{}", HEX["sha256:".len()..].to_uppercase())), Some(own));
        for encoded in [
            Base64::encode_string(&own),
            Base64Unpadded::encode_string(&own),
            Base64Url::encode_string(&own),
            Base64UrlUnpadded::encode_string(&own),
        ] {
            assert_eq!(parsed(&format!("sha256:{encoded}")), Some(own));
        }
    }

    #[test]
    fn what_is_no_digest_is_refused_without_repeating_it() {
        for text in [
            "",
            "sha256:",
            "sha256",
            &HEX["sha256:".len()..],
            &HEX.replace("sha256", "SHA256"),
            &HEX.replace("sha256", "md5"),
            &HEX[..HEX.len() - 1],
            &format!("{HEX}0"),
            &format!("{HEX} "),
            &format!("sha256: {}", &HEX["sha256:".len()..]),
            "sha256:+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1",
            // 31 bytes, and bits that stand for nothing.
            "sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==",
            "sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=",
        ] {
            let error = BroughtDigest::parse("key_digest", text).unwrap_err().to_string();
            assert!(error.starts_with("`key_digest` must be sha256: and"), "{text}: {error}");
        }
        assert_eq!(format!("{:?}", BroughtDigest::of(SECRET)), "BroughtDigest(…)");
    }

    #[test]
    fn a_beginning_is_short_and_no_keys_of_this_service() {
        let format = KeyFormat::default();
        let of = |prefix| BroughtSecret::new(&format, BroughtDigest::of(SECRET), prefix);
        for prefix in ["s", "sk_live_0123", "\"'<>"] {
            assert_eq!(of(Some(prefix)).unwrap().prefix.as_str(), prefix);
        }
        assert_eq!(of(None).unwrap().prefix.as_str(), "-");
        for prefix in [
            "",
            " ",
            "sk live",
            "sk_live_01234",
            "é",
            "a\n",
            "capy",
            "capy_live",
            "capy_live_",
            "capy_live_a",
        ] {
            assert_eq!(of(Some(prefix)).unwrap_err().field(), "key_prefix", "{prefix:?}");
        }
    }

    #[test]
    fn texts_are_keys_of_elsewhere_only_where_any_were_brought() {
        let format = KeyFormat::default();
        let none = KeyTexts::from(&format);
        let some = KeyTexts { brought: true, ..none };
        for text in [SECRET, "0123456789abcdef", &"x".repeat(512), "a.b.c.d.e.f.g.h.i", "..0123456789abcdef"]
        {
            assert!(some.parse(text).is_some() && none.parse(text).is_none(), "{text}");
        }
        for text in [
            "",
            "0123456789abcde",
            &"x".repeat(513),
            "0123456789abcdef ",
            "0123456789 abcdef",
            "0123456789abcdefé",
            "0123456789\u{7f}abcdef",
            "0123456789.abc.def",
            "capy_live_0123456789abcdef",
        ] {
            assert!(some.parse(text).is_none(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(sha256:)?\\PC{0,70}", brought: bool) {
            let format = KeyFormat::default();
            let _ = BroughtDigest::parse("key_digest", &text);
            let _ = KeyTexts { format: &format, brought }.parse(&text);
            let _ = BroughtSecret::new(&format, BroughtDigest::of(&text), Some(&text));
        }

        #[test]
        fn a_text_that_is_a_key_without_those_brought_is_the_same_with_them(text in "(capy_live_)?[0-9A-Za-z.]{0,40}") {
            let format = KeyFormat::default();
            let none = KeyTexts::from(&format);
            if let Some(key) = none.parse(&text) {
                let with = KeyTexts { brought: true, ..none }.parse(&text).unwrap();
                prop_assert_eq!((key.expose(), key.is_brought()), (with.expose(), false));
                prop_assert!(!with.is_brought());
            }
        }

        #[test]
        fn each_digest_comes_back_from_its_text(bytes: [u8; 32]) {
            let digits = bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
            prop_assert_eq!(parsed(&format!("sha256:{digits}")), Some(bytes));
            prop_assert_eq!(parsed(&format!("sha256:{}", Base64::encode_string(&bytes))), Some(bytes));
        }
    }
}
