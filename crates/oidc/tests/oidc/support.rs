//! A verifier with everything around it faked, and tokens, good ones unless they are changed.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock, Mutex},
};

use async_trait::async_trait;
use capykeys_conformance::fixtures::ManualClock;
use capykeys_domain::{
    model::{Role, Session},
    ports::{BearerTokenError, SessionVerifier},
    secret::{Credential, KeyFormat},
};
use capykeys_oidc::{
    Algorithm, ClaimPath, FetchError, FetchJwks, OidcVerifier, OrganizationSource, ProviderSettings,
    PublicKeySource, Refusal, TokenType, Url,
};
use capykeys_testkit::{SigningKey, TokenBuilder, jwks};
use serde_json::json;
use tokio::runtime::Handle;

pub(crate) const ISSUER: &str = "https://id.example.com/realms/acme";
pub(crate) const METADATA_URL: &str = "https://id.example.com/realms/acme/.well-known/openid-configuration";
pub(crate) const JWKS_URL: &str = "https://keys.example.com/acme";
pub(crate) const AUDIENCE: &str = "https://keys.capykeys.example";
pub(crate) const CLIENT: &str = "dashboard";

/// When the tests take place, in seconds since the epoch: where a [`ManualClock`] stands at first.
pub(crate) const NOW: i64 = 1_767_225_600;

pub(crate) static KEY: LazyLock<SigningKey> = LazyLock::new(SigningKey::rsa);
pub(crate) static CURVE_KEY: LazyLock<SigningKey> = LazyLock::new(SigningKey::curve);

/// An access token (RFC 9068, section 2) of a user without an organization.
pub(crate) fn good_token() -> TokenBuilder {
    TokenBuilder::new(
        json!({"alg": "RS256", "kid": "key_1", "typ": "at+jwt"}),
        json!({
            "aud": AUDIENCE, "client_id": CLIENT, "exp": NOW + 300, "iat": NOW, "iss": ISSUER, "jti": "7a1",
            "scope": "openid", "sub": "u-1",
        }),
        &KEY,
    )
}

pub(crate) fn path(text: &str) -> ClaimPath {
    ClaimPath::parse(text).unwrap()
}

/// The settings of a provider of such tokens, whose keys are found by its metadata.
pub(crate) fn provider() -> ProviderSettings {
    ProviderSettings {
        issuer: ISSUER.to_owned(),
        keys: PublicKeySource::Discovery { issuer: ISSUER.to_owned() },
        audiences: vec!["another".to_owned(), AUDIENCE.to_owned()],
        algorithms: vec![Algorithm::Rs256],
        types: vec![TokenType::AccessToken],
        authorized_parties: Vec::new(),
        max_lifetime: ProviderSettings::DEFAULT_MAX_LIFETIME,
        user: path("sub"),
        organization: OrganizationSource::Claim(path("org_id")),
        organization_name: path("org_name"),
        roles: path("roles"),
        role_names: BTreeMap::from([
            ("capykeys-admin".to_owned(), Role::admin()),
            ("billing".to_owned(), Role::parse("org:billing").unwrap()),
            ("finance".to_owned(), Role::parse("org:billing").unwrap()),
        ]),
    }
}

/// Answers what it is told for each address, and nothing for others.
#[derive(Default)]
pub(crate) struct FakeFetcher {
    answers: Mutex<BTreeMap<String, String>>,
    asked: Mutex<Vec<String>>,
}

impl FakeFetcher {
    pub(crate) fn answers(&self, url: &str, answer: impl Into<String>) {
        self.answers.lock().unwrap().insert(url.to_owned(), answer.into());
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

#[async_trait]
impl FetchJwks for FakeFetcher {
    async fn fetch(&self, url: &Url) -> Result<Vec<u8>, FetchError> {
        self.asked.lock().unwrap().push(url.to_string());
        let answer = self.answers.lock().unwrap().get(url.as_str()).cloned();
        answer.map(String::into_bytes).ok_or(FetchError::Status(404))
    }
}

pub(crate) struct Harness {
    verifier: OidcVerifier,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) fetcher: Arc<FakeFetcher>,
}

impl Harness {
    pub(crate) fn new() -> Self {
        Self::with([provider()])
    }

    /// With these providers, [`KEY`] as `key_1` and [`CURVE_KEY`] as `key_2`.
    pub(crate) fn with(settings: impl Into<Vec<ProviderSettings>>) -> Self {
        let (clock, fetcher) = (Arc::new(ManualClock::default()), Arc::new(FakeFetcher::default()));
        fetcher.answers(METADATA_URL, json!({"issuer": ISSUER, "jwks_uri": JWKS_URL}).to_string());
        fetcher.answers(JWKS_URL, jwks(&[KEY.jwk("key_1"), CURVE_KEY.jwk("key_2")]));
        let verifier =
            OidcVerifier::new(settings.into(), clock.clone(), fetcher.clone(), Handle::current()).unwrap();
        Self { verifier, clock, fetcher }
    }

    pub(crate) async fn verify(&self, token: &str) -> Result<Session, BearerTokenError> {
        match Credential::parse(&KeyFormat::default(), token) {
            Some(Credential::Session(token)) => self.verifier.verify_session(&token).await,
            _ => panic!("not of the form of a token"),
        }
    }

    pub(crate) async fn session(&self, token: &TokenBuilder) -> Session {
        self.verify(&token.sign()).await.unwrap()
    }

    /// Checks that the token is refused for this reason, and that it made nobody fetch anything.
    pub(crate) async fn refuses_unseen(&self, token: &TokenBuilder, reason: Refusal, case: &str) {
        let asked = self.fetcher.asked();
        match self.verify(&token.sign()).await {
            Err(BearerTokenError::Refused(given)) => assert_eq!(given, reason.as_str(), "{case}"),
            other => panic!("{case}: {other:?}"),
        }
        assert_eq!(self.fetcher.asked(), asked, "{case}");
    }
}
