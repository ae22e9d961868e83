//! What is measured and traced of an operation, with the names of the [semantic conventions for
//! databases](https://opentelemetry.io/docs/specs/semconv/database/).

use std::{sync::LazyLock, time::Instant};

use opentelemetry::{
    KeyValue, global,
    metrics::{Counter, Histogram},
};
use tracing::{Instrument, Span, field};

/// What operations are called in metrics, traces and errors: what the ports' methods are called, whatever the database.
macro_rules! methods {
    ($($name:ident = $method:ident),* $(,)?) => {$(
        #[doc = concat!("The operation of a port's `", stringify!($method), "`.")]
        pub const $name: &str = stringify!($method);
    )*};
}

methods! {
    INSERT_KEY = insert_key,
    FIND_KEY = find_key,
    LIST_KEYS = list_keys,
    CHANGE_KEY = change_key,
    REVOKE_KEY = revoke_key,
    REVOKE_KEYS = revoke_keys,
    REVOKE_LINEAGE = revoke_lineage,
    FIND_IDLE_ROTATIONS = find_idle_rotations,
    FIND_ENDING_KEYS = find_ending_keys,
    NOTICE_EXPIRY = notice_expiry,
    RECORD_USES = record_uses,
    FIND_KEY_BY_DIGEST = find_key_by_digest,
    FIND_ORGANIZATION = find_organization,
    FIND_ORGANIZATION_BY_EXTERNAL_ID = find_organization_by_external_id,
    LIST_ORGANIZATIONS = list_organizations,
    CREATE_ORGANIZATION = create_organization,
    RENAME_ORGANIZATION = rename_organization,
    SET_SUSPENSION = set_suspension,
    APPEND_EVENT = append_event,
    EXPIRE_EVENTS = expire_events,
    LIST_EVENTS = list_events,
    FOLLOW_EVENTS = follow_events,
    FEED_HEAD = feed_head,
    POLL_CHANGES = poll_changes,
    REGISTER_REPLICA = register_replica,
    CONFIRM_PROGRESS = confirm_progress,
    READ_REGISTRY = read_registry,
    RETIRE_REPLICA = retire_replica,
    FORGET_REPLICA = forget_replica,
    ANNOUNCE_PEPPERS = announce_peppers,
    TAKE_TURN = take_turn,
    COUNT_PEPPER_USES = count_pepper_uses,
    REHASH_KEYS = rehash_keys,
    CHECK_READINESS = check_readiness,
    TAKE_SNAPSHOT = take_snapshot,
    READ_ROWS = read_rows,
    BEGIN_IMPORT = begin_import,
    IMPORT_ROWS = import_rows,
    FINISH_IMPORT = finish,
}

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
    /// Begins one of a database of this `db.system.name`. The name is one of this module's, or one of
    /// a closed set of the adapter's own.
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
