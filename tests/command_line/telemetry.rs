//! What is traced and measured, as a collector decodes it and as Prometheus reads it.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use capykeys_tests::{
    Installation, Server, Store, Tables, Tenant,
    clerk::Session,
    collector::{Attributes, Collector, Manner, attributes},
    envoy::Check,
    on_every_store, secrets, settings,
};
use opentelemetry_proto::tonic::{
    metrics::v1::metric::Data,
    trace::v1::{Span, span::SpanKind, status::StatusCode},
};
use reqwest::Method;
use serde_json::{Value, json};

on_every_store![
    events_are_counted_that_were_written_and_no_others,
    prometheus_accepts_the_metrics,
    a_request_is_traced_with_all_that_is_done_for_it,
    the_metrics_that_are_sent_are_those_that_prometheus_reads
];

pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// Of a caller that has its own request traced.
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";

fn trace_parent(trace: &str, flags: &str) -> String {
    format!("00-{trace}-{CALLER}-{flags}")
}

/// Sends everything to this collector, at once.
pub(crate) fn sending(installation: Installation, collector: &Collector) -> Installation {
    installation
        .with_variable("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url())
        .with_variable("OTEL_BSP_SCHEDULE_DELAY", "50")
        .with_variable("OTEL_METRIC_EXPORT_INTERVAL", "200")
}

pub(crate) fn serve(installation: Installation) -> Server {
    Server::start(&Arc::new(installation))
}

fn children<'s>(spans: &'s [Span], of: &Span) -> Vec<&'s Span> {
    spans.iter().filter(|span| span.parent_span_id == of.span_id && span.trace_id == of.trace_id).collect()
}

fn with(span: &Span, key: &str) -> String {
    attributes(&span.attributes).get(key).cloned().unwrap_or_default()
}

