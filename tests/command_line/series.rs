//! How many series each metric can have, by what its labels can say: past 2,000 the SDK folds them into one.

use std::collections::{BTreeMap, BTreeSet};

use capykeys_tests::{Installation, Store, clerk::Session, on_every_store};
use reqwest::Method;

use crate::telemetry::{serve, use_everything};

on_every_store![the_labels_of_every_metric_say_what_is_declared_and_multiply_to_few_series];

const MOST_SERIES: usize = 2_000;
/// The same of a histogram, as it is set in `crates/telemetry`.
const MOST_OF_A_HISTOGRAM: usize = 4_000;

const STATUSES: &[&str] = &[
    "0", "200", "201", "400", "401", "403", "404", "405", "408", "409", "413", "415", "422", "429", "431",
    "500", "503",
];
const FAILED: &[&str] = &["", "500", "503"];
const METHODS: &[&str] = &["GET", "HEAD", "POST", "DELETE", "_OTHER"];
const POOLS: &[&str] = &["capykeys", "capykeys lookup", "capykeys feed"];
const SETTINGS: &[&str] = &[
    "internal.tls",
    "log.level",
    "server.read_only",
    "clerk.pem_file",
    "oidc.pem_file",
    "internal.token.pem_file",
    "internal.token.jwks_ca_file",
    "postgres.url_file",
];

/// How many values a label can have, and which where they are few. Of the others so many are declared elsewhere: routes
/// in the endpoints, operations in `storage::operation`, kinds of failures with each adapter, reasons with each
/// verifier of tokens.
#[derive(Clone, Copy)]
enum Values {
    These(&'static [&'static str]),
    AtMost(usize),
}

use Values::{AtMost, These};

/// Each metric with its labels; those of the SDK itself have two at most.
const METRICS: &[(&str, &[(&str, Values)])] = &[
    (
        "http_server_request_duration_seconds",
        &[
            ("http_request_method", These(METHODS)),
            ("http_route", AtMost(20)),
            // The type of an error is the status once more.
            ("http_response_status_code", These(STATUSES)),
        ],
    ),
    (
        "rpc_server_call_duration_seconds",
        &[
            ("rpc_system_name", These(&["grpc"])),
            ("rpc_method", These(&["envoy.service.auth.v3.Authorization/Check"])),
            ("http_response_status_code", These(STATUSES)),
        ],
    ),
    (
        "capykeys_verdicts_total",
        &[
            ("credential", These(&["api_key", "session"])),
            (
                "outcome",
                These(&[
                    "good",
                    "refused",
                    "unavailable",
                    "not_found",
                    "revoked",
                    "expired",
                    "disabled",
                    "organization_suspended",
                    "wrong_project",
                    "insufficient_scope",
                ]),
            ),
        ],
    ),
    ("capykeys_session_refusals_total", &[("reason", AtMost(100))]),
    ("capykeys_key_lookups_total", &[("source", These(&["cache", "store"]))]),
    ("capykeys_cache_keys", &[]),
    ("capykeys_cache_absent_keys", &[]),
    ("capykeys_cache_lease_seconds", &[]),
    ("capykeys_feed_lag_seconds", &[]),
    ("capykeys_feed_lost_changes_total", &[]),
    ("capykeys_replicas", &[]),
    ("capykeys_propagation_duration_seconds", &[]),
    ("capykeys_read_only", &[]),
    // One for each host that keys are fetched from, which are configured.
    ("capykeys_jwks_age_seconds", &[("server_address", AtMost(100))]),
    ("capykeys_jwks_fetch_failures_total", &[("server_address", AtMost(100))]),
    (
        "capykeys_tls_certificate_not_after_seconds",
        &[("setting", These(&["certificate_file", "client_ca_file"]))],
    ),
    (
        "db_client_operation_duration_seconds",
        &[("db_system_name", AtMost(1)), ("db_operation_name", AtMost(40)), ("error_type", AtMost(40))],
    ),
    ("db_client_connection_wait_time_seconds", &[("db_client_connection_pool_name", These(POOLS))]),
    (
        "capykeys_db_connections",
        &[
            ("db_client_connection_pool_name", These(POOLS)),
            ("db_client_connection_state", These(&["used", "idle"])),
        ],
    ),
    ("db_client_connection_max", &[("db_client_connection_pool_name", These(POOLS))]),
    ("db_client_connection_pending_requests", &[("db_client_connection_pool_name", These(POOLS))]),
    ("capykeys_statements_repeated_total", &[]),
    ("capykeys_events_written_total", &[]),
    ("capykeys_expiry_notices_total", &[("notice", These(&["expires_soon", "expired"]))]),
    ("capykeys_uses_dropped_total", &[]),
    ("capykeys_uses_pending", &[]),
    ("capykeys_keys_of_missing_peppers", &[]),
    ("capykeys_panics_total", &[]),
    ("capykeys_reload_failures_total", &[("setting", These(SETTINGS))]),
    ("capykeys_telemetry_dropped_total", &[("signal", These(&["traces", "metrics", "logs"]))]),
    ("capykeys_build_info", &[("version", AtMost(1))]),
];

