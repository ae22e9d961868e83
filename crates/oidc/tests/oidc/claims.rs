//! What the claims say, and which are refused.

use capykeys_domain::model::{ExternalOrganizationId, Role, UserId};
use capykeys_oidc::{Algorithm, OrganizationSource, ProviderSettings, Refusal, TokenError, TokenType};
use serde_json::{Value, json};

use crate::support::{CLIENT, CURVE_KEY, Harness, ISSUER, NOW, good_token, path, provider};

fn user(id: &str) -> UserId {
    UserId::of_issuer(ISSUER, id).unwrap()
}

fn organization(id: &str) -> ExternalOrganizationId {
    ExternalOrganizationId::of_issuer(ISSUER, id).unwrap()
}

#[tokio::test]
async fn a_user_without_an_organization_is_signed_in() {
    let session = Harness::new().session(&good_token()).await;
    assert_eq!((session.user_id, session.organization, session.impersonated), (user("u-1"), None, false));
}

#[tokio::test]
async fn nobody_at_a_provider_is_anybody_at_clerk() {
    let token = good_token().claim("sub", "user_2abc").claim("org_id", "org_2abc");
    let session = Harness::new().session(&token).await;
    assert!(!session.user_id.is_of_clerk());
    assert!(!session.organization.unwrap().id.is_of_clerk());
}

#[tokio::test]
async fn the_organization_is_where_it_is_said_to_be_and_one_alone_is_active() {
    for (claim, id) in [
        (json!("acme"), Some("acme")),
        (json!(["acme"]), Some("acme")),
        (json!({"acme": {"id": "5e1c"}}), Some("acme")),
        (json!(["acme", "other"]), None),
        (json!({"acme": {}, "other": {}}), None),
        (json!([]), None),
    ] {
        let session = Harness::new().session(&good_token().claim("org_id", claim.clone())).await;
        assert_eq!(session.organization.map(|one| one.id), id.map(organization), "{claim}");
    }
    for claim in [json!(""), json!(null), json!(1), json!([1]), json!("x".repeat(75)), json!(["acme", 1])] {
        let token = good_token().claim("org_id", claim.clone());
        Harness::new().refuses_unseen(&token, Refusal::Organization, &claim.to_string()).await;
    }
}

#[tokio::test]
async fn an_organization_is_called_what_the_token_says_or_by_its_id() {
    let harness = Harness::new();
    let token = good_token().claim("org_id", "acme");
    let name = harness.session(&token).await.organization.unwrap().slug;
    assert_eq!(name.as_deref(), Some("acme"));
    let name = harness.session(&token.clone().claim("org_name", "Acme Ltd")).await.organization.unwrap().slug;
    assert_eq!(name.as_deref(), Some("Acme Ltd"));
    for name in [json!(""), json!(1), json!("a\u{0}b"), json!("x".repeat(201))] {
        let token = token.clone().claim("org_name", name.clone());
        harness.refuses_unseen(&token, Refusal::Organization, &name.to_string()).await;
    }
    harness.refuses_unseen(&good_token().claim("org_id", "a\u{0}b"), Refusal::Organization, "NUL").await;
}

#[tokio::test]
async fn a_provider_may_be_for_one_organization_whatever_its_tokens_say() {
    let fixed = OrganizationSource::Fixed("acme".to_owned());
    let harness = Harness::with([ProviderSettings { organization: fixed, ..provider() }]);
    for token in [good_token(), good_token().claim("org_id", "other")] {
        assert_eq!(harness.session(&token).await.organization.unwrap().id, organization("acme"));
    }
}

async fn roles(claim: Value) -> Vec<String> {
    let token = good_token().claim("org_id", "acme").claim("roles", claim);
    let roles = Harness::new().session(&token).await.organization.unwrap().roles;
    roles.iter().map(|role| role.as_str().to_owned()).collect()
}

