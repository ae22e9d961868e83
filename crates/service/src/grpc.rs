//! The listener for Envoy's gRPC.

use std::{io, net::TcpListener, sync::Arc};

use capykeys_domain::usecases::Verdicts;
use capykeys_ext_authz::Settings;
use capykeys_gateway::Gateways;
use rustls::ServerConfig;
use tokio::{
    runtime::{Builder, Runtime},
    sync::oneshot,
    task::JoinHandle,
};

use crate::{config::Config, error::Error, room::Room};

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
    leave: Option<oneshot::Sender<()>>,
    stop: oneshot::Sender<()>,
}

impl Grpc {
    /// Serves, with threads of its own, so that it does not keep the database's connections waiting.
    pub(crate) fn start(
        listener: TcpListener,
        config: &Config,
        room: Room,
        verdicts: Arc<Verdicts>,
        gateways: Gateways,
        tls: Option<Arc<ServerConfig>>,
    ) -> Result<Self, Error> {
        let server = &config.server;
        tracing::info!(address = %listener.local_addr()?, "listening for gRPC");
        let settings = Settings {
            tls: tls.map(for_http2),
            max_connections: room.connections,
            request_timeout: server.request_timeout(),
            shutdown_timeout: server.shutdown_timeout(),
        };
        let ((leave, leaving), (stop, stopped)) = (told(), told());
        let workers = server.workers.get();
        let runtime = Builder::new_multi_thread()
            .worker_threads(workers)
            .thread_name("capykeys-grpc")
            .enable_all()
            .build()?;
        let serving = capykeys_ext_authz::serve(listener, verdicts, gateways, settings, leaving, stopped);
        let serving = runtime.spawn(serving);
        Ok(Self { threads: Threads(Some(runtime)), serving, leave: Some(leave), stop })
    }

    /// Tells those who ask for its health that it is about to stop.
    pub(crate) fn leave(&mut self) {
        // Where nobody is told, it has ended already.
        self.leave.take().map(|leave| leave.send(()));
    }

    /// Waits until it ends without having been told to.
    pub(crate) async fn end(&mut self) -> Result<(), Error> {
        Ok((&mut self.serving).await??)
    }

    /// Tells it to stop; the returned future ends when it has.
    pub(crate) fn stop(self) -> impl Future<Output = Result<(), Error>> {
        let Self { threads, serving, stop, .. } = self;
        // Where that fails, it has ended already.
        let _ = stop.send(());
        async move {
            let ended = serving.await;
            drop(threads);
            Ok(ended??)
        }
    }
}

/// A sender, and a future that ends when it has sent or is gone.
fn told() -> (oneshot::Sender<()>, impl Future<Output = ()> + Send + 'static) {
    let (sender, receiver) = oneshot::channel();
    (sender, async {
        let _ = receiver.await;
    })
}

/// The same for another protocol inside.
fn for_http2(tls: Arc<ServerConfig>) -> Arc<ServerConfig> {
    let mut config = Arc::unwrap_or_clone(tls);
    config.alpn_protocols = vec![b"h2".to_vec()];
    Arc::new(config)
}
