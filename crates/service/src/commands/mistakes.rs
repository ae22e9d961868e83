//! Every setting with what somebody has written there by mistake: each is refused by its name.

mod table;

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use self::table::{FORMER, IN_ANY, MISTAKES};
use super::check;
use crate::{
    config::{Config, may_be_empty, settings},
    store,
};

/// What is good, and what a setting needs beside it to be looked at.
fn beside(name: &str) -> Vec<(&'static str, &'static str)> {
    let section = |prefix: &str| name.starts_with(prefix);
    if section("clerk.instances.") {
        let keys = ("clerk.instances.x.jwks_url", "https://clerk.example/jwks");
        let issuer = ("clerk.instances.x.issuer", "https://clerk.example");
        if name.ends_with("pem_file") { vec![issuer] } else { vec![issuer, keys] }
    } else if section("oidc.") {
        vec![("oidc.x.issuer", "https://id.example"), ("oidc.x.audiences", "capykeys")]
    } else if section("internal.token.") {
        let keys = ("internal.token.jwks_url", "https://issuer.example/jwks");
        let mut beside = vec![
            ("internal.callers", "token"),
            ("internal.token.issuer", "https://issuer.example"),
            ("internal.token.audience", "capykeys"),
        ];
        if !name.ends_with("pem_file") {
            beside.push(keys);
        }
        beside
    } else if section("postgres.url_file") {
        vec![
            ("store.kind", "postgres"),
            ("keys.pepper", "5555555555555555555555555555555555555555555555555555555555555555"),
        ]
    } else if section("internal.tls.client_ca_file") {
        vec![("internal.callers", "certificate")]
    } else if section("internal.tls.certificate_file") {
        vec![("internal.tls.key_file", "/nowhere/key")]
    } else if section("keys.older_peppers.") {
        vec![("keys.pepper", "5555555555555555555555555555555555555555555555555555555555555555")]
    } else {
        Vec::new()
    }
}

fn load(settings: &[(&str, &str)]) -> Result<(), String> {
    let variable = |(name, value): &(&str, &str)| {
        // An id of a pepper stands in small letters.
        let name = name.replace('.', "__").to_uppercase().replace("OLDER_PEPPERS__X__", "OLDER_PEPPERS__x__");
        (format!("CAPYKEYS__{name}"), (*value).to_owned())
    };
    let config = Config::layered(None, settings.iter().map(variable).collect::<HashMap<_, _>>(), &[]);
    let config = config.map_err(|error| error.to_string())?;
    let checked = store::configured(&config).and_then(|backend| check(&config, &*backend));
    checked.map_err(|error| error.to_string())
}

fn load_with(name: &str, value: &str) -> Result<(), String> {
    let mut settings: Vec<_> = beside(name).into_iter().filter(|(other, _)| *other != name).collect();
    settings.push((name, value));
    load(&settings)
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused_by_the_name_of_the_setting() {
    let mut wrong = Vec::new();
    for (name, mistakes) in MISTAKES.iter().chain(FORMER) {
        let in_any = IN_ANY.iter().filter(|value| !(value.is_empty() && may_be_empty(name)));
        for value in mistakes.iter().chain(in_any) {
            // `${…}` may stand in a password.
            if *name == "postgres.url" && value.contains("${") {
                continue;
            }
            let error = load_with(name, value).err().unwrap_or_else(|| "it is accepted".to_owned());
            let is_named = error.replace('"', "").contains(name);
            if !is_named || error.contains("hush") || error.contains("docs/") {
                wrong.push(format!("{name} = {value:?}: {error}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn what_can_be_meant_is_accepted() {
    for (name, values) in [
        ("server.shutdown_timeout", &["0s", "30s", "500ms", "1m"][..]),
        ("server.shutdown_timeout_ms", &["0", "30000"]),
        ("cache.lease_ms", &["750"]),
        ("audit.keep_days", &["90"]),
        ("audit.keep", &["90d", "24h"]),
        ("clerk.instances.x.max_lifetime_seconds", &["60"]),
        ("oidc.x.max_lifetime", &["10m"]),
        ("cache.absent", &["0"]),
        (
            "internal.token.issuer",
            &["https://kubernetes.default.svc", "https://oidc.example/id/", "kubernetes/serviceaccount"],
        ),
        ("internal.token.subjects", &["system:serviceaccount:gateway:envoy, system:serviceaccount:a:b.c-d"]),
        ("clerk.instances.x.issuer", &["https://clerk.example", "https://example.com/__clerk"]),
        ("clerk.instances.x.audience", &["https://api.example.com", "api"]),
        (
            "clerk.instances.x.authorized_parties",
            &[
                "https://app.example.com, http://localhost:3000",
                "http://127.0.0.1:3000,http://[::1]:3000",
                "chrome-extension://abcdefghijklmnop",
                "capacitor://localhost",
            ],
        ),
        ("clerk.roles.x", &["", "jobs:read, schema:read"]),
        ("keys.expiry_notices", &["", "14d", "1h, 30d, 7d"]),
        ("internal.authorize.headers.key_expires_at", &["", "X-Key-Ends"]),
        (
            "oidc.x.issuer",
            &["https://tenant.auth0.com/", "https://id.example/realms/acme", "http://127.0.0.1:8080"],
        ),
        ("oidc.x.audiences", &["capykeys", "https://api.example.com/, api://5e1c"]),
        ("oidc.x.types", &["JWT", "at+jwt, JWT, none"]),
        ("oidc.x.roles_claim", &["realm_access.roles", "https://example.com/roles", "/urn:zitadel:iam/a.b"]),
        ("log.level", &["info", "WARN", "off", "info,actix_server=warn", "info, capykeys::access=debug"]),
        ("sqlite.directory", &["capykeys-data", "/nowhere/new", "./données"]),
    ] {
        for value in values {
            assert_eq!(load_with(name, value), Ok(()), "{name} = {value:?}");
        }
    }
}

#[test]
fn no_setting_is_forgotten_here() {
    let settings: BTreeSet<String> = settings().into_iter().map(|(name, _)| name).collect();
    let listed: BTreeSet<String> = MISTAKES.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(settings, listed);
}

/// The files of the examples are not there; so much is known of each.
#[tokio::test]
async fn every_example_is_one_that_is_accepted() {
    for (name, example) in settings() {
        let text = match &example {
            Value::String(text) => text.clone(),
            Value::Array(list) => list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(","),
            other => other.to_string(),
        };
        // Others are needed beside them.
        let with_others = ["postgres.url", "scopes."].iter().any(|prefix| name.starts_with(prefix));
        if name.ends_with("_file") || name.split('.').next_back() == Some("x") || with_others {
            continue;
        }
        assert_eq!(load_with(&name, &text), Ok(()), "{name} = {text}");
    }
}
