//! Everything that answers requests.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
};

use capykeys_domain::usecases::Capykeys;
use capykeys_http::{Drain, Internal, Server, Settings, Surface, serve};
use tokio::task::JoinHandle;

use crate::{
    commands::{Error, bind},
    config::{self, Config},
    grpc::Grpc,
};

/// The addresses that are listened at. Whoever connects waits until they are served.
pub(crate) struct Listeners {
    public: TcpListener,
    internal: TcpListener,
    /// Where the API listens.
    pub(crate) address: SocketAddr,
}

impl Listeners {
    /// Takes the addresses, all of them or none.
    pub(crate) fn bind(config: &Config) -> Result<Self, Error> {
        let (public, internal) =
            (bind("server.listen", config.server.listen)?, bind("internal.listen", config.internal.listen)?);
        let address = public.local_addr()?;
        Ok(Self { public, internal, address })
    }

    /// Serves until it is told to stop.
    pub(crate) fn serve(
        self,
        config: &Config,
        app: &Arc<Capykeys>,
        internal: Internal,
    ) -> Result<Serving, Error> {
        let (drain, settings) = (Drain::new(), settings(&config.server));
        tracing::info!(address = %self.internal.local_addr()?, "listening for the cluster");
        let grpc = Grpc::start(config, Arc::clone(app), internal.gateways.clone(), internal.tls.clone())?;
        let surfaces =
            [(self.public, Surface::Public), (self.internal, Surface::Internal(Box::new(internal)))];
        let servers = surfaces
            .map(|(listener, surface)| serve(listener, surface, Arc::clone(app), drain.clone(), &settings));
        let servers = servers.into_iter().collect::<io::Result<Vec<_>>>()?;
        tracing::info!(address = %self.address, "listening");
        let start = |server: Server| (server.handle(), tokio::spawn(server));
        Ok(Serving { drain, servers: servers.into_iter().map(start).collect(), grpc })
    }
}

/// What is running.
pub(crate) struct Serving {
    drain: Drain,
    servers: Vec<(capykeys_http::ServerHandle, JoinHandle<io::Result<()>>)>,
    grpc: Option<Grpc>,
}

impl Serving {
    /// Is out of service from now on, for whoever asks.
    pub(crate) fn begin_drain(&self) {
        self.drain.begin();
    }

    /// Lets requests end, and then everything else.
    pub(crate) async fn stop(self) -> Result<(), Error> {
        let grpc = self.grpc.map(Grpc::stop);
        for (handle, _) in &self.servers {
            handle.stop(true).await;
        }
        for (_, serving) in self.servers {
            serving.await??;
        }
        match grpc {
            Some(stopped) => stopped.await,
            None => Ok(()),
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
