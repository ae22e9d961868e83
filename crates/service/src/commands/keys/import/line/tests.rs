//! What is read of a line, and what is said of one that is refused.

use std::sync::Arc;

use capykeys_domain::{
    model::ScopeCatalogue,
    secret::{KeyFormat, Pepper, PepperId, Peppers},
};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::adapters::{SystemClock, SystemEntropy};

const ORGANIZATION: &str = "org_01h455vb4pex5vsknk084sn02q";
const SECRET: &str = "sk_live_hush_0123456789abcdef";

fn environment() -> Environment {
    let pepper = Pepper::new(PepperId::parse("1").unwrap(), [1; 32].into());
    let peppers = Peppers::new(pepper, vec![]).unwrap();
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
    Environment::new(clock, entropy, KeyFormat::default(), peppers, ScopeCatalogue::default())
}

fn read_as(line: &str, organization: Option<&str>, plaintext: bool) -> Result<Asked, String> {
    let environment = environment();
    let organization = organization.and_then(OrganizationId::parse);
    Reader { environment: &environment, organization, plaintext }
        .read(line.as_bytes())
        .map_err(|why| why.to_string())
}

fn read(line: &Value) -> Result<Asked, String> {
    read_as(&line.to_string(), None, true)
}

fn line(changes: &Value) -> Value {
    let mut line = json!({"format": "plaintext", "secret": SECRET, "organization_id": ORGANIZATION, "name": "CI", "scopes": ["*"]});
    let members = line.as_object_mut().unwrap();
    members.extend(changes.as_object().unwrap().clone());
    members.retain(|_, value| *value != "absent");
    line
}

#[test]
fn everything_that_can_be_said_is_read() {
    let asked = read(&line(&json!({
        "scopes": ["jobs:read", "backups:read"], "project_id": "p1", "expires_at": "2030-01-01T02:00:00+02:00",
        "device_name": "laptop", "key_prefix": "sk_live_",
    })))
    .unwrap();
    assert_eq!(asked.organization.to_string(), ORGANIZATION);
    assert_eq!(asked.spec.name().as_str(), "CI");
    assert_eq!(asked.spec.scopes().to_string(), "jobs:read backups:read");
    assert_eq!(asked.spec.project_id().unwrap().as_str(), "p1");
    assert_eq!(asked.spec.device_name().unwrap().as_str(), "laptop");
    assert_eq!(asked.spec.expires_at().unwrap().to_string(), "2030-01-01T00:00:00Z");
    assert_eq!(asked.secret.prefix.as_str(), "sk_live_");
}

#[test]
fn each_format_gives_the_same_digest_of_a_secret() {
    let environment = environment();
    let stored = |line: &Value| {
        let asked = read(line).unwrap();
        *environment.digest_of_brought(&asked.secret.digest).unwrap().as_bytes()
    };
    // printf %s sk_live_hush_0123456789abcdef | sha256sum
    let (hex, base64) = (
        "7a4420b5350e5d4f85159de969cd1eaeff5b5ea7d72ce82ecfe85e5727cba714",
        "ekQgtTUOXU+FFZ3pac0erv9bXqfXLOguz+heVyfLpxQ=",
    );
    let plain = stored(&line(&json!({})));
    for (format, digest) in
        [("sha256-hex", hex), ("sha256-hex", &hex.to_uppercase()), ("sha256-base64", base64)]
    {
        let of = line(&json!({"format": format, "digest": digest, "secret": "absent"}));
        assert_eq!(stored(&of), plain, "{format}");
    }
    for (format, digest) in [("sha256-hex", base64), ("sha256-base64", hex)] {
        let of = line(&json!({"format": format, "digest": digest, "secret": "absent"}));
        assert_eq!(read(&of).unwrap_err(), "`digest` must be as long as a SHA-256 is in its `format`.");
    }
}

#[test]
fn a_line_that_names_no_organization_is_of_the_one_that_was_said() {
    let own = line(&json!({"organization_id": "absent"})).to_string();
    assert!(read_as(&own, None, true).is_err());
    let said = "org_01h455vb4pex5vsknk084sn02r";
    assert_eq!(read_as(&own, Some(said), true).unwrap().organization.to_string(), said);
    let named = line(&json!({})).to_string();
    assert_eq!(read_as(&named, Some(said), true).unwrap().organization.to_string(), ORGANIZATION);
}

