//! The keys of one issuer of tokens.

use capykeys_domain::ports::Unavailable;
use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;

use crate::{
    cache::{Environment, KeyCache},
    key::{Algorithm, VerificationKey},
    source::{KeySource, KeySourceError},
    token::Compact,
};

/// Why a signature does not stand.
#[derive(Debug, thiserror::Error)]
pub enum SignatureError {
    /// The token does not say which key it is signed with, and there may be several.
    #[error("no key id")]
    NoKeyId,
    /// The issuer has no key of this id for this algorithm.
    #[error("unknown key")]
    UnknownKey,
    /// The signature does not match.
    #[error("bad signature")]
    Mismatch,
    /// The keys cannot be had right now.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// The keys of one issuer of tokens: one that was configured, or the set that it publishes.
pub struct Keys(Kind);

enum Kind {
    Fixed(VerificationKey),
    Fetched(KeyCache),
}

impl Keys {
    /// Reads a configured key. No key is fetched yet: see [`warm_up`](Self::warm_up).
    ///
    /// # Errors
    /// [`KeySourceError`] where the source cannot be worked with.
    pub fn new(source: &KeySource, environment: &Environment) -> Result<Self, KeySourceError> {
        // Named here, so that no other crate's choice of features leaves it to be guessed. An
        // error says that the process has one already.
        DEFAULT_PROVIDER.install_default().ok();
        source.check()?;
        Ok(Self(match source {
            KeySource::Pem(pem) => {
                let key = VerificationKey::from_pem(pem, environment.algorithms);
                Kind::Fixed(key.ok_or(KeySourceError::NoPublicKey)?)
            }
            KeySource::JwksUrl(url) => Kind::Fetched(KeyCache::new(url.clone(), environment.clone())),
        }))
    }

    /// Starts to fetch the keys, where they are fetched, and comes back at once. What fails is
    /// tried again when a token comes.
    pub fn warm_up(&self) {
        if let Kind::Fetched(cache) = &self.0 {
            cache.warm_up();
        }
    }

    /// Checks that the token is signed with a key of this id and for this algorithm. The id is
    /// needed where the keys are fetched.
    ///
    /// # Errors
    /// [`SignatureError`].
    pub async fn check(
        &self,
        algorithm: Algorithm,
        key_id: Option<&str>,
        token: &Compact<'_>,
    ) -> Result<(), SignatureError> {
        match &self.0 {
            Kind::Fixed(key) if key.algorithm() != algorithm => Err(SignatureError::UnknownKey),
            Kind::Fixed(key) if key.has_signed(token) => Ok(()),
            Kind::Fixed(_) => Err(SignatureError::Mismatch),
            Kind::Fetched(cache) => {
                let key_id = key_id.ok_or(SignatureError::NoKeyId)?;
                check_fetched(cache, algorithm, key_id, token).await
            }
        }
    }
}

async fn check_fetched(
    cache: &KeyCache,
    algorithm: Algorithm,
    key_id: &str,
    token: &Compact<'_>,
) -> Result<(), SignatureError> {
    let deadline = KeyCache::deadline();
    let keys = cache.current(deadline).await?;
    let Err(refusal) = keys.check(algorithm, key_id, token) else { return Ok(()) };
    // A bad signature may mean a rotation just as an unknown key does: a `kid` can outlive the
    // key, as Clerk's does, which is the instance's id.
    match cache.newer_than(&keys, deadline).await? {
        Some(newer) => newer.check(algorithm, key_id, token),
        None => Err(refusal),
    }
}
