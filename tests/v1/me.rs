//! `GET /v1/me`.

use capykeys_tests::{
    Store, Tenant,
    clerk::{self, Session},
    clock, on_every_store,
};
use serde_json::{Value, json};

on_every_store![
    a_key_is_told_its_organization_and_its_scopes,
    a_key_made_in_a_session_is_told_the_user_behind_it,
    an_administrator_is_told_the_star,
    a_member_is_told_the_scopes_that_read_but_not_that_of_credentials,
    whoever_acts_as_an_administrator_is_told_what_a_member_is,
    a_session_without_an_organization_is_told_null,
    a_caller_of_a_suspended_organization_is_told_so,
    without_a_credential_it_is_refused,
];

const OF_A_MEMBER: [&str; 6] =
    ["projects:read", "backups:read", "jobs:read", "schema:read", "organizations:read", "api_keys:read"];

fn fields(value: &Value) -> Vec<&str> {
    let mut fields: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
    fields.sort_unstable();
    fields
}

fn a_key_is_told_its_organization_and_its_scopes(store: Store) {
    let acme = store.tenant();
    let key = acme.key_with(&["jobs:read", "backups:read"]);
    let me = acme.server.get("/v1/me").bearer(&key.plaintext).send().expect(200);
    assert_eq!(fields(&me), ["organization", "principal"]);
    assert_eq!(fields(&me["organization"]), ["created_at", "id", "name", "slug", "updated_at"]);
    assert_eq!(me["organization"]["id"], acme.id.as_str());
    clock::parse(me["organization"]["created_at"].as_str().unwrap());
    assert_eq!(
        me["principal"],
        json!({
            "auth_source": "api_key", "is_admin": false, "organization_id": acme.id,
            "scopes": ["jobs:read", "backups:read"],
        })
    );
}

fn a_key_made_in_a_session_is_told_the_user_behind_it(store: Store) {
    let at_clerk = clerk::organization_id();
    let acme = Tenant::with_clerk(store.server(), &at_clerk);
    let session = Session::admin(&at_clerk);
    let body = json!({"name": "mine", "scopes": ["*"]});
    let created = acme.creation(&session.sign(), &body).send().expect(201);
    let plaintext = created["plaintext_api_key"].as_str().unwrap();

    let me = acme.server.get("/v1/me").bearer(plaintext).send().expect(200);
    assert_eq!(me["principal"]["user_id"], session.user());
    assert_eq!(me["principal"]["clerk_organization_id"], at_clerk.as_str());
    assert_eq!(me["organization"]["clerk_organization_id"], at_clerk.as_str());
}

fn an_administrator_is_told_the_star(store: Store) {
    let at_clerk = clerk::organization_id();
    let session = Session::admin(&at_clerk);
    let me = store.server().get("/v1/me").bearer(&session.sign()).send().expect(200);
    let slug = format!("slug-{}", at_clerk.trim_start_matches("org_"));
    assert_eq!(
        me["principal"],
        json!({
            "auth_source": "clerk_session", "is_admin": false, "scopes": ["*"],
            "organization_id": me["organization"]["id"], "user_id": session.user(),
            "clerk_organization_id": at_clerk, "clerk_organization_role": "org:admin",
            "clerk_organization_slug": slug,
        })
    );
    assert_eq!(me["organization"]["clerk_organization_slug"], slug);
}

fn a_member_is_told_the_scopes_that_read_but_not_that_of_credentials(store: Store) {
    let at_clerk = clerk::organization_id();
    let acme = Tenant::with_clerk(store.server(), &at_clerk);
    let me = acme.server.get("/v1/me").bearer(&Session::member(&at_clerk).sign()).send().expect(200);
    assert_eq!(me["organization"]["id"], acme.id.as_str());
    assert_eq!(me["principal"]["is_admin"], false);
    assert_eq!(me["principal"]["clerk_organization_role"], "org:member");
    assert_eq!(me["principal"]["scopes"], json!(OF_A_MEMBER));
}

fn whoever_acts_as_an_administrator_is_told_what_a_member_is(store: Store) {
    let at_clerk = clerk::organization_id();
    let acme = Tenant::with_clerk(store.server(), &at_clerk);
    let token = Session::admin(&at_clerk).impersonated().sign();
    let principal = acme.server.get("/v1/me").bearer(&token).send().expect(200)["principal"].clone();
    assert_eq!(principal["scopes"], json!(OF_A_MEMBER));
    assert_eq!(
        (&principal["is_admin"], &principal["clerk_organization_role"]),
        (&json!(false), &json!("org:admin"))
    );
}

fn a_session_without_an_organization_is_told_null(store: Store) {
    let session = Session::new();
    let me = store.server().get("/v1/me").bearer(&session.sign()).send().expect(200);
    assert_eq!(fields(&me), ["organization", "principal"]);
    assert_eq!(me["organization"], Value::Null);
    assert_eq!(fields(&me["principal"]), ["auth_source", "is_admin", "scopes", "user_id"]);
    assert_eq!(me["principal"]["user_id"], session.user());
    // Without an organization there is no role to be granted anything.
    assert_eq!(me["principal"]["scopes"], json!([]));
}

fn a_caller_of_a_suspended_organization_is_told_so(store: Store) {
    let acme = store.tenant();
    acme.server.installation().json(&["organizations", "suspend", &acme.id, "--reason", "unpaid"]);
    let me = acme.server.get("/v1/me").bearer(&acme.admin).send().expect(200);
    clock::parse(me["organization"]["suspended_at"].as_str().unwrap());
    assert_eq!(me["organization"]["suspended_reason"], "unpaid");
}

fn without_a_credential_it_is_refused(store: Store) {
    let answer = store.server().get("/v1/me").send();
    answer.error(401);
    assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
}
