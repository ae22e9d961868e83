//! The settings of telemetry: ours and the standard variables of OpenTelemetry, each as `docs/operations/telemetry.md`
//! has it.

use std::time::Duration;

use capykeys_tests::{
    Authority, Installation, Server, Store,
    collector::{Collector, Manner},
};
use opentelemetry_proto::tonic::metrics::v1::{AggregationTemporality, metric::Data};
use reqwest::Method;

use crate::telemetry::{LIMIT, sending, serve};

/// Longer than it takes until what would be sent was.
const SILENCE: Duration = Duration::from_secs(1);

fn ask(server: &Server) {
    server.get("/status").send().expect(200);
}

fn tracing(collector: &Collector) -> Installation {
    let installation = sending(Installation::new(Store::first()), collector);
    installation.with_variable("OTEL_TRACES_SAMPLER", "always_on")
}

/// What the collector has got of traces and of metrics, once there is something of those that are expected.
fn sent(collector: &Collector, installation: Installation, traces: bool, metrics: bool) -> (bool, bool) {
    let server = serve(installation);
    ask(&server);
    if traces {
        collector.span("a request", LIMIT, |span| span.name == "GET /status");
    }
    if metrics {
        collector.metric("capykeys.build.info", LIMIT);
    }
    if !(traces && metrics) {
        std::thread::sleep(SILENCE);
    }
    let received = collector.received();
    (!received.spans.is_empty(), !received.metrics.is_empty())
}

#[test]
fn each_signal_is_sent_where_its_variables_say() {
    for (variable, value, traces, metrics) in [
        ("OTEL_TRACES_EXPORTER", "none", false, true),
        ("OTEL_METRICS_EXPORTER", "none", true, false),
        ("OTEL_METRICS_EXPORTER", "prometheus", true, false),
        ("OTEL_SDK_DISABLED", "true", false, false),
        ("OTEL_TRACES_SAMPLER", "always_off", false, true),
        ("OTEL_PROPAGATORS", "none", true, true),
    ] {
        let collector = Collector::over_http(Manner::Takes);
        let installation = tracing(&collector).with_variable(variable, value);
        let sent = sent(&collector, installation, traces, metrics);
        assert_eq!(sent, (traces, metrics), "{variable}={value}");
    }
}

#[test]
fn a_signal_of_its_own_address_and_headers_goes_there_with_these() {
    let (all, own) = (Collector::over_http(Manner::Takes), Collector::over_http(Manner::Takes));
    let installation = tracing(&all)
        .with_variable("OTEL_EXPORTER_OTLP_HEADERS", "x-of=all")
        .with_variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &format!("{}/v1/traces", own.url()))
        .with_variable("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "x-of=traces");
    let server = serve(installation);
    ask(&server);
    own.span("a request", LIMIT, |span| span.name == "GET /status");
    all.metric("capykeys.build.info", LIMIT);
    let of = |collector: &Collector| collector.received().requests[0]["x-of"].clone();
    assert_eq!((of(&all), of(&own)), ("all".to_owned(), "traces".to_owned()));
    assert!(all.received().spans.is_empty() && own.received().metrics.is_empty());
}

#[test]
fn metrics_are_sent_as_changes_where_that_is_preferred() {
    let collector = Collector::over_http(Manner::Takes);
    let preference = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE";
    let server = serve(tracing(&collector).with_variable(preference, "delta"));
    ask(&server);
    let requests = collector.metric("http.server.request.duration", LIMIT);
    let Some(Data::Histogram(histogram)) = requests.data else { panic!("{requests:?}") };
    assert_eq!(histogram.aggregation_temporality(), AggregationTemporality::Delta);
    // What is shown to Prometheus never is.
    let shown = || String::from_utf8(server.call_internal(Method::GET, "/metrics").send().body).unwrap();
    let name = "http_server_request_duration_seconds_count{http_request_method=\"GET\"";
    assert!(shown().contains(name) && shown().contains(name), "{}", shown());
}

