//! `POST /v1/organizations/{orgID}/api-keys` with a secret that was made elsewhere.

use base64::{Engine as _, engine::general_purpose};
use capykeys_tests::{
    Created, Installation, Server, Store, Tenant,
    clerk::{self, Session},
    on_every_store, secrets,
};
use serde_json::{Value, json};

on_every_store![
    the_answer_has_no_secret_and_the_key_is_used_as_every_other,
    a_digest_is_taken_in_each_spelling,
    a_secret_is_one_keys_alone_and_whose_is_not_said,
    a_digest_or_a_beginning_that_breaks_a_rule_is_named_and_not_repeated,
    nothing_is_brought_beyond_what_its_creator_may,
    a_session_brings_secrets_as_well,
    without_any_brought_key_a_text_of_another_form_is_refused_as_before,
    a_brought_key_obeys_revocation_disabling_and_expiry,
    what_a_client_may_keep_of_an_absence_is_nothing,
    a_rotated_key_gets_a_secret_that_is_made_here,
];

/// A secret as another service might have made it.
fn secret(name: &str) -> String {
    format!("sk_live_{name}_4eC39HqLyjWDarjtT1zdp7dc")
}

fn body(secret: &str) -> Value {
    json!({"name": "moved", "scopes": ["jobs:read"], "key_digest": secrets::brought_digest(secret)})
}

fn the_answer_has_no_secret_and_the_key_is_used_as_every_other(store: Store) {
    let acme = store.tenant();
    let own = secret(&acme.id);
    let mut body = body(&own);
    body["key_prefix"] = "sk_live_".into();
    let answer = acme.creation(&acme.admin, &body).send();
    let created = answer.expect(201);
    assert_eq!(created.as_object().unwrap().keys().collect::<Vec<_>>(), ["api_key"]);
    let key = &created["api_key"];
    assert_eq!((&key["key_prefix"], &key["source"]), (&json!("sk_live_"), &json!("api")));
    for held in [&own[8..], &secrets::brought_digest(&own)[7..]] {
        assert!(
            !created.to_string().contains(held)
                && !acme.list().iter().any(|key| key.to_string().contains(held))
        );
    }
    assert!(acme.stored().contains(key), "{key}");
    assert!(acme.accepts(&own));
    assert_eq!(
        acme.server.get("/v1/me").api_key(&own).send().expect(200)["principal"]["scopes"],
        json!(["jobs:read"])
    );
    let verdict = acme.server.verify(&json!({"api_key": own, "scopes": ["jobs:read"]}));
    assert_eq!((&verdict["valid"], &verdict["api_key"]["id"]), (&json!(true), &key["id"]));
    assert_eq!(acme.server.authorize("/jobs", "?scopes=jobs:read", &own).status, 200);
    acme.server.authorize("/jobs", "?scopes=schema:read", &own).error(403);
    assert!(!acme.accepts(&own[..own.len() - 1]) && !acme.accepts(&format!("{own}x")));
    // The digest is no secret by which anybody is let in.
    assert!(
        !acme.accepts(&secrets::brought_digest(&own)) && !acme.accepts(&secrets::brought_digest(&own)[7..])
    );
}

fn a_digest_is_taken_in_each_spelling(store: Store) {
    let acme = store.tenant();
    let encoders = [
        general_purpose::STANDARD,
        general_purpose::STANDARD_NO_PAD,
        general_purpose::URL_SAFE,
        general_purpose::URL_SAFE_NO_PAD,
    ];
    for (number, encoder) in encoders.iter().enumerate() {
        let own = secret(&format!("{}_{number}", acme.id));
        let digest = format!("sha256:{}", encoder.encode(secrets::sha256(&own)));
        let created =
            acme.creation(&acme.admin, &json!({"name": "a", "scopes": ["jobs:read"], "key_digest": digest}));
        assert_eq!(created.send().expect(201)["api_key"]["key_prefix"], "-");
        assert!(acme.accepts(&own), "{number}");
    }
}

