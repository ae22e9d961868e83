//! The listener for Envoy's gRPC.

use std::{io, sync::Arc};

use capykeys_domain::usecases::{Capykeys, Gateways};
use capykeys_ext_authz::Settings;
use rustls::ServerConfig;
use tokio::{
    runtime::{Builder, Runtime},
    sync::oneshot,
    task::JoinHandle,
};

use crate::{
    commands::{Error, bind},
    config::Config,
};

/// Threads that may be given up in the middle of other asynchronous work, as a runtime itself may not.
struct Threads(Option<Runtime>);

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// A server that goes on until it is told to stop.
pub(crate) struct Grpc {
    threads: Threads,
    serving: JoinHandle<io::Result<()>>,
    stop: oneshot::Sender<()>,
}

impl Grpc {
    /// Serves, where that is asked for, with threads of its own, so that it does not keep the
    /// database's connections waiting.
    pub(crate) fn start(
        config: &Config,
        app: Arc<Capykeys>,
        gateways: Gateways,
        tls: Option<Arc<ServerConfig>>,
    ) -> Result<Option<Self>, Error> {
        let Some(listen) = config.internal.grpc_listen else { return Ok(None) };
        let (listener, server) = (bind("internal.grpc_listen", listen)?, &config.server);
        tracing::info!(address = %listener.local_addr()?, "listening for gRPC");
        let settings = Settings {
            tls: tls.map(for_http2),
            max_connections: server.max_connections,
            request_timeout: server.request_timeout(),
            shutdown_timeout: server.shutdown_timeout(),
        };
        let (stop, stopped) = oneshot::channel();
        let stopped = async {
            let _ = stopped.await;
        };
        let workers = server.workers.get();
        let runtime = Builder::new_multi_thread()
            .worker_threads(workers)
            .thread_name("capykeys-grpc")
            .enable_all()
            .build()?;
        let serving = runtime.spawn(capykeys_ext_authz::serve(listener, app, gateways, settings, stopped));
        Ok(Some(Self { threads: Threads(Some(runtime)), serving, stop }))
    }

    /// Tells it to stop; the returned future ends when it has.
    pub(crate) fn stop(self) -> impl Future<Output = Result<(), Error>> {
        let Self { threads, serving, stop } = self;
        // Where that fails, it has ended already.
        let _ = stop.send(());
        async move {
            let ended = serving.await;
            drop(threads);
            Ok(ended??)
        }
    }
}

/// The same for another protocol inside.
fn for_http2(tls: Arc<ServerConfig>) -> Arc<ServerConfig> {
    let mut config = Arc::unwrap_or_clone(tls);
    config.alpn_protocols = vec![b"h2".to_vec()];
    Arc::new(config)
}
