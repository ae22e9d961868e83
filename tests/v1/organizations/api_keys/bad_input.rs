//! Bodies that are refused: each with its status and the field's name, and nothing is stored.

use std::time::Duration;

use capykeys_tests::{Answer, Store, Tenant, clock, on_every_store};
use serde_json::{Value, json};

on_every_store![
    fields_that_break_a_rule_are_named,
    what_is_no_json_object_is_refused,
    a_body_of_another_type_is_refused,
    a_body_over_64_kib_is_refused,
    a_refusal_does_not_repeat_the_value,
];

/// Sends what must be refused and looks whether the list is as before.
#[track_caller]
fn refused(acme: &Tenant<'_>, status: u16, send: impl FnOnce() -> Answer) -> String {
    let before = acme.stored();
    let sentence = send().error(status);
    assert_eq!(acme.stored(), before, "something was stored");
    sentence
}

/// A good body with one field changed; `Value::Null` here leaves it out.
fn with(field: &str, value: Value) -> Value {
    let mut body = json!({"name": "n", "scopes": ["jobs:read"]});
    match value {
        Value::Null => drop(body.as_object_mut().unwrap().remove(field)),
        value => body[field] = value,
    }
    body
}

fn fields_that_break_a_rule_are_named(store: Store) {
    let acme = store.tenant();
    let hours = |hours| clock::ahead(Duration::from_hours(hours));
    let past = clock::text(clock::now() - Duration::from_mins(1));
    let cases: Vec<(&str, Vec<Value>)> = vec![
        ("name", texts_refused()),
        ("name", vec![Value::Null, json!(7), json!(true), json!(["n"]), json!({"a": "b"})]),
        ("device_name", texts_refused()),
        ("device_name", vec![json!(7), json!(["n"])]),
        (
            "scopes",
            vec![Value::Null, json!([]), json!("jobs:read"), json!({}), json!(7), json!([7]), json!([null])],
        ),
        ("scopes", vec![json!(["jobs:read", "jobs:read"]), json!(["*", "jobs:read", "*"])]),
        (
            "scopes",
            ["", "JOBS:READ", "jobs:read ", "jobs:write", "jobs:*", "**", "jobs"]
                .map(|s| json!([s]))
                .to_vec(),
        ),
        ("scopes", vec![json!(["jobs:read", "nonsense"]), json!(vec!["jobs:read"; 5_000])]),
        ("expires_at", vec![json!(past), json!("1970-01-01T00:00:00Z"), json!("0000-01-01T00:00:00Z")]),
        ("expires_at", vec![json!(hours(24 * 3_660)), json!("9999-12-31T23:59:59Z")]),
        ("expires_at", times_refused()),
        ("expires_at", vec![json!(1_900_000_000), json!(["2030-01-01T00:00:00Z"]), json!(false)]),
        ("project_id", ["", " ", "a b", "a/b", "é", "a\n", "a.b", "a\u{0}"].map(|s| json!(s)).to_vec()),
        ("project_id", vec![json!("p".repeat(65)), json!(7), json!(["p"])]),
    ];
    for (field, values) in cases {
        for value in values {
            let body = with(field, value);
            let sentence = refused(&acme, 400, || acme.creation(&acme.admin, &body).send());
            assert!(sentence.contains(field), "{body:.200}: {sentence}");
        }
    }
}

fn texts_refused() -> Vec<Value> {
    let (long, emoji) = ("a".repeat(201), "🔑".repeat(201));
    let texts = [
        "",
        " ",
        "   ",
        "\u{a0}\u{3000}",
        "\u{200b}",
        " \u{feff}\u{2060}\u{200d} ",
        "\u{ad}\u{3164}",
        "\u{e0020}\u{2800}",
        "a\u{0}b",
        "\u{0}",
        "a\nb",
        "\t",
        "\u{7f}",
        "\u{85}",
        "\u{1b}[31m",
    ];
    texts.into_iter().chain([long.as_str(), emoji.as_str()]).map(|text| json!(text)).collect()
}

