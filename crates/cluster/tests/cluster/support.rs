//! A verifier with everything around it faked, and tokens, good ones unless they are changed.

use std::sync::{
    Arc, LazyLock, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    rand::SystemRandom,
    rsa::{KeyPair, KeySize, PublicKeyComponents},
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use capykeys_cluster::{
    ClusterSettings, ClusterTokens, FetchError, FetchJwks, PublicKeySource, Refusal, Url,
};
use capykeys_conformance::fixtures::ManualClock;
use capykeys_domain::{
    model::ClusterCaller,
    ports::{ClusterCallerError, ClusterCallers},
    secret::{BearerToken, Credential, KeyFormat},
};
use serde_json::{Value, json};
use tokio::runtime::Handle;

pub(crate) const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";
pub(crate) const AUDIENCE: &str = "capykeys";
pub(crate) const SUBJECT: &str = "system:serviceaccount:gateway:envoy";
pub(crate) const JWKS_URL: &str = "https://kubernetes.default.svc/openid/v1/jwks";

/// When the tests take place, in seconds since the epoch: where a [`ManualClock`] stands at first.
pub(crate) const NOW: i64 = 1_767_225_600;

/// A cluster's key, made anew in each run.
pub(crate) enum SigningKey {
    Rsa(KeyPair),
    Curve(EcdsaKeyPair),
}

impl SigningKey {
    fn rsa() -> Self {
        Self::Rsa(KeyPair::generate(KeySize::Rsa2048).unwrap())
    }

    pub(crate) fn sign(&self, message: &str) -> Vec<u8> {
        let (random, message) = (SystemRandom::new(), message.as_bytes());
        match self {
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
                signature
            }
            Self::Curve(key) => key.sign(&random, message).unwrap().as_ref().to_vec(),
        }
    }

    pub(crate) fn jwk(&self, kid: &str) -> Value {
        let encode = |number: &[u8]| URL_SAFE_NO_PAD.encode(number);
        match self {
            Self::Rsa(key) => {
                let components: PublicKeyComponents<Vec<u8>> = key.public_key().into();
                let (n, e) = (encode(&components.n), encode(&components.e));
                json!({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid, "n": n, "e": e})
            }
            Self::Curve(key) => {
                let (x, y) = key.public_key().as_ref()[1..].split_at(32);
                let (x, y) = (encode(x), encode(y));
                json!({"kty": "EC", "use": "sig", "alg": "ES256", "kid": kid, "crv": "P-256", "x": x, "y": y})
            }
        }
    }

    pub(crate) fn public_pem(&self) -> String {
        let der: PublicKeyX509Der<'_> = match self {
            Self::Rsa(key) => key.public_key().as_der().unwrap(),
            Self::Curve(key) => key.public_key().as_der().unwrap(),
        };
        let text = STANDARD.encode(der.as_ref());
        let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
    }
}

/// The cluster's key.
pub(crate) static KEY: LazyLock<SigningKey> = LazyLock::new(SigningKey::rsa);

/// Somebody else's key, or the next one.
pub(crate) static OTHER_KEY: LazyLock<SigningKey> = LazyLock::new(SigningKey::rsa);

/// A key of a cluster that signs with ECDSA.
pub(crate) static CURVE_KEY: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::Curve(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap()));

pub(crate) fn jwks(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

#[derive(Clone)]
pub(crate) struct TokenBuilder {
    header: Value,
    claims: Value,
}

impl TokenBuilder {
    /// A bound token as Kubernetes writes it.
    pub(crate) fn new() -> Self {
        Self {
            header: json!({"alg": "RS256", "kid": "key_1"}),
            claims: json!({
                "aud": [AUDIENCE], "exp": NOW + 3607, "iat": NOW, "iss": ISSUER,
                "jti": "8b4d4bbe-2a2d-4b1c-9b7b-2f5d5f0b1f0e",
                "kubernetes.io": {
                    "namespace": "gateway",
                    "pod": {"name": "envoy-7d4b", "uid": "9f7e4c1a-54a1-4a5b-8e3e-3c8a2b0f2d11"},
                    "serviceaccount": {"name": "envoy", "uid": "0d2f6c3b-7a55-4c19-9d0a-6a9b9f3c2a10"},
                },
                "nbf": NOW, "sub": SUBJECT,
            }),
        }
    }

    pub(crate) fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims[name] = value.into();
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.claims.as_object_mut().unwrap().remove(name);
        self
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header[name] = value.into();
        self
    }

    pub(crate) fn without_header(mut self, name: &str) -> Self {
        self.header.as_object_mut().unwrap().remove(name);
        self
    }

    pub(crate) fn sign(&self) -> String {
        self.sign_by(&KEY)
    }

    pub(crate) fn sign_by(&self, key: &SigningKey) -> String {
        self.sign_with(|message| key.sign(message))
    }

    pub(crate) fn sign_with(&self, sign: impl FnOnce(&str) -> Vec<u8>) -> String {
        let parts = [&self.header, &self.claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let message = parts.join(".");
        let signature = URL_SAFE_NO_PAD.encode(sign(&message));
        format!("{message}.{signature}")
    }
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
            ClusterTokens::new(settings, clock.clone(), fetcher.clone(), Handle::current()).unwrap();
        Self { verifier, clock, fetcher }
    }

    pub(crate) async fn verify(&self, token: &str) -> Result<ClusterCaller, ClusterCallerError> {
        self.verifier.verify(&bearer(token)).await
    }

    pub(crate) async fn accepts(&self, token: &str, case: &str) {
        let outcome = self.verify(token).await;
        assert!(outcome.is_ok(), "{case}: {outcome:?}");
    }

    /// Checks that the token is refused for this reason.
    pub(crate) async fn refuses(&self, token: &str, reason: Refusal, case: &str) {
        match self.verify(token).await {
            Err(ClusterCallerError::Refused(given)) => assert_eq!(given, reason.as_str(), "{case}"),
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
