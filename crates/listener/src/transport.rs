//! The stream of a connection, with or without TLS.

use std::{io, sync::Arc, time::Duration};

use capykeys_domain::model::ClusterSubject;
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{Error, ServerConfig, pki_types::CertificateDer},
    server::TlsStream,
};
use tokio_util::either::Either;
use webpki::EndEntityCert;

/// The stream of a connection: as it comes, or inside of TLS.
pub type Transport = Either<TcpStream, Box<TlsStream<TcpStream>>>;

/// The stream as it is, or after a TLS handshake that takes no longer than `limit`.
///
/// # Errors
/// [`io::Error`] where there is no handshake; the log says why.
pub async fn accept(
    stream: TcpStream,
    tls: Option<Arc<ServerConfig>>,
    limit: Duration,
) -> io::Result<Transport> {
    let Some(config) = tls else { return Ok(Either::Left(stream)) };
    let peer = stream.peer_addr().map(|address| address.ip().to_canonical()).ok();
    let handshake = tokio::time::timeout(limit, TlsAcceptor::from(config).accept(stream)).await;
    let handshake = handshake.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    handshake.map(|stream| Either::Right(Box::new(stream))).inspect_err(|error| {
        let (peer, reason) = (peer.map(tracing::field::display), reason(error));
        tracing::info!(target: "capykeys::access", peer, reason, "no TLS connection");
    })
}

/// Whom the client's certificate names, where it has shown one and that is a text for the log: the first
/// URI among its names, which is where SPIFFE has the workload, or the first DNS name.
#[must_use]
pub fn certified_name(stream: &Transport) -> Option<ClusterSubject> {
    let Either::Right(stream) = stream else { return None };
    let certificate: &CertificateDer<'_> = stream.get_ref().1.peer_certificates()?.first()?;
    let certificate = EndEntityCert::try_from(certificate).ok()?;
    let name = certificate.valid_uri_names().chain(certificate.valid_dns_names()).next();
    name.and_then(ClusterSubject::parse)
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