#[tokio::test]
async fn roles_count_that_have_a_name_here_and_no_others() {
    assert_eq!(roles(json!("capykeys-admin")).await, ["org:admin"]);
    assert_eq!(
        roles(json!(["offline_access", "billing", "capykeys-admin"])).await,
        ["org:billing", "org:admin"]
    );
    assert_eq!(roles(json!(["billing", "finance"])).await, ["org:billing"]);
    assert_eq!(roles(json!({"capykeys-admin": true})).await, ["org:admin"]);
    // `admin` may mean anything there.
    for claim in [json!(["admin", "org:admin", "Capykeys-Admin"]), json!([]), json!("")] {
        assert_eq!(roles(claim).await, [Role::member().as_str()]);
    }
    let token = good_token().claim("org_id", "acme");
    assert!(!Harness::new().session(&token).await.is_organization_admin());
    for claim in [json!(null), json!(1), json!(["capykeys-admin", 1]), json!(true)] {
        let token = token.clone().claim("roles", claim.clone());
        Harness::new().refuses_unseen(&token, Refusal::Roles, &claim.to_string()).await;
    }
}

/// Zitadel names below each role the organizations that it was granted in.
#[tokio::test]
async fn a_role_that_was_granted_in_another_organization_counts_for_nothing() {
    let here = json!({"acme": "acme.example"});
    let both = json!({"acme": "acme.example", "999": "evil.example"});
    assert_eq!(roles(json!({"billing": both, "capykeys-admin": here})).await, ["org:billing", "org:admin"]);
    for elsewhere in [json!({"999": "evil.example"}), json!({"999": "acme"}), json!({"ACME": "x"}), json!({})]
    {
        assert_eq!(roles(json!({"capykeys-admin": elsewhere})).await, [Role::member().as_str()]);
        assert_eq!(roles(json!({"billing": here, "capykeys-admin": elsewhere})).await, ["org:billing"]);
    }
    let fixed = OrganizationSource::Fixed("acme".to_owned());
    let harness = Harness::with([ProviderSettings { organization: fixed, ..provider() }]);
    let token = good_token().claim("roles", json!({"capykeys-admin": {"999": "evil.example"}}));
    assert!(!harness.session(&token).await.is_organization_admin());
}

#[tokio::test]
async fn claims_are_where_they_are_set_to_be() {
    let settings = ProviderSettings {
        user: path("oid"),
        organization: OrganizationSource::Claim(path("/tenant/id")),
        organization_name: path("tenant.name"),
        roles: path("https://capykeys.example/roles"),
        ..provider()
    };
    let token = good_token()
        .claim("oid", "5e1c")
        .claim("tenant", json!({"id": "acme", "name": "Acme"}))
        .claim("https://capykeys.example/roles", json!(["billing"]));
    let session = Harness::with([settings.clone()]).session(&token).await;
    let there = session.organization.unwrap();
    assert_eq!((session.user_id, there.id), (user("5e1c"), organization("acme")));
    assert_eq!((there.slug.as_deref(), there.roles[0].as_str()), (Some("Acme"), "org:billing"));
    Harness::with([settings]).refuses_unseen(&token.without("oid"), Refusal::Subject, "no user").await;
}

#[tokio::test]
async fn a_token_that_a_client_got_for_itself_is_nobodys_session() {
    for name in ["client_id", "azp"] {
        for subject in [CLIENT.to_owned(), format!("{CLIENT}@clients")] {
            let token = good_token().claim("sub", subject).claim(name, CLIENT);
            Harness::new().refuses_unseen(&token, Refusal::Subject, name).await;
        }
    }
    // Entra's has the application's object as its subject.
    Harness::new().refuses_unseen(&good_token().claim("idtyp", "app"), Refusal::Subject, "idtyp").await;
    Harness::new().session(&good_token().claim("idtyp", "user")).await;
    for id in [json!(""), json!(1), json!(null), json!("x".repeat(75)), json!(["u-1"])] {
        let token = good_token().claim("sub", id.clone());
        Harness::new().refuses_unseen(&token, Refusal::Subject, &id.to_string()).await;
    }
}

#[tokio::test]
async fn a_logout_token_is_no_credential() {
    let events = json!({"http://schemas.openid.net/event/backchannel-logout": {}});
    for events in [events, json!(null)] {
        Harness::new().refuses_unseen(&good_token().claim("events", events), Refusal::Event, "events").await;
    }
}

#[tokio::test]
async fn whatever_act_holds_is_impersonation() {
    for act in [json!({"sub": "support"}), json!(null), json!({})] {
        assert!(Harness::new().session(&good_token().claim("act", act)).await.impersonated);
    }
}

