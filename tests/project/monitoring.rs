//! The rules and the dashboard of `deploy/monitoring`: they say what they mean to, of metrics that there are, and the
//! run book goes with them.

use std::{
    collections::BTreeSet,
    fs,
    process::{Command, Stdio},
    sync::Arc,
};

use capykeys_tests::{
    Installation, Server, Tenant, clerk::Session, envoy::Check, on_one_store, postgres, settings,
};
use reqwest::Method;
use serde_json::Value;

on_one_store![postgresql: every_name_in_rules_and_dashboard_is_one_that_a_server_shows];

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
const RULES: &str = "deploy/monitoring/alerts.yaml";
const TESTS: &str = "tests/monitoring/alerts.yaml";
const RUN_BOOK: &str = "docs/run-book.md";

/// What names in expressions begin with that are the service's.
const OURS: [&str; 5] = ["capykeys_", "http_", "rpc_", "db_", "otel_"];

/// What a server shows only in a cluster that has failed over, once its issuer has answered, with TLS, and where spans
/// were sent, and where a file could not be read again. `scripts/monitoring` sees all but the first and the last.
const RARE: [&str; 5] = [
    "capykeys_statements_repeated_total",
    "capykeys_jwks_age_seconds",
    "capykeys_tls_certificate_not_after_seconds",
    "otel_sdk_processor_span_processed_total",
    "capykeys_reload_failures_total",
];

fn text(path: &str) -> String {
    fs::read_to_string(format!("{ROOT}/{path}")).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What follows on lines that begin so.
fn after<'t>(text: &'t str, beginning: &'t str) -> impl Iterator<Item = &'t str> {
    text.lines().filter_map(move |line| line.trim_start().strip_prefix(beginning))
}

fn alerts() -> BTreeSet<String> {
    let rules = text(RULES);
    let names: Vec<_> = after(&rules, "- alert: ").map(str::to_owned).collect();
    let all: BTreeSet<_> = names.iter().cloned().collect();
    assert!(!all.is_empty() && all.len() == names.len(), "{names:?}");
    all
}

fn promtool(arguments: &[&str]) {
    let mut promtool = Command::new(settings::promtool());
    let output = promtool.args(arguments).current_dir(ROOT).stdin(Stdio::null()).output().expect("promtool");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{arguments:?}: {said}");
}

#[test]
fn the_rules_fire_for_what_is_bad_and_not_for_what_is_well() {
    promtool(&["check", "rules", RULES]);
    promtool(&["test", "rules", TESTS]);
}

/// Each is expected once to fire, and once, at another time or for something else, not to.
#[test]
fn every_alert_is_tested_both_ways() {
    let tests = text(TESTS);
    let of_groups: Vec<_> = tests.split("\n  - name: ").skip(1).collect();
    assert!(of_groups[0].contains("expr: ALERTS, eval_time: 60m, exp_samples: []"), "nothing is well");
    for alert in alerts() {
        let fires = format!("exp_samples: [{{labels: '{{alertname=\"{alert}\"");
        let fires_among = format!("- {{labels: '{{alertname=\"{alert}\"");
        let group = of_groups.iter().find(|group| group.contains(&fires) || group.contains(&fires_among));
        let group = group.unwrap_or_else(|| panic!("{alert} is not expected to fire anywhere"));
        let beside = ["\"well\"", "\"another\"", "instance=\"b\""].iter().any(|well| group.contains(well));
        assert!(beside, "nothing is well beside what {alert} fires for");
    }
}

#[test]
fn every_alert_has_an_entry_in_the_run_book_and_every_entry_an_alert() {
    let (rules, book) = (text(RULES), text(RUN_BOOK));
    let entries: BTreeSet<_> = after(&book, "## ").map(str::to_owned).collect();
    assert_eq!(entries, alerts());
    let links: Vec<_> = after(&rules, "runbook_url: ").map(str::to_owned).collect();
    let names = after(&rules, "- alert: ").map(|name| format!("{RUN_BOOK}#{}", name.to_lowercase()));
    assert_eq!(links, names.collect::<Vec<_>>());
    for part in ["**Means:**", "**May wait:**", "**Look", "**Do:**"] {
        let found = book.matches(part).count()
            + if part == "**Do:**" { book.matches("**Look, do:**").count() } else { 0 };
        assert_eq!(found, entries.len(), "{part}");
    }
    for severity in ["severity", "summary", "description"] {
        assert_eq!(rules.matches(&format!("{severity}: ")).count(), entries.len(), "{severity}");
    }
}

/// kustomize takes no file from outside its folder.
#[test]
fn the_rules_of_kubernetes_are_the_same() {
    let given = text("deploy/kubernetes/components/monitoring/rules.yaml");
    let (_, given) = given.split_once("\nspec:\n").expect("a spec");
    let indented = |line: &str| if line.is_empty() { String::new() } else { format!("  {line}") };
    let expected: Vec<_> = text(RULES).lines().map(indented).collect();
    let given: Vec<_> = given.lines().map(str::to_owned).collect();
    assert!(given == expected, "the rules of the component are stale: run `make reference`");
}

/// Each expression of the dashboard as Grafana sends it.
fn expressions() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(&text("deploy/monitoring/dashboard.json")).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels").iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    let sent = targets.map(|target| target["expr"].as_str().expect("an expression"));
    sent.map(|text| text.replace("$__rate_interval", "1m").replace("\"$", "\"")).collect()
}