/// The spans of one trace, as soon as the one of this name is among them.
fn trace(collector: &Collector, trace: &str, name: &str) -> (Span, Vec<Span>) {
    let is_in = |span: &Span| hex(&span.trace_id) == trace;
    let found = collector.span(name, LIMIT, |span| is_in(span) && span.name == name);
    let all = collector.received().spans.iter().map(|(_, _, span)| span.clone()).filter(is_in).collect();
    (found, all)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// The line of the access log about the request of this route.
fn logged(server: &Server, route: &str) -> Value {
    let line = server.log.wait_for(LIMIT, |line| {
        let line: Value = serde_json::from_str(line).ok()?;
        (line["message"] == "request" && line["route"] == route).then_some(line)
    });
    line.expect("a line")
}

fn a_request_is_traced_with_all_that_is_done_for_it(store: Store) {
    traces_over(store, "http/protobuf", &Collector::over_http(Manner::Takes));
    traces_over(store, "grpc", &Collector::over_grpc(Manner::Takes));
}

fn traces_over(store: Store, protocol: &str, collector: &Collector) {
    let installation = sending(Installation::new(store), collector)
        .with_variable("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
        .with_variable("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=acme")
        .with_variable("OTEL_SERVICE_NAME", "keys")
        .with_variable("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
        .with_variable("OTEL_TRACES_SAMPLER", "parentbased_always_off")
        .set("TELEMETRY__TRUST_PUBLIC_SAMPLING", "true");
    let server = serve(installation);
    let acme = Tenant::new(&server);

    // The API, whose caller is traced.
    let key = acme.key_with(&["jobs:read"]);
    let traced = trace_parent(TRACE, "01");
    let revocation = acme.revocation(&acme.admin, key.id()).header("traceparent", &traced);
    revocation.header("tracestate", "stranger=1").send().expect(200);
    let name = "DELETE /v1/organizations/{orgID}/api-keys/{keyID}";
    let (revoked, spans) = trace(collector, TRACE, name);
    assert_eq!(hex(&revoked.parent_span_id), CALLER);
    assert_eq!(revoked.trace_state, "");
    assert_eq!(revoked.kind(), SpanKind::Server);
    assert_eq!(with(&revoked, "http.response.status_code"), "200");
    assert_eq!(with(&revoked, "http.route"), "/v1/organizations/{orgID}/api-keys/{keyID}");
    let within: BTreeSet<_> = children(&spans, &revoked).iter().map(|span| span.name.as_str()).collect();
    let revoke = "revoke_key";
    assert!(within.contains(revoke) && within.contains("await propagation"), "{within:?}");
    let operation = spans.iter().find(|span| span.name == revoke).unwrap();
    assert_eq!(operation.kind(), SpanKind::Client);
    let system = with(operation, "db.system.name");
    match store.tables() {
        Some(Tables::Postgresql(())) => assert_eq!(system, "postgresql"),
        Some(Tables::Sqlite(())) => assert_eq!(system, "sqlite"),
        None => assert_ne!(system, ""),
    }
    if store.tables() == Some(Tables::Postgresql(())) {
        let waits = children(&spans, operation);
        assert_eq!(with(waits[0], "db.client.connection.pool.name"), "capykeys");
    }

    // The log names the same trace.
    let line = logged(&server, "/v1/organizations/{orgID}/api-keys/{keyID}");
    assert_eq!((&line["trace_id"], &line["span_id"]), (&json!(TRACE), &json!(hex(&revoked.span_id))));

    // The cluster's listeners, in traces of other callers.
    let (http, grpc, unsampled) = (TRACE.replace('0', "1"), TRACE.replace('0', "2"), TRACE.replace('0', "3"));
    let question = json!({"api_key": acme.admin});
    let verify = |parent: &str| {
        server
            .call_internal(Method::POST, "/v1/api-keys/verify")
            .header("traceparent", parent)
            .json(&question)
    };
    verify(&trace_parent(&unsampled, "00")).send().expect(200);
    verify(&trace_parent(&http, "01")).send().expect(200);
    let (verified, _) = trace(collector, &http, "POST /v1/api-keys/verify");
    assert_eq!(verified.kind(), SpanKind::Server);
    let check = Check::of("/jobs").bearer(&acme.admin).header("traceparent", &trace_parent(&grpc, "01"));
    assert_eq!(check.ask(&server).status, 200);
    let method = "envoy.service.auth.v3.Authorization/Check";
    let (checked, _) = trace(collector, &grpc, method);
    assert_eq!((hex(&checked.parent_span_id).as_str(), checked.kind()), (CALLER, SpanKind::Server));
    assert_eq!(
        (with(&checked, "rpc.system.name").as_str(), with(&checked, "rpc.method").as_str()),
        ("grpc", method)
    );

    // A trace of the gateway's own goes before that of the request.
    let gateway = TRACE.replace('0', "4");
    let check = Check::of("/jobs").bearer(&acme.admin).header("traceparent", &trace_parent(&unsampled, "01"));
    check.traced(&trace_parent(&gateway, "01")).ask(&server);
    trace(collector, &gateway, method);

    let received = collector.received().clone();
    assert_eq!(received.leak, None);
    for (resource, scope, span) in &received.spans {
        assert_eq!((resource["service.name"].as_str(), scope.as_str()), ("keys", "capykeys"));
        assert_eq!(resource["deployment.environment.name"], "test");
        assert_eq!(resource["service.version"], "0.1.0");
        // Nothing that exports is traced, nor what nobody asked for.
        assert!([TRACE, &http, &grpc, &gateway].contains(&hex(&span.trace_id).as_str()), "{span:?}");
    }
    assert!(received.requests.iter().all(|headers| headers["x-tenant"] == "acme"), "{:?}", received.requests);
}

#[test]
fn what_fails_here_is_an_error_of_its_span() {
    let collector = Collector::over_http(Manner::Takes);
    // Nobody listens there.
    let installation = Installation::bare()
        .set("STORE__KIND", "postgres")
        .set("KEYS__PEPPER", secrets::PEPPER)
        .set("POSTGRES__URL", "postgres://nobody@127.0.0.1:1/none");
    let server = serve(sending(installation, &collector).with_variable("OTEL_TRACES_SAMPLER", "always_on"));
    let question = json!({"api_key": secrets::unknown_key()});
    server.call_internal(Method::POST, "/v1/api-keys/verify").json(&question).send().error(503);
    let failed = collector.span("the request", LIMIT, |span| span.name == "POST /v1/api-keys/verify");
    assert_eq!(failed.status.clone().unwrap().code(), StatusCode::Error);
    assert_eq!(with(&failed, "error.type"), "503");
    let lookup = collector.span("the lookup", LIMIT, |span| span.parent_span_id == failed.span_id);
    assert_eq!(
        (lookup.name.as_str(), lookup.status.clone().unwrap().code()),
        ("find_key_by_digest", StatusCode::Error)
    );
    assert!(["connection", "timeout"].contains(&with(&lookup, "error.type").as_str()), "{lookup:?}");
}

#[test]
fn feed_polls_are_sampled() {
    let collector = Collector::over_http(Manner::Takes);
    let installation = Installation::new(Store::first()).set("CACHE__LEASE", "50ms");
    let _server = serve(sending(installation, &collector).with_variable("OTEL_TRACES_SAMPLER", "always_on"));
    let poll = collector.span("a poll", Duration::from_mins(1), |span| span.name == "poll_changes");
    assert!(poll.parent_span_id.is_empty());
}

#[test]
fn a_fetch_of_signing_keys_is_traced_with_its_request_and_tells_the_issuer_nothing_of_it() {
    // It answers anything with 200 and nothing.
    let (collector, issuer) = (Collector::over_http(Manner::Takes), Collector::over_http(Manner::Takes));
    let installation = sending(Installation::new(Store::first()), &collector)
        .unset("CLERK__INSTANCES__DEV__PEM_FILE")
        .set("CLERK__INSTANCES__DEV__JWKS_URL", &format!("{}/jwks", issuer.url()))
        .set("TELEMETRY__TRUST_PUBLIC_SAMPLING", "true");
    let server = serve(installation);
    let is_in = |span: &Span| hex(&span.trace_id) == TRACE;
    let fetch = capykeys_tests::wait::until("a fetch in a trace", LIMIT, || {
        let session = Session::new().sign();
        let request = server.get("/v1/me").bearer(&session).header("traceparent", trace_parent(TRACE, "01"));
        let _ = request.header("tracestate", "stranger=1").send();
        let fetch = |span: &&Span| span.name == "GET" && is_in(span);
        collector.received().spans.iter().map(|(_, _, span)| span).find(fetch).cloned()
    });
    assert_eq!(fetch.kind(), SpanKind::Client);
    let request = collector.span("the request", LIMIT, |span| span.span_id == fetch.parent_span_id);
    assert_eq!(request.name, "GET /v1/me");
    for headers in &issuer.received().requests {
        let strange: Vec<_> = headers.keys().filter(|name| name.starts_with("trace")).collect();
        assert!(strange.is_empty(), "{strange:?}");
    }
}

#[test]
fn what_a_stranger_says_decides_nothing_and_its_trace_is_gone_on_with() {
    let collector = Collector::over_http(Manner::Takes);
    let sampled = |sampler| {
        serve(
            sending(Installation::new(Store::first()), &collector)
                .with_variable("OTEL_TRACES_SAMPLER", sampler),
        )
    };
    let server = sampled("parentbased_always_off");
    server.get("/status").header("traceparent", trace_parent(TRACE, "01")).send().expect(200);
    let line = logged(&server, "/status");
    assert!(line.get("trace_id").is_none(), "{line}");
    // Within the cluster it does.
    let own = TRACE.replace('0', "5");
    server
        .call_internal(Method::GET, "/readyz")
        .header("traceparent", trace_parent(&own, "01"))
        .send()
        .expect(200);
    trace(&collector, &own, "GET /readyz");
    assert!(collector.received().spans.iter().all(|(_, _, span)| hex(&span.trace_id) == own));

    let server = sampled("parentbased_always_on");
    server.get("/status").header("traceparent", trace_parent(TRACE, "00")).send().expect(200);
    let (status, _) = trace(&collector, TRACE, "GET /status");
    assert_eq!(hex(&status.parent_span_id), CALLER);
}

fn events_are_counted_that_were_written_and_no_others(store: Store) {
    let server = serve(Installation::new(store));
    let acme = Tenant::new(&server);
    let written = || server.metric("capykeys_events_written_total").unwrap_or(0.0);
    let before = written();
    let key = acme.key_with(&["jobs:read"]);
    for _ in 0..3 {
        acme.revocation(&acme.admin, key.id()).send().expect(200);
    }
    let more = written() - before;
    assert!((more - 2.0).abs() < f64::EPSILON, "{more}");
}

#[test]
fn the_log_is_sent_where_it_is_asked_for_with_the_traces_of_its_lines() {
    for (protocol, collector) in [
        ("http/protobuf", Collector::over_http(Manner::Takes)),
        ("grpc", Collector::over_grpc(Manner::Takes)),
    ] {
        let installation = sending(Installation::new(Store::first()), &collector)
            .set("LOG__LEVEL", "trace")
            .with_variable("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
            .with_variable("OTEL_LOGS_EXPORTER", "otlp")
            .with_variable("OTEL_BLRP_SCHEDULE_DELAY", "50")
            .with_variable("OTEL_TRACES_SAMPLER", "always_on")
            .with_variable("OTEL_SERVICE_NAME", "keys");
        let server = serve(installation);
        let acme = Tenant::new(&server);
        server.get("/v1/me").bearer(&acme.admin).send().expect(200);
        let span = collector.span("the request", LIMIT, |span| span.name == "GET /v1/me");
        let line = capykeys_tests::wait::until("the line of the request", LIMIT, || {
            let logs = collector.received().logs.clone();
            logs.into_iter().find(|(_, _, line)| {
                attributes(&line.attributes).get("route").is_some_and(|route| route == "/v1/me")
            })
        });
        let (resource, scope, line) = line;
        assert_eq!((resource["service.name"].as_str(), scope.as_str()), ("keys", "capykeys::access"));
        assert_eq!((line.trace_id, line.span_id), (span.trace_id, span.span_id), "{protocol}");
        assert_eq!(
            (line.severity_text.as_str(), attributes(&line.attributes)["status"].as_str()),
            ("INFO", "200")
        );
        assert_eq!(attributes(&line.attributes)["request_id"].len(), 32);
        // By now much has been sent, and nothing of that is said again.
        let received = collector.received().clone();
        assert_eq!(received.leak, None);
        let strange = |scope: &str| !scope.starts_with("capykeys") || scope.starts_with("capykeys_telemetry");
        assert!(!received.logs.iter().any(|(_, scope, _)| strange(scope)), "{:?}", received.logs);
        assert!(server.log.text().contains("hyper"), "nothing was there to be left out");
    }
}

#[test]
fn nothing_is_traced_unless_somebody_receives_it() {
    let server = serve(Installation::new(Store::first()).with_variable("OTEL_TRACES_SAMPLER", "always_on"));
    server.get("/status").header("traceparent", trace_parent(TRACE, "01")).send().expect(200);
    let line = logged(&server, "/status");
    assert!(line.get("trace_id").is_none(), "{line}");
}

/// What tells a series from the others of its metric.
fn series(data: &Data) -> Vec<Attributes> {
    match data {
        Data::Gauge(gauge) => gauge.data_points.iter().map(|point| attributes(&point.attributes)).collect(),
        Data::Sum(sum) => sum.data_points.iter().map(|point| attributes(&point.attributes)).collect(),
        Data::Histogram(all) => all.data_points.iter().map(|point| attributes(&point.attributes)).collect(),
        _ => Vec::new(),
    }
}

fn metrics_of(server: &Server) -> String {
    let answer = server.call_internal(Method::GET, "/metrics").send();
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    String::from_utf8(answer.body).unwrap()
}

/// Some of everything: good and bad verdicts on every listener, and changes.
pub(crate) fn use_everything(server: &Server) {
    let acme = Tenant::new(server);
    let key = acme.key_with(&["jobs:read"]);
    acme.revocation(&acme.admin, key.id()).send().expect(200);
    for key in [&acme.admin, &key.plaintext, secrets::unknown_key()] {
        server.verify(&json!({"api_key": key}));
        Check::of("/jobs").bearer(key).ask(server);
        server.get("/v1/me").bearer(key).send();
    }
    server.get("/nowhere").send().error(404);
}

fn the_metrics_that_are_sent_are_those_that_prometheus_reads(store: Store) {
    let collector = Collector::over_http(Manner::Takes);
    let server = serve(sending(Installation::new(store), &collector));
    use_everything(&server);
    let verdicts = collector.metric("capykeys.verdicts", LIMIT);
    let outcomes: BTreeSet<_> = series(verdicts.data.as_ref().unwrap())
        .into_iter()
        .filter_map(|mut one| one.remove("outcome"))
        .collect();
    for outcome in ["good", "revoked", "not_found", "expired", "unavailable", "refused"] {
        assert!(outcomes.contains(outcome), "{outcomes:?}");
    }
    let shown = metrics_of(&server);
    let read: BTreeMap<_, _> =
        shown.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect();
    let sent = collector.received().metrics.clone();
    assert!(sent.len() > 15, "{:?}", sent.keys());
    for (name, metric) in &sent {
        let name = name.replace('.', "_");
        let found = read.keys().find(|shown| shown.starts_with(&name));
        assert!(found.is_some(), "{name} is sent and not shown: {shown}");
        for attributes in series(metric.data.as_ref().unwrap()) {
            // Nothing that anybody chooses freely, and nothing that there are many of.
            for value in attributes.values() {
                let is_id = |prefix| value.split_once(prefix).is_some_and(|(_, id)| id.len() >= 20);
                assert!(!["key_", "org_", "user_"].into_iter().any(is_id), "{name}: {value}");
            }
        }
    }
    assert_eq!(collector.received().leak, None);
    let mut expected = vec![
        "capykeys_build_info",
        "capykeys_cache_keys",
        "capykeys_cache_lease_seconds",
        "capykeys_events_written_total",
        "capykeys_feed_lag_seconds",
        "capykeys_feed_lost_changes_total",
        "capykeys_key_lookups_total",
        "capykeys_panics_total",
        "capykeys_replicas",
        "capykeys_telemetry_dropped_total",
        "capykeys_uses_dropped_total",
        "capykeys_verdicts_total",
        "db_client_operation_duration_seconds",
        "http_server_request_duration_seconds",
        "rpc_server_call_duration_seconds",
    ];
    if store.tables() == Some(Tables::Postgresql(())) {
        expected.extend([
            "capykeys_db_connections",
            "db_client_connection_max",
            "db_client_connection_pending_requests",
            "db_client_connection_wait_time_seconds",
        ]);
        for pool in ["capykeys", "capykeys lookup", "capykeys feed"] {
            let open = format!("db_client_connection_max{{db_client_connection_pool_name=\"{pool}\"}}");
            assert!(shown.contains(&open), "{shown}");
        }
    }
    for name in expected {
        assert!(read.contains_key(name), "{name} is missing: {shown}");
    }
}

fn prometheus_accepts_the_metrics(store: Store) {
    let server = serve(Installation::new(store));
    use_everything(&server);
    let mut promtool = Command::new(settings::promtool())
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    promtool.stdin.take().unwrap().write_all(metrics_of(&server).as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success() && said.is_empty(), "{said}");
}
