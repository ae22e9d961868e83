//! `capykeys serve`

use std::{sync::Arc, time::Duration};

use capykeys_http::{Drain, Internal, Server, Settings, Surface};
use capykeys_postgres::SchemaError;
use capykeys_sqlite::ServerLock;
use tokio::{
    runtime::Handle,
    signal::unix::{SignalKind, signal},
};

use super::{Error, bind};
use crate::{
    app::{self, App, Role},
    config::{self, Config, StoreKind},
    first_run,
    grpc::Grpc,
    internal,
    metrics::metrics,
    store,
};

/// How long the end may wait until the last uses of keys are recorded.
const FLUSH_LIMIT: Duration = Duration::from_secs(3);

/// Serves until a signal says to stop; then lets requests end.
pub(crate) async fn run(config: &Config) -> Result<(), Error> {
    let (proof, gateways) = (internal::proof(&config.internal)?, config.internal.authorize.gateways()?);
    // Held until the end, so that no second server works on the same folder.
    let _lock = prepare_store(config).await?;
    let App { capykeys, sessions, cache, uses } = app::build(config, Role::Replica).await?;
    // Followed until the end; before the first answer of the feed every lookup is a read.
    let _following = cache.spawn(&Handle::current());
    if let Some(verifier) = &sessions {
        verifier.warm_up();
    }
    proof.warm_up();
    let listener = bind(config.server.listen)?;
    let address = listener.local_addr()?;
    if config.store.kind == StoreKind::Sqlite {
        first_run::welcome(&capykeys, address).await?;
    }
    let recording = uses.spawn(&Handle::current());
    let (drain, settings) = (Drain::new(), settings(&config.server));
    let mut servers = vec![capykeys_http::serve(
        listener,
        Surface::Public,
        Arc::clone(&capykeys),
        drain.clone(),
        &settings,
    )?];
    let internal = bind(config.internal.listen)?;
    tracing::info!(address = %internal.local_addr()?, "listening for the cluster");
    let (callers, tls) = (proof.callers, proof.tls.clone());
    let (metrics, for_grpc) = (metrics(sessions, cache.clone()), gateways.clone());
    let surface = Surface::Internal(Box::new(Internal { metrics, gateways, callers, tls }));
    servers.push(capykeys_http::serve(internal, surface, Arc::clone(&capykeys), drain.clone(), &settings)?);
    let grpc = Grpc::start(config, capykeys, for_grpc, proof.tls)?;
    let handles: Vec<_> = servers.iter().map(Server::handle).collect();
    let serving: Vec<_> = servers.into_iter().map(tokio::spawn).collect();
    tracing::info!(%address, "listening");
    let reason = stop_signal().await?;
    drain.begin();
    tracing::info!(reason, "draining");
    let grpc = grpc.map(Grpc::stop);
    for handle in handles {
        handle.stop(true).await;
    }
    for server in serving {
        server.await??;
    }
    if let Some(stopped) = grpc {
        stopped.await?;
    }
    // Nobody is served any more, so nothing is used after this.
    uses.flush(FLUSH_LIMIT).await;
    drop(recording);
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

fn settings(server: &config::Server) -> Settings {
    Settings {
        workers: server.workers.get(),
        max_connections: server.max_connections,
        request_timeout: server.request_timeout(),
        shutdown_timeout: server.shutdown_timeout(),
    }
}

async fn stop_signal() -> std::io::Result<&'static str> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    })
}
