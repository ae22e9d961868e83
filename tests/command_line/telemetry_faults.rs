//! A collector that is away, slow, silent or unwilling: telemetry is dropped and counted, and never a request.

use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

use capykeys_tests::{
    Installation, Server, Store, Tenant,
    collector::{Collector, Manner},
    envoy::Check,
    wait,
};
use reqwest::Method;
use rustix::process::Signal;
use serde_json::json;

use crate::telemetry::{LIMIT, sending, serve};

/// What a server may take to end whose collector never answers: all that the end may take by itself, and the two
/// seconds for telemetry. Half as much again, for a busy machine.
const END: Duration = Duration::from_secs(12);

/// One worker, so that whatever waits for telemetry stops everything.
fn server(protocol: &str, endpoint: &str, collector: Option<&Collector>) -> Server {
    let installation = Installation::new(Store::first()).set("SERVER__WORKERS", "1");
    let installation = match collector {
        Some(collector) => sending(installation, collector),
        None => installation
            .with_variable("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
            .with_variable("OTEL_BSP_SCHEDULE_DELAY", "50")
            .with_variable("OTEL_METRIC_EXPORT_INTERVAL", "200"),
    };
    serve(
        installation
            .with_variable("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
            .with_variable("OTEL_EXPORTER_OTLP_TIMEOUT", "1000")
            .with_variable("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20hush-hush")
            .with_variable("OTEL_TRACES_SAMPLER", "always_on"),
    )
}

fn dropped(server: &Server, signal: &str) -> u64 {
    let metrics = String::from_utf8(server.call_internal(Method::GET, "/metrics").send().body).unwrap();
    let name = format!("capykeys_telemetry_dropped_total{{signal=\"{signal}\"}} ");
    metrics.lines().find_map(|line| line.strip_prefix(&name)?.parse().ok()).unwrap_or(0)
}

fn serves(server: &Server) {
    let acme = Tenant::new(server);
    for _ in 0..20 {
        server.get("/v1/me").bearer(&acme.admin).send().expect(200);
        assert_eq!(server.verify(&json!({"api_key": acme.admin}))["valid"], true);
        assert_eq!(Check::of("/jobs").bearer(&acme.admin).ask(server).status, 200);
    }
}

/// Ends with 0, and in time.
fn ends(server: &Server) {
    let start = Instant::now();
    server.signal(Signal::TERM);
    assert_eq!(server.wait_for_exit(END).code(), Some(0), "{}", server.log.text());
    assert!(start.elapsed() < END, "{}", server.log.text());
    let log = server.log.text();
    assert!(!log.contains("hush-hush"), "{log}");
}

fn loses_telemetry_and_nothing_else(server: &Server) {
    serves(server);
    for signal in ["traces", "metrics"] {
        wait::until("something is dropped", LIMIT, || (dropped(server, signal) > 0).then_some(()));
    }
    let log = server.log.text();
    let told = log.matches("telemetry cannot be sent").count();
    assert!((1..=2).contains(&told), "{told} times: {log}");
    ends(server);
}

#[test]
fn a_collector_that_is_away_costs_telemetry_alone() {
    // An address that was free a moment ago.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for protocol in ["http/protobuf", "grpc"] {
        loses_telemetry_and_nothing_else(&server(protocol, &format!("http://{address}"), None));
    }
}

#[test]
fn a_collector_that_never_answers_costs_telemetry_alone() {
    for (protocol, collector) in [
        ("http/protobuf", Collector::over_http(Manner::Hangs)),
        ("grpc", Collector::over_grpc(Manner::Hangs)),
    ] {
        loses_telemetry_and_nothing_else(&server(protocol, "", Some(&collector)));
    }
}

#[test]
fn lines_of_the_log_that_cannot_be_sent_are_counted_and_bring_forth_no_others() {
    for (protocol, collector) in [
        ("http/protobuf", Collector::over_http(Manner::Refuses)),
        ("grpc", Collector::over_grpc(Manner::Refuses)),
    ] {
        let installation = sending(Installation::new(Store::first()), &collector)
            .with_variable("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
            .with_variable("OTEL_LOGS_EXPORTER", "otlp")
            .with_variable("OTEL_TRACES_EXPORTER", "none")
            .with_variable("OTEL_METRICS_EXPORTER", "none")
            .with_variable("OTEL_BLRP_SCHEDULE_DELAY", "20");
        let server = serve(installation);
        serves(&server);
        wait::until("lines are dropped", LIMIT, || (dropped(&server, "logs") > 20).then_some(()));
        let log = server.log.text();
        assert_eq!(log.matches("telemetry cannot be sent").count(), 1, "{log}");
        assert!(dropped(&server, "logs") <= log.lines().count() as u64, "more than there were: {log}");
        ends(&server);
    }
}

#[test]
fn what_has_no_place_in_the_queue_is_dropped_and_counted() {
    let collector = Collector::over_http(Manner::Hangs);
    let installation = sending(Installation::new(Store::first()), &collector)
        .with_variable("OTEL_BSP_MAX_QUEUE_SIZE", "4")
        .with_variable("OTEL_TRACES_SAMPLER", "always_on");
    let server = serve(installation);
    let full = || {
        serves(&server);
        let metrics = String::from_utf8(server.call_internal(Method::GET, "/metrics").send().body).unwrap();
        let is_full = |line: &&str| line.contains("error_type=\"queue_full\"") && !line.ends_with(" 0");
        let name = "otel_sdk_processor_span_processed_total";
        metrics.lines().filter(|line| line.starts_with(name)).find(is_full).map(ToOwned::to_owned)
    };
    wait::until("the queue is full", LIMIT, full);
}

#[test]
fn a_collector_that_refuses_costs_telemetry_alone_and_its_words_are_not_repeated() {
    for (protocol, collector) in [
        ("http/protobuf", Collector::over_http(Manner::Refuses)),
        ("grpc", Collector::over_grpc(Manner::Refuses)),
    ] {
        loses_telemetry_and_nothing_else(&server(protocol, "", Some(&collector)));
        assert!(format!("{:?}", collector.received().requests).contains("hush-hush"));
    }
}

#[test]
fn a_slow_collector_gets_everything_and_is_waited_for_at_the_end() {
    for (protocol, collector) in [
        ("http/protobuf", Collector::over_http(Manner::Delays(300))),
        ("grpc", Collector::over_grpc(Manner::Delays(300))),
    ] {
        let server = server(protocol, "", Some(&collector));
        serves(&server);
        ends(&server);
        let requests =
            collector.received().spans.iter().filter(|(.., span)| span.name == "GET /v1/me").count();
        assert_eq!(requests, 20, "{protocol}");
    }
}

#[test]
fn what_was_recorded_last_is_sent_at_the_end() {
    let collector = Collector::over_http(Manner::Takes);
    // Nothing is sent by itself before the test is over.
    let installation = sending(Installation::new(Store::first()), &collector)
        .with_variable("OTEL_BSP_SCHEDULE_DELAY", "3600000")
        .with_variable("OTEL_METRIC_EXPORT_INTERVAL", "3600000")
        .with_variable("OTEL_TRACES_SAMPLER", "always_on");
    let server = serve(installation);
    serves(&server);
    assert!(collector.received().spans.is_empty() && collector.received().metrics.is_empty());
    ends(&server);
    assert!(collector.received().spans.iter().any(|(.., span)| span.name == "GET /v1/me"));
    assert!(collector.received().metrics.contains_key("http.server.request.duration"));
}
