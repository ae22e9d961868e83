//! The line in the log for each request.

use std::{
    borrow::Cow,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::Instant,
};

use actix_http::{
    Method, StatusCode,
    body::{BodySize, BoxBody, MessageBody},
};
use actix_web::web::Bytes;
use capykeys_domain::model::{Actor, ClusterSubject};
use tracing::Span;

use crate::{connection::Connection, exchange::Exchange};

/// What the log says about a request. It is written when this is dropped: when the answer was
/// handed over to the last byte, or given up.
pub(super) struct Record {
    exchange: Rc<Exchange>,
    connection: Option<Rc<Connection>>,
    span: Span,
    method: &'static str,
    started: Instant,
    status: Option<StatusCode>,
    reason: Option<Cow<'static, str>>,
    complete: bool,
}

impl Record {
    /// Begins with the request.
    pub(super) fn begin(exchange: Rc<Exchange>, connection: Option<Rc<Connection>>, method: &Method) -> Self {
        if let Some(connection) = &connection {
            connection.begin_request();
        }
        let request_id = exchange.context.request_id.as_str();
        let span = if exchange.shared.internal {
            tracing::debug_span!("request", request_id)
        } else {
            tracing::info_span!("request", request_id)
        };
        let (method, started) = (method_name(method), Instant::now());
        Self { exchange, connection, span, method, started, status: None, reason: None, complete: false }
    }

    /// What everything that is done for the request belongs to.
    pub(super) const fn span(&self) -> &Span {
        &self.span
    }

    /// Remembers the answer's head.
    pub(super) fn answered(&mut self, status: StatusCode, reason: Option<Cow<'static, str>>) {
        self.status = Some(status);
        self.reason = reason;
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let _entered = self.span.enter();
        if let Some(connection) = &self.connection {
            connection.end_request();
        }
        let (kind, key_id, user_id) = match self.exchange.identity.get().map(|identity| &identity.actor) {
            Some(actor @ Actor::Key(id)) => (Some(actor.kind()), Some(tracing::field::display(id)), None),
            Some(actor @ Actor::User(id)) => (Some(actor.kind()), None, Some(id.as_str())),
            _ => (None, None, None),
        };
        let certified = self.connection.as_ref().and_then(|connection| connection.certified_name());
        let workload = self.exchange.workload.get().or(certified).map(ClusterSubject::as_str);
        let organization = self.exchange.identity.get().and_then(|identity| identity.organization_id);
        macro_rules! line {
            ($event:ident) => {
                tracing::$event!(
                    target: "capykeys::access",
                    method = self.method,
                    route = self.exchange.route.get(),
                    status = self.status.map(|status| status.as_u16()),
                    complete = self.complete,
                    duration_us = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX),
                    request_id = self.exchange.context.request_id.as_str(),
                    workload,
                    caller = kind,
                    key_id,
                    user_id,
                    organization_id = organization.map(tracing::field::display),
                    reason = self.reason.as_deref(),
                    "request"
                )
            };
        }
        let failed = self.status.is_none_or(|status| status.is_server_error());
        if self.exchange.shared.internal && !failed { line!(debug) } else { line!(info) }
    }
}

/// The name of a method. One that is not known could be anything, and is not repeated.
fn method_name(method: &Method) -> &'static str {
    const KNOWN: [(Method, &str); 9] = [
        (Method::GET, "GET"),
        (Method::POST, "POST"),
        (Method::DELETE, "DELETE"),
        (Method::PUT, "PUT"),
        (Method::PATCH, "PATCH"),
        (Method::HEAD, "HEAD"),
        (Method::OPTIONS, "OPTIONS"),
        (Method::TRACE, "TRACE"),
        (Method::CONNECT, "CONNECT"),
    ];
    KNOWN.iter().find(|(known, _)| known == method).map_or("OTHER", |(_, name)| name)
}

/// A body that notes whether it was handed over to its end.
pub(super) struct Recorded {
    body: BoxBody,
    record: Record,
}

impl Recorded {
    /// The answer's body.
    pub(super) const fn new(body: BoxBody, record: Record) -> Self {
        Self { body, record }
    }
}

impl MessageBody for Recorded {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let this = self.get_mut();
        let entered = this.record.span.clone().entered();
        let next = Pin::new(&mut this.body).poll_next(cx);
        drop(entered);
        match &next {
            Poll::Ready(None) => this.record.complete = true,
            // The domain's own error: its text is made for the log.
            Poll::Ready(Some(Err(error))) => this.record.reason = Some(error.to_string().into()),
            _ => {}
        }
        next
    }
}
