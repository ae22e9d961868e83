//! The published documents: one and the same wherever they are had, and they say what the contract says.

use std::{fs, sync::LazyLock};

use capykeys_tests::{Installation, Store};
use serde_json::{Value, json};

const KEYS: &str = "/v1/organizations/{orgID}/api-keys";
const KEY: &str = "/v1/organizations/{orgID}/api-keys/{keyID}";
const DISABLE: &str = "/v1/organizations/{orgID}/api-keys/{keyID}/disable";
const REVOKE: &str = "/v1/organizations/{orgID}/api-keys/revoke";
const ROTATE: &str = "/v1/organizations/{orgID}/api-keys/{keyID}/rotate";
const FINISH: &str = "/v1/organizations/{orgID}/api-keys/{keyID}/rotate/finish";
const ENABLE: &str = "/v1/organizations/{orgID}/api-keys/{keyID}/enable";

/// Path, method, operation id, statuses.
const OPERATIONS: [(&str, &str, &str, &[&str]); 12] = [
    (KEYS, "get", "listApiKeys", &["200", "400", "401", "403", "404", "503"]),
    (KEYS, "post", "createApiKey", &["201", "400", "401", "403", "404", "413", "415", "503"]),
    (KEY, "get", "getApiKey", &["200", "304", "400", "401", "403", "404", "503"]),
    (KEY, "patch", "updateApiKey", &["200", "400", "401", "403", "404", "409", "412", "413", "415", "503"]),
    (DISABLE, "post", "disableApiKey", &["200", "400", "401", "403", "404", "409", "413", "415", "503"]),
    (ENABLE, "post", "enableApiKey", &["200", "400", "401", "403", "404", "409", "503"]),
    (REVOKE, "post", "revokeApiKeys", &["200", "400", "401", "403", "404", "413", "415", "503"]),
    (ROTATE, "post", "rotateApiKey", &["200", "400", "401", "403", "404", "409", "413", "415", "503"]),
    (FINISH, "post", "finishApiKeyRotation", &["200", "400", "401", "403", "404", "409", "503"]),
    (KEY, "delete", "revokeApiKey", &["200", "400", "401", "403", "404", "503"]),
    ("/v1/organizations/{orgID}", "get", "getOrganization", &["200", "400", "401", "403", "503"]),
    ("/v1/me", "get", "getViewer", &["200", "400", "401", "503"]),
];

/// Where each is committed, and what prints it.
const DOCUMENTS: [(&str, &[&str]); 4] = [
    ("capykeys.json", &["openapi"]),
    ("internal.json", &["openapi", "--internal"]),
    ("3.0/capykeys.json", &["openapi", "--openapi-3.0"]),
    ("3.0/internal.json", &["openapi", "--openapi-3.0", "--internal"]),
];

static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(&committed("capykeys.json")).expect("the document is JSON"));

fn committed(name: &str) -> String {
    let path = format!("{}/../openapi/{name}", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What a `$ref` stands for.
fn resolved(value: &'static Value) -> &'static Value {
    match value.get("$ref").and_then(Value::as_str) {
        Some(reference) => {
            let pointer = reference.strip_prefix('#').expect("a reference within the document");
            resolved(DOCUMENT.pointer(pointer).unwrap_or_else(|| panic!("{reference} leads nowhere")))
        }
        None => value,
    }
}

fn operation(path: &str, method: &str) -> &'static Value {
    DOCUMENT["paths"][path].get(method).unwrap_or_else(|| panic!("{method} {path} is missing"))
}

/// Every operation with its name, its statuses and their answers.
fn responses() -> impl Iterator<Item = (String, &'static str, &'static Value)> {
    let paths = DOCUMENT["paths"].as_object().expect("paths");
    paths.iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().expect("methods").iter();
        let methods = methods.filter(|(_, operation)| operation.get("responses").is_some());
        methods.flat_map(move |(method, operation)| {
            let answers = operation["responses"].as_object().expect("responses").iter();
            answers
                .map(move |(status, answer)| (format!("{method} {path}"), status.as_str(), resolved(answer)))
        })
    })
}

#[test]
fn the_committed_documents_are_those_that_the_binary_prints() {
    for (name, arguments) in DOCUMENTS {
        let printed = Installation::bare().run(arguments).expect_success().stdout;
        assert!(printed == committed(name), "openapi/{name} is stale: run `make openapi`");
    }
}

#[test]
fn the_committed_document_is_the_one_that_is_served() {
    let served = Store::first().server().get("/v1/openapi.json").send().expect(200);
    assert!(served == *DOCUMENT, "openapi/capykeys.json is not what is served");
}

#[test]
fn it_names_every_operation_with_its_statuses() {
    assert_eq!(DOCUMENT["openapi"], "3.1.0");
    for (path, method, id, statuses) in OPERATIONS {
        let operation = operation(path, method);
        assert_eq!(operation["operationId"], id);
        assert_eq!(operation["tags"].as_array().map(Vec::len), Some(1), "{id} has one tag");
        for status in statuses {
            assert!(operation["responses"].get(status).is_some(), "{id} lacks {status}");
        }
    }
}