#[test]
fn what_breaks_a_rule_is_named_and_nothing_of_it_repeated() {
    let own = "capy_live_000000000000000000000000000000003UFVO5";
    for (changes, told) in [
        (json!({"name": "absent"}), "`name` is required."),
        (json!({"name": ""}), "`name` must"),
        (json!({"name": format!("my {own}")}), "`name` must not contain an API key."),
        (json!({"scopes": "absent"}), "`scopes` is required."),
        (json!({"scopes": []}), "`scopes`"),
        (json!({"scopes": ["*", "hush"]}), "`scopes[1]` is not a known scope."),
        (json!({"project_id": "hush!"}), "`project_id` must"),
        (json!({"project_id": "p1"}), "`scopes` must not contain"),
        (json!({"project_id": own}), "`project_id` must not contain an API key."),
        (json!({"project_id": SECRET}), "no other member may hold the secret."),
        (json!({"name": format!("my {SECRET}")}), "no other member may hold the secret."),
        (json!({"expires_at": "hush"}), "`expires_at` must"),
        (json!({"expires_at": "2020-01-01T00:00:00Z"}), "`expires_at` must lie in the future."),
        (json!({"device_name": "\u{0}hush"}), "`device_name` must"),
        (json!({"key_prefix": "sk_live_hush_"}), "`key_prefix` must"),
        (json!({"organization_id": "hush"}), "`organization_id` must be the id of an organization."),
        (json!({"format": "absent"}), "`format` must be"),
        (json!({"format": "bcrypt", "digest": "$2b$12$hush", "secret": "absent"}), "`format` must be"),
        (json!({"secret": "absent"}), "`secret` is required, and no `digest`."),
        (json!({"digest": "hush"}), "`secret` is required, and no `digest`."),
        (json!({"format": "sha256-hex"}), "`digest` is required, and no `secret`."),
        (
            json!({"format": "sha256-hex", "digest": "h".repeat(64), "secret": "absent"}),
            "`digest` must be sha256",
        ),
        (json!({"secret": "hush"}), "`secret` must be 16 to 512"),
        (json!({"secret": own}), "`secret` must be 16 to 512"),
        (json!({"secret": "hush.hush_hush_hush.hush"}), "`secret` must be 16 to 512"),
        (json!({"expire_at": "hush"}), "is no object of the members that there are"),
        (json!({"name": 7}), "is no object of the members that there are"),
        (json!({"scopes": "hush"}), "is no object of the members that there are"),
    ] {
        let why = read(&line(&changes)).unwrap_err();
        assert!(why.starts_with(told) && !why.contains("hush"), "{changes}: {why}");
    }
    let array = json!(["plaintext", null, SECRET, null, ORGANIZATION, "CI", ["*"], null, null, null]);
    let why = read(&array).unwrap_err();
    assert!(why.starts_with("is no object of the members that there are"), "{why}");
    for text in
        ["hush", "{\"secret\":\"hush", "[]", "\"hush\"", "null", "{}{}", "{\"name\":\"a\",\"name\":\"hush\"}"]
    {
        let why = read_as(text, None, true).unwrap_err();
        assert!(!why.contains("hush"), "{text}: {why}");
    }
    let why = read_as(&line(&json!({})).to_string(), None, false).unwrap_err();
    assert_eq!(why, "a secret in plaintext is taken from standard input alone.");
}

proptest! {
    #[test]
    fn no_line_makes_it_panic(bytes: Vec<u8>, text in "\\PC{0,40}") {
        let environment = environment();
        let reader = Reader { environment: &environment, organization: None, plaintext: true };
        let _ = reader.read(&bytes);
        for member in ["format", "secret", "name", "organization_id", "project_id", "expires_at", "device_name", "key_prefix"] {
            let _ = reader.read(line(&json!({ member: text })).to_string().as_bytes());
        }
    }
}
