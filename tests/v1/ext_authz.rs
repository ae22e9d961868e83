//! `envoy.service.auth.v3.Authorization/Check`: what Envoy is told, which is what the other gateways
//! are told over HTTP.

use capykeys_tests::{
    Store, Tenant,
    clerk::{self, Session},
    envoy::Check,
    on_every_store,
};
use reqwest::Method;

on_every_store![
    a_key_passes_until_its_revocation_is_answered,
    a_session_passes_with_what_it_may_do,
    the_answers_are_those_that_are_given_over_http,
];

fn a_key_passes_until_its_revocation_is_answered(store: Store) {
    let acme = store.tenant();
    let key = acme.key_with(&["jobs:read"]);
    let check = Check::of("/jobs").setting("scopes", "jobs:read").bearer(&key.plaintext);
    let passed = check.clone().ask(acme.server);
    assert_eq!((passed.status, passed.headers["x-capy-key-id"].as_str()), (200, key.id()));
    assert_eq!(passed.headers["x-capy-organization-id"], acme.id);
    assert_eq!(passed.removed, ["authorization", "x-api-key"]);
    assert_eq!(check.clone().setting("scopes", "schema:read").ask(acme.server).status, 403);
    acme.revoke(key.id());
    assert_eq!(check.ask(acme.server).status, 401);
}

fn a_session_passes_with_what_it_may_do(store: Store) {
    let at_clerk = clerk::organization_id();
    let acme = Tenant::with_clerk(store.server(), &at_clerk);
    let (admin, member) = (Session::admin(&at_clerk), Session::member(&at_clerk));
    let check = Check::of("/").setting("scopes", "api_keys:write");
    let passed = check.clone().bearer(&admin.sign()).ask(acme.server);
    assert_eq!((passed.status, passed.headers["x-capy-user-id"].as_str()), (200, admin.user()));
    assert_eq!(passed.headers["x-capy-auth-source"], "clerk_session");
    assert_eq!(
        (passed.headers["x-capy-scopes"].as_str(), passed.headers["x-capy-key-id"].as_str()),
        ("*", "")
    );
    assert_eq!(check.bearer(&member.sign()).ask(acme.server).status, 403);
    assert_eq!(Check::of("/").bearer(&member.sign_with_another_key()).ask(acme.server).status, 401);
}

fn the_answers_are_those_that_are_given_over_http(store: Store) {
    let acme = store.tenant();
    let key = acme.key_with(&["jobs:read"]).plaintext;
    for (settings, credential) in [
        (&[][..], None),
        (&[("anonymous", "allow")], None),
        (&[], Some("capy_live_x")),
        (&[("anonymous", "allow")], Some("no.good.session")),
        (&[("scopes", "jobs:read")], Some(&key)),
        (&[("scopes", "jobs:write")], Some(&key)),
        (&[("scopes", "backups:read")], Some(&key)),
        (&[("project_path", "/p/{project}/**")], Some(&key)),
        (&[("project_path", "/q/{project}/**")], Some(&key)),
        (&[("projects", "/p/{project}/**")], Some(&key)),
    ] {
        let (mut check, mut query) = (Check::of("/p/p_1/jobs").header("x-request-id", "the-same"), vec![]);
        for (name, value) in settings {
            check = check.setting(name, value);
            query.push(format!("{name}={value}"));
        }
        let path = format!("/authorize/forward-auth?{}", query.join("&"));
        let mut call = acme.server.call_internal(Method::GET, &path).header("x-request-id", "the-same");
        call = call.header("x-forwarded-method", "GET").header("x-forwarded-uri", "/p/p_1/jobs");
        if let Some(credential) = credential {
            (check, call) = (check.bearer(credential), call.bearer(credential));
        }
        let (told, answer) = (check.ask(acme.server), call.send());
        assert_eq!((told.status, told.body.as_bytes()), (answer.status.into(), &answer.body[..]), "{path}");
        for (name, value) in &told.headers {
            assert_eq!(answer.header(name), Some(value.as_str()), "{path}: {name}");
        }
    }
}
