//! Putting the server together.

use std::{
    io,
    net::TcpListener,
    sync::{Arc, LazyLock},
    time::Duration,
};

use actix_http::{HttpService, KeepAlive, error::DispatchError};
use actix_service::{ServiceFactory, ServiceFactoryExt, fn_service};
use actix_web::{App, ResponseError, dev::Server, rt::net::TcpStream};
use capykeys_domain::usecases::Verdicts;
use capykeys_listener::accept;

use crate::{
    base_path::BasePath,
    connection::{Guarded, Limits, expectations},
    drain::Drain,
    endpoints,
    error::ApiError,
    exchange::{Document, Shared},
    layer,
    openapi::{Audience, openapi_json_of},
    settings::Settings,
    surface::Surface,
};

/// How long a client may take to let its connection end: TLS has a last word.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Serves `surface` on `listener`, to whom `verdicts` let in. Nothing is served before the returned
/// future is polled; it ends when its handle is told to stop. Signals of the operating system are left
/// to the caller.
///
/// # Errors
/// [`io::Error`] where the listener cannot be used.
pub fn serve(
    listener: TcpListener,
    surface: Surface,
    verdicts: Arc<Verdicts>,
    drain: Drain,
    settings: &Settings,
) -> io::Result<Server> {
    let workers = settings.workers.clamp(1, Settings::MAX_WORKERS);
    let limits = Limits { request: settings.request_timeout, idle: settings.idle_timeout };
    let (audience, base) = match &surface {
        Surface::Public(public) => (Audience::Public, public.base_path.clone()),
        Surface::Internal(_) => (Audience::Internal, BasePath::default()),
    };
    let internal = audience == Audience::Internal;
    let asked = Arc::clone(&verdicts);
    let document: Document = LazyLock::new(Box::new(move || {
        openapi_json_of(audience, &base, asked.environment().scopes()).into()
    }));
    let document = Arc::new(document);
    let shared = Shared { verdicts, drain, status: Arc::default(), document, internal };
    let builder = Server::build();
    let stopping = builder.graceful_shutdown_signal();
    let builder = builder
        .workers(workers)
        .max_concurrent_connections(settings.max_connections.div_ceil(workers).max(1))
        .shutdown_timeout(whole_seconds(settings.shutdown_timeout))
        .disable_signals();
    let name = format!("capykeys-{}", listener.local_addr()?.port());
    let builder = builder.listen(name, listener, move || {
        let stopping = stopping.clone();
        connections(surface.clone(), shared.clone(), limits, move || {
            let stopping = stopping.clone();
            async move { stopping.notified().await }
        })
    })?;
    Ok(builder.run())
}

/// The service of one worker: from an accepted stream to answers on it.
fn connections<S, F>(
    surface: Surface,
    shared: Shared,
    limits: Limits,
    stopping: S,
) -> impl ServiceFactory<TcpStream, Config = (), Response = (), Error = DispatchError, InitError = ()>
where
    S: Fn() -> F + Clone + 'static,
    F: Future<Output = ()> + 'static,
{
    let tls = match &surface {
        Surface::Public(_) => None,
        Surface::Internal(internal) => internal.tls.clone(),
    };
    let app = App::new().configure(move |config| match &surface {
        Surface::Public(public) => endpoints::configure_public(config, public),
        Surface::Internal(internal) => endpoints::configure_internal(config, internal),
    });
    let answers =
        layer::around(actix_service::IntoServiceFactory::into_factory(app), shared.clone(), limits.request)
            .map_err(|_| ApiError::Internal.error_response());
    let http = HttpService::build()
        // The guard around the stream sees to these, for every request of a connection. A timer of the dispatcher's
        // own would be made for each.
        .keep_alive(KeepAlive::Os)
        .client_request_timeout(Duration::ZERO)
        .client_disconnect_timeout(DISCONNECT_TIMEOUT)
        .graceful_shutdown_signal(stopping.clone())
        .expect(expectations())
        .on_connect_ext(|stream: &Guarded, extensions| stream.introduce(extensions))
        .h1(answers);
    fn_service(move |stream: TcpStream| {
        let (shared, tls, stopped) = (shared.clone(), tls.clone(), stopping());
        async move {
            let peer = stream.peer_addr().ok();
            // Without it an answer may wait for the client's acknowledgement; it works all the same.
            let _ = stream.set_nodelay(true);
            let stream = tokio::select! {
                stream = accept(stream, tls, limits.request) => stream.map_err(DispatchError::Io)?,
                () = stopped => return Err(DispatchError::DisconnectTimeout),
            };
            Ok((Guarded::new(stream, shared, limits), peer))
        }
    })
    .and_then(http)
}

fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}
