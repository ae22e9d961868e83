//! What every verifier of sessions must pass (feature `sessions`).
//!
//! An adapter of the port [`SessionVerifier`] says how its verifier is put together and what a good token looks
//! like ([`Candidate`]), and gets a test of every case with one line in an integration test:
//!
//! ```text
//! capykeys_conformance::session_suite!(MyVerifier);
//! ```
//!
//! The keys are published by a real server on loopback, which the cases take away, fill with other things and
//! give other keys. The clock is the suite's.

#[doc(hidden)]
pub mod cases;
mod issuer;

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use capykeys_domain::{
    model::Session,
    ports::{BearerTokenError, Clock, SessionVerifier},
    secret::{BearerToken, Credential, KeyFormat},
};
use capykeys_testkit::{SigningKey, TokenBuilder};
use serde_json::Value;
use tokio::time::{sleep, timeout};

use self::issuer::Published;
use crate::fixtures::ManualClock;
pub use issuer::Issuer;

/// The `kid` of the key that good tokens are signed with.
const KEY_ID: &str = "key_1";

/// The issuer's key, made anew in each run.
static KEY: LazyLock<SigningKey> = LazyLock::new(SigningKey::rsa);
/// Somebody else's, or the next one.
static OTHER_KEY: LazyLock<SigningKey> = LazyLock::new(SigningKey::rsa);

/// A verifier, and the tokens that it accepts.
pub trait Candidate {
    /// Claims without any of which a token is refused, besides `iss` and `exp`.
    const REQUIRED: &'static [&'static str];

    /// A verifier of the tokens of `issuer` (its URL, to the letter), whose keys are at its `jwks_url`, or where its
    /// metadata say. Called on the runtime that the keys may be fetched on.
    fn verifier(issuer: &Issuer, clock: Arc<dyn Clock>) -> Arc<dyn SessionVerifier>;

    /// Header and claims of a good token that was issued at `now`, in seconds since the epoch, and is valid for at
    /// least a minute. `alg` (RS256) and `kid` are the suite's to set, and so is `iss`.
    fn token(now: u64) -> (Value, Value);

    /// The session that it stands for.
    fn session(issuer: &Issuer) -> Session;
}

/// One verifier with all that it needs.
struct World<C> {
    issuer: Issuer,
    clock: Arc<ManualClock>,
    verifier: Arc<dyn SessionVerifier>,
    candidate: std::marker::PhantomData<C>,
}

impl<C: Candidate> World<C> {
    /// With the issuer's key published.
    async fn new() -> Self {
        Self::with(Published::Keys(vec![KEY.jwk(KEY_ID)])).await
    }

    /// With an issuer that publishes this.
    async fn with(published: Published) -> Self {
        let issuer = Issuer::start(published).await;
        let clock = Arc::new(ManualClock::default());
        let verifier = C::verifier(&issuer, clock.clone());
        Self { issuer, clock, verifier, candidate: std::marker::PhantomData }
    }

    /// The time, in seconds since the epoch.
    fn now(&self) -> u64 {
        u64::try_from(self.clock.now().unix_micros() / 1_000_000).unwrap()
    }

    fn advance(&self, seconds: u64) {
        self.clock.advance(i64::try_from(seconds).unwrap() * 1_000_000);
    }

    /// A good token that is issued now.
    fn token(&self) -> TokenBuilder {
        let (header, claims) = C::token(self.now());
        TokenBuilder::new(header, claims, &KEY)
            .header("alg", "RS256")
            .header("kid", KEY_ID)
            .claim("iss", self.issuer.url())
    }

    async fn verify(&self, token: &str) -> Result<Session, BearerTokenError> {
        match bearer(token) {
            Some(token) => self.verifier.verify_session(&token).await,
            None => Err(BearerTokenError::Refused("of no form that reaches the verifier")),
        }
    }

    async fn accepts(&self, token: &str, case: &str) {
        let session = self.verify(token).await;
        assert_eq!(session.ok(), Some(C::session(&self.issuer)), "{case}");
    }

