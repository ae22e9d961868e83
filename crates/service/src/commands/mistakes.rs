//! Every setting with what somebody has written there by mistake: each is refused by its name.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Value, json};

use super::check;
use crate::{config::Config, store};

/// What env files, templates and shells leave in any value.
const IN_ANY: [&str; 6] = ["\"quoted\"", "'quoted'", "carriage\r", " space", "${UNRESOLVED}", ""];

/// The settings, with `x` for a name of one's own, and mistakes of their own.
const MISTAKES: &[(&str, &[&str])] = &[
    ("server.listen", &["localhost:8080", "8080", ":8080", "0.0.0.0", "224.0.0.1:8080", "127.0.0.1:8081"]),
    ("server.workers", &["0", "-1", "1.5", "100000", "true", "auto"]),
    ("server.request_timeout_ms", &["0", "10", "10s", "99999999999999999999", "18446744073709551615"]),
    ("server.shutdown_timeout_ms", &["-1", "30s", "18446744073709551615"]),
    ("server.drain_ms", &["-1", "5s", "18446744073709551615"]),
    ("server.idle_timeout_ms", &["0", "10", "75s", "18446744073709551615"]),
    ("server.base_path", &["api", "/api/", "/a b", "//", "/a?b", "https://example.com/api"]),
    ("server.core_dumps", &["maybe", "2"]),
    ("server.max_connections", &["0", "unlimited", "18446744073709551615"]),
    ("internal.listen", &["localhost:8081", "127.0.0.1:8080", "0.0.0.0:8081"]),
    ("internal.grpc_listen", &["8082", "127.0.0.1:8081", "0.0.0.0:8082"]),
    ("internal.callers", &["none", "Loopback", "token,certificate"]),
    (
        "internal.token.issuer",
        &["https://u:hush@issuer.example", "https://issuer.example?a=b", "https://", "a b"],
    ),
    ("internal.token.audience", &["a,b", "[\"capykeys\"]", "a;b", "*"]),
    (
        "internal.token.jwks_url",
        &["issuer.example", "http://issuer.example/jwks", "https://u:hush@issuer.example/"],
    ),
    ("internal.token.jwks_ca_file", &["/nowhere/ca.pem"]),
    ("internal.token.jwks_token_file", &["/nowhere/token"]),
    ("internal.token.pem_file", &["/nowhere/key.pem"]),
    (
        "internal.token.subjects",
        &[
            "*",
            "gateway",
            "gateway:envoy",
            "system:serviceaccount:gateway",
            "system:serviceaccount:gateway:*",
            "system:serviceaccount:gateway:envoy;system:serviceaccount:gateway:nginx",
            "[\"system:serviceaccount:gateway:envoy\"]",
            "system:serviceaccount:Gateway:envoy",
            "system:serviceaccounts:gateway",
            ",",
        ],
    ),
    ("internal.token.max_lifetime_seconds", &["0", "1h", "4294967295"]),
    ("internal.tls.certificate_file", &["/nowhere/server.pem"]),
    ("internal.tls.key_file", &[]),
    ("internal.tls.client_ca_file", &[]),
    ("internal.authorize.rules_file", &["/nowhere/rules.toml"]),
    ("internal.authorize.headers.organization_id", &["Authorization", "a b"]),
    ("internal.authorize.headers.project_id", &["Host", "X-Capy-Key-Id"]),
    ("internal.authorize.headers.key_id", &["X-API-Key", "X-Key:"]),
    ("internal.authorize.headers.user_id", &["Cookie"]),
    ("internal.authorize.headers.scopes", &["Transfer-Encoding"]),
    ("internal.authorize.headers.auth_source", &["Content-Length"]),
    ("store.kind", &["postgresql", "Sqlite", "memory"]),
    ("store.command_timeout_ms", &["0", "30", "30s", "18446744073709551615"]),
    (
        "sqlite.directory",
        &["~/keys", ":memory:", "sqlite:///var/lib/keys", "file:keys.db", "\"keys", "/dev/../etc/hosts"],
    ),
    ("sqlite.first_key_file", &["~/first.key", "file:first.key", "/etc"]),
    ("postgres.url", &["postgres://u:hush@db.example/keys"]),
    ("postgres.url_file", &["/nowhere/url"]),
    ("postgres.pool_size", &["0", "18446744073709551615"]),
    ("postgres.lookup_pool_size", &["0", "18446744073709551615"]),
    ("postgres.deadline_ms", &["0", "1", "18446744073709551615"]),
    ("postgres.connect_timeout_ms", &["0", "5", "5s", "18446744073709551615"]),
    ("postgres.migrate_at_start", &["maybe", "2"]),
    ("keys.prefix", &["capy_live", "Capy_", "sk-live-", "_"]),
    ("keys.pepper_id", &["my pepper", "a/b", "012345678901234567890123456789012"]),
    ("keys.pepper", &["hush", "0x5555555555555555555555555555555555555555555555555555555555555555"]),
    ("keys.pepper_file", &["/nowhere/pepper"]),
    ("keys.older_peppers.x.secret", &["hush"]),
    ("keys.older_peppers.x.secret_file", &["/nowhere/pepper"]),
    ("cache.lease_ms", &["0", "5", "18446744073709551615"]),
    ("cache.commit_wait", &["maybe"]),
    ("cache.keys", &["0", "18446744073709551615"]),
    ("cache.absent", &["-1", "18446744073709551615"]),
    ("usage.flush_interval_ms", &["0", "5", "18446744073709551615"]),
    ("audit.refusal_interval_ms", &["0", "60", "18446744073709551615"]),
    ("audit.keep_days", &["0", "-1", "90d", "forever", "4294967295"]),
    ("clerk.provisioning", &["Auto", "never"]),
    ("clerk.other_roles", &["[\"jobs:read\"]", "jobs:read;schema:read", "jobs:reed"]),
    ("clerk.roles.x", &["[\"jobs:read\"]", "jobs:read;schema:read", "jobs:reed"]),
    (
        "clerk.instances.x.issuer",
        &[
            "clerk.example",
            "https://clerk.example/",
            "https://u:hush@clerk.example",
            "https://*.clerk.example",
        ],
    ),
    (
        "clerk.instances.x.jwks_url",
        &["clerk.example/jwks", "http://clerk.example/jwks", "https://u:hush@clerk.example/jwks"],
    ),
    ("clerk.instances.x.pem_file", &["/nowhere/clerk.pem"]),
    ("clerk.instances.x.audience", &["a,b", "[\"a\"]", "*", "a b"]),
    ("clerk.instances.x.max_lifetime_seconds", &["0", "1m", "4294967295"]),
    (
        "clerk.instances.x.authorized_parties",
        &[
            "app.example.com",
            "*",
            "https://*.example.com",
            "https://app.example.com/",
            "https://app.example.com/login",
            "https://App.example.com",
            "https://app.example.com:443",
            "http://app.example.com:80",
            "https://u:hush@app.example.com",
            "https://a.example;https://b.example",
            "https://a.example https://b.example",
            "[\"https://app.example.com\"]",
            "localhost:3000",
            "chrome-extension://",
            ",",
        ],
    ),
    ("clerk.instances.x.claims_v1", &["maybe", "v1"]),
    ("scopes.x.description", &["tab\tstop"]),
    ("scopes.x.project", &["maybe", "2"]),
    ("scopes.x.roles", &["org:", "a b", "org:admin;org:member", "[\"org:admin\"]"]),
    ("log.format", &["JSON", "text"]),
    (
        "log.level",
        &[
            "warning",
            "inof",
            "5",
            "capykeys",
            "capykeys=debug",
            "info,capykeys",
            "info,capykeys=dbug",
            "info,debug",
            "info;debug",
            "info,",
            "info,capykeys-http=debug",
            "[\"info\"]",
            "=info",
        ],
    ),
];

