//! One configured Clerk instance.

use capykeys_domain::model::{Session, Timestamp};

use crate::{
    keys::{Environment, KeyCache, VerificationKey},
    refusal::{Refusal, VerifyError},
    settings::{InstanceSettings, KeySource, SettingsError},
    token::UnverifiedToken,
};

/// An instance with its keys.
pub(crate) struct Instance {
    settings: InstanceSettings,
    keys: Keys,
}

enum Keys {
    Fixed(VerificationKey),
    Fetched(KeyCache),
}

impl Instance {
    pub(crate) fn new(settings: InstanceSettings, environment: &Environment) -> Result<Self, SettingsError> {
        let keys = match &settings.keys {
            KeySource::Pem(pem) => Keys::Fixed(pem_key(&settings.issuer, pem)?),
            KeySource::JwksUrl(url) => Keys::Fetched(KeyCache::new(url.clone(), environment.clone())),
        };
        Ok(Self { settings, keys })
    }

    /// `iss` of its tokens.
    pub(crate) fn issuer(&self) -> &str {
        &self.settings.issuer
    }

    /// Starts to fetch its keys, where they are fetched.
    pub(crate) fn warm_up(&self) {
        if let Keys::Fetched(cache) = &self.keys {
            cache.warm_up();
        }
    }

    /// The session of a token of this instance. The claims come first: what they rule out costs
    /// neither a signature nor a fetch.
    pub(crate) async fn verify(
        &self,
        token: &UnverifiedToken<'_>,
        now: Timestamp,
    ) -> Result<Session, VerifyError> {
        let session = token.claims().check(&self.settings, now)?;
        match &self.keys {
            Keys::Fixed(key) if key.has_signed(token) => {}
            Keys::Fixed(_) => return Err(Refusal::Signature.into()),
            Keys::Fetched(cache) => check_signature(cache, token).await?,
        }
        Ok(session.clone())
    }
}

fn pem_key(issuer: &str, pem: &str) -> Result<VerificationKey, SettingsError> {
    if pem.contains("PRIVATE KEY-----") {
        return Err(SettingsError::new(format!(
            "The PEM of `{issuer}` is a private key: configure the public one, and replace the private one."
        )));
    }
    VerificationKey::from_pem(pem).ok_or_else(|| {
        let rule = "must be an RSA public key of 2048 to 8192 bits";
        SettingsError::new(format!("The PEM of `{issuer}` {rule}."))
    })
}

async fn check_signature(cache: &KeyCache, token: &UnverifiedToken<'_>) -> Result<(), VerifyError> {
    let key_id = token.key_id().ok_or(Refusal::KeyId)?;
    let deadline = KeyCache::deadline();
    let keys = cache.current(deadline).await?;
    let Err(refusal) = keys.check(key_id, token) else { return Ok(()) };
    // A bad signature may mean a rotation just as an unknown key does: Clerk's `kid` is the
    // instance's id and can outlive the key.
    match cache.newer_than(&keys, deadline).await? {
        Some(newer) => Ok(newer.check(key_id, token)?),
        None => Err(refusal.into()),
    }
}
