//! Everything that answers requests.

use std::{
    future::pending,
    io,
    net::{SocketAddr, TcpListener},
    num::NonZeroU32,
    sync::Arc,
    time::Duration,
};

use capykeys_domain::usecases::Verdicts;
use capykeys_http::{Drain, Internal, Public, Server, Settings, Surface, serve};
use futures_util::{FutureExt, future::select_all};
use socket2::SockRef;
use tokio::{task::JoinHandle, time::sleep};

use crate::{
    config::{self, Config},
    error::Error,
    grpc::Grpc,
    room::Room,
};

/// For how long connections that were open are kept after their last answer was announced, at most:
/// so long a client has that sends a request every now and then.
const CLOSING: Duration = Duration::from_secs(1);

/// An interface that no packet comes from.
const NOWHERE: NonZeroU32 = NonZeroU32::new(i32::MAX.unsigned_abs()).unwrap();

/// The addresses that are listened at. Whoever connects waits until they are served.
pub(crate) struct Listeners {
    public: TcpListener,
    internal: TcpListener,
    grpc: Option<TcpListener>,
    /// Where the API listens.
    pub(crate) address: SocketAddr,
}

impl Listeners {
    /// Takes the addresses, all of them or none.
    pub(crate) fn bind(config: &Config) -> Result<Self, Error> {
        let (public, internal) =
            (bind("server.listen", config.server.listen)?, bind("internal.listen", config.internal.listen)?);
        let grpc = config.internal.grpc_listen;
        let grpc = grpc.map(|address| bind("internal.grpc_listen", address)).transpose()?;
        let address = public.local_addr()?;
        Ok(Self { public, internal, grpc, address })
    }

    /// Serves until it is told to stop.
    pub(crate) fn serve(
        self,
        config: &Config,
        room: Room,
        verdicts: &Arc<Verdicts>,
        public: Public,
        internal: Internal,
    ) -> Result<Serving, Error> {
        let (drain, settings) = (Drain::new(), settings(&config.server, room));
        let doors = [Some(&self.public), Some(&self.internal), self.grpc.as_ref()];
        let doors = doors.into_iter().flatten().map(TcpListener::try_clone).collect::<io::Result<_>>()?;
        tracing::info!(address = %self.internal.local_addr()?, "listening for the cluster");
        let (gateways, tls) = (internal.gateways.clone(), internal.tls.clone());
        let grpc = self
            .grpc
            .map(|listener| Grpc::start(listener, config, room, Arc::clone(verdicts), gateways, tls));
        let surfaces =
            [(self.public, Surface::Public(public)), (self.internal, Surface::Internal(Box::new(internal)))];
        let servers = surfaces.map(|(listener, surface)| {
            serve(listener, surface, Arc::clone(verdicts), drain.clone(), &settings)
        });
        let servers = servers.into_iter().collect::<io::Result<Vec<_>>>()?;
        tracing::info!(address = %self.address, "listening");
        let start = |server: Server| (server.handle(), tokio::spawn(server));
        let servers = servers.into_iter().map(start).collect();
        Ok(Serving { drain, doors, servers, grpc: grpc.transpose()? })
    }
}

/// A listener of this process, which nobody else has, at the address that `setting` says. As many connections wait to be accepted as the
/// system allows: where the queue is full, a client tries again after a second.
fn bind(setting: &str, address: SocketAddr) -> Result<TcpListener, Error> {
    let bound = TcpListener::bind(address).and_then(|listener| {
        SockRef::from(&listener).listen(i32::MAX)?;
        Ok(listener)
    });
    bound.map_err(|error| format!("cannot listen on {address} (`{setting}`): {error}").into())
}

/// What is running.
pub(crate) struct Serving {
    drain: Drain,
    /// The sockets that listen, to be closed to new connections.
    doors: Vec<TcpListener>,
    servers: Vec<(capykeys_http::ServerHandle, JoinHandle<io::Result<()>>)>,
    grpc: Option<Grpc>,
}

impl Serving {
    /// Waits until one of the servers ends without having been told to, which none should.
    pub(crate) async fn end(&mut self) -> Error {
        let servers = self.servers.iter_mut().map(|(_, serving)| async { Ok(serving.await??) }.boxed());
        let grpc = async {
            match &mut self.grpc {
                Some(grpc) => grpc.end().await,
                None => pending().await,
            }
        };
        match select_all(servers.chain([grpc.boxed()])).await.0 {
            Ok(()) => "a listener has ended".into(),
            Err(error) => format!("a listener has ended: {error}").into(),
        }
    }

    /// Goes out of service without losing a request: for `time` it serves everything and says to
    /// whoever asks that it is about to stop; then nobody new gets in, and connections end with
    /// their next answer.
    pub(crate) async fn drain(&mut self, reason: &str, time: Duration) {
        self.drain.begin();
        if let Some(grpc) = &mut self.grpc {
            grpc.leave();
        }
        // Only now: whoever reads it finds the service not ready.
        tracing::info!(reason, "draining: a second signal ends it at once");
        sleep(time).await;
        self.doors.drain(..).for_each(|door| refuse(&door));
        self.drain.close_connections();
        sleep(time.min(CLOSING)).await;
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

/// Has new connections refused. Those that were made and wait to be accepted are kept: were the
/// socket closed, the system would reset them, and the requests that they carry would be lost.
///
/// There is no call for it; so the socket is told to listen to an interface that does not exist
/// (`SO_BINDTOIFINDEX`, which asks for no privilege). Where that is not to be had, the socket is
/// closed in the end as it is.
fn refuse(listener: &TcpListener) {
    if let Err(error) = SockRef::from(listener).bind_device_by_index_v4(Some(NOWHERE)) {
        tracing::debug!(%error, "new connections cannot be refused before the end");
    }
}

fn settings(server: &config::Server, room: Room) -> Settings {
    Settings {
        workers: server.workers.get(),
        max_connections: room.connections,
        idle_timeout: server.idle_timeout(),
        request_timeout: server.request_timeout(),
        shutdown_timeout: server.shutdown_timeout(),
    }
}
