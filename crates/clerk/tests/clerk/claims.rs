//! What the claims of a token must be.

use capykeys_clerk::{Refusal, TokenError};
use capykeys_domain::model::{ExternalOrganizationId, Role, SessionOrganization};
use serde_json::{Value, json};

use crate::support::{Harness, NOW, good_token, good_token_of_version_1, instance, refusal};

/// Values that no claim here may have.
fn wrong_types() -> [Value; 7] {
    [json!(null), json!(true), json!(1.5), json!([]), json!({}), json!(""), json!(-1)]
}

#[tokio::test]
async fn each_required_claim_is_required_with_its_type() {
    let harness = Harness::new();
    for (name, reason) in [
        ("iss", Refusal::Issuer),
        ("sub", Refusal::Subject),
        ("sid", Refusal::SessionId),
        ("exp", Refusal::Token(TokenError::Time)),
        ("nbf", Refusal::Token(TokenError::Time)),
        ("iat", Refusal::Token(TokenError::Time)),
    ] {
        harness.refuses_unseen(&good_token().without(name).sign(), reason, name).await;
        for value in wrong_types() {
            let token = good_token().claim(name, value.clone()).sign();
            harness.refuses_unseen(&token, reason, &format!("{name}: {value}")).await;
        }
    }
}

#[tokio::test]
async fn users_and_sessions_have_their_own_kind_of_id() {
    let harness = Harness::new();
    for subject in ["user_", "User_2abc", "mch_2abc", "2abc", "user_2abc ", "user_2abc\n", "user_2\u{e9}"] {
        let token = good_token().claim("sub", subject).sign();
        harness.refuses_unseen(&token, Refusal::Subject, subject).await;
    }
    for session in ["sess_", "2abc", "user_2abc", "sess_2 abc"] {
        let token = good_token().claim("sid", session).sign();
        harness.refuses_unseen(&token, Refusal::SessionId, session).await;
    }
}

#[tokio::test]
async fn times_are_whole_seconds_that_a_calendar_has() {
    let harness = Harness::new();
    let last = 253_402_300_799_u64;
    for name in ["exp", "nbf", "iat"] {
        for text in ["1800000000.0", "1800000000.5", "18e8", "-0", "253402300800", "18446744073709551615"] {
            let token = good_token().without(name).sign_changed(|header, claims| {
                (header, format!("{},\"{name}\":{text}}}", claims.strip_suffix('}').unwrap()))
            });
            harness
                .refuses_unseen(&token, Refusal::Token(TokenError::Time), &format!("{name}: {text}"))
                .await;
        }
        let text = good_token().claim(name, NOW.to_string()).sign();
        harness.refuses_unseen(&text, Refusal::Token(TokenError::Time), name).await;
    }
    // A calendar has these; what is wrong with them is another matter.
    let latest = good_token().claim("exp", last).sign();
    harness.refuses_unseen(&latest, Refusal::Token(TokenError::Lifetime), "the last second").await;
    assert!(harness.verify(&good_token().claim("nbf", 0).sign()).await.is_ok());
}

#[tokio::test]
async fn the_skew_is_five_seconds_to_the_millisecond() {
    let harness = Harness::new();
    let expiring = good_token().claim("exp", NOW).claim("iat", NOW - 60).sign();
    let active = good_token().claim("nbf", NOW).claim("iat", NOW - 60).sign();
    let issued = good_token().claim("iat", NOW).claim("nbf", 0).sign();
    let cases = [
        (&expiring, 4_999_000, None),
        (&expiring, 4_999_999, None),
        (&expiring, 5_000_000, Some(Refusal::Token(TokenError::Expired))),
        (&active, -5_000_000, None),
        (&active, -5_000_001, Some(Refusal::Token(TokenError::NotYetValid))),
        (&active, -5_001_000, Some(Refusal::Token(TokenError::NotYetValid))),
        (&issued, -5_000_000, None),
        (&issued, -5_000_001, Some(Refusal::Token(TokenError::IssuedInTheFuture))),
        (&issued, -5_001_000, Some(Refusal::Token(TokenError::IssuedInTheFuture))),
    ];
    for (token, micros, expected) in cases {
        harness.clock.set(micros);
        let outcome = harness.verify(token).await;
        let reason = outcome.err().map(|error| refusal(Err(error)));
        assert_eq!(reason, expected.map(Refusal::as_str), "{micros}");
    }
}

