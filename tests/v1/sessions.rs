//! Clerk session tokens: which are good, and where their organization comes from.

use std::{
    collections::HashSet,
    sync::{Arc, Barrier},
    thread,
    time::Duration,
};

use capykeys_tests::{
    Installation, Server, Store, Tenant,
    clerk::{self, Session},
    clock, on_every_store, wait,
};
use serde_json::json;

on_every_store![
    the_first_administrator_brings_the_organization_along,
    ten_first_administrators_at_once_bring_one_organization,
    a_member_or_an_impersonator_brings_nothing_along,
    sessions_act_in_the_organization_registered_for_theirs,
    where_organizations_are_registered_an_unknown_one_is_refused,
    version_1_of_the_claims_is_read_where_it_is_set,
    good_tokens_are_accepted,
    bad_tokens_are_refused,
    the_audience_and_the_lifetime_are_those_that_are_set;
    tables: an_organization_that_is_linked_to_another_obeys_the_sessions_of_that_one_alone,
];

fn the_first_administrator_brings_the_organization_along(store: Store) {
    let server = store.server();
    let token = Session::admin(&clerk::organization_id()).sign();
    let me = server.get("/v1/me").bearer(&token).send().expect(200);
    let id = me["organization"]["id"].as_str().unwrap();
    let path = format!("/v1/organizations/{id}/api-keys");
    assert_eq!(server.get(&path).bearer(&token).send().expect(200), json!({"api_keys": []}));
    server.post(&path).bearer(&token).json(&json!({"name": "n", "scopes": ["*"]})).send().expect(201);
}

fn ten_first_administrators_at_once_bring_one_organization(store: Store) {
    let server = store.server();
    let at_clerk = clerk::organization_id();
    let tokens: Vec<_> = (0..10).map(|_| Session::admin(&at_clerk).sign()).collect();
    let start = Barrier::new(tokens.len());
    let ids: HashSet<String> = thread::scope(|scope| {
        let ask = |token: &String| {
            start.wait();
            let me = server.get("/v1/me").bearer(token).send().expect(200);
            me["organization"]["id"].as_str().unwrap().to_owned()
        };
        let callers: Vec<_> = tokens.iter().map(|token| scope.spawn(move || ask(token))).collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).collect()
    });
    assert_eq!(ids.len(), 1, "{ids:?}");
    let all = server.installation().json(&["organizations", "list"]);
    let organizations = all["organizations"].as_array().unwrap();
    let same = organizations.iter().filter(|one| one["clerk_organization_id"] == at_clerk.as_str());
    assert_eq!(same.count(), 1);
}

fn an_organization_that_is_linked_to_another_obeys_the_sessions_of_that_one_alone(store: Store) {
    let (old, new) = (clerk::organization_id(), clerk::organization_id());
    let acme = Tenant::with_clerk(store.server(), &old);
    let [of_old, of_new] = [&old, &new].map(|id| Session::member(id).sign());
    acme.listing(&of_old).send().expect(200);
    acme.server.installation().change_row(&format!(
        "UPDATE organizations SET clerk_organization_id = '{new}' WHERE clerk_organization_id = '{old}'"
    ));
    wait::until(
        "the new one's sessions are obeyed and the old one's are not",
        Duration::from_secs(30),
        || {
            let refused = (400..500).contains(&acme.listing(&of_old).send().status);
            (refused && acme.listing(&of_new).send().status == 200).then_some(())
        },
    );
}

fn a_member_or_an_impersonator_brings_nothing_along(store: Store) {
    let (server, at_clerk) = (store.server(), clerk::organization_id());
    for session in [Session::member(&at_clerk), Session::admin(&at_clerk).impersonated()] {
        let token = session.sign();
        let me = server.get("/v1/me").bearer(&token).send().expect(200);
        assert_eq!(me["organization"], json!(null));
        assert_eq!(me["principal"]["clerk_organization_id"], at_clerk.as_str());
        server
            .get("/v1/organizations/org_01h455vb4pex5vsknk084sn02q/api-keys")
            .bearer(&token)
            .send()
            .error(403);
    }
}

fn sessions_act_in_the_organization_registered_for_theirs(store: Store) {
    let at_clerk = clerk::organization_id();
    let acme = Tenant::with_clerk(store.server(), &at_clerk);
    let me = acme.server.get("/v1/me").bearer(&Session::admin(&at_clerk).sign()).send().expect(200);
    assert_eq!(me["organization"]["id"], acme.id.as_str());
}

fn where_organizations_are_registered_an_unknown_one_is_refused(store: Store) {
    let installation = Installation::new(store).set("CLERK__PROVISIONING", "registered");
    let server = Server::start(&Arc::new(installation));
    let at_clerk = clerk::organization_id();
    let token = Session::admin(&at_clerk).sign();
    assert_eq!(server.get("/v1/me").bearer(&token).send().expect(200)["organization"], json!(null));
    server.get("/v1/organizations/org_01h455vb4pex5vsknk084sn02q/api-keys").bearer(&token).send().error(403);
    let acme = Tenant::with_clerk(&server, &at_clerk);
    acme.listing(&token).send().expect(200);
}