fn count(values: Values) -> usize {
    match values {
        These(values) => values.len(),
        AtMost(count) => count,
    }
}

/// The labels of a line such as `name{a="b",c="d"} 1`. None of our values has a quotation mark.
fn labels(line: &str) -> impl Iterator<Item = (&str, &str)> {
    let inside =
        line.split_once('{').and_then(|(_, rest)| rest.rsplit_once('}')).map_or("", |(inside, _)| inside);
    inside.split_terminator("\",").filter_map(|label| {
        let (name, value) = label.split_once("=\"")?;
        Some((name, value.trim_end_matches('"')))
    })
}

fn the_labels_of_every_metric_say_what_is_declared_and_multiply_to_few_series(store: Store) {
    let server = serve(Installation::new(store));
    use_everything(&server);
    let _ = server.get("/v1/me").bearer(&Session::new().sign_with_another_key()).send();
    let shown = String::from_utf8(server.call_internal(Method::GET, "/metrics").send().body).unwrap();
    let types = shown.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let mut seen = 0;
    for (metric, kind) in types.filter(|(name, _)| !name.starts_with("otel_sdk") && *name != "target_info") {
        let declared = METRICS.iter().find(|(name, _)| *name == metric);
        let (_, declared) = declared.unwrap_or_else(|| panic!("{metric} has no row here"));
        let product: usize = declared.iter().map(|(_, values)| count(*values)).product();
        let most = if kind == "histogram" { MOST_OF_A_HISTOGRAM } else { MOST_SERIES };
        assert!(product < most, "{metric}: {product}");
        seen += 1;
        let own = |line: &&str| {
            let rest = line.strip_prefix(metric);
            rest.is_some_and(|rest| {
                rest.starts_with(['{', ' ']) || (kind == "histogram" && rest.starts_with("_count"))
            })
        };
        let mut values: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (label, value) in shown.lines().filter(own).flat_map(labels) {
            values.entry(label).or_default().insert(value);
        }
        for (label, found) in values {
            let status_again =
                label == "error_type" && declared.iter().any(|(name, _)| name.ends_with("status_code"));
            let allowed = if status_again { Some(These(FAILED)) } else { None };
            let allowed = allowed
                .or_else(|| declared.iter().find(|(name, _)| *name == label).map(|(_, values)| *values));
            match allowed {
                Some(These(values)) => {
                    assert!(found.iter().all(|one| values.contains(one)), "{metric}: {label}: {found:?}");
                }
                Some(AtMost(most)) => assert!(found.len() <= most, "{metric}: {label}: {found:?}"),
                None => panic!("{metric}: {label} is no label that is declared: {found:?}"),
            }
        }
    }
    assert!(seen > 15, "{shown}");
}