fn times_refused() -> Vec<Value> {
    [
        "",
        "tomorrow",
        "2030-01-01",
        "2030-02-30T00:00:00Z",
        "2030-01-01T00:00:00",
        "2030-01-01T25:00:00Z",
        "1900000000",
    ]
    .map(|text| json!(text))
    .to_vec()
}

fn what_is_no_json_object_is_refused(store: Store) {
    let acme = store.tenant();
    let deep_array = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000));
    let deep_field =
        format!(r#"{{"name":"n","scopes":["*"],"x":{}{}}}"#, "[".repeat(30_000), "]".repeat(30_000));
    let bodies: [&[u8]; 19] = [
        b"",
        b" ",
        b"null",
        b"[]",
        br#"["name"]"#,
        br#"[{"name":"n","scopes":["jobs:read"]}]"#,
        b"7",
        br#""name""#,
        b"{",
        br#"{"name":"n","scopes":["jobs:read"]"#,
        br#"{"name":"n","scopes":["jobs:read"],}"#,
        br#"{"name":"n","scopes":["jobs:read"]} trailing"#,
        br#"{"name":"n","scopes":["jobs:read"]}{"name":"n","scopes":["jobs:read"]}"#,
        br#"{"name":"n","name":"m","scopes":["jobs:read"]}"#,
        br#"{"name":"n","scopes":["jobs:read"],"scopes":["*"]}"#,
        b"{\"name\":\"\xff\xfe\",\"scopes\":[\"jobs:read\"]}",
        br#"{"name":"\ud800","scopes":["jobs:read"]}"#,
        deep_array.as_bytes(),
        deep_field.as_bytes(),
    ];
    for body in bodies {
        let call = acme.server.post(&acme.keys_path()).bearer(&acme.admin);
        refused(&acme, 400, || call.body("application/json", body).send());
    }
    let call = acme.server.post(&acme.keys_path()).bearer(&acme.admin);
    refused(&acme, 400, || call.body("application/json", &b"\xef\xbb\xbf{}"[..]).send());
    // No body at all, and nothing about its type either.
    let answer = acme.server.post(&acme.keys_path()).bearer(&acme.admin).send();
    assert!(matches!(answer.status, 400 | 415), "{answer:?}");
}

fn a_body_of_another_type_is_refused(store: Store) {
    let acme = store.tenant();
    let body = with("", json!(1)).to_string();
    let types = [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/xml",
        "multipart/form-data; boundary=x",
        "json",
    ];
    for content_type in types {
        let call = acme.server.post(&acme.keys_path()).bearer(&acme.admin);
        refused(&acme, 415, || call.body(content_type, body.as_str()).send());
    }
    let call = acme.server.post(&acme.keys_path()).bearer(&acme.admin);
    refused(&acme, 415, || call.untyped_body(body.as_str()).send());
}

fn a_body_over_64_kib_is_refused(store: Store) {
    let acme = store.tenant();
    let padded = |length: usize| {
        let body = with("pad", json!(""));
        with("pad", json!("x".repeat(length - body.to_string().len())))
    };
    assert_eq!(padded(1_000).to_string().len(), 1_000);
    acme.creation(&acme.admin, &padded(64 * 1_024)).send().expect(201);
    for length in [64 * 1_024 + 1, 100_000, 1_000_000] {
        refused(&acme, 413, || acme.creation(&acme.admin, &padded(length)).send());
    }
}

fn a_refusal_does_not_repeat_the_value(store: Store) {
    let acme = store.tenant();
    let fields = ["name", "scopes", "expires_at", "project_id", "device_name"];
    for field in fields {
        for body in [
            with(field, json!(["capy_live_pasted_by_mistake"])),
            with(field, json!({"capy_live_pasted_by_mistake": 1})),
            with(field, json!("capy_live_pasted_by_mistake\n")),
        ] {
            let answer = acme.creation(&acme.admin, &body).send();
            let sentence = answer.error(400);
            assert!(!sentence.contains("pasted"), "{sentence}");
        }
    }
}