fn version_1_of_the_claims_is_read_where_it_is_set(store: Store) {
    let installation = Installation::new(store).set("CLERK__INSTANCES__DEV__CLAIMS_V1", "true");
    let server = Server::start(&Arc::new(installation));
    let at_clerk = clerk::organization_id();
    let acme = Tenant::with_clerk(&server, &at_clerk);
    let role = |role: &str| {
        let session = Session::new().without("v").without("sts").without("fva").without("pla");
        session.claim("org_id", json!(at_clerk)).claim("org_role", json!(role)).sign()
    };
    let body = json!({"name": "n", "scopes": ["*"]});
    acme.creation(&role("org:admin"), &body).send().expect(201);
    acme.creation(&role("org:member"), &body).send().error(403);
    acme.listing(&role("org:member")).send().expect(200);
}

fn good_tokens_are_accepted(store: Store) {
    let (now, me) = (clock::unix_seconds(), || store.server().get("/v1/me"));
    let session = Session::new();
    for good in [
        session.clone(),
        session.clone().without("sts"),
        session.clone().without("azp"),
        session.clone().claim("nbf", json!(now + 2)),
        session
            .clone()
            .claim("iat", json!(now - 62))
            .claim("nbf", json!(now - 62))
            .claim("exp", json!(now - 2)),
        session.clone().claim("exp", json!(now + 3_600)),
        session.clone().claim("anything", json!({"new": true})),
        session.clone().with_header(|header| header.typ = Some("JWT".to_owned())),
    ] {
        assert_eq!(me().bearer(&good.sign()).send().expect(200)["principal"]["user_id"], session.user());
    }
    // Claims of version 1 are not read where the setting is off; those of a v2 token never are.
    let v2 = session.claim("org_id", json!("org_2other")).claim("org_role", json!("org:admin"));
    assert_eq!(me().bearer(&v2.sign()).send().expect(200)["organization"], json!(null));
}

fn bad_tokens_are_refused(store: Store) {
    let now = clock::unix_seconds();
    let session = || Session::admin("org_2bad");
    let mut tokens = vec![
        session().sign_with_another_key(),
        session().sign_with_the_public_key_as_a_secret(),
        session().pending().sign(),
        session().claim("iss", json!("https://clerk.elsewhere.test")).sign(),
        session().claim("iss", json!([clerk::ISSUER])).sign(),
        session().claim("exp", json!(now - 60)).sign(),
        session().claim("exp", json!("never")).sign(),
        session().claim("nbf", json!(now + 60)).sign(),
        session().claim("nbf", json!(now + 2)).claim("exp", json!(now - 2)).sign(),
        session().claim("exp", json!(now + 3_660)).sign(),
        session().claim("exp", json!(now + 100 * 31_557_600)).sign(),
        session().claim("iat", json!(now - 7_200)).sign(),
        session().claim("aud", json!("https://other-service.example")).sign(),
        session().claim("aud", json!([])).sign(),
        session().claim("aud", json!(null)).sign(),
        session().claim("sub", json!("org_2abc")).sign(),
        session().claim("sub", json!("")).sign(),
        session().with_header(|header| header.typ = Some("at+jwt".to_owned())).sign(),
        session()
            .claim("v", json!(1))
            .without("o")
            .claim("org_id", json!("org_2b"))
            .claim("org_role", json!("org:admin"))
            .sign(),
    ];
    for claim in ["iss", "sub", "sid", "exp", "nbf", "iat"] {
        tokens.push(session().without(claim).sign());
    }
    let good = session().sign();
    let parts: Vec<_> = good.split('.').collect();
    tokens.push(format!("{}.{}.", parts[0], parts[1]));
    tokens.push(format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{}.{}", parts[1], parts[2]));
    tokens.push(format!("{}.{}.{}x", parts[0], parts[1], parts[2]));
    tokens.push(format!("{good}.{}", parts[2]));

    let refused = store.server().get("/v1/me").bearer("wrong").send();
    for (index, token) in tokens.iter().enumerate() {
        let answer = store.server().get("/v1/me").bearer(token).send();
        assert_eq!(answer.status, 401, "token {index}: {answer:?}");
        assert_eq!(answer.body, refused.body, "token {index}");
    }
}

fn the_audience_and_the_lifetime_are_those_that_are_set(store: Store) {
    let installation = Installation::new(store)
        .set("CLERK__INSTANCES__DEV__AUDIENCE", "https://api.example")
        .set("CLERK__INSTANCES__DEV__MAX_LIFETIME", "86400s");
    let server = Server::start(&Arc::new(installation));
    let now = clock::unix_seconds();
    let ours = || Session::new().claim("aud", json!(["https://api.example", "https://other.example"]));
    for (session, status) in [
        (ours(), 200),
        (ours().claim("exp", json!(now + 86_000)), 200),
        (ours().claim("exp", json!(now + 86_500)), 401),
        (Session::new(), 401),
        (Session::new().claim("aud", json!("https://other.example")), 401),
    ] {
        assert_eq!(server.get("/v1/me").bearer(&session.sign()).send().status, status, "{session:?}");
    }
}
