//! The stream of a connection, with or without TLS.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use capykeys_domain::model::ClusterSubject;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{Error, ServerConfig, pki_types::CertificateDer},
    server::TlsStream,
};
use webpki::EndEntityCert;

/// The stream of a connection.
pub enum Transport {
    /// As it comes.
    Plain(TcpStream),
    /// Inside of TLS.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Transport {
    /// The stream as it is, or after a TLS handshake that takes no longer than `limit`.
    ///
    /// # Errors
    /// [`io::Error`] where there is no handshake; the log says why.
    pub async fn accept(
        stream: TcpStream,
        tls: Option<Arc<ServerConfig>>,
        limit: Duration,
    ) -> io::Result<Self> {
        let Some(config) = tls else { return Ok(Self::Plain(stream)) };
        let peer = stream.peer_addr().map(|address| address.ip().to_canonical()).ok();
        let handshake = tokio::time::timeout(limit, TlsAcceptor::from(config).accept(stream)).await;
        let handshake = handshake.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        handshake.map(|stream| Self::Tls(Box::new(stream))).inspect_err(|error| {
            let (peer, reason) = (peer.map(tracing::field::display), reason(error));
            tracing::info!(target: "capykeys::access", peer, reason, "no TLS connection");
        })
    }

    /// Whom the client's certificate names, where it has shown one and that is a text for the log:
    /// the first URI among its names, which is where SPIFFE has the workload, or the first DNS name.
    #[must_use]
    pub fn certified_name(&self) -> Option<ClusterSubject> {
        let Self::Tls(stream) = self else { return None };
        let certificate: &CertificateDer<'_> = stream.get_ref().1.peer_certificates()?.first()?;
        let certificate = EndEntityCert::try_from(certificate).ok()?;
        let name = certificate.valid_uri_names().chain(certificate.valid_dns_names()).next();
        name.and_then(ClusterSubject::parse)
    }

    fn stream(self: Pin<&mut Self>) -> Pin<&mut dyn Stream> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream),
            Self::Tls(stream) => Pin::new(&mut **stream),
        }
    }
}

/// Why a handshake failed, in words of our own.
fn reason(error: &io::Error) -> &'static str {
    if error.kind() == io::ErrorKind::TimedOut {
        return "the handshake took too long";
    }
    match error.get_ref().and_then(|error| error.downcast_ref::<Error>()) {
        Some(Error::NoCertificatesPresented) => "the client has shown no certificate",
        Some(Error::InvalidCertificate(_)) => "the client's certificate is not accepted",
        Some(Error::AlertReceived(_)) => "the client has refused the handshake",
        Some(Error::NoApplicationProtocol) => "the client does not speak the protocol of this listener",
        Some(Error::PeerIncompatible(_)) => "the client offers nothing that is accepted",
        Some(Error::InvalidMessage(_)) => "the client does not speak TLS",
        _ => "the handshake failed",
    }
}

trait Stream: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream for S {}

impl AsyncRead for Transport {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.stream().poll_read(cx, buffer)
    }
}

impl AsyncWrite for Transport {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.stream().poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_shutdown(cx)
    }
}