/// What is good, and what a setting needs beside it to be looked at.
fn beside(name: &str) -> Vec<(&'static str, &'static str)> {
    let section = |prefix: &str| name.starts_with(prefix);
    if section("clerk.instances.") {
        let keys = ("clerk.instances.x.jwks_url", "https://clerk.example/jwks");
        let issuer = ("clerk.instances.x.issuer", "https://clerk.example");
        if name.ends_with("pem_file") { vec![issuer] } else { vec![issuer, keys] }
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
    let may_be_empty = |name: &str| name == "clerk.other_roles" || name == "clerk.roles.x";
    for (name, mistakes) in MISTAKES {
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
        ("server.shutdown_timeout_ms", &["0"][..]),
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
        ("log.level", &["info", "WARN", "off", "info,actix_server=warn", "info, capykeys::access=debug"]),
        ("sqlite.directory", &["capykeys-data", "/nowhere/new", "./données"]),
    ] {
        for value in values {
            assert_eq!(load_with(name, value), Ok(()), "{name} = {value:?}");
        }
    }
}

#[test]
fn no_setting_is_forgotten_here_or_in_the_documentation() {
    let mut settings = BTreeSet::new();
    settings_below(&mut Vec::new(), &mut settings);
    let listed: BTreeSet<String> = MISTAKES.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(settings, listed);
    let documentation = include_str!("../../../../docs/operations.md");
    for setting in &settings {
        let last = setting.rsplit('.').next().unwrap_or_default();
        let last = if last == "x" { "roles.<role>" } else { last };
        assert!(documentation.contains(&format!("{last}`")), "docs/operations.md says nothing of {setting}");
    }
}

/// Finds the settings in what serde says of a field that there is not.
fn settings_below(path: &mut Vec<String>, settings: &mut BTreeSet<String>) {
    let nested = path.iter().rev().fold(json!({"?": 1}), |value, name| json!({ name: value }));
    let error = probe(nested);
    if let Some(fields) = error.strip_prefix("unknown field `?`, expected ") {
        for field in fields.split('`').skip(1).step_by(2) {
            path.push(field.to_owned());
            settings_below(path, settings);
            path.pop();
        }
        return;
    }
    let inner = path.iter().rev().fold(json!({"x": {"?": 1}}), |value, name| json!({ name: value }));
    if probe(inner).starts_with("unknown field") {
        path.push("x".to_owned());
        settings_below(path, settings);
        path.pop();
    } else if path.join(".") == "clerk.roles" {
        settings.insert("clerk.roles.x".to_owned());
    } else {
        settings.insert(path.join("."));
    }
}

fn probe(value: Value) -> String {
    serde_json::from_value::<Config>(value).map_or_else(|error| error.to_string(), |_| String::new())
}
