//! The keys of one issuer of tokens.

use capykeys_domain::ports::Unavailable;
use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;

use crate::{
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
    Fixed(VerificationKey),
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
            PublicKeySource::Pem(pem) => {
                let key = VerificationKey::from_pem(pem, environment.algorithms);
                Kind::Fixed(key.ok_or(PublicKeySourceError::NoPublicKey)?)
            }
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
            Kind::Fixed(key) => Ok(key.check(token)),
            Kind::Fetched(cache) => check_fetched(cache, token).await,
        }
    }
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
