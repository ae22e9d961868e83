//! What is measured and traced of an operation, with the names of the [semantic conventions for
//! databases](https://opentelemetry.io/docs/specs/semconv/database/).

use std::{sync::LazyLock, time::Instant};

use opentelemetry::{
    KeyValue, global,
    metrics::{Counter, Histogram},
};
use tracing::{Instrument, Span, field};

/// From a read in memory to a statement that runs into its deadline, in seconds.
const BOUNDARIES: [f64; 13] =
    [0.000_01, 0.000_05, 0.000_1, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0];

static DURATION: LazyLock<Histogram<f64>> = LazyLock::new(|| {
    global::meter("capykeys")
        .f64_histogram("db.client.operation.duration")
        .with_description("How long operations of the store take, waiting for a connection included")
        .with_unit("s")
        .with_boundaries(BOUNDARIES.to_vec())
        .build()
});

static EVENTS: LazyLock<Counter<u64>> = LazyLock::new(|| {
    global::meter("capykeys")
        .u64_counter("capykeys.events.written")
        .with_description("Events written into the audit log")
        .build()
});

/// Counts an event that was written into the audit log.
pub fn count_event() {
    EVENTS.add(1, &[]);
}

/// An operation under way. It is measured when it ends, also where nobody waits for that any more.
pub struct Operation {
    system: &'static str,
    name: &'static str,
    span: Span,
    started: Instant,
    /// Why it failed: one of a few words.
    error: Option<&'static str>,
}

impl Operation {
    /// Begins one of a database of this `db.system.name`. The name is one of a closed set.
    #[must_use]
    pub fn begin(system: &'static str, name: &'static str) -> Self {
        let span = tracing::trace_span!(
            target: "capykeys::trace",
            "operation",
            otel.name = name,
            otel.kind = "client",
            otel.status_code = field::Empty,
            db.system.name = system,
            db.operation.name = name,
            error.type = field::Empty,
        );
        Self { system, name, span, started: Instant::now(), error: Some("abandoned") }
    }

    /// Does it here and now. `error` says in one of a few words why it failed.
    ///
    /// # Errors
    /// Those of `work`.
    pub fn perform<T, E>(
        mut self,
        error: impl FnOnce(&E) -> &'static str,
        work: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let outcome = self.span.in_scope(work);
        self.error = outcome.as_ref().err().map(error);
        outcome
    }

    /// Does it in time of its own.
    ///
    /// # Errors
    /// Those of `work`.
    pub async fn complete<T, E>(
        mut self,
        error: impl FnOnce(&E) -> &'static str,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let outcome = work.instrument(self.span.clone()).await;
        self.error = outcome.as_ref().err().map(error);
        outcome
    }
}

impl Drop for Operation {
    fn drop(&mut self) {
        let mut attributes =
            vec![KeyValue::new("db.system.name", self.system), KeyValue::new("db.operation.name", self.name)];
        if let Some(error) = self.error {
            self.span.record("error.type", error).record("otel.status_code", "ERROR");
            attributes.push(KeyValue::new("error.type", error));
        }
        DURATION.record(self.started.elapsed().as_secs_f64(), &attributes);
    }
}
