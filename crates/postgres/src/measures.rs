//! What is measured of the pools, with the names of the [semantic conventions for
//! databases](https://opentelemetry.io/docs/specs/semconv/database/database-metrics/).

use std::{
    sync::{Arc, LazyLock},
    time::Instant,
};

use opentelemetry::{
    KeyValue, global,
    metrics::{AsyncInstrument, Counter, Histogram, Meter},
};
use tracing::Instrument;

use crate::connections::Connections;

const POOL: &str = "db.client.connection.pool.name";
const STATE: &str = "db.client.connection.state";

/// From a connection that lies ready to one that is not to be had, in seconds.
const BOUNDARIES: [f64; 9] = [0.000_01, 0.000_1, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0];

static WAIT: LazyLock<Histogram<f64>> = LazyLock::new(|| {
    meter()
        .f64_histogram("db.client.connection.wait_time")
        .with_description("How long operations wait for a connection")
        .with_unit("s")
        .with_boundaries(BOUNDARIES.to_vec())
        .build()
});

static REPEATED: LazyLock<Counter<u64>> = LazyLock::new(|| {
    meter()
        .u64_counter("capykeys.statements.repeated")
        .with_description("Statements that were sent again")
        .build()
});

fn meter() -> Meter {
    global::meter("capykeys")
}

/// A statement is sent once more.
pub(crate) fn count_repeated() {
    REPEATED.add(1, &[]);
}

/// What an operation does that waits for a connection.
pub(crate) async fn wait<T>(pool: &'static str, connection: impl Future<Output = T>) -> T {
    let span = tracing::trace_span!(
        target: "capykeys::trace",
        "wait for a connection",
        db.client.connection.pool.name = pool,
    );
    let started = Instant::now();
    let connection = connection.instrument(span).await;
    WAIT.record(started.elapsed().as_secs_f64(), &[KeyValue::new(POOL, pool)]);
    connection
}

/// Has the pool looked at whenever metrics are collected, as long as it is there.
pub(crate) fn observe(name: &'static str, pool: &Arc<Connections>) {
    let (used, max, waiting) = (Arc::downgrade(pool), Arc::downgrade(pool), Arc::downgrade(pool));
    // Not `db.client.connection.count`: to Prometheus that ends as a histogram's count does.
    meter()
        .i64_observable_up_down_counter("capykeys.db.connections")
        .with_description("Connections that are open")
        .with_callback(move |observer| {
            let Some((used, idle)) = used.upgrade().map(|pool| pool.used_and_idle()) else { return };
            for (state, count) in [("used", used), ("idle", idle)] {
                observe_count(observer, count, &[KeyValue::new(POOL, name), KeyValue::new(STATE, state)]);
            }
        })
        .build();
    meter()
        .i64_observable_up_down_counter("db.client.connection.max")
        .with_description("Connections that may be open")
        .with_callback(move |observer| {
            let Some(pool) = max.upgrade() else { return };
            observe_count(observer, pool.size(), &[KeyValue::new(POOL, name)]);
        })
        .build();
    meter()
        .i64_observable_up_down_counter("db.client.connection.pending_requests")
        .with_description("Operations that wait for a connection")
        .with_callback(move |observer| {
            let Some(pool) = waiting.upgrade() else { return };
            observe_count(observer, pool.waiting(), &[KeyValue::new(POOL, name)]);
        })
        .build();
}

fn observe_count(observer: &dyn AsyncInstrument<i64>, count: usize, attributes: &[KeyValue]) {
    observer.observe(i64::try_from(count).unwrap_or(i64::MAX), attributes);
}
