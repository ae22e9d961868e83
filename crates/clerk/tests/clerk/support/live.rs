//! A verifier that fetches its keys over HTTP from a server of the test's own.

use std::sync::Arc;

use capykeys_clerk::{ClerkVerifier, HttpFetcher, InstanceSettings, PublicKeySource, Url};
use capykeys_domain::{
    model::Session,
    ports::{BearerTokenError, SessionVerifier},
};
use serde_json::Value;
use tokio::runtime::Handle;

use super::{FakeClock, Reply, bearer, instance, jwks};

pub(crate) struct Live {
    pub(crate) verifier: ClerkVerifier,
    pub(crate) clock: Arc<FakeClock>,
}

impl Live {
    pub(crate) fn new(jwks_url: &Url) -> Self {
        let keys = PublicKeySource::JwksUrl(jwks_url.clone());
        let settings = vec![InstanceSettings { keys, ..instance() }];
        let clock = Arc::new(FakeClock::new());
        let fetcher = Arc::new(HttpFetcher::new().unwrap());
        let verifier = ClerkVerifier::new(settings, clock.clone(), fetcher, Handle::current()).unwrap();
        Self { verifier, clock }
    }

    pub(crate) async fn verify(&self, token: &str) -> Result<Session, BearerTokenError> {
        self.verifier.verify_session(&bearer(token)).await
    }

    /// Checks that there is no answer now, for want of keys.
    pub(crate) async fn is_unavailable(&self, token: &str, case: &str) {
        let outcome = self.verify(token).await;
        assert!(matches!(outcome, Err(BearerTokenError::Unavailable(_))), "{case}: {outcome:?}");
    }
}

/// A set of these keys, as a server answers it.
pub(crate) fn jwks_reply(keys: &[Value]) -> Reply {
    Reply::with("200 OK", "content-type: application/json\r\n", &jwks(keys))
}
