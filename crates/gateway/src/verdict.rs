//! Counting verdicts.

use std::{sync::LazyLock, time::Duration};

use capykeys_domain::{
    model::{RequestContext, SessionCaller},
    policy::{Rejection, Requirement},
    ports::Unavailable,
    secret::{BearerToken, PlaintextKey},
    usecases::{AuthenticateError, Verdicts, Verification},
};
use opentelemetry::{KeyValue, global, metrics::BoundCounter};

const KEY: &str = "api_key";
const SESSION: &str = "session";
const GOOD: &str = "good";
const REFUSED: &str = "refused";
const UNAVAILABLE: &str = "unavailable";

/// A counter for each outcome that there is, and credential. They are few, and most verdicts are the first.
static COUNTERS: LazyLock<Vec<(&str, &str, BoundCounter<u64>)>> = LazyLock::new(|| {
    let counter = global::meter("capykeys")
        .u64_counter("capykeys.verdicts")
        .with_description("Verdicts on credentials")
        .build();
    let of_keys = [GOOD, UNAVAILABLE].into_iter().chain(Rejection::ALL.map(Rejection::as_str));
    let of_sessions = [GOOD, REFUSED, UNAVAILABLE].map(|outcome| (SESSION, outcome));
    let all = of_keys.map(|outcome| (KEY, outcome)).chain(of_sessions);
    all.map(|(credential, outcome)| {
        let attributes = [KeyValue::new("credential", credential), KeyValue::new("outcome", outcome)];
        (outcome, credential, counter.bind(&attributes))
    })
    .collect()
});

fn count(credential: &'static str, outcome: &'static str) {
    let mut counters = COUNTERS.iter();
    if let Some((.., counter)) = counters.find(|one| (one.0, one.1) == (outcome, credential)) {
        counter.add(1);
    }
}

/// [`Verdicts::verify`], counted by its outcome.
///
/// # Errors
/// The same.
pub async fn verify(
    verdicts: &Verdicts,
    key: Option<&PlaintextKey>,
    requirement: &Requirement,
    keep: Duration,
) -> Result<Verification, Unavailable> {
    let verification = verdicts.verify(key, requirement, keep).await;
    count(
        KEY,
        match &verification {
            Ok(Verification { verdict: Ok(_), .. }) => GOOD,
            Ok(Verification { verdict: Err(rejection), .. }) => rejection.as_str(),
            Err(_) => UNAVAILABLE,
        },
    );
    verification
}

/// [`Verdicts::authenticate_session`], counted by its outcome.
pub(crate) async fn authenticate_session(
    verdicts: &Verdicts,
    token: &BearerToken,
    context: &RequestContext,
) -> Result<SessionCaller, AuthenticateError> {
    let session = verdicts.authenticate_session(token, context).await;
    count(
        SESSION,
        match &session {
            Ok(_) => GOOD,
            Err(AuthenticateError::Refused(_)) => REFUSED,
            Err(AuthenticateError::Unavailable(_)) => UNAVAILABLE,
        },
    );
    session
}
