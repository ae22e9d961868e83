//! Tokens of the cluster's workloads: the adapter behind the [`ClusterCallers`] port.
//!
//! [`ClusterTokens`] turns a Kubernetes service account's token (bound and projected, as the
//! [`TokenRequest`] API issues it) into a [`ClusterCaller`], or refuses it. `capykeys-jwks`
//! checks what is the same for every kind of token: its form, its header, its times, and its signature by
//! the cluster's keys, which it fetches. What else the claims must hold is here.
//!
//! [`ClusterCallers`]: capykeys_domain::ports::ClusterCallers
//! [`ClusterCaller`]: capykeys_domain::model::ClusterCaller
//! [`TokenRequest`]: https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/

mod refusal;
mod settings;
mod verifier;

pub use capykeys_jwks::{
    FetchError, FetchJwks, HttpFetcher, HttpFetcherError, HttpOptions, PublicKeySource, SettingsError,
    TokenError, TokenIssuer, TokenVerifier, Url,
};
pub use refusal::Refusal;
pub use settings::ClusterSettings;
pub use verifier::ClusterTokens;
