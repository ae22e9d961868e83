//! A verifier with everything around it faked, and tokens, good ones unless they are changed.

use std::sync::{
    Arc, LazyLock, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use capykeys_cluster::{
    ClusterSettings, ClusterTokens, FetchError, FetchJwks, PublicKeySource, Refusal, Url,
};
use capykeys_conformance::fixtures::ManualClock;
use capykeys_domain::{
    model::ClusterCaller,
    ports::{BearerTokenError, ClusterCallers},
    secret::{BearerToken, Credential, KeyFormat},
};
pub(crate) use capykeys_testkit::jwks;
use capykeys_testkit::{SigningKey, TokenBuilder};
use serde_json::json;
use tokio::runtime::Handle;

pub(crate) const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";
pub(crate) const AUDIENCE: &str = "capykeys";
pub(crate) const SUBJECT: &str = "system:serviceaccount:gateway:envoy";
pub(crate) const JWKS_URL: &str = "https://kubernetes.default.svc/openid/v1/jwks";

/// When the tests take place, in seconds since the epoch: where a [`ManualClock`] stands at first.
pub(crate) const NOW: i64 = 1_767_225_600;

/// The cluster's key.
pub(crate) static KEY: LazyLock<SigningKey> = LazyLock::new(SigningKey::rsa);

/// Somebody else's key, or the next one.
pub(crate) static OTHER_KEY: LazyLock<SigningKey> = LazyLock::new(SigningKey::rsa);

/// A key of a cluster that signs with ECDSA.
pub(crate) static CURVE_KEY: LazyLock<SigningKey> = LazyLock::new(SigningKey::curve);

/// A bound token as Kubernetes writes it.
pub(crate) fn good_token() -> TokenBuilder {
    TokenBuilder::new(
        json!({"alg": "RS256", "kid": "key_1"}),
        json!({
            "aud": [AUDIENCE], "exp": NOW + 3607, "iat": NOW, "iss": ISSUER,
            "jti": "8b4d4bbe-2a2d-4b1c-9b7b-2f5d5f0b1f0e",
            "kubernetes.io": {
                "namespace": "gateway",
                "pod": {"name": "envoy-7d4b", "uid": "9f7e4c1a-54a1-4a5b-8e3e-3c8a2b0f2d11"},
                "serviceaccount": {"name": "envoy", "uid": "0d2f6c3b-7a55-4c19-9d0a-6a9b9f3c2a10"},
            },
            "nbf": NOW, "sub": SUBJECT,
        }),
        &KEY,
    )
}

/// Answers what it is told, and counts.
pub(crate) struct FakeFetcher {
    answer: Mutex<Result<String, FetchError>>,
    calls: AtomicUsize,
}

impl FakeFetcher {
    pub(crate) fn answers(&self, answer: Result<String, FetchError>) {
        *self.answer.lock().unwrap() = answer;
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl FetchJwks for FakeFetcher {
    async fn fetch(&self, url: &Url) -> Result<Vec<u8>, FetchError> {
        assert_eq!(url.as_str(), JWKS_URL, "nobody else is ever asked");
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.answer.lock().unwrap().clone().map(String::into_bytes)
    }
}

/// The settings of a cluster of which every workload is accepted.
pub(crate) fn settings() -> ClusterSettings {
    ClusterSettings {
        issuer: ISSUER.to_owned(),
        audience: AUDIENCE.to_owned(),
        keys: PublicKeySource::JwksUrl(JWKS_URL.parse().unwrap()),
        subjects: Vec::new(),
        max_lifetime: ClusterSettings::DEFAULT_MAX_LIFETIME,
    }
}

pub(crate) struct Harness {
    pub(crate) verifier: ClusterTokens,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) fetcher: Arc<FakeFetcher>,
}

impl Harness {
    /// With the settings of [`settings`] and [`KEY`] as `key_1`.
    pub(crate) fn new() -> Self {
        Self::with(settings())
    }

    pub(crate) fn with(settings: ClusterSettings) -> Self {
        let clock = Arc::new(ManualClock::default());
        let answer = Mutex::new(Ok(jwks(&[KEY.jwk("key_1")])));
        let fetcher = Arc::new(FakeFetcher { answer, calls: AtomicUsize::new(0) });
        let verifier =
            ClusterTokens::new(vec![settings], clock.clone(), fetcher.clone(), Handle::current()).unwrap();
        Self { verifier, clock, fetcher }
    }

    pub(crate) async fn verify(&self, token: &str) -> Result<ClusterCaller, BearerTokenError> {
        self.verifier.verify_workload(&bearer(token)).await
    }

    pub(crate) async fn accepts(&self, token: &str, case: &str) {
        let outcome = self.verify(token).await;
        assert!(outcome.is_ok(), "{case}: {outcome:?}");
    }

    /// Checks that the token is refused for this reason.
    pub(crate) async fn refuses(&self, token: &str, reason: Refusal, case: &str) {
        match self.verify(token).await {
            Err(BearerTokenError::Refused(given)) => assert_eq!(given, reason.as_str(), "{case}"),
            other => panic!("{case}: not refused: {other:?}"),
        }
    }

    /// Checks that the token is refused for this reason, and that it made nobody fetch a key.
    pub(crate) async fn refuses_unseen(&self, token: &str, reason: Refusal, case: &str) {
        let calls = self.fetcher.calls();
        self.refuses(token, reason, case).await;
        assert_eq!(self.fetcher.calls(), calls, "{case}");
    }
}

fn bearer(token: &str) -> BearerToken {
    match Credential::parse(&KeyFormat::default(), token) {
        Some(Credential::Session(token)) => token,
        _ => panic!("not of the form of a token"),
    }
}