    /// Checks that good tokens are accepted once the verifier has asked again for the keys, and that none is
    /// refused until then. An unanswered question may have to be given up first.
    async fn accepts_in_the_end(&self, case: &str) {
        let accepted = async {
            while let Err(BearerTokenError::Unavailable(_)) = self.verify(&self.token().sign()).await {
                self.advance(10);
                sleep(Duration::from_millis(20)).await;
            }
        };
        assert!(timeout(Duration::from_secs(30), accepted).await.is_ok(), "{case}: not in half a minute");
        self.accepts(&self.token().sign(), case).await;
    }

    /// Checks that the token is refused, and that nothing of it is told.
    async fn refuses(&self, token: &str, case: &str) {
        let outcome = self.verify(token).await;
        let Err(error @ BearerTokenError::Refused(_)) = &outcome else { panic!("{case}: {outcome:?}") };
        self.tells_nothing(error, token, case);
    }

    /// Checks that there is no answer now.
    async fn is_unavailable(&self, token: &str, case: &str) {
        let outcome = self.verify(token).await;
        let Err(error @ BearerTokenError::Unavailable(_)) = &outcome else { panic!("{case}: {outcome:?}") };
        self.tells_nothing(error, token, case);
    }

    fn tells_nothing(&self, error: &BearerTokenError, token: &str, case: &str) {
        let told = format!("{error} {error:?}");
        let secrets =
            token.split('.').filter(|part| part.len() > 8).chain([self.issuer.url(), cases::SECRET]);
        for secret in secrets {
            assert!(!told.contains(secret), "{case}: {told}");
        }
    }
}

fn bearer(token: &str) -> Option<BearerToken> {
    match Credential::parse(&KeyFormat::default(), token) {
        Some(Credential::Session(token)) => Some(token),
        _ => None,
    }
}

/// Every case, once.
#[doc(hidden)]
#[macro_export]
macro_rules! for_each_session_case {
    ([$($callback:tt)*], $($arguments:tt)*) => {
        $($callback)*! {
            ($($arguments)*)
            a_good_token_is_its_session;
            a_token_with_another_signature_is_refused;
            a_token_of_another_key_is_refused;
            a_token_of_another_algorithm_is_refused;
            a_token_that_brings_its_own_key_is_refused_and_nobody_is_asked;
            a_token_of_which_anything_is_changed_is_refused;
            a_token_with_a_member_twice_is_refused;
            what_is_no_token_is_refused;
            a_huge_token_is_refused;
            an_expired_token_is_refused;
            a_token_that_is_not_valid_yet_is_refused;
            a_token_that_does_not_end_soon_is_refused;
            a_token_of_another_issuer_is_refused;
            a_token_for_another_audience_is_refused;
            a_token_without_a_claim_that_it_needs_is_refused;
            for_want_of_keys_nothing_is_known_until_they_are_there;
            the_issuer_changes_its_keys;
            a_flood_of_forged_tokens_is_no_flood_of_fetches;
        }
    };
}

/// Makes a test of every case. `$candidate` is a type that is a
/// [`Candidate`](capykeys_conformance::sessions::Candidate).
///
/// The including crate needs `tokio` with its macros among its dev-dependencies.
#[macro_export]
macro_rules! session_suite {
    ($candidate:ty) => {
        $crate::for_each_session_case!([$crate::__session_tests], $candidate);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __session_tests {
    (($candidate:ty) $($case:ident;)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                $crate::sessions::cases::$case::<$candidate>().await;
            }
        )*
    };
}

#[cfg(test)]
mod tests {
    macro_rules! names {
        (() $($case:ident;)*) => { [$(stringify!($case),)*] };
    }

    #[test]
    fn every_case_is_listed() {
        let listed = crate::for_each_session_case!([names],);
        let written = include_str!("sessions/cases.rs")
            .lines()
            .filter_map(|line| line.strip_prefix("pub async fn ")?.split('<').next());
        assert_eq!(written.collect::<Vec<_>>(), listed);
    }
}
