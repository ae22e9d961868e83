//! What happens around every request: its id, its time limit, panics, the headers of its answer,
//! and its line in the log.
//!
//! It stands outside of actix-web's own routing, so that nothing is answered past it.

use std::{
    convert::Infallible,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use actix_http::{
    ConnectionType, HttpMessage, Method, Request, Response,
    body::{BodySize, BoxBody},
};
use actix_service::{ServiceFactory, apply_fn_factory, map_config};
use actix_web::{
    Error, HttpResponse, ResponseError,
    body::MessageBody,
    dev::{AppConfig, Service, ServiceResponse},
    http::header::{self, HeaderMap, HeaderValue},
    web::Bytes,
};
use futures_util::FutureExt;
use tracing::Instrument;

use crate::{
    connection::Connection,
    error::{ApiError, Reason},
    exchange::{Exchange, Shared, X_REQUEST_ID},
    request::body::has_body,
};

mod record;
use record::{Record, Recorded};

/// The most that the names and values of a head may take up, in bytes.
const MAX_HEADER_BYTES: usize = 32 * 1024;

/// Puts the layer around an application.
pub(crate) fn around<F, B>(
    app: F,
    shared: Shared,
    time_limit: Duration,
) -> impl ServiceFactory<Request, Config = (), Response = Response<BoxBody>, Error = Error, InitError = ()>
where
    F: ServiceFactory<
            Request,
            Config = AppConfig,
            Response = ServiceResponse<B>,
            Error = Error,
            InitError = (),
        > + 'static,
    B: MessageBody + 'static,
{
    let shared = Rc::new(shared);
    let app = map_config(app, |()| AppConfig::default());
    apply_fn_factory(app, move |request: Request, service: &F::Service| {
        let exchange = begin(&shared, &request);
        // The stream has introduced it.
        let connection = request.conn_data::<Rc<Connection>>().cloned();
        let connection = connection.unwrap_or_else(|| Rc::new(Connection::new(None, time_limit)));
        let record = Record::begin(Rc::clone(&exchange), Rc::clone(&connection), &request);
        let has_body = has_body(request.headers());
        let span = record.span().clone();
        // Routing and the first steps may run, and panic, before there is a future.
        let (is_last, is_head) = (is_last(&request), request.method() == Method::HEAD);
        let offers_websocket = offers_websocket(request.headers());
        let call = match refusal(&request, &exchange, &connection) {
            Some(refusal) => Err(refusal),
            None => catch_unwind(AssertUnwindSafe(|| span.in_scope(|| service.call(request))))
                .map_err(|_panic| ApiError::Internal),
        };
        async move {
            let mut answer = match call {
                Err(refusal) => exchange.refuse(refusal),
                Ok(call) => outcome(connection.within(time_limit, call), &exchange).await,
            };
            add_headers(answer.headers_mut(), &exchange);
            // Names are compared in any case; but some generated clients look for this spelling.
            answer.head_mut().set_camel_case_headers(true);
            // actix-http would announce chunks and send none (3.20, `h1/encoder.rs`).
            answer.head_mut().no_chunking(offers_websocket);
            let unread = has_body && !exchange.received.get();
            if is_last || unread || must_close(&answer) || exchange.shared.drain.closes_connections() {
                answer.head_mut().set_connection_type(ConnectionType::Close);
                connection.close_after_answer();
            }
            Ok(record_answer(if is_head { without_body(answer) } else { answer }, record))
        }
        .instrument(span)
    })
}

/// Why a request is not even routed.
fn refusal(request: &Request, exchange: &Exchange, connection: &Connection) -> Option<ApiError> {
    let headers = request.headers();
    if connection.is_closing() {
        // RFC 9112, section 9.6: what follows the last request is not to be done.
        Some(ApiError::ConnectionClosing)
    } else if header_bytes(headers) > MAX_HEADER_BYTES && !exchange.of_gateway {
        // A gateway's question holds what the client has sent, and that may be more elsewhere.
        Some(ApiError::HeadTooLarge)
    } else {
        None
    }
}

/// Whether the request is the last one of its connection. Its client may say so, or ask for CONNECT;
/// and where another protocol is offered, which is ignored (RFC 9110, section 7.8), actix-http takes
/// nothing that follows for a request (actix-http 3.20, `h1/decoder.rs` and `h1/codec.rs`).
fn is_last(request: &Request) -> bool {
    request.head().connection_type() != ConnectionType::KeepAlive
        || request.headers().contains_key(header::UPGRADE)
}

/// Whether actix-http takes all that follows for a stream, in both directions.
fn offers_websocket(headers: &HeaderMap) -> bool {
    let is_websocket = |offer: &HeaderValue| offer.as_bytes().trim_ascii().eq_ignore_ascii_case(b"websocket");
    headers.get_all(header::UPGRADE).any(is_websocket)
}

fn begin(shared: &Rc<Shared>, request: &Request) -> Rc<Exchange> {
    let peer = request.peer_addr().map(|address| address.ip());
    let exchange = Rc::new(Exchange::new(shared, request.path(), request.headers(), peer));
    request.extensions_mut().insert(Rc::clone(&exchange));
    exchange
}

/// The application's answer, whatever becomes of it.
async fn outcome<B: MessageBody + 'static>(
    call: impl Future<Output = Option<Result<ServiceResponse<B>, Error>>>,
    exchange: &Exchange,
) -> HttpResponse {
    match AssertUnwindSafe(call).catch_unwind().await {
        Ok(Some(Ok(response))) => response.into_parts().1.map_into_boxed_body(),
        // No other errors are raised here; if one were, its text would not be for callers.
        Ok(Some(Err(error))) => error.as_error().unwrap_or(&ApiError::Internal).error_response(),
        Err(_panic) => exchange.refuse(ApiError::Internal),
        Ok(None) if exchange.receiving.get() => ApiError::TooSlow.error_response(),
        Ok(None) => ApiError::Overdue.error_response(),
    }
}

fn header_bytes(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum()
}

fn must_close(answer: &HttpResponse) -> bool {
    answer.head().connection_type() == ConnectionType::Close
}

fn add_headers(headers: &mut HeaderMap, exchange: &Exchange) {
    if let Ok(id) = HeaderValue::from_str(exchange.context.request_id.as_str()) {
        headers.insert(X_REQUEST_ID, id);
    }
    // A page says that it may be kept; of the API nothing is.
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}

/// The answer to HEAD: all that GET would have, but for the body.
fn without_body(answer: HttpResponse) -> HttpResponse {
    answer.map_body(|_, body| BoxBody::new(Unsent(body.size())))
}

/// A body of which only the length is told.
struct Unsent(BodySize);

impl MessageBody for Unsent {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        self.0
    }

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        Poll::Ready(None)
    }
}

fn record_answer(mut answer: HttpResponse, mut record: Record) -> Response<BoxBody> {
    let reason = answer.extensions_mut().remove::<Reason>();
    record.answered(answer.status(), reason.map(|Reason(reason)| reason));
    answer.map_body(|_, body| BoxBody::new(Recorded::new(body, record))).into()
}
