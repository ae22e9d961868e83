//! One configured Clerk instance.

use capykeys_domain::model::{Session, Timestamp};
use capykeys_jwks::{Algorithm, Environment, KeySourceError, Keys};

use crate::{
    refusal::VerifyError,
    settings::{InstanceSettings, SettingsError},
    token::UnverifiedToken,
};

/// An instance with its keys.
pub(crate) struct Instance {
    settings: InstanceSettings,
    keys: Keys,
}

impl Instance {
    pub(crate) fn new(settings: InstanceSettings, environment: &Environment) -> Result<Self, SettingsError> {
        let keys = Keys::new(&settings.keys, environment);
        let keys = keys.map_err(|error| unusable(&settings.issuer, error))?;
        Ok(Self { settings, keys })
    }

    /// `iss` of its tokens.
    pub(crate) fn issuer(&self) -> &str {
        &self.settings.issuer
    }

    /// Starts to fetch its keys, where they are fetched.
    pub(crate) fn warm_up(&self) {
        self.keys.warm_up();
    }

    /// The session of a token of this instance. The claims come first: what they rule out costs
    /// neither a signature nor a fetch.
    pub(crate) async fn verify(
        &self,
        token: &UnverifiedToken<'_>,
        now: Timestamp,
    ) -> Result<Session, VerifyError> {
        let session = token.claims().check(&self.settings, now)?;
        self.keys.check(Algorithm::Rs256, token.key_id(), token.compact()).await?;
        Ok(session.clone())
    }
}

/// The sentence for a source of keys that cannot be worked with.
pub(crate) fn unusable(issuer: &str, error: KeySourceError) -> SettingsError {
    SettingsError::new(match error {
        KeySourceError::Url => format!(
            "The JWKS URL of `{issuer}` must be an https URL without user name, password and fragment."
        ),
        KeySourceError::PrivateKey => format!(
            "The PEM of `{issuer}` is a private key: configure the public one, and replace the private one."
        ),
        KeySourceError::NoPublicKey => {
            format!("The PEM of `{issuer}` must be an RSA public key of 2048 to 8192 bits.")
        }
    })
}