#[test]
fn every_expression_of_the_dashboard_is_one() {
    let rules: Vec<_> = expressions()
        .iter()
        .map(|text| serde_json::json!({"record": "panel", "expr": text, "labels": {"of": text}}))
        .collect();
    assert!(rules.len() > 30);
    let file = tempfile::NamedTempFile::new().expect("a file");
    // JSON is YAML.
    let groups = serde_json::json!({"groups": [{"name": "panels", "rules": rules}]});
    fs::write(file.path(), groups.to_string()).expect("the file is written");
    promtool(&["check", "rules", &file.path().to_string_lossy()]);
}

/// The names in an expression that begin as the service's do: of metrics, and of labels.
fn names(expression: &str) -> impl Iterator<Item = &str> {
    let words = expression.split(|one: char| !one.is_ascii_alphanumeric() && one != '_');
    words.filter(|word| OURS.iter().any(|ours| word.starts_with(ours)))
}

/// A server of which everything is used.
fn busy_server() -> Server {
    // Nobody receives what is sent, nor has the signing keys.
    let installation = Installation::on_postgres(&postgres::database_url())
        .unset("CLERK__INSTANCES__DEV__PEM_FILE")
        .set("CLERK__INSTANCES__DEV__JWKS_URL", "http://127.0.0.1:1/jwks")
        .with_variable("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1");
    Server::start(&Arc::new(installation))
}

fn every_name_in_rules_and_dashboard_is_one_that_a_server_shows() {
    let server = busy_server();
    let acme = Tenant::new(&server);
    let key = acme.key_with(&["jobs:read"]);
    acme.revocation(&acme.admin, key.id()).send().expect(200);
    Check::of("/jobs").bearer(&acme.admin).ask(&server);
    let _ = server.get("/v1/me").bearer(&Session::new().sign()).send();
    let shown = server.call_internal(Method::GET, "/metrics").send();
    let shown = String::from_utf8(shown.body).expect("text");
    let is = |series: &str, value: &str| shown.lines().any(|line| line == format!("{series} {value}"));
    assert!(is("capykeys_propagation_duration_seconds_count", "1"), "{shown}");
    assert!(!is("capykeys_jwks_fetch_failures_total{server_address=\"127.0.0.1\"}", "0"), "{shown}");
    let mut known: BTreeSet<&str> = RARE.into_iter().collect();
    for line in shown.lines().filter(|line| !line.starts_with('#')) {
        // A series: its name, and those of its labels. A value may hold anything.
        known.extend(line.split(['{', '=', ',', ' ']));
    }
    let documented = text("docs/operations/telemetry.md");
    assert!(
        RARE.iter().all(|name| documented.contains(name)),
        "a name is not in docs/operations/telemetry.md"
    );
    let (rules, all) = (text(RULES), expressions());
    for name in all.iter().map(String::as_str).chain(rules.lines()).flat_map(names) {
        assert!(known.contains(name), "{name} is shown by no server:\n{shown}");
    }
}
