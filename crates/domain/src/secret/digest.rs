//! How keys rest: BLAKE3 keyed with a pepper.

use alloc::{borrow::ToOwned, string::String, vec::Vec};
use core::fmt;

use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

use super::PlaintextKey;
use crate::model::Invalid;

/// Names a pepper, so that a stored digest says which one it was made with.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PepperId(String);

impl PepperId {
    /// 1 to 32 characters from `[A-Za-z0-9_-]`.
    ///
    /// # Errors
    /// [`Invalid`] for any other text.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if !(1..=32).contains(&text.len()) || !text.bytes().all(allowed) {
            return Err(Invalid::new("pepper id", "must be 1 to 32 characters from A-Z, a-z, 0-9, _ and -"));
        }
        Ok(Self(text.to_owned()))
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A secret that is mixed into every digest, so that the store alone is worth nothing.
pub struct Pepper {
    id: PepperId,
    secret: Zeroizing<[u8; blake3::KEY_LEN]>,
}

impl Pepper {
    /// The pepper `id` with 32 secret bytes.
    #[must_use]
    pub const fn new(id: PepperId, secret: Zeroizing<[u8; blake3::KEY_LEN]>) -> Self {
        Self { id, secret }
    }

    /// Its name, which is no secret.
    #[must_use]
    pub const fn id(&self) -> &PepperId {
        &self.id
    }

    fn digest(&self, key: &PlaintextKey) -> KeyDigest {
        KeyDigest {
            pepper_id: self.id.clone(),
            bytes: *blake3::keyed_hash(&self.secret, key.expose().as_bytes()).as_bytes(),
        }
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pepper({}, …)", self.id.0)
    }
}

/// The active peppers: new keys use the first, the others serve the keys that were made with them.
#[derive(Debug)]
pub struct Peppers {
    current: Pepper,
    older: Vec<Pepper>,
}

impl Peppers {
    /// `current` for new keys, `older` for keys from before it.
    ///
    /// # Errors
    /// [`Invalid`] where two share an id.
    pub fn new(current: Pepper, older: Vec<Pepper>) -> Result<Self, Invalid> {
        let peppers = Self { current, older };
        let ids: Vec<&PepperId> = peppers.all().map(Pepper::id).collect();
        if ids.iter().enumerate().any(|(index, id)| ids[..index].contains(id)) {
            return Err(Invalid::new("peppers", "must have different ids"));
        }
        Ok(peppers)
    }

    fn all(&self) -> impl Iterator<Item = &Pepper> {
        core::iter::once(&self.current).chain(&self.older)
    }

    /// The digest that a new key is stored under.
    #[must_use]
    pub fn digest(&self, key: &PlaintextKey) -> KeyDigest {
        self.current.digest(key)
    }

    /// Every digest that the key may be stored under, the likeliest first.
    #[must_use]
    pub fn candidates(&self, key: &PlaintextKey) -> Vec<KeyDigest> {
        self.all().map(|pepper| pepper.digest(key)).collect()
    }
}

/// What is stored in a key's place. Compared in constant time, and not shown under `{:?}`.
#[derive(Clone)]
pub struct KeyDigest {
    pepper_id: PepperId,
    bytes: [u8; blake3::OUT_LEN],
}

impl KeyDigest {
    /// From what was stored.
    #[must_use]
    pub const fn from_stored(pepper_id: PepperId, bytes: [u8; blake3::OUT_LEN]) -> Self {
        Self { pepper_id, bytes }
    }

    /// The pepper that it was made with.
    #[must_use]
    pub const fn pepper_id(&self) -> &PepperId {
        &self.pepper_id
    }

    /// The bytes, for storage.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; blake3::OUT_LEN] {
        &self.bytes
    }
}

impl ConstantTimeEq for KeyDigest {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.bytes.ct_eq(&other.bytes) & Choice::from(u8::from(self.pepper_id == other.pepper_id))
    }
}

impl PartialEq for KeyDigest {
    fn eq(&self, other: &Self) -> bool {
        self.ct_eq(other).into()
    }
}

impl Eq for KeyDigest {}

impl fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyDigest(…)")
    }
}

#[cfg(test)]
mod tests {
    use std::{format, vec};

    use super::*;
    use crate::{
        ports::{Entropy, Unavailable},
        secret::KeyFormat,
    };

    struct Zeros;
    impl Entropy for Zeros {
        fn fill(&self, buffer: &mut [u8]) -> Result<(), Unavailable> {
            buffer.fill(0);
            Ok(())
        }
    }

    fn pepper(id: &str, byte: u8) -> Pepper {
        Pepper::new(PepperId::parse(id).unwrap(), Zeroizing::new([byte; 32]))
    }

    #[test]
    fn a_key_is_found_under_every_active_pepper() {
        let key = KeyFormat::default().mint(&Zeros).unwrap();
        let before = Peppers::new(pepper("a", 1), vec![]).unwrap();
        let after = Peppers::new(pepper("b", 2), vec![pepper("a", 1)]).unwrap();
        let candidates = after.candidates(&key);
        assert_eq!(candidates.len(), 2);
        assert_eq!(candidates[0], after.digest(&key));
        assert_eq!(candidates[1], before.digest(&key));
        assert_ne!(candidates[0], candidates[1]);
    }

    #[test]
    fn two_peppers_of_one_name_are_refused() {
        assert!(Peppers::new(pepper("a", 1), vec![pepper("a", 2)]).is_err());
    }

    #[test]
    fn neither_pepper_nor_digest_shows_its_bytes() {
        let key = KeyFormat::default().mint(&Zeros).unwrap();
        let peppers = Peppers::new(pepper("a", 171), vec![]).unwrap();
        assert_eq!(format!("{peppers:?}"), "Peppers { current: Pepper(a, …), older: [] }");
        assert_eq!(format!("{:?}", peppers.digest(&key)), "KeyDigest(…)");
    }
}
