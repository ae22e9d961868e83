//! What is configured.

use std::time::Duration;

use capykeys_domain::model::ClusterSubject;
use capykeys_jwks::{Algorithm, PublicKeySource, SettingsError};

/// What a cluster signs with. The API server takes RSA and ECDSA keys alike.
pub(crate) const ALGORITHMS: &[Algorithm] = &[Algorithm::Rs256, Algorithm::Es256];

/// Whose tokens are accepted.
#[derive(Clone, Debug)]
pub struct ClusterSettings {
    /// `iss` of the cluster's tokens, to the letter: `https://kubernetes.default.svc.cluster.local`.
    pub issuer: String,
    /// What must be in `aud`: a name of this service, which its callers ask their tokens for.
    pub audience: String,
    /// Where the cluster's public keys come from.
    pub keys: PublicKeySource,
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

    pub(crate) fn check_settings(&self) -> Result<(), SettingsError> {
        // Compared to the letter: with white space, or without a letter, no token could match.
        let cannot_match = |text: &str| text.is_empty() || text.contains(char::is_whitespace);
        for (name, text) in [("issuer", &self.issuer), ("audience", &self.audience)] {
            if cannot_match(text) {
                let sentence = format!("The {name} of cluster tokens must be set, without white space.");
                return Err(SettingsError::new(sentence));
            }
        }
        Ok(())
    }
}

impl From<ClusterSettings> for Vec<ClusterSettings> {
    fn from(settings: ClusterSettings) -> Self {
        vec![settings]
    }
}