#[test]
fn every_answer_names_its_headers() {
    for (operation, status, answer) in responses() {
        let required: &[&str] = match status {
            "401" => &["X-Request-Id", "WWW-Authenticate"],
            "405" => &["X-Request-Id", "Allow"],
            "503" => &["X-Request-Id", "Retry-After"],
            _ => &["X-Request-Id"],
        };
        let named = |header: &&str| {
            let headers = answer["headers"].as_object();
            headers.is_some_and(|headers| headers.keys().any(|name| name.eq_ignore_ascii_case(header)))
        };
        for header in required {
            assert!(named(header), "{operation}: {status} lacks {header}");
        }
        if operation == format!("get {KEYS}") && status == "200" {
            assert!(named(&"Link"), "{operation}: {status} lacks Link");
        }
        if operation.contains(" /v1/") && status.starts_with('2') {
            assert!(named(&"Cache-Control"), "{operation}: {status} lacks Cache-Control");
        }
        assert!(answer["description"].as_str().is_some_and(|text| !text.is_empty()), "{operation}: {status}");
    }
}

#[test]
fn every_error_has_the_one_schema() {
    let mut errors = 0;
    for (operation, status, answer) in responses().filter(|(_, status, _)| status.starts_with(['4', '5'])) {
        let content =
            answer["content"].as_object().unwrap_or_else(|| panic!("{operation}: {status} has no body"));
        assert!(content.keys().eq(["application/json"]), "{operation}: {status}");
        let schema = &content["application/json"]["schema"];
        assert_eq!(schema["$ref"], "#/components/schemas/ErrorResponse", "{operation}: {status}");
        errors += 1;
    }
    assert!(errors > 20);
    let schema = &DOCUMENT["components"]["schemas"]["ErrorResponse"];
    assert_eq!(schema["required"], json!(["error"]));
    assert_eq!(schema["properties"]["error"]["type"], "string");
}

#[test]
fn both_ways_to_sign_in_are_described_and_asked_for() {
    let schemes = DOCUMENT["components"]["securitySchemes"].as_object().expect("security schemes");
    let bearer = schemes.iter().find(|(_, scheme)| scheme["type"] == "http" && scheme["scheme"] == "bearer");
    let header = schemes.iter().find(|(_, scheme)| {
        let name = scheme["name"].as_str().unwrap_or_default();
        scheme["type"] == "apiKey" && scheme["in"] == "header" && name.eq_ignore_ascii_case("x-api-key")
    });
    let (bearer, header) = (bearer.expect("bearer").0, header.expect("X-API-Key").0);
    for (path, method, id, _) in OPERATIONS {
        let security = operation(path, method).get("security").unwrap_or(&DOCUMENT["security"]);
        let security = security.as_array().unwrap_or_else(|| panic!("{id} asks for nothing"));
        for scheme in [bearer, header] {
            assert!(security.iter().any(|one| one.get(scheme).is_some()), "{id} lacks {scheme}");
        }
        assert!(!security.contains(&json!({})), "{id} can be called without signing in");
    }
}

#[test]
fn an_api_key_requires_what_is_always_there_and_nothing_in_it_is_null() {
    let schema = &DOCUMENT["components"]["schemas"]["ApiKey"];
    let mut required: Vec<_> =
        schema["required"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    required.sort_unstable();
    let always =
        ["created_at", "id", "is_active", "key_prefix", "name", "organization_id", "scopes", "source"];
    assert_eq!(required, always);
    let optional = [
        "created_by_key_id",
        "created_by_user_id",
        "device_name",
        "disabled_at",
        "disabled_reason",
        "expires_at",
        "last_used_at",
        "previous_expires_at",
        "previous_key_prefix",
        "previous_last_used_at",
        "project_id",
        "revoked_at",
        "rotated_at",
    ];
    let properties = schema["properties"].as_object().unwrap();
    assert_eq!(properties.len(), always.len() + optional.len());
    for name in optional {
        let property = properties.get(name).unwrap_or_else(|| panic!("{name} is missing"));
        assert!(!property.to_string().contains("null"), "{name} is nullable: {property}");
    }
    for time in [
        "created_at",
        "disabled_at",
        "expires_at",
        "last_used_at",
        "previous_expires_at",
        "previous_last_used_at",
        "revoked_at",
        "rotated_at",
    ] {
        assert_eq!(resolved(&properties[time])["format"], "date-time", "{time}");
    }
}

#[test]
fn creating_a_key_requires_a_name_and_scopes_and_takes_unknown_fields() {
    let schema = &DOCUMENT["components"]["schemas"]["CreateApiKeyRequest"];
    let mut required: Vec<_> =
        schema["required"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    required.sort_unstable();
    assert_eq!(required, ["name", "scopes"]);
    assert_ne!(schema["additionalProperties"], json!(false));
    let properties = schema["properties"].as_object().unwrap();
    for name in ["name", "scopes", "project_id", "expires_at", "device_name"] {
        assert!(properties.contains_key(name), "{name} is missing");
    }
}

#[test]
fn the_list_can_be_paged() {
    let parameters = operation(KEYS, "get")["parameters"].as_array().unwrap();
    for name in ["limit", "cursor"] {
        let parameter = parameters.iter().map(resolved).find(|parameter| parameter["name"] == name);
        let parameter = parameter.unwrap_or_else(|| panic!("{name} is missing"));
        assert_eq!(parameter["in"], "query");
        assert_ne!(parameter["required"], json!(true));
    }
}

#[test]
fn operations_are_named_once() {
    let paths = DOCUMENT["paths"].as_object().unwrap().values();
    let mut ids: Vec<_> = paths
        .flat_map(|methods| methods.as_object().unwrap().values())
        .filter_map(|operation| operation["operationId"].as_str())
        .collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count);
}
