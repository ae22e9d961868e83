//! What a token must hold.

use std::time::Duration;

use capykeys_cluster::{ClusterSettings, Refusal, TokenError};
use capykeys_domain::model::ClusterSubject;
use serde_json::{Value, json};

use crate::support::{AUDIENCE, Harness, ISSUER, NOW, SUBJECT, good_token, settings};

#[tokio::test]
async fn a_token_as_kubernetes_writes_it_names_its_service_account() {
    let harness = Harness::new();
    let caller = harness.verify(&good_token().sign()).await.unwrap();
    assert_eq!(caller.subject.as_str(), SUBJECT);
    assert_eq!(harness.fetcher.calls(), 1);
}

#[tokio::test]
async fn the_issuer_is_compared_to_the_letter() {
    let harness = Harness::new();
    for issuer in [
        json!("https://kubernetes.default.svc.cluster.local/"),
        json!("https://kubernetes.default.svc"),
        json!("kubernetes/serviceaccount"),
        json!(""),
        json!(null),
        json!([ISSUER]),
    ] {
        let token = good_token().claim("iss", issuer.clone()).sign();
        harness.refuses_unseen(&token, Refusal::Issuer, &issuer.to_string()).await;
    }
    harness.refuses_unseen(&good_token().without("iss").sign(), Refusal::Issuer, "none").await;
}

#[tokio::test]
async fn the_audience_must_be_among_those_of_the_token() {
    let harness = Harness::new();
    for audience in [json!(AUDIENCE), json!([AUDIENCE]), json!(["vault", AUDIENCE])] {
        let token = good_token().claim("aud", audience.clone()).sign();
        harness.accepts(&token, &audience.to_string()).await;
    }
    for audience in [
        json!("https://kubernetes.default.svc.cluster.local"),
        json!(["vault"]),
        json!([]),
        json!(""),
        json!(null),
        json!([AUDIENCE, 1]),
        json!([[AUDIENCE]]),
        json!({AUDIENCE: AUDIENCE}),
        json!("capykeys vault"),
        json!("Capykeys"),
    ] {
        let token = good_token().claim("aud", audience.clone()).sign();
        harness.refuses_unseen(&token, Refusal::Token(TokenError::Audience), &audience.to_string()).await;
    }
    harness
        .refuses_unseen(&good_token().without("aud").sign(), Refusal::Token(TokenError::Audience), "none")
        .await;
}

#[tokio::test]
async fn the_subject_must_be_one_that_can_be_logged() {
    let harness = Harness::new();
    for subject in [json!(""), json!(null), json!(1), json!("two words"), json!("line\nbreak")] {
        let token = good_token().claim("sub", subject.clone()).sign();
        harness.refuses_unseen(&token, Refusal::Subject, &subject.to_string()).await;
    }
    harness.refuses_unseen(&good_token().without("sub").sign(), Refusal::Subject, "none").await;
}

#[tokio::test]
async fn where_subjects_are_listed_no_other_is_accepted() {
    let listed = ["system:serviceaccount:monitoring:prometheus", SUBJECT];
    let subjects = listed.iter().map(|subject| ClusterSubject::parse(subject).unwrap()).collect();
    let harness = Harness::with(ClusterSettings { subjects, ..settings() });
    for subject in listed {
        harness.accepts(&good_token().claim("sub", subject).sign(), subject).await;
    }
    for subject in ["system:serviceaccount:gateway:envoy2", "system:serviceaccount:gateway", "envoy"] {
        let token = good_token().claim("sub", subject).sign();
        harness.refuses_unseen(&token, Refusal::NotAllowed, subject).await;
    }
}

#[tokio::test]
async fn a_token_is_valid_from_nbf_and_iat_until_exp_give_or_take_five_seconds() {
    let harness = Harness::new();
    for (name, good, bad, reason) in [
        ("exp", NOW - 4, NOW - 5, Refusal::Token(TokenError::Expired)),
        ("nbf", NOW + 5, NOW + 6, Refusal::Token(TokenError::NotYetValid)),
        ("iat", NOW + 5, NOW + 6, Refusal::Token(TokenError::IssuedInTheFuture)),
    ] {
        let token = good_token().claim("nbf", NOW - 60).claim("iat", NOW - 60);
        harness.accepts(&token.clone().claim(name, good).sign(), name).await;
        harness.refuses_unseen(&token.claim(name, bad).sign(), reason, name).await;
    }
}

#[tokio::test]
async fn a_token_lives_no_longer_than_it_may() {
    let (harness, day) = (Harness::new(), 86_400);
    for (issued, expires) in [(NOW, NOW + day), (NOW + 5, NOW + 5 + day), (NOW - day, NOW)] {
        let token = good_token().claim("nbf", issued).claim("iat", issued).claim("exp", expires);
        harness.accepts(&token.sign(), &format!("{issued} {expires}")).await;
    }
    for (issued, expires) in [
        (NOW, NOW + day + 1),
        (NOW - day, NOW + 1),
        (NOW, NOW + 365 * day),
        (NOW, NOW + (1 << 32)),
        (0, NOW + 60),
        (NOW, 253_402_300_799),
    ] {
        let token = good_token().without("nbf").claim("iat", issued).claim("exp", expires).sign();
        harness.refuses(&token, Refusal::Token(TokenError::Lifetime), &format!("{issued} {expires}")).await;
    }
    let brief = Harness::with(ClusterSettings { max_lifetime: Duration::from_mins(10), ..settings() });
    brief.refuses_unseen(&good_token().sign(), Refusal::Token(TokenError::Lifetime), "an hour").await;
}

#[tokio::test]
async fn a_token_that_is_valid_at_no_time_is_refused() {
    let harness = Harness::new();
    for (case, token) in good_token().valid_at_no_time(NOW) {
        harness.refuses_unseen(&token.sign(), Refusal::Token(TokenError::Time), &case).await;
    }
    let without = good_token().without("nbf").claim("exp", NOW).sign();
    harness.refuses_unseen(&without, Refusal::Token(TokenError::Time), "without nbf").await;
}

#[tokio::test]
async fn the_clock_is_asked_for_each_token() {
    let harness = Harness::new();
    let token = good_token().sign();
    harness.accepts(&token, "now").await;
    harness.clock.advance(3_612 * 1_000_000);
    harness.refuses(&token, Refusal::Token(TokenError::Expired), "an hour later").await;
}

#[tokio::test]
async fn exp_and_iat_are_required_and_nbf_may_be_left_out() {
    let harness = Harness::new();
    harness.accepts(&good_token().without("nbf").sign(), "nbf").await;
    for name in ["exp", "iat"] {
        harness
            .refuses_unseen(&good_token().without(name).sign(), Refusal::Token(TokenError::Time), name)
            .await;
    }
    let odd: [Value; 6] =
        [json!(NOW.to_string()), json!(null), json!(-1), json!(u64::MAX), json!(1e300), json!([NOW])];
    for name in ["exp", "nbf", "iat"] {
        for value in &odd {
            let token = good_token().claim(name, value.clone()).sign();
            harness
                .refuses_unseen(&token, Refusal::Token(TokenError::Time), &format!("{name} {value}"))
                .await;
        }
    }
}
