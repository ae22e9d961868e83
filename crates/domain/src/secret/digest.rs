//! How keys rest: BLAKE3 keyed with a pepper.

mod recorded;

use alloc::vec::Vec;
use core::{
    fmt,
    sync::atomic::{AtomicUsize, Ordering},
};

use smol_str::SmolStr;
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

pub use self::recorded::{PepperCheck, RecordedPepper};
use super::{BroughtDigest, PlaintextKey};
use crate::model::{Invalid, shows_text};

/// What a pepper's check value is made of. No key is hashed to the same: none looks like this.
const CHECKED_TEXT: &[u8] = b"capykeys: the check value of a pepper";

/// Names a pepper, so that a stored digest says which one it was made with.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PepperId(SmolStr);

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
        Ok(Self(text.into()))
    }
}

shows_text!(PepperId);

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

    pub(super) fn secret(&self) -> &[u8; blake3::KEY_LEN] {
        &self.secret
    }

    fn check(&self) -> PepperCheck {
        let value = *blake3::keyed_hash(&self.secret, CHECKED_TEXT).as_bytes();
        PepperCheck { id: self.id.clone(), value }
    }

    fn digest(&self, hashed: &[u8]) -> KeyDigest {
        KeyDigest { pepper_id: self.id.clone(), bytes: *blake3::keyed_hash(&self.secret, hashed).as_bytes() }
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pepper({}, …)", self.id.0)
    }
}

/// Why the configured peppers are not those that the store's keys need.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PepperFault {
    /// Another pepper of this name was used before.
    #[error("the pepper {} has other bytes than before", .0.as_str())]
    Different(PepperId),
    /// New keys are made with a pepper that is not configured.
    #[error("keys are made with the pepper {}, which is not configured", .0.as_str())]
    Missing(PepperId),
    /// The store is being filled.
    #[error(
        "the store is being filled by `capykeys restore` or `capykeys copy`: wait for its end, or run it again"
    )]
    UnfinishedImport,
    /// A pepper has just been recorded by somebody else, and it is not known with which bytes.
    #[error("the pepper {} is not recorded yet", .0.as_str())]
    Unrecorded(PepperId),
}

/// The active peppers: new keys use one, the others serve the keys that were made with them.
#[derive(Debug)]
pub struct Peppers {
    /// The newest first.
    peppers: Vec<Pepper>,
    /// The place of the one for new keys, or [`UNKNOWN`].
    minting: AtomicUsize,
}

/// It is not known which pepper new keys are made with.
const UNKNOWN: usize = usize::MAX;

impl Peppers {
    /// `current` for new keys, `older` for keys from before it.
    ///
    /// # Errors
    /// [`Invalid`] where two share an id.
    pub fn new(current: Pepper, older: Vec<Pepper>) -> Result<Self, Invalid> {
        let peppers: Vec<Pepper> = core::iter::once(current).chain(older).collect();
        let ids: Vec<&PepperId> = peppers.iter().map(Pepper::id).collect();
        if ids.iter().enumerate().any(|(index, id)| ids[..index].contains(id)) {
            return Err(Invalid::new("peppers", "must have different ids"));
        }
        Ok(Self { peppers, minting: AtomicUsize::new(0) })
    }

    /// The same, of which nothing is used for new keys and no key is called unknown until a store was
    /// [compared](Self::compare).
    #[must_use]
    pub fn uncompared(self) -> Self {
        self.minting.store(UNKNOWN, Ordering::Release);
        self
    }

    /// What a store keeps of them, the newest first.
    #[must_use]
    pub fn checks(&self) -> Vec<PepperCheck> {
        self.peppers.iter().map(Pepper::check).collect()
    }

    /// Compares them with what the store has recorded, and takes the one for new keys from there, which
    /// it gives back: that whose turn was last. Where none had a turn yet, it is the one before the
    /// newest, if there is one.
    ///
    /// # Errors
    /// [`PepperFault`]; from then on no key is made or called unknown, as before the first comparison.
    pub fn compare(&self, recorded: &[RecordedPepper]) -> Result<&PepperId, PepperFault> {
        let minting = self.minting_by(recorded);
        self.minting.store(*minting.as_ref().unwrap_or(&UNKNOWN), Ordering::Release);
        minting.map(|place| &self.peppers[place].id)
    }

    /// Whether [`Peppers::compare`] would succeed.
    #[must_use]
    pub fn fit(&self, recorded: &[RecordedPepper]) -> bool {
        self.minting_by(recorded).is_ok()
    }

    fn minting_by(&self, recorded: &[RecordedPepper]) -> Result<usize, PepperFault> {
        for own in self.checks() {
            match recorded.iter().find(|one| one.check.id == own.id) {
                Some(one) if one.check == own => {}
                Some(_) => return Err(PepperFault::Different(own.id)),
                None => return Err(PepperFault::Unrecorded(own.id)),
            }
        }
        let Some(last) = RecordedPepper::of_last_turn(recorded) else {
            return Ok(1.min(self.peppers.len() - 1));
        };
        if last.is_of_an_import() {
            return Err(PepperFault::UnfinishedImport);
        }
        let place = self.peppers.iter().position(|own| own.id == last.check.id);
        place.ok_or_else(|| PepperFault::Missing(last.check.id.clone()))
    }

    /// The newest, which is to make new keys.
    #[must_use]
    pub fn newest(&self) -> Option<&PepperId> {
        self.peppers.first().map(Pepper::id)
    }

    /// The one that makes new keys; `None` where that is not known.
    #[must_use]
    pub fn minting(&self) -> Option<&PepperId> {
        self.in_use().map(|(_, pepper)| &pepper.id)
    }

    /// The active one of this name.
    pub(super) fn of_id(&self, id: &PepperId) -> Option<&Pepper> {
        self.peppers.iter().find(|pepper| pepper.id == *id)
    }

    pub(super) fn in_use(&self) -> Option<(usize, &Pepper)> {
        let place = self.minting.load(Ordering::Acquire);
        self.peppers.get(place).map(|pepper| (place, pepper))
    }

    /// The digest that a new key is stored under; `None` where it is not known which pepper is to be used.
    #[must_use]
    pub fn digest(&self, key: &PlaintextKey) -> Option<KeyDigest> {
        self.in_use().map(|(_, pepper)| pepper.digest(key.hashed()))
    }

    /// The same of a key whose secret was made elsewhere.
    #[must_use]
    pub fn digest_of_brought(&self, brought: &BroughtDigest) -> Option<KeyDigest> {
        self.in_use().map(|(_, pepper)| pepper.digest(brought.as_bytes()))
    }

    /// Every digest that the key may be stored under.
    #[must_use]
    pub fn candidates(&self, key: &PlaintextKey) -> Vec<KeyDigest> {
        self.peppers.iter().map(|pepper| pepper.digest(key.hashed())).collect()
    }

    /// The same of a key whose secret was made elsewhere.
    #[must_use]
    pub fn candidates_of_brought(&self, brought: &BroughtDigest) -> Vec<KeyDigest> {
        self.peppers.iter().map(|pepper| pepper.digest(brought.as_bytes())).collect()
    }

    /// The one of a key's [`candidates`](Self::candidates) that it would be stored under today, where
    /// that is not `stored`.
    #[must_use]
    pub fn newer(&self, candidates: &[KeyDigest], stored: &KeyDigest) -> Option<KeyDigest> {
        let (place, pepper) = self.in_use()?;
        candidates.get(place).filter(|_| pepper.id != stored.pepper_id).cloned()
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
mod tests;
