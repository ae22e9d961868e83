//! A verifier with everything around it faked.

use std::{sync::Arc, time::Duration};

use capykeys_clerk::{ClerkVerifier, InstanceSettings, PublicKeySource, Refusal};
use capykeys_domain::{
    model::Session,
    ports::{BearerTokenError, SessionVerifier},
    secret::{BearerToken, Credential, KeyFormat},
};
use tokio::runtime::Handle;

use super::{FakeClock, FakeFetcher, jwks, signing_key};

pub(crate) const ISSUER: &str = "https://clerk.example.com";
pub(crate) const JWKS_URL: &str = "https://clerk.example.com/.well-known/jwks.json";
pub(crate) const PARTY: &str = "https://app.example.com";

/// For tests that move the clock by hours while one token stays good.
const TEN_YEARS: Duration = Duration::from_hours(10 * 365 * 24);

/// The settings of an instance that accepts [`PARTY`] and version 2 alone, and tokens that live long.
pub(crate) fn instance() -> InstanceSettings {
    InstanceSettings {
        issuer: ISSUER.to_owned(),
        keys: PublicKeySource::JwksUrl(JWKS_URL.parse().unwrap()),
        audience: None,
        max_lifetime: TEN_YEARS,
        authorized_parties: vec!["https://first.example.com".to_owned(), PARTY.to_owned()],
        claims_v1: false,
    }
}

pub(crate) fn bearer(token: &str) -> BearerToken {
    match Credential::parse(&KeyFormat::default(), token) {
        Some(Credential::Session(token)) => token,
        _ => panic!("not of the form of a session token"),
    }
}

/// The reason of a refusal; panics on anything else.
pub(crate) fn refusal(outcome: Result<Session, BearerTokenError>) -> &'static str {
    match outcome {
        Err(BearerTokenError::Refused(reason)) => reason,
        other => panic!("not refused: {other:?}"),
    }
}

pub(crate) struct Harness {
    pub(crate) verifier: ClerkVerifier,
    pub(crate) clock: Arc<FakeClock>,
    pub(crate) fetcher: Arc<FakeFetcher>,
}

impl Harness {
    /// With the one instance of [`instance`], whose key is [`signing_key`] under `ins_1`.
    pub(crate) fn new() -> Self {
        Self::with([instance()])
    }

    pub(crate) fn with(instances: impl Into<Vec<InstanceSettings>>) -> Self {
        let clock = Arc::new(FakeClock::new());
        let fetcher = Arc::new(FakeFetcher::new(jwks(&[signing_key().jwk("ins_1")])));
        let verifier =
            ClerkVerifier::new(instances.into(), clock.clone(), fetcher.clone(), Handle::current()).unwrap();
        Self { verifier, clock, fetcher }
    }

    pub(crate) async fn verify(&self, token: &str) -> Result<Session, BearerTokenError> {
        self.verifier.verify_session(&bearer(token)).await
    }

    /// Checks that the token is refused for this reason, and that it made nobody fetch a key.
    pub(crate) async fn refuses_unseen(&self, token: &str, reason: Refusal, case: &str) {
        assert_eq!(refusal(self.verify(token).await), reason.as_str(), "{case}");
        assert_eq!(self.fetcher.calls(), 0, "{case}");
    }

    /// Checks that there is no answer now, for want of keys.
    pub(crate) async fn is_unavailable(&self, token: &str) {
        let outcome = self.verify(token).await;
        assert!(matches!(outcome, Err(BearerTokenError::Unavailable(_))), "{outcome:?}");
    }
}
