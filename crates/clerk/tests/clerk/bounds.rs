//! For how long a token is good, and for whom.

use std::time::Duration;

use capykeys_clerk::{InstanceSettings, Refusal, TokenError};
use serde_json::{Value, json};

use crate::support::{Harness, NOW, good_token, instance, refusal};

/// A key that signed for ten years by mistake, and the clocks of both sides.
#[tokio::test]
async fn a_token_lives_no_longer_than_it_may() {
    let living = |max_lifetime| Harness::with([InstanceSettings { max_lifetime, ..instance() }]);
    let harness = living(InstanceSettings::DEFAULT_MAX_LIFETIME);
    let hour = 3_600;
    for (issued, expires) in [
        (NOW, NOW + hour),
        (NOW + 5, NOW + 5 + hour),
        (NOW - hour, NOW),
        (NOW - hour - 4, NOW - 4),
        (NOW, NOW + 1),
    ] {
        let token = good_token().claim("nbf", issued).claim("iat", issued).claim("exp", expires);
        assert!(harness.verify(&token.sign()).await.is_ok(), "{issued} {expires}");
    }
    for (issued, expires) in [
        (NOW, NOW + hour + 1),
        (NOW + 5, NOW + 6 + hour),
        (NOW - hour, NOW + 1),
        (NOW, NOW + 100 * 365 * 24 * hour),
        (NOW, 253_402_300_799),
        (0, NOW + 60),
        (0, 253_402_300_799),
    ] {
        let token = good_token().claim("nbf", issued).claim("iat", issued).claim("exp", expires);
        let outcome = harness.verify(&token.sign()).await;
        assert_eq!(refusal(outcome), Refusal::Token(TokenError::Lifetime).as_str(), "{issued} {expires}");
    }
    let brief = living(Duration::from_mins(1));
    brief
        .refuses_unseen(
            &good_token().claim("exp", NOW + 61).sign(),
            Refusal::Token(TokenError::Lifetime),
            "61 s",
        )
        .await;
    assert!(brief.verify(&good_token().sign()).await.is_ok());
}

/// The skew of both limits together made them valid for some seconds.
#[tokio::test]
async fn a_token_that_is_valid_at_no_time_is_refused() {
    let harness = Harness::new();
    for (case, token) in good_token().valid_at_no_time(NOW) {
        harness.refuses_unseen(&token.sign(), Refusal::Token(TokenError::Time), &case).await;
    }
}

fn audiences() -> [Value; 12] {
    let ours = "https://api.example.com";
    [
        json!("https://api.example.org"),
        json!(["https://api.example.org"]),
        json!([]),
        json!([""]),
        json!(""),
        json!(null),
        json!(false),
        json!(0),
        json!([ours, 1]),
        json!([[ours]]),
        json!({ours: ours}),
        json!("https://api.example.com https://api.example.org"),
    ]
}

#[tokio::test]
async fn a_token_with_an_audience_is_refused_where_none_is_configured() {
    let harness = Harness::new();
    let well_formed = [json!("https://api.example.com"), json!(["https://api.example.com"])];
    for audience in audiences().iter().chain(&well_formed) {
        let token = good_token().claim("aud", audience.clone()).sign();
        harness.refuses_unseen(&token, Refusal::Token(TokenError::Audience), &audience.to_string()).await;
    }
}

#[tokio::test]
async fn where_an_audience_is_configured_the_token_names_it() {
    let ours = "https://api.example.com";
    let harness = Harness::with([InstanceSettings { audience: Some(ours.to_owned()), ..instance() }]);
    for audience in
        audiences().iter().chain(&[json!("https://api.example.com/"), json!("HTTPS://api.example.com")])
    {
        let token = good_token().claim("aud", audience.clone()).sign();
        harness.refuses_unseen(&token, Refusal::Token(TokenError::Audience), &audience.to_string()).await;
    }
    harness.refuses_unseen(&good_token().sign(), Refusal::Token(TokenError::Audience), "none").await;
    for audience in [json!(ours), json!([ours]), json!(["https://api.example.org", ours])] {
        let token = good_token().claim("aud", audience.clone()).sign();
        assert!(harness.verify(&token).await.is_ok(), "{audience}");
    }
}
