//! What is configured.

use std::time::Duration;

use capykeys_domain::model::ClusterSubject;
use capykeys_jwks::{Algorithm, PublicKeySource};

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
}