#[tokio::test]
async fn every_client_that_a_token_names_must_be_in_the_list() {
    let parties = vec!["other".to_owned(), CLIENT.to_owned()];
    let harness = Harness::with([ProviderSettings { authorized_parties: parties, ..provider() }]);
    harness.session(&good_token()).await;
    harness.session(&good_token().without("client_id").claim("azp", CLIENT)).await;
    harness.session(&good_token().claim("azp", "other")).await;
    for token in [
        good_token().without("client_id"),
        good_token().claim("client_id", "preview"),
        good_token().claim("azp", "preview"),
        good_token().claim("client_id", json!([CLIENT])),
    ] {
        harness.refuses_unseen(&token, Refusal::AuthorizedParty, "with a list").await;
    }
    let harness = Harness::new();
    harness.session(&good_token().without("client_id")).await;
    harness.refuses_unseen(&good_token().claim("azp", 1), Refusal::AuthorizedParty, "no text").await;
}

#[tokio::test]
async fn an_id_token_that_names_no_client_is_for_its_audience() {
    let settings = |party: &str| ProviderSettings {
        audiences: vec![CLIENT.to_owned(), "preview".to_owned()],
        authorized_parties: vec![party.to_owned()],
        ..provider()
    };
    let token = good_token().without("client_id").claim("aud", CLIENT);
    Harness::with([settings(CLIENT)]).session(&token).await;
    let harness = Harness::with([settings("preview")]);
    harness.refuses_unseen(&token, Refusal::AuthorizedParty, "another client").await;
    harness.refuses_unseen(&token.claim("aud", json!([CLIENT])), Refusal::AuthorizedParty, "a list").await;
}

#[tokio::test]
async fn an_audience_of_several_is_enough() {
    let harness = Harness::new();
    harness.session(&good_token().claim("aud", json!(["userinfo", "another"]))).await;
    let token = good_token().claim("aud", json!(["userinfo"]));
    harness.refuses_unseen(&token, Refusal::Token(TokenError::Audience), "userinfo").await;
}

#[tokio::test]
async fn the_type_is_one_that_is_set() {
    let typed = |typ: Option<&str>| match typ {
        Some(typ) => good_token().header("typ", typ),
        None => good_token().without_header("typ"),
    };
    let all = [Some("at+jwt"), Some("application/at+jwt"), Some("JWT"), None];
    for (set, accepted) in
        [(TokenType::AccessToken, &all[..2]), (TokenType::Jwt, &all[2..3]), (TokenType::Untyped, &all[3..])]
    {
        for typ in all {
            let harness = Harness::with([ProviderSettings { types: vec![set], ..provider() }]);
            if accepted.contains(&typ) {
                harness.session(&typed(typ)).await;
            } else {
                harness.refuses_unseen(&typed(typ), Refusal::Token(TokenError::Type), "another type").await;
            }
        }
    }
    for typ in ["logout+jwt", "dpop+jwt", "jwt", "AT+JWT", ""] {
        Harness::new().refuses_unseen(&typed(Some(typ)), Refusal::Token(TokenError::Type), typ).await;
    }
}

#[tokio::test]
async fn the_algorithm_is_one_that_is_set() {
    let on_curve = good_token().header("alg", "ES256").header("kid", "key_2").sign_by(&CURVE_KEY);
    let refused = Harness::new().verify(&on_curve).await.unwrap_err().to_string();
    assert_eq!(refused, "refused: OIDC token not signed with an accepted algorithm");
    let algorithms = vec![Algorithm::Rs256, Algorithm::Es256];
    let harness = Harness::with([ProviderSettings { algorithms, ..provider() }]);
    assert!(harness.verify(&on_curve).await.is_ok());
    harness.session(&good_token()).await;
}

#[tokio::test]
async fn a_token_lives_no_longer_than_is_set() {
    let harness = Harness::new();
    harness.session(&good_token().claim("exp", NOW + 3_600)).await;
    let token = good_token().claim("exp", NOW + 3_601);
    harness.refuses_unseen(&token, Refusal::Token(TokenError::Lifetime), "an hour and a second").await;
}