#[test]
fn our_own_settings_do_without_any_variable() {
    let collector = Collector::over_http(Manner::Takes);
    let installation = Installation::new(Store::first())
        .set("TELEMETRY__OTLP_ENDPOINT", &collector.url())
        .set("TELEMETRY__SAMPLE_RATIO", "1")
        .with_variable("OTEL_BSP_SCHEDULE_DELAY", "50");
    let server = serve(installation);
    ask(&server);
    collector.span("a request", LIMIT, |span| span.name == "GET /status");
    let received = collector.received().clone();
    assert_eq!(received.spans[0].0["service.name"], "capykeys");
}

#[test]
fn certificate_files_hold_for_both_protocols() {
    let authority = Authority::new();
    for protocol in ["http/protobuf", "grpc"] {
        let installation = Installation::new(Store::first());
        let directory = installation.directory().to_owned();
        authority.equip(&directory);
        let (certificate, key) = authority.certificate("capykeys.example");
        for (name, text) in [("client.pem", certificate), ("client.key", key)] {
            std::fs::write(directory.join(name), text).unwrap();
        }
        let collector = match protocol {
            "grpc" => Collector::over_grpc_with_tls(&authority, &directory),
            _ => Collector::over_https(&authority, &directory),
        };
        let file = |name: &str| directory.join(name).to_string_lossy().into_owned();
        let installation = sending(installation, &collector)
            .with_variable("OTEL_TRACES_SAMPLER", "always_on")
            .with_variable("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
            .with_variable("OTEL_EXPORTER_OTLP_CERTIFICATE", &file("ca.pem"))
            .with_variable("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", &file("client.pem"))
            .with_variable("OTEL_EXPORTER_OTLP_CLIENT_KEY", &file("client.key"));
        let server = serve(installation);
        ask(&server);
        collector.span(protocol, LIMIT, |span| span.name == "GET /status");
        collector.metric("capykeys.build.info", LIMIT);
    }
}

#[test]
fn a_wrong_value_ends_the_start_with_one_sentence_that_names_its_variable() {
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318");
    let secure = ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://127.0.0.1:4318");
    for (variables, named) in [
        (vec![("OTEL_EXPORTER_OTLP_ENDPOINT", "hush")], "OTEL_EXPORTER_OTLP_ENDPOINT"),
        (vec![endpoint, ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")], "OTEL_EXPORTER_OTLP_PROTOCOL"),
        (vec![endpoint, ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s")], "OTEL_EXPORTER_OTLP_TIMEOUT"),
        (vec![endpoint, ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")], "OTEL_EXPORTER_OTLP_COMPRESSION"),
        (vec![endpoint, ("OTEL_TRACES_SAMPLER", "xray")], "OTEL_TRACES_SAMPLER"),
        (vec![endpoint, ("OTEL_TRACES_SAMPLER_ARG", "2")], "OTEL_TRACES_SAMPLER_ARG"),
        (vec![endpoint, ("OTEL_PROPAGATORS", "b3")], "OTEL_PROPAGATORS"),
        (vec![endpoint, ("OTEL_TRACES_EXPORTER", "zipkin")], "OTEL_TRACES_EXPORTER"),
        (vec![endpoint, ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/hush")], "OTEL_EXPORTER_OTLP_CERTIFICATE"),
        (
            vec![
                secure,
                ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
                ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/hush"),
            ],
            "OTEL_EXPORTER_OTLP_CERTIFICATE",
        ),
        (vec![endpoint, ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/hush")], "CLIENT_KEY"),
        (vec![("CAPYKEYS__TELEMETRY__OTLP_ENDPOINT", "ftp://hush")], "telemetry.otlp_endpoint"),
        (vec![("CAPYKEYS__TELEMETRY__SAMPLE_RATIO", "2")], "telemetry.sample_ratio"),
    ] {
        let installation = variables.iter().fold(Installation::bare(), |installation, (name, value)| {
            installation.with_variable(name, value)
        });
        for command in [&["config", "check"][..], &["serve"]] {
            let output = installation.run_briefly(command);
            let line = output.expect_failure();
            assert!(line.contains(named) && !line.contains("hush"), "{variables:?}: {line}");
            assert!(!installation.directory().join("capykeys-data").exists(), "it has begun to serve");
        }
    }
}
