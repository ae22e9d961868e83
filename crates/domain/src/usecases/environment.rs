//! What all parts of the service need.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicI64, Ordering};

use crate::{
    model::{RequestId, ScopeCatalogue, Timestamp},
    ports::{Clock, Entropy, Unavailable},
    secret::{BroughtDigest, KeyDigest, KeyFormat, Peppers, PlaintextKey},
};

/// Time, randomness, how keys look and are hashed, and which scopes there are.
pub struct Environment {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    format: KeyFormat,
    pub(super) peppers: Arc<Peppers>,
    scopes: ScopeCatalogue,
    /// When something was made last, in microseconds.
    last_made: AtomicI64,
}

impl Environment {
    /// Puts it together.
    #[must_use]
    pub fn new(
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        format: KeyFormat,
        peppers: impl Into<Arc<Peppers>>,
        scopes: ScopeCatalogue,
    ) -> Self {
        let last_made = AtomicI64::new(i64::MIN);
        Self { clock, entropy, format, peppers: peppers.into(), scopes, last_made }
    }

    /// How keys look.
    #[must_use]
    pub const fn format(&self) -> &KeyFormat {
        &self.format
    }

    /// The scopes that there are.
    #[must_use]
    pub const fn scopes(&self) -> &ScopeCatalogue {
        &self.scopes
    }

    /// The current time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The time in the id of something that is made now: later than that of everything that was made here
    /// before, also while the clock stands still, so that ids sort as they were made.
    pub(super) fn time_of_making(&self, now: Timestamp) -> Timestamp {
        let later = |last: i64| now.unix_micros().max(last.saturating_add(1));
        let updated =
            self.last_made.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(later(last)));
        updated.ok().and_then(|last| Timestamp::from_unix_micros(later(last))).unwrap_or(now)
    }

    /// The id of a request: the one that its caller gave, where that can stand in a log, where no key
    /// may; else a new one. Where there is no randomness to be had, that is the time.
    #[must_use]
    pub fn request_id(&self, given: Option<&str>) -> RequestId {
        let given = given.filter(|id| !self.format.occurs_in(id)).and_then(RequestId::parse);
        given.unwrap_or_else(|| {
            let mut random = [0; 16];
            if self.entropy.fill_request_id(&mut random).is_err() {
                random = i128::from(self.now().unix_micros()).to_be_bytes();
            }
            RequestId::from_random(random)
        })
    }

    pub(super) fn random<const N: usize>(&self) -> Result<[u8; N], Unavailable> {
        let mut bytes = [0; N];
        self.entropy.fill(&mut bytes)?;
        Ok(bytes)
    }

    /// A new key's secret.
    pub(super) fn mint(&self) -> Result<PlaintextKey, Unavailable> {
        self.format.mint(|buffer| self.entropy.fill(buffer))
    }

    /// The digest that a new key is stored under.
    pub(super) fn digest(&self, key: &PlaintextKey) -> Result<KeyDigest, Unavailable> {
        self.peppers.digest(key).ok_or_else(unknown_peppers)
    }

    /// The same of one whose secret was made elsewhere.
    ///
    /// # Errors
    /// [`Unavailable`] where it is not known which pepper is to be used.
    pub fn digest_of_brought(&self, secret: &BroughtDigest) -> Result<KeyDigest, Unavailable> {
        self.peppers.digest_of_brought(secret).ok_or_else(unknown_peppers)
    }

    /// Whether the peppers are known to be those that the store's keys need: with others, every key
    /// would look unknown.
    pub(super) fn peppers_are_right(&self) -> Result<(), Unavailable> {
        self.peppers.minting().map(drop).ok_or_else(unknown_peppers)
    }
}

pub(super) fn unknown_peppers() -> Unavailable {
    Unavailable::new("peppers", "not known to be those that the store's keys need")
}