fn a_secret_is_one_keys_alone_and_whose_is_not_said(store: Store) {
    let (acme, other) = (store.tenant(), store.tenant());
    let own = secret(&acme.id);
    let key = acme.bring(&own, &["jobs:read"]);
    for used in [false, true] {
        for tenant in [&acme, &other] {
            let sentence = tenant.creation(&tenant.admin, &body(&own)).send().error(409);
            assert_eq!(sentence, "There is an API key with this secret already.");
        }
        if !used {
            assert!(acme.accepts(&own));
        }
    }
    // Not even once it is revoked: who has the secret would be somebody else.
    acme.revoke(key.id());
    other.creation(&other.admin, &body(&own)).send().error(409);
    assert_eq!(other.list().len(), 1);
}

fn a_digest_or_a_beginning_that_breaks_a_rule_is_named_and_not_repeated(store: Store) {
    let acme = store.tenant();
    let good = secrets::brought_digest("sk_live_hush");
    let of = |digest: Value, prefix: Value| {
        let mut body =
            json!({"name": "a", "scopes": ["jobs:read"], "key_digest": digest, "key_prefix": prefix});
        body.as_object_mut().unwrap().retain(|_, value| *value != "absent");
        acme.creation(&acme.admin, &body).send().error(400)
    };
    let rule =
        "`key_digest` must be sha256: and the SHA-256 of the secret, in 64 hexadecimal digits or in Base64.";
    for digest in
        ["", "sha256:", "hush", &good[7..], &good[..70], &good.replace("sha256", "bcrypt"), "$2b$12$hush"]
    {
        assert_eq!(of(digest.into(), "absent".into()), rule, "{digest}");
    }
    for wrong in [json!(null), json!(7), json!([])] {
        assert_eq!(of(wrong.clone(), "absent".into()), "`key_digest` must be a string.");
        assert_eq!(of(good.clone().into(), wrong), "`key_prefix` must be a string.");
    }
    for (prefix, rule) in [
        ("", "`key_prefix` must be 1 to 12 visible ASCII characters without blanks."),
        ("sk hush", "`key_prefix` must be 1 to 12 visible ASCII characters without blanks."),
        ("sk_live_hush_", "`key_prefix` must be 1 to 12 visible ASCII characters without blanks."),
        ("capy_live_4f", "`key_prefix` must not be the beginning of a key that is made here."),
    ] {
        assert_eq!(of(good.clone().into(), prefix.into()), rule, "{prefix}");
    }
    assert_eq!(of("absent".into(), "sk_".into()), "`key_prefix` must not be given without `key_digest`.");
    assert_eq!(acme.list().len(), 1);
}

fn nothing_is_brought_beyond_what_its_creator_may(store: Store) {
    let acme = store.tenant();
    let weak = acme.key_with(&["api_keys:write", "jobs:read"]);
    let reader = acme.key_with(&["jobs:read"]);
    let mut wider = body(&secret(&acme.id));
    wider["scopes"] = json!(["backups:read"]);
    let sentence = acme.creation(&weak.plaintext, &wider).send().error(403);
    assert!(sentence.contains("backups:read"), "{sentence}");
    acme.creation(&reader.plaintext, &body(&secret(&acme.id))).send().error(403);
    acme.creation(&weak.plaintext, &body(&secret(&acme.id))).send().expect(201);
    // What a caller may is said before what is taken.
    wider["key_digest"] = secrets::brought_digest(&secret(&acme.id)).into();
    acme.creation(&weak.plaintext, &wider).send().error(403);
}