#[tokio::test]
async fn the_authorized_party_must_be_configured() {
    let harness = Harness::new();
    harness.refuses_unseen(&good_token().without("azp").sign(), Refusal::AuthorizedParty, "none").await;
    for party in [
        json!(""),
        json!(null),
        json!(["https://app.example.com"]),
        json!("https://evil.example.com"),
        json!("https://app.example.com/"),
        json!("https://app.example.com.evil.example.com"),
        json!("HTTPS://APP.EXAMPLE.COM"),
    ] {
        let token = good_token().claim("azp", party.clone()).sign();
        harness.refuses_unseen(&token, Refusal::AuthorizedParty, &party.to_string()).await;
    }
    let first = good_token().claim("azp", "https://first.example.com").sign();
    assert!(harness.verify(&first).await.is_ok());
}

#[tokio::test]
async fn without_a_list_every_party_is_authorized_if_it_is_a_text() {
    let mut settings = instance();
    settings.authorized_parties.clear();
    let harness = Harness::with([settings]);
    for party in [json!(null), json!(["https://app.example.com"]), json!(1), json!({})] {
        let token = good_token().claim("azp", party.clone()).sign();
        harness.refuses_unseen(&token, Refusal::AuthorizedParty, &party.to_string()).await;
    }
    assert!(harness.verify(&good_token().without("azp").sign()).await.is_ok());
    let foreign = good_token().claim("azp", "https://any.example.com").sign();
    assert!(harness.verify(&foreign).await.is_ok());
}

#[tokio::test]
async fn only_an_active_status_is_signed_in() {
    let harness = Harness::new();
    for status in [json!("pending"), json!("Active"), json!("new"), json!(""), json!(null), json!(["active"])]
    {
        let token = good_token().claim("sts", status.clone()).sign();
        harness.refuses_unseen(&token, Refusal::Status, &status.to_string()).await;
    }
    assert!(harness.verify(&good_token().without("sts").sign()).await.is_ok());
}

#[tokio::test]
async fn any_act_claim_is_impersonation() {
    let harness = Harness::new();
    for actor in [json!({"sub": "user_support"}), json!({}), json!(null), json!("x"), json!(false)] {
        let session = harness.verify(&good_token().claim("act", actor.clone()).sign()).await.unwrap();
        assert!(session.impersonated, "{actor}");
    }
}

fn acme(role: &str, slug: Option<&str>) -> SessionOrganization {
    SessionOrganization {
        id: ExternalOrganizationId::parse("org_acme").unwrap(),
        roles: vec![Role::parse(role).unwrap()],
        slug: slug.map(str::to_owned),
    }
}

#[tokio::test]
async fn version_2_has_the_organization_in_one_object() {
    let harness = Harness::new();
    let object = json!({"id": "org_acme", "rol": "admin", "slg": "acme", "per": "", "fpm": ""});
    let session = harness.verify(&good_token().claim("o", object).sign()).await.unwrap();
    assert_eq!(session.organization, Some(acme("org:admin", Some("acme"))));
    assert!(session.is_organization_admin());
    let object = json!({"id": "org_acme", "rol": "member"});
    let session = harness.verify(&good_token().claim("o", object).sign()).await.unwrap();
    assert_eq!(session.organization, Some(acme("org:member", None)));
    assert!(!session.is_organization_admin());
}

/// Found by the comparison with Clerk's own SDK: version 2 leaves `org:` out, always.
#[tokio::test]
async fn a_version_2_role_that_is_itself_called_org_admin_is_no_administrator() {
    let harness = Harness::new();
    let object = json!({"id": "org_acme", "rol": "org:admin"});
    let session = harness.verify(&good_token().claim("o", object).sign()).await.unwrap();
    assert_eq!(session.organization.as_ref().unwrap().roles[0].as_str(), "org:org:admin");
    assert!(!session.is_organization_admin());
}

