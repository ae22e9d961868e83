//! The keys of one issuer of tokens.

use std::sync::{PoisonError, RwLock};

use capykeys_domain::ports::Unavailable;
use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;

use crate::{
    algorithm::Algorithm,
    cache::{Environment, KeyCache},
    error::TokenError,
    key::VerificationKey,
    location::Location,
    source::{PublicKeySource, PublicKeySourceError, discovery_url},
    token::UnverifiedToken,
};

/// The keys of one issuer of tokens: one that was configured, or the set that it publishes.
pub(crate) struct IssuerKeys(Kind);

enum Kind {
    Fixed(RwLock<VerificationKey>),
    Fetched(KeyCache),
}

impl IssuerKeys {
    /// Reads a configured key. No key is fetched yet: see [`warm_up`](Self::warm_up).
    ///
    /// # Errors
    /// [`PublicKeySourceError`] where the source cannot be worked with.
    pub(crate) fn new(
        source: &PublicKeySource,
        environment: &Environment,
    ) -> Result<Self, PublicKeySourceError> {
        // Named here, so that no other crate's choice of features leaves it to be guessed. An
        // error says that the process has one already.
        DEFAULT_PROVIDER.install_default().ok();
        source.check()?;
        Ok(Self(match source {
            PublicKeySource::Pem(pem) => Kind::Fixed(RwLock::new(fixed(pem, environment.algorithms)?)),
            PublicKeySource::JwksUrl(url) => {
                Kind::Fetched(KeyCache::new(Location::Set(url.clone()), environment.clone()))
            }
            PublicKeySource::Discovery { issuer } => {
                let url = discovery_url(issuer).ok_or(PublicKeySourceError::Discovery)?;
                let location = Location::Metadata { url, issuer: issuer.clone() };
                Kind::Fetched(KeyCache::new(location, environment.clone()))
            }
        }))
    }

    /// Puts another key in the place of a configured one. Keys that are fetched are replaced by themselves.
    ///
    /// # Errors
    /// [`PublicKeySourceError`] where it cannot be worked with; then the key of before stays.
    pub(crate) fn replace(&self, pem: &str, algorithms: &[Algorithm]) -> Result<(), PublicKeySourceError> {
        if let Kind::Fixed(key) = &self.0 {
            let new = fixed(pem, algorithms)?;
            *key.write().unwrap_or_else(PoisonError::into_inner) = new;
        }
        Ok(())
    }

    /// Starts to fetch the keys, where they are fetched, and comes back at once. What fails is
    /// tried again when a token comes.
    pub(crate) fn warm_up(&self) {
        if let Kind::Fetched(cache) = &self.0 {
            cache.warm_up();
        }
    }

    /// Checks that the token is signed with a key of its id and for its algorithm. It has to name a key
    /// where keys are fetched: there may be several.
    ///
    /// # Errors
    /// [`Unavailable`] where the keys cannot be had right now; within, the [`TokenError`] where they can.
    pub(crate) async fn check(
        &self,
        token: &UnverifiedToken<'_>,
    ) -> Result<Result<(), TokenError>, Unavailable> {
        match &self.0 {
            Kind::Fixed(key) => Ok(key.read().unwrap_or_else(PoisonError::into_inner).check(token)),
            Kind::Fetched(cache) => check_fetched(cache, token).await,
        }
    }
}

fn fixed(pem: &str, algorithms: &[Algorithm]) -> Result<VerificationKey, PublicKeySourceError> {
    if pem.contains("PRIVATE KEY-----") {
        return Err(PublicKeySourceError::PrivateKey);
    }
    VerificationKey::from_pem(pem, algorithms).ok_or(PublicKeySourceError::NoPublicKey)
}

async fn check_fetched(
    cache: &KeyCache,
    token: &UnverifiedToken<'_>,
) -> Result<Result<(), TokenError>, Unavailable> {
    let Some(key_id) = token.key_id() else { return Ok(Err(TokenError::KeyId)) };
    let deadline = KeyCache::deadline();
    let keys = cache.current(deadline).await?;
    let checked = keys.check(key_id, token);
    if checked.is_ok() {
        return Ok(checked);
    }
    // A bad signature may mean a rotation just as an unknown key does: a `kid` can outlive the
    // key, as Clerk's does, which is the instance's id.
    let newer = cache.newer_than(&keys, deadline).await?;
    Ok(newer.map_or(checked, |newer| newer.check(key_id, token)))
}
