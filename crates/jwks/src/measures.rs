//! What is measured and traced of fetching key sets.

use std::{
    sync::{LazyLock, Weak},
    time::Duration,
};

use opentelemetry::{KeyValue, global, metrics::Counter};
use reqwest::Url;
use tracing::Span;

static FAILURES: LazyLock<Counter<u64>> = LazyLock::new(|| {
    global::meter("capykeys")
        .u64_counter("capykeys.jwks.fetch_failures")
        .with_description("Fetches of signing keys that have failed")
        .build()
});

/// Counts so many failed fetches.
pub(crate) fn count_failures(url: &Url, failures: u64) {
    FAILURES.add(failures, &[server(url)]);
}

/// Whose keys they are.
fn server(url: &Url) -> KeyValue {
    KeyValue::new("server.address", url.host_str().unwrap_or_default().to_owned())
}

/// Has the age of a key set looked at whenever metrics are collected, as long as it is kept.
pub(crate) fn observe<S: Send + Sync + 'static>(url: &Url, set: Weak<S>, age: fn(&S) -> Option<Duration>) {
    let host = server(url);
    // So that the first failure is seen as an increase.
    count_failures(url, 0);
    global::meter("capykeys")
        .f64_observable_gauge("capykeys.jwks.age")
        .with_description("How old the signing keys are that tokens are verified with")
        .with_unit("s")
        .with_callback(move |observer| {
            if let Some(age) = set.upgrade().and_then(|set| age(&set)) {
                observer.observe(age.as_secs_f64(), std::slice::from_ref(&host));
            }
        })
        .build();
}

/// The span of a fetch.
pub(crate) fn fetch_span(url: &Url) -> Span {
    tracing::trace_span!(
        target: "capykeys::trace",
        "fetch the signing keys",
        otel.name = "GET",
        otel.kind = "client",
        http.request.method = "GET",
        server.address = url.host_str().unwrap_or_default(),
        server.port = url.port_or_known_default(),
    )
}
