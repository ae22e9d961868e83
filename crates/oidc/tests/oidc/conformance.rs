//! What every verifier of sessions must pass.

use std::sync::Arc;

use capykeys_conformance::sessions::{Candidate, Issuer};
use capykeys_domain::{
    model::{ExternalOrganizationId, Role, Session, SessionOrganization, UserId},
    ports::{Clock, SessionVerifier},
};
use capykeys_oidc::{HttpFetcher, OidcVerifier, ProviderSettings, PublicKeySource, TokenType};
use serde_json::{Value, json};
use tokio::runtime::Handle;

use crate::support::{AUDIENCE, CLIENT, provider};

fn verifier(issuer: &Issuer, clock: Arc<dyn Clock>, keys: PublicKeySource) -> Arc<dyn SessionVerifier> {
    let settings = ProviderSettings {
        issuer: issuer.url().to_owned(),
        keys,
        types: vec![TokenType::AccessToken, TokenType::Jwt],
        authorized_parties: vec![CLIENT.to_owned()],
        ..provider()
    };
    let fetcher = Arc::new(HttpFetcher::new().unwrap());
    Arc::new(OidcVerifier::new(vec![settings], clock, fetcher, Handle::current()).unwrap())
}

fn session(issuer: &Issuer) -> Session {
    let id = ExternalOrganizationId::of_issuer(issuer.url(), "acme").unwrap();
    let organization =
        SessionOrganization { id, roles: vec![Role::admin()], slug: Some("Acme Ltd".to_owned()) };
    let user_id = UserId::of_issuer(issuer.url(), "auth0|65f0").unwrap();
    Session { user_id, organization: Some(organization), impersonated: false }
}

fn claims(now: u64) -> Value {
    json!({
        "aud": AUDIENCE, "exp": now + 300, "iat": now, "sub": "auth0|65f0", "org_id": "acme", "org_name": "Acme Ltd",
        "roles": ["capykeys-admin"], "jti": "7a1",
    })
}

/// Access tokens (RFC 9068), with keys that the issuer's metadata lead to.
mod access_tokens {
    use super::*;

    struct AccessTokens;

    capykeys_conformance::session_suite!(AccessTokens);

    impl Candidate for AccessTokens {
        const REQUIRED: &'static [&'static str] = &["sub", "aud", "iat", "client_id"];

        fn verifier(issuer: &Issuer, clock: Arc<dyn Clock>) -> Arc<dyn SessionVerifier> {
            verifier(issuer, clock, PublicKeySource::Discovery { issuer: issuer.url().to_owned() })
        }

        fn token(now: u64) -> (Value, Value) {
            let mut claims = claims(now);
            claims["client_id"] = json!(CLIENT);
            (json!({"typ": "at+jwt"}), claims)
        }

        fn session(issuer: &Issuer) -> Session {
            session(issuer)
        }
    }
}

/// ID tokens (OpenID Connect Core 1.0), with keys at a configured address.
mod id_tokens {
    use super::*;

    struct IdTokens;

    capykeys_conformance::session_suite!(IdTokens);

    impl Candidate for IdTokens {
        const REQUIRED: &'static [&'static str] = &["sub", "aud", "iat", "azp"];

        fn verifier(issuer: &Issuer, clock: Arc<dyn Clock>) -> Arc<dyn SessionVerifier> {
            verifier(issuer, clock, PublicKeySource::JwksUrl(issuer.jwks_url().parse().unwrap()))
        }

        fn token(now: u64) -> (Value, Value) {
            let mut claims = claims(now);
            claims["azp"] = json!(CLIENT);
            (json!({"typ": "JWT"}), claims)
        }

        fn session(issuer: &Issuer) -> Session {
            session(issuer)
        }
    }
}
