//! `capykeys serve`

use std::{sync::Arc, time::Duration};

use capykeys_cache::LONGEST_LEASE;
use capykeys_http::Internal;
use capykeys_postgres::SchemaError;
use capykeys_sqlite::ServerLock;
use tokio::{
    runtime::Handle,
    signal::unix::{SignalKind, signal},
    time::timeout,
};

use super::Error;
use crate::{
    app::{self, App, Role},
    config::{Config, StoreKind},
    first_run,
    internal::{self, Proof},
    listeners::Listeners,
    metrics::metrics,
    retention, store,
};

/// How long the end may wait until the last uses of keys are recorded.
const FLUSH_LIMIT: Duration = Duration::from_secs(3);
/// How long it may wait until no other server waits for this one: a lease, and what the store needs.
const LEAVE_LIMIT: Duration = LONGEST_LEASE.saturating_add(Duration::from_secs(1));

/// Serves until a signal says to stop; then lets requests end.
pub(crate) async fn run(config: &Config) -> Result<(), Error> {
    // All of it before the store is touched: a mistake must not make an empty one somewhere else.
    super::check(config)?;
    let (proof, gateways) = (internal::proof(&config.internal)?, config.internal.authorize.gateways()?);
    // Held until the end, so that no second server works on the same folder.
    let _lock = prepare_store(config).await?;
    let App { capykeys, sessions, cache, uses, refusals } = app::build(config, Role::Replica).await?;
    let listeners = Listeners::bind(config)?;
    if config.store.kind == StoreKind::Sqlite {
        first_run::welcome(&capykeys, listeners.address, config.sqlite.first_key_file.as_deref()).await?;
    }
    if let Some(verifier) = &sessions {
        verifier.warm_up();
    }
    proof.warm_up();
    // Followed until the end; before the first answer of the feed every lookup is a read.
    let following = cache.spawn(&Handle::current());
    let recording = uses.spawn(&Handle::current());
    let counting = refusals.spawn(config.audit.refusal_interval(), &Handle::current());
    let retention =
        config.audit.retention().map(|keep| tokio::spawn(retention::run(Arc::clone(&capykeys), keep)));
    let (metrics, Proof { callers, tls, .. }) = (metrics(sessions, cache.clone()), proof);
    // Before anybody is told that the service is ready: a signal that came earlier would end it at once.
    let stop = stop_signal()?;
    let serving = listeners.serve(config, &capykeys, Internal { metrics, gateways, callers, tls })?;
    let reason = stop.await;
    serving.begin_drain();
    tracing::info!(reason, "draining");
    serving.stop().await?;
    // Nobody is served any more, so nothing is used after this.
    drop(following);
    if let Some(retention) = retention {
        retention.abort();
    }
    let flushing = async { tokio::join!(uses.flush(FLUSH_LIMIT), refusals.flush(FLUSH_LIMIT)) };
    let (_, left) = tokio::join!(flushing, timeout(LEAVE_LIMIT, cache.leave()));
    if !matches!(left, Ok(Ok(()))) {
        tracing::warn!("the other servers could not be told that this one is gone");
    }
    drop((recording, counting));
    tracing::info!("stopped");
    Ok(())
}

/// What a store needs before it is served: the embedded one a lock, PostgreSQL the right schema.
/// A PostgreSQL that is away is no reason not to start: requests get 503 until it is there.
async fn prepare_store(config: &Config) -> Result<Option<ServerLock>, Error> {
    match config.store.kind {
        StoreKind::Sqlite => Ok(Some(ServerLock::acquire(&config.sqlite.directory)?)),
        StoreKind::Postgres => {
            if config.postgres.migrate_at_start {
                capykeys_postgres::migrate(&store::postgres_settings(&config.postgres)?).await?;
            }
            match store::postgres(config)?.check_schema().await {
                Err(SchemaError::Unavailable(error)) => tracing::warn!(%error, "PostgreSQL is not there yet"),
                checked => checked?,
            }
            Ok(None)
        }
    }
}

/// Listens for the signals that end the service from now on; the future waits for the first.
fn stop_signal() -> std::io::Result<impl Future<Output = &'static str>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        }
    })
}