fn a_session_brings_secrets_as_well(store: Store) {
    let at_clerk = clerk::organization_id();
    let acme = Tenant::with_clerk(store.server(), &at_clerk);
    let (own, admin) = (secret(&acme.id), Session::admin(&at_clerk));
    let created = acme.creation(&admin.sign(), &body(&own)).send().expect(201);
    assert_eq!(created["api_key"]["source"], "dashboard");
    assert_eq!(created["api_key"]["created_by_user_id"], admin.user());
    // Both are told apart from then on as before.
    assert!(acme.accepts(&own));
    assert_eq!(acme.listing(&admin.sign()).send().status, 200);
    acme.listing(&admin.sign_with_another_key()).send().error(401);
    acme.creation(&Session::member(&at_clerk).sign(), &body(&secret("another"))).send().error(403);
}

fn without_any_brought_key_a_text_of_another_form_is_refused_as_before(store: Store) {
    let server = Server::start(&Installation::new(store).into());
    let acme = Tenant::new(&server);
    let reads = || server.metric("capykeys_key_lookups_total{source=\"store\"}").unwrap_or(0.0);
    let own = secret("nobody");
    let before = reads();
    for _ in 0..20 {
        assert_eq!(
            acme.server.verify(&json!({"api_key": own, "max_age_ms": 500})),
            json!({"valid": false, "code": "not_found", "max_age_ms": 0})
        );
        acme.server.authorize("/jobs", "", &own).error(401);
        acme.server.get("/v1/me").bearer(&own).send().error(401);
    }
    assert!((reads() - before).abs() < 0.5, "the store was asked for a text that is no key");
    acme.bring(&own, &["jobs:read"]);
    assert!(acme.accepts(&own));
    // From then on it is remembered who is not there.
    let unknown = secret("unknown");
    acme.server.get("/v1/me").bearer(&unknown).send().error(401);
    assert!(reads() > before);
}

fn a_brought_key_obeys_revocation_disabling_and_expiry(store: Store) {
    let acme = store.tenant();
    let own = secret(&acme.id);
    let key = acme.bring(&own, &["jobs:read"]);
    assert!(acme.accepts(&own));
    acme.disabling(&acme.admin, key.id()).send().expect(200);
    assert_eq!(acme.server.verify(&json!({"api_key": own}))["code"], "disabled");
    acme.enabling(&acme.admin, key.id()).send().expect(200);
    assert!(acme.accepts(&own));
    acme.revocation(&own, key.id()).send().expect(200);
    assert_eq!(acme.server.verify(&json!({"api_key": own}))["code"], "revoked");
    assert!(!acme.accepts(&own));
}

/// A client that keeps it would refuse a key for longer than the service does.
fn what_a_client_may_keep_of_an_absence_is_nothing(store: Store) {
    let acme = store.tenant();
    let own = secret(&acme.id);
    acme.bring(&secret(&acme.admin_id), &["jobs:read"]);
    for _ in 0..50 {
        let verdict = acme.server.verify(&json!({"api_key": own, "max_age_ms": 500}));
        assert_eq!((&verdict["code"], &verdict["max_age_ms"]), (&json!("not_found"), &json!(0)));
    }
    acme.bring(&own, &["jobs:read"]);
    assert!(acme.accepts(&own));
}

/// The one that was brought is then the secret before.
fn a_rotated_key_gets_a_secret_that_is_made_here(store: Store) {
    let acme = store.tenant();
    let own = secret(&acme.id);
    let key = acme.bring(&own, &["jobs:read"]);
    let rotated = Created::from_body(&acme.rotation(&acme.admin, key.id()).send().expect(200));
    assert!(rotated.plaintext.starts_with("capy_live_"));
    assert_eq!((rotated.id(), &rotated.key["previous_key_prefix"]), (key.id(), &json!("-")));
    assert!(acme.accepts(&own) && acme.accepts(&rotated.plaintext));
    acme.creation(&acme.admin, &body(&own)).send().error(409);
    acme.finishing(&acme.admin, key.id()).send().expect(200);
    assert!(!acme.accepts(&own) && acme.accepts(&rotated.plaintext));
}