#[tokio::test]
async fn a_version_2_token_ignores_the_claims_of_version_1() {
    let mut settings = instance();
    settings.claims_v1 = true;
    let harness = Harness::with([settings]);
    let token = good_token().claim("org_id", "org_acme").claim("org_role", "org:admin");
    assert_eq!(harness.verify(&token.sign()).await.unwrap().organization, None);
    let object = json!({"id": "org_acme", "rol": "member"});
    let session = harness.verify(&token.clone().claim("o", object).sign()).await.unwrap();
    assert_eq!(session.organization, Some(acme("org:member", None)));
    assert!(harness.verify(&token.claim("org_id", json!([1])).sign()).await.is_ok());
}

#[tokio::test]
async fn a_malformed_organization_is_refused() {
    let harness = Harness::new();
    let mut objects = vec![
        json!(null),
        json!("org_acme"),
        json!(["org_acme", "admin"]),
        json!({}),
        json!({"rol": "admin"}),
        json!({"id": "org_acme"}),
        json!({"id": "acme", "rol": "admin"}),
        json!({"id": "user_acme", "rol": "admin"}),
        json!({"id": "org_acme", "rol": "a b"}),
        json!({"id": "org_acme", "rol": "x".repeat(201)}),
        json!({"id": "org_acme", "rol": "admin", "slg": "a\nb"}),
    ];
    for value in wrong_types() {
        objects.push(json!({"id": value, "rol": "admin"}));
        objects.push(json!({"id": "org_acme", "rol": value}));
        objects.push(json!({"id": "org_acme", "rol": "admin", "slg": value}));
    }
    for object in objects {
        let token = good_token().claim("o", object.clone()).sign();
        harness.refuses_unseen(&token, Refusal::Organization, &object.to_string()).await;
    }
}

#[tokio::test]
async fn version_1_is_accepted_only_where_it_is_on() {
    let token = good_token_of_version_1()
        .claim("org_id", "org_acme")
        .claim("org_role", "org:admin")
        .claim("org_slug", "acme");
    let off = Harness::new();
    off.refuses_unseen(&token.sign(), Refusal::Version, "off").await;
    off.refuses_unseen(&good_token_of_version_1().sign(), Refusal::Version, "off, no organization").await;

    let mut settings = instance();
    settings.claims_v1 = true;
    let on = Harness::with([settings]);
    let session = on.verify(&token.sign()).await.unwrap();
    assert_eq!(session.organization, Some(acme("org:admin", Some("acme"))));
    assert_eq!(on.verify(&token.clone().claim("v", 1).sign()).await.unwrap(), session);
    let none = on.verify(&good_token_of_version_1().sign()).await.unwrap();
    assert_eq!(none.organization, None);
    // The object of version 2 says nothing in version 1.
    let object = json!({"id": "org_other", "rol": "admin"});
    let none = on.verify(&good_token_of_version_1().claim("o", object).sign()).await.unwrap();
    assert_eq!(none.organization, None);
}

#[tokio::test]
async fn a_malformed_version_1_organization_is_refused() {
    let mut settings = instance();
    settings.claims_v1 = true;
    let harness = Harness::with([settings]);
    let good = good_token_of_version_1().claim("org_id", "org_acme").claim("org_role", "org:admin");
    let mut tokens = vec![good.clone().without("org_role").sign()];
    for value in wrong_types() {
        for name in ["org_id", "org_role", "org_slug"] {
            tokens.push(good.clone().claim(name, value.clone()).sign());
        }
    }
    for token in tokens {
        harness.refuses_unseen(&token, Refusal::Organization, &token).await;
    }
    assert!(harness.verify(&good.sign()).await.is_ok());
}

#[tokio::test]
async fn other_versions_are_refused() {
    let mut settings = instance();
    settings.claims_v1 = true;
    let harness = Harness::with([settings]);
    for version in [json!(0), json!(3), json!("2"), json!(2.0), json!(null), json!([2]), json!(-2)] {
        let token = good_token().claim("v", version.clone()).sign();
        harness.refuses_unseen(&token, Refusal::Version, &version.to_string()).await;
    }
}
