//! Our verdicts beside those of Clerk's own SDK (`@clerk/backend`), on the same tokens.
//!
//! Two promises: what we accept, the SDK accepts as the same person in the same organization with
//! the same role; where we refuse and the SDK accepts, the reason is on the list in `strictness`.
//! `scripts/clerk-differential` prepares Node and runs this.

mod case;
mod pools;
mod recipe;
mod sdk;
mod strictness;

use std::collections::{BTreeMap, HashMap};

use capykeys_clerk::{InstanceSettings, PublicKeySource, Refusal, TokenError};
use capykeys_domain::{
    model::{Role, Session},
    ports::{BearerTokenError, SessionVerifier},
    secret::{Credential, KeyFormat},
};

use serde_json::{Value, json};

use self::{
    case::{Case, Settings},
    sdk::{Sdk, Verdict},
};
use crate::support::{Harness, instance, signing_key};

/// How many tokens are generated, besides those that change one thing at a time.
const GENERATED: usize = 3_000;

/// One of our verifiers for each of the settings. None of them has anything to fetch.
struct Ours(HashMap<Settings, Harness>);

impl Ours {
    fn new() -> Self {
        Self(Settings::all().map(|settings| (settings, Harness::with([configured(settings)]))).collect())
    }

    /// The session, or why there is none.
    async fn verdict(&self, case: &Case) -> Result<Session, Refusal> {
        let harness = &self.0[&case.settings];
        harness.clock.set(case.clock_ms * 1_000);
        let Some(Credential::Session(token)) = Credential::parse(&KeyFormat::default(), &case.token) else {
            return Err(Refusal::Token(TokenError::Malformed));
        };
        let outcome = harness.verifier.verify_session(&token).await;
        assert_eq!(harness.fetcher.calls(), 0);
        outcome.map_err(|error| match error {
            BearerTokenError::Refused(words) => {
                Refusal::all().find(|refusal| refusal.as_str() == words).unwrap()
            }
            BearerTokenError::Unavailable(_) => panic!("with a PEM nothing can be unavailable: {case:?}"),
        })
    }
}

fn configured(settings: Settings) -> InstanceSettings {
    let mut configured = instance();
    configured.keys = PublicKeySource::Pem(signing_key().public_pem());
    configured.max_lifetime = InstanceSettings::DEFAULT_MAX_LIFETIME;
    configured.claims_v1 = settings.claims_v1;
    configured.audience = settings.audience.then(|| pools::AUDIENCE.to_owned());
    if !settings.parties {
        configured.authorized_parties.clear();
    }
    configured
}

/// What is wrong with the two verdicts together.
fn fault(ours: &Result<Session, Refusal>, theirs: &Verdict) -> Option<&'static str> {
    match (ours, theirs.signed_in) {
        (Ok(_), false) => Some("we accept what the SDK refuses"),
        (Err(refusal), true) if strictness::reason(*refusal).is_none() => Some("stricter without a reason"),
        (Ok(session), true) => difference(session, theirs),
        (Err(_), _) => None,
    }
}

/// What the two sessions do not agree on.
fn difference(session: &Session, theirs: &Verdict) -> Option<&'static str> {
    let organization = session.organization.as_ref();
    if json!(session.user_id.as_str()) != theirs.user {
        Some("another user")
    } else if json!(organization.map(|one| one.id.as_str())) != theirs.organization {
        Some("another organization")
    } else if organization.is_some_and(|one| json!(one.roles[0].as_str()) != their_role(theirs)) {
        Some("another role")
    } else if organization.is_some_and(|one| json!(one.slug) != theirs.slug) {
        Some("another slug")
    } else if session.impersonated != theirs.actor {
        Some("another answer to whether somebody is impersonated")
    } else {
        None
    }
}

/// Version 1 names older roles without `org:`. The SDK passes them on as they are; here, every
/// role has one name.
fn their_role(theirs: &Verdict) -> Value {
    match &theirs.role {
        Value::String(role) if theirs.version == 1 => json!(Role::parse(role).as_ref().map(Role::as_str)),
        role => role.clone(),
    }
}

#[tokio::test]
#[ignore = "needs Node: run by scripts/clerk-differential"]
async fn whatever_is_accepted_here_clerks_own_sdk_accepts_as_the_same_session() {
    let mut cases = case::one_change_at_a_time();
    cases.extend(case::generated(GENERATED));
    let theirs = Sdk::prepared().verdicts(&cases, configured);
    assert_eq!(theirs.len(), cases.len(), "the SDK has not answered for each token");

    let ours = Ours::new();
    let (mut both, mut neither, mut stricter, mut faults) = (0, 0, BTreeMap::new(), Vec::new());
    for (case, theirs) in cases.iter().zip(&theirs) {
        let ours = ours.verdict(case).await;
        match (&ours, theirs.signed_in) {
            (Ok(_), _) => both += 1,
            (Err(refusal), true) => *stricter.entry(refusal.as_str()).or_insert(0) += 1,
            (Err(_), false) => neither += 1,
        }
        if let Some(fault) = fault(&ours, theirs) {
            faults.push(format!("{fault}\n  {case:?}\n  ours:   {ours:?}\n  theirs: {theirs:?}"));
        }
    }
    report(cases.len(), both, neither, &stricter);
    assert!(
        faults.is_empty(),
        "{} faults, such as\n{}",
        faults.len(),
        faults[..faults.len().min(5)].join("\n")
    );
    // What never happens proves nothing: both verdicts and each reason on the list must occur.
    assert!(both > 500 && neither > 500, "too one-sided");
    for refusal in Refusal::all() {
        let occurs = stricter.contains_key(refusal.as_str());
        assert_eq!(occurs, strictness::reason(refusal).is_some(), "{refusal:?}");
    }
}

#[expect(clippy::print_stdout, reason = "the figures of a run that is started by hand or in CI")]
fn report(cases: usize, both: usize, neither: usize, stricter: &BTreeMap<&str, usize>) {
    println!("{cases} tokens: {both} accepted by both, {neither} refused by both, the others here alone:");
    for (reason, count) in stricter {
        println!("{count:6} {reason}");
    }
}
