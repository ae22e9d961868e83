//! What is configured.

use std::time::Duration;

use capykeys_domain::model::ClusterSubject;
use capykeys_jwks::{KeySource, KeySourceError};

/// A setting that cannot be worked with, as one sentence for the person who wrote it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SettingsError(&'static str);

/// Whose tokens are accepted.
#[derive(Clone, Debug)]
pub struct ClusterSettings {
    /// `iss` of the cluster's tokens, to the letter: `https://kubernetes.default.svc.cluster.local`.
    pub issuer: String,
    /// What must be in `aud`: a name of this service, which its callers ask their tokens for.
    pub audience: String,
    /// Where the cluster's public keys come from.
    pub keys: KeySource,
    /// The `sub` that are accepted. Where it is empty, every workload with a token for the
    /// audience is.
    pub subjects: Vec<ClusterSubject>,
    /// How long a token may live, from its `iat` to its `exp`.
    pub max_lifetime: Duration,
}

impl ClusterSettings {
    /// A day. Kubernetes gives an hour unless it is asked for more, and then gives that, however much it is,
    /// where nothing forbids it.
    pub const DEFAULT_MAX_LIFETIME: Duration = Duration::from_hours(24);

    pub(crate) fn check(&self) -> Result<(), SettingsError> {
        // Compared to the letter: with white space, or without a letter, no token could match.
        let cannot_match = |text: &str| text.is_empty() || text.contains(char::is_whitespace);
        if cannot_match(&self.issuer) {
            return Err(SettingsError("The issuer of cluster tokens must be set, without white space."));
        }
        if cannot_match(&self.audience) {
            return Err(SettingsError("The audience of cluster tokens must be set, without white space."));
        }
        Ok(())
    }
}

impl From<KeySourceError> for SettingsError {
    fn from(error: KeySourceError) -> Self {
        Self(match error {
            KeySourceError::Url => {
                "The JWKS URL of the cluster must be an https URL without user name, password and fragment."
            }
            KeySourceError::PrivateKey => {
                "The PEM of the cluster is a private key: configure the public one, and replace the \
                 private one."
            }
            KeySourceError::NoPublicKey => {
                "The PEM of the cluster must be an RSA public key of 2048 to 8192 bits, or one on P-256."
            }
        })
    }
}
