//! `capykeys serve`

use std::{sync::Arc, time::Duration};

use capykeys_cache::LONGEST_LEASE;
use capykeys_http::{Internal, Metrics, Public, SecretsCovered};
use capykeys_storage::{Backend, OpenedFor};
use tokio::{
    runtime::Handle,
    signal::unix::{Signal, SignalKind, signal},
    sync::Notify,
    time::timeout,
};

use super::reached_at;
use crate::{
    app::{self, App},
    config::Config,
    error::Error,
    expiry_notices, first_run, idle_secrets,
    internal::{self, Proof},
    listeners::Listeners,
    metrics,
    read_only::ReadOnly,
    retention,
    room::Room,
    telemetry,
    watch::{self, Watched},
};

/// How long the end may wait until the last uses of keys are recorded.
const FLUSH_LIMIT: Duration = Duration::from_secs(3);
/// How long it may wait until no other server waits for this one: a lease, and what the store needs.
const LEAVE_LIMIT: Duration = LONGEST_LEASE.saturating_add(Duration::from_secs(1));

/// How long the start may wait for this server's registration.
const REGISTER_LIMIT: Duration = Duration::from_secs(1);

/// Serves until a signal says to stop; then lets requests end.
pub(crate) async fn run(
    config: &Config,
    backend: &dyn Backend,
    metrics: Metrics,
    watched: Vec<Watched>,
    read_only: ReadOnly,
) -> Result<(), Error> {
    // All of it before the store is touched: a mistake must not make an empty one somewhere else.
    super::check(config, backend)?;
    let secrets = SecretsCovered::check(&config.catalogue()?, telemetry::HIDDEN)?;
    let proof = internal::proof(&config.internal)?;
    let gateways = config.internal.authorize.gateways(&config.catalogue()?, (&config.keys).into())?;
    let base_path = config.server.base_path()?;
    let app = app::build(config, backend, OpenedFor::Replica, read_only.clone()).await?;
    let listeners = Listeners::bind(config)?;
    if let Some(embedded) = backend.embedded().filter(|_| !config.server.read_only) {
        let url = format!("http://{}{}", reached_at(listeners.address), base_path.as_str());
        let setting = format!("{}.first_key_file", config.store.kind);
        first_run::welcome(&app, &url, embedded.first_key_file.map(|path| (path, setting.as_str()))).await?;
    }
    // Named first, so that the lock is let go last.
    let App {
        lock: _lock, verdicts, management, operators, sessions, cache, uses, peppers, refusals, ..
    } = app;
    if let Some(verifier) = &sessions {
        verifier.warm_up();
    }
    proof.warm_up();
    // Before anybody asks. Where the store does not let it now, there is no verdict until it does.
    let _ = timeout(REGISTER_LIMIT, cache.catch_up()).await;
    let following = cache.spawn(&Handle::current());
    let recording = uses.spawn(&Handle::current());
    let counting = refusals.spawn(config.audit.refusal_interval(), &Handle::current());
    let retention = config.audit.retention().map(|keep| tokio::spawn(retention::run(operators, keep)));
    let every = config.usage.flush_interval.duration();
    let finishing = idle_secrets::run(Arc::clone(&management), every, read_only.clone());
    let finishing = Some(tokio::spawn(finishing));
    let noticing = (!config.keys.expiry_notices.is_empty()).then(|| {
        let notices = (&config.keys).into();
        tokio::spawn(expiry_notices::run(Arc::clone(&management), notices, read_only.clone()))
    });
    let of_sessions = sessions.as_ref().map(|sessions| sessions.watched(config));
    let watched: Vec<_> = watched
        .into_iter()
        .chain(proof.watched(&config.internal))
        .chain(of_sessions.into_iter().flatten())
        .collect();
    metrics::observe(sessions, &cache, &uses, peppers.missing(), read_only.clone());
    let turning = tokio::spawn(read_only.clone().run(uses.clone(), refusals.clone()));
    let watching = tokio::spawn(peppers.run());
    let Proof { callers, tls, .. } = proof;
    tls.iter().cloned().for_each(metrics::observe_certificates);
    let server_tls = tls.map(|tls| tls.server);
    // Before anybody is told that the service is ready: a signal that came earlier would end it at once.
    let mut signals = Signals::listen()?;
    let rereading = tokio::spawn(watch::run(watched, signals.asked()));
    let room = Room::make(config, backend.files());
    let (public, internal) = (
        Public { base_path, management, pages: config.pages.served(), secrets },
        Internal { metrics, gateways, callers, tls: server_tls },
    );
    let mut serving = listeners.serve(config, room, &verdicts, public, internal)?;
    let reason = tokio::select! {
        reason = signals.stop() => reason,
        ended = serving.end() => return Err(ended),
    };
    let end = async {
        serving.drain(reason, config.server.drain()).await;
        serving.stop().await?;
        // Nobody is served any more, so nothing is used after this.
        drop(following);
        watching.abort();
        rereading.abort();
        turning.abort();
        for task in [retention, finishing, noticing].into_iter().flatten() {
            task.abort();
        }
        // What is not to be written is not waited for.
        let limit = if read_only.is_on() { Duration::ZERO } else { FLUSH_LIMIT };
        let flushing = async { tokio::join!(uses.flush(limit), refusals.flush(limit)) };
        let (_, left) = tokio::join!(flushing, timeout(LEAVE_LIMIT, cache.leave()));
        if !matches!(left, Ok(Ok(()))) {
            tracing::warn!("the other servers could not be told that this one is gone");
        }
        drop((recording, counting));
        tracing::info!("stopped");
        Ok(())
    };
    tokio::select! {
        ended = end => ended,
        reason = signals.stop() => Err(format!("a second signal came, {reason}: ended at once").into()),
    }
}

/// The signals that the service knows what to do with. Any other ends it as the system has it.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
    /// Told at SIGHUP.
    asked: Arc<Notify>,
}

impl Signals {
    /// Listens for them from now on.
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
            asked: Arc::default(),
        })
    }

    /// Told whenever somebody asks for files to be read again.
    fn asked(&self) -> Arc<Notify> {
        Arc::clone(&self.asked)
    }

    /// Waits for one that ends the service.
    async fn stop(&mut self) -> &'static str {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return "SIGTERM",
                _ = self.interrupt.recv() => return "SIGINT",
                // Most daemons read their configuration again, and none ends.
                _ = self.hang_up.recv() => {
                    tracing::info!("SIGHUP: log.level, server.read_only, certificates and issuers' keys in files are read again, and nothing else");
                    self.asked.notify_one();
                }
            }
        }
    }
}
