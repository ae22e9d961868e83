//! Putting the server together.

use std::{io, net::TcpListener, pin::pin, sync::Arc, time::Duration};

use capykeys_domain::usecases::Verdicts;
use capykeys_gateway::Gateways;
use envoy_types::ext_authz::v3::pb::AuthorizationServer;
use tokio::sync::oneshot;
use tonic::{server::NamedService, transport::Server};
use tonic_health::{
    ServingStatus,
    server::{HealthReporter, health_reporter},
};

use crate::{Settings, checks::Checks, connection::connections};

/// The largest message, in bytes: far above what Envoy takes of a client's headers (60 KiB unless it
/// is told otherwise). A larger one is an error of gRPC, which no client is to cause.
const MAX_MESSAGE: usize = 1024 * 1024;

/// Checks at once on one connection. Envoy has one for each of its threads, and opens more.
const MAX_CHECKS: u32 = 1_000;

/// How often a silent connection is asked whether there is still somebody.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

type Service = AuthorizationServer<Checks>;

/// Both names of the service for the health service: that of all services together, and its own.
const NAMES: [&str; 2] = ["", Service::NAME];

/// Serves `verdicts` on `listener` until `stop` ends; then takes nothing new and lets checks end. Those who
/// ask for its health are told when `leaving` ends, which is to be before that, so that they send
/// their checks elsewhere while this server still answers them.
///
/// # Errors
/// [`io::Error`] where the listener cannot be used.
pub async fn serve(
    listener: TcpListener,
    verdicts: Arc<Verdicts>,
    gateways: Gateways,
    settings: Settings,
    leaving: impl Future<Output = ()>,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let incoming = connections(listener, settings.tls.clone(), &settings);
    let (health, health_service) = health_reporter();
    report(&health, ServingStatus::Serving).await;
    let checks = Checks { verdicts, gateways, time_limit: settings.request_timeout };
    let services = transport(&settings)
        .add_service(AuthorizationServer::new(checks).max_decoding_message_size(MAX_MESSAGE))
        .add_service(health_service);
    let (stopping, stopped) = oneshot::channel();
    let stop = async move {
        let mut stop = pin!(stop);
        tokio::select! {
            () = &mut stop => {}
            () = leaving => {
                report(&health, ServingStatus::NotServing).await;
                stop.await;
            }
        }
        leave(health).await;
        let _ = stopping.send(());
    };
    let overdue = async {
        let _ = stopped.await;
        tokio::time::sleep(settings.shutdown_timeout).await;
    };
    tokio::select! {
        ended = services.serve_with_incoming_shutdown(incoming, stop) => ended.map_err(io::Error::other),
        () = overdue => Ok(()),
    }
}

/// How connections are served, inside of TLS where there is any.
fn transport(settings: &Settings) -> Server {
    Server::builder()
        .max_concurrent_streams(MAX_CHECKS)
        .http2_keepalive_interval(Some(KEEP_ALIVE))
        // For messages that do not arrive. A check that takes long is answered before.
        .timeout(settings.request_timeout * 2)
}

async fn report(health: &HealthReporter, status: ServingStatus) {
    for name in NAMES {
        health.set_service_status(name, status).await;
    }
}

/// Goes out of service. Those who watch are told, and not kept waiting for more.
async fn leave(mut health: HealthReporter) {
    report(&health, ServingStatus::NotServing).await;
    for name in NAMES {
        health.clear_service_status(name).await;
    }
}
