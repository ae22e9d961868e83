//! How callers of the internal listener prove themselves.

use std::path::PathBuf;

use capykeys_cluster::ClusterSettings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{Period, forms::list, rule};

/// What is asked of callers of the internal listener.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Callers {
    /// Nothing: whoever is on this machine is trusted.
    #[default]
    Loopback,
    /// A token of the cluster.
    Token,
    /// A certificate.
    Certificate,
}

/// Which tokens are accepted: those of a Kubernetes cluster's service accounts. For `internal.callers = "token"`.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ClusterToken {
    /// The tokens' `iss`.
    #[schemars(example = &"https://kubernetes.default.svc.cluster.local")]
    pub(crate) issuer: String,
    /// What must be in their `aud`.
    #[schemars(example = &"capykeys")]
    pub(crate) audience: String,
    /// Where the cluster's public keys are.
    #[schemars(example = &"https://kubernetes.default.svc/openid/v1/jwks")]
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "rule::serialize_shown")]
    pub(crate) jwks_url: Option<Url>,
    /// The authorities to trust there (PEM), instead of the system's. The file is read again when it changes.
    #[schemars(example = &"/var/run/secrets/kubernetes.io/serviceaccount/ca.crt")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) jwks_ca_file: Option<PathBuf>,
    /// A token to ask there with, read anew each time.
    #[schemars(example = &"/var/run/secrets/kubernetes.io/serviceaccount/token")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) jwks_token_file: Option<PathBuf>,
    /// Instead of `jwks_url`, a file with the cluster's public key (PEM). It is read again when it changes.
    #[schemars(example = &"/etc/capykeys/cluster.pem")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pem_file: Option<PathBuf>,
    /// The `sub` that are accepted; all unless it is set.
    #[schemars(example = ["system:serviceaccount:gateway:envoy"])]
    #[serde(deserialize_with = "list")]
    pub(crate) subjects: Vec<String>,
    /// How long a token may live, from its `iat` to its `exp`: `10s` to `365d`.
    pub(crate) max_lifetime: Period,
}

impl Default for ClusterToken {
    fn default() -> Self {
        Self {
            issuer: String::new(),
            audience: String::new(),
            jwks_url: None,
            jwks_ca_file: None,
            jwks_token_file: None,
            pem_file: None,
            subjects: Vec::new(),
            max_lifetime: ClusterSettings::DEFAULT_MAX_LIFETIME.into(),
        }
    }
}

/// TLS of the internal listener.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "these are the names of the settings")]
pub(crate) struct InternalTls {
    /// The server's certificate and those between it and its authority (PEM). The three files are read again when
    /// they change.
    #[schemars(example = &"/etc/capykeys/tls/tls.crt")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) certificate_file: Option<PathBuf>,
    /// Its private key (PEM).
    #[schemars(example = &"/etc/capykeys/tls/tls.key")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key_file: Option<PathBuf>,
    /// The authorities of the clients' certificates (PEM). For `internal.callers = "certificate"`.
    #[schemars(example = &"/etc/capykeys/tls/ca.crt")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_ca_file: Option<PathBuf>,
}
