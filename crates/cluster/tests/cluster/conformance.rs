//! What every verifier of sessions must pass, these tokens' too: a workload stands for its user.

use std::sync::Arc;

use async_trait::async_trait;
use capykeys_cluster::{ClusterSettings, ClusterTokens, HttpFetcher, PublicKeySource};
use capykeys_conformance::sessions::{Candidate, Issuer};
use capykeys_domain::{
    model::{Session, UserId},
    ports::{BearerTokenError, Clock, ClusterCallers, SessionVerifier},
    secret::BearerToken,
};
use serde_json::{Value, json};
use tokio::runtime::Handle;

use crate::support::{AUDIENCE, SUBJECT, settings};

struct Cluster;

capykeys_conformance::session_suite!(Cluster);

struct AsSessions(ClusterTokens);

fn session_of(subject: &str) -> Session {
    let user_id = UserId::of_issuer("cluster", subject).unwrap();
    Session { user_id, organization: None, impersonated: false }
}

#[async_trait]
impl SessionVerifier for AsSessions {
    async fn verify_session(&self, token: &BearerToken) -> Result<Session, BearerTokenError> {
        Ok(session_of(self.0.verify_workload(token).await?.subject.as_str()))
    }
}

impl Candidate for Cluster {
    const REQUIRED: &'static [&'static str] = &["sub", "aud", "iat"];

    fn verifier(issuer: &Issuer, clock: Arc<dyn Clock>) -> Arc<dyn SessionVerifier> {
        let settings = ClusterSettings {
            issuer: issuer.url().to_owned(),
            keys: PublicKeySource::JwksUrl(issuer.jwks_url().parse().unwrap()),
            ..settings()
        };
        let fetcher = HttpFetcher::new().unwrap();
        let verifier = ClusterTokens::new(vec![settings], clock, Arc::new(fetcher), Handle::current());
        Arc::new(AsSessions(verifier.unwrap()))
    }

    fn token(now: u64) -> (Value, Value) {
        let claims = json!({"aud": [AUDIENCE], "exp": now + 3_607, "iat": now, "nbf": now, "sub": SUBJECT});
        (json!({}), claims)
    }

    fn session(_: &Issuer) -> Session {
        session_of(SUBJECT)
    }
}
