//! Accepting connections, no more than so many at once.

use std::{
    io,
    net::IpAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use capykeys_domain::model::ClusterSubject;
use capykeys_listener::{Transport, certified_name};
use futures_util::{Stream, StreamExt, stream};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_rustls::rustls::ServerConfig;
use tonic::transport::server::Connected;

use crate::Settings;

/// How long nothing is accepted after that failed, as it does where there are no descriptors left.
const PAUSE: Duration = Duration::from_millis(100);

/// A connection, which counts as long as it is there.
pub(crate) struct Connection {
    stream: Transport,
    peer: Peer,
    _counted: OwnedSemaphorePermit,
}

/// Who is at the other end.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    /// Its address.
    pub(crate) address: Option<IpAddr>,
    /// Whom its certificate names.
    pub(crate) workload: Option<ClusterSubject>,
}

/// Connections as they come, so many of them at once as the settings allow. More wait in the
/// listener's queue. TLS handshakes do not wait for one another.
pub(crate) fn connections(
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    settings: &Settings,
) -> impl Stream<Item = io::Result<Connection>> + use<> {
    let limit = settings.max_connections.clamp(1, Semaphore::MAX_PERMITS);
    let free = Arc::new(Semaphore::new(limit));
    let handshake_limit = settings.request_timeout;
    let accepted = stream::unfold((listener, free), |(listener, free)| async move {
        // The semaphore is never closed.
        let counted = Arc::clone(&free).acquire_owned().await.ok()?;
        let stream = accept(&listener).await;
        Some(((stream, counted), (listener, free)))
    });
    let opened = accepted.map(move |(stream, counted)| open(stream, tls.clone(), handshake_limit, counted));
    // A handshake that failed is in the log, and no fault of the listener's.
    opened.buffer_unordered(limit).filter_map(async |connection| connection.ok().map(Ok))
}

async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) => {
                tracing::warn!(%error, "could not accept a connection");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn open(
    stream: TcpStream,
    tls: Option<Arc<ServerConfig>>,
    limit: Duration,
    counted: OwnedSemaphorePermit,
) -> io::Result<Connection> {
    // Without it an answer may wait for the client's acknowledgement; it works all the same.
    let _ = stream.set_nodelay(true);
    let address = stream.peer_addr().map(|address| address.ip().to_canonical()).ok();
    let stream = capykeys_listener::accept(stream, tls, limit).await?;
    let peer = Peer { address, workload: certified_name(&stream) };
    Ok(Connection { stream, peer, _counted: counted })
}

impl Connected for Connection {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
