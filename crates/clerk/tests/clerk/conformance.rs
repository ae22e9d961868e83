//! What every verifier of sessions must pass.

use std::sync::Arc;

use capykeys_clerk::{ClerkVerifier, HttpFetcher, InstanceSettings, PublicKeySource};
use capykeys_conformance::sessions::{Candidate, Issuer};
use capykeys_domain::{
    model::{ExternalOrganizationId, Role, Session, SessionOrganization, UserId},
    ports::{Clock, SessionVerifier},
};
use serde_json::{Value, json};
use tokio::runtime::Handle;

use crate::support::{PARTY, instance};

struct Clerk;

capykeys_conformance::session_suite!(Clerk);

impl Candidate for Clerk {
    const REQUIRED: &'static [&'static str] = &["sub", "sid", "iat", "nbf", "azp"];

    fn verifier(issuer: &Issuer, clock: Arc<dyn Clock>) -> Arc<dyn SessionVerifier> {
        let instance = InstanceSettings {
            issuer: issuer.url().to_owned(),
            keys: PublicKeySource::JwksUrl(issuer.jwks_url().parse().unwrap()),
            max_lifetime: InstanceSettings::DEFAULT_MAX_LIFETIME,
            ..instance()
        };
        let (settings, fetcher) = (vec![instance], HttpFetcher::new().unwrap());
        Arc::new(ClerkVerifier::new(settings, clock, Arc::new(fetcher), Handle::current()).unwrap())
    }

    fn token(now: u64) -> (Value, Value) {
        let claims = json!({
            "azp": PARTY, "exp": now + 60, "iat": now, "nbf": now - 10, "sid": "sess_2abc", "sub": "user_2abc",
            "o": {"id": "org_2abc", "rol": "admin"}, "v": 2,
        });
        (json!({"typ": "JWT"}), claims)
    }

    fn session(_: &Issuer) -> Session {
        let id = ExternalOrganizationId::parse("org_2abc").unwrap();
        let organization = SessionOrganization { id, roles: vec![Role::admin()], slug: None };
        let user_id = UserId::parse("user_2abc").unwrap();
        Session { user_id, organization: Some(organization), impersonated: false }
    }
}
