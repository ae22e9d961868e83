//! What the fuzzers call. Replayed on the committed corpus by the tests of `capykeys-clerk`.

use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use capykeys_clerk::{ClerkVerifier, FetchError, FetchJwks, InstanceSettings, PublicKeySource, Url};
use capykeys_domain::{
    model::Timestamp,
    ports::{Clock, SessionVerifier},
    secret::{Credential, KeyFormat},
};
use tokio::runtime::{Builder, Runtime};

/// Nobody has the private key of this one: no input can be a token that it signed.
const PEM: &str = "-----BEGIN PUBLIC KEY-----\n\
    MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAyYAiFZoDKuayka+GrAM6\n\
    +yb0Ka9Y7HHM6hrMRidx4qVKyduPOpe7Yyvv1tUTN8Y/LpKVIv8PhN7KVgz9/BkC\n\
    cFqmKB7RmQhc+A4NaMsJToqn1ArWSDG/dpBQIT+DpmEufzfAG2kfM9G5lsBNiz7r\n\
    qS5D7zU1apc8XsbfnxUt4PijUOH7ih/yozC6/pnsYp/4fDPlyIiz4xZY65rXt54B\n\
    yi7cHvt1tJoSMhq31b0FE/VMeaDCOKeOTfjIg62Cc6dv4tS6huvzuaBsursTXPBK\n\
    MjTWYGt7DIJfO1nYPe9Dop8or7SP/75PNDdOwD9jRzeR/RpiGzUB3SLb7gAc8glP\n\
    UwIDAQAB\n\
    -----END PUBLIC KEY-----\n";

const JWKS_URL: &str = "https://clerk.example.com/.well-known/jwks.json";

struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_micros(1_800_000_000_000_000).expect("a time of the calendar")
    }
}

struct FixedAnswer(Vec<u8>);

#[async_trait]
impl FetchJwks for FixedAnswer {
    async fn fetch(&self, _: &Url) -> Result<Vec<u8>, FetchError> {
        Ok(self.0.clone())
    }
}

fn instance(issuer: &str, keys: PublicKeySource, parties: &[&str]) -> InstanceSettings {
    InstanceSettings {
        issuer: issuer.to_owned(),
        keys,
        audience: None,
        max_lifetime: InstanceSettings::DEFAULT_MAX_LIFETIME,
        authorized_parties: parties.iter().map(|party| (*party).to_owned()).collect(),
        claims_v1: parties.is_empty(),
    }
}

fn verifier(answer: Vec<u8>, runtime: &Runtime) -> ClerkVerifier {
    let url = JWKS_URL.parse().expect("a URL");
    let instances = vec![
        instance("https://a.example.com", PublicKeySource::Pem(PEM.to_owned()), &["https://app.example.com"]),
        instance("https://b.example.com", PublicKeySource::JwksUrl(url), &[]),
    ];
    let fetcher = Arc::new(FixedAnswer(answer));
    let handle = runtime.handle().clone();
    ClerkVerifier::new(instances, Arc::new(FixedClock), fetcher, handle).expect("settings")
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().expect("a runtime")
}

fn is_accepted(verifier: &ClerkVerifier, runtime: &Runtime, text: &str) -> bool {
    match Credential::parse(&KeyFormat::default(), text) {
        Some(Credential::Session(token)) => runtime.block_on(verifier.verify_session(&token)).is_ok(),
        _ => false,
    }
}

/// A token: as it stands where it is one line, else the header and, in the rest, the claims, which
/// are then encoded and given a signature that nobody made.
///
/// # Panics
/// Where it is accepted.
pub fn session_token(data: &[u8]) {
    static FIXTURE: LazyLock<(Runtime, ClerkVerifier)> = LazyLock::new(|| {
        let runtime = runtime();
        let verifier = verifier(include_bytes!("../corpus/key_set/clerk").to_vec(), &runtime);
        (runtime, verifier)
    });
    let (runtime, verifier) = &*FIXTURE;
    let text = match data.iter().position(|byte| *byte == b'\n') {
        Some(end) => {
            let (header, claims) =
                (URL_SAFE_NO_PAD.encode(&data[..end]), URL_SAFE_NO_PAD.encode(&data[end + 1..]));
            format!("{header}.{claims}.{}", URL_SAFE_NO_PAD.encode([1; 256]))
        }
        None => String::from_utf8_lossy(data).into_owned(),
    };
    assert!(!is_accepted(verifier, runtime, &text), "accepted without a signature");
}

/// A JWK set, asked for the key of a token with a signature that nobody made.
///
/// # Panics
/// Where the token is accepted.
pub fn key_set(data: &[u8]) {
    static TOKEN: LazyLock<String> = LazyLock::new(|| {
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","typ":"JWT","kid":"ins_1"}"#);
        let claims = URL_SAFE_NO_PAD.encode(
            r#"{"iss":"https://b.example.com","sub":"user_1","sid":"sess_1","exp":1800000060,"nbf":1799999990,"iat":1800000000,"v":2}"#,
        );
        format!("{header}.{claims}.{}", URL_SAFE_NO_PAD.encode([1; 256]))
    });
    let runtime = runtime();
    let verifier = verifier(data.to_vec(), &runtime);
    assert!(!is_accepted(&verifier, &runtime, &TOKEN), "accepted without a signature");
}
