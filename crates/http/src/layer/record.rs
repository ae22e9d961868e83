//! The line in the log for each request.

use std::{
    borrow::Cow,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use actix_http::{
    HttpMessage, Request, StatusCode,
    body::{BodySize, BoxBody, MessageBody},
};
use actix_web::{http::header::HeaderName, web::Bytes};
use capykeys_listener::{AccessRecord, method_name};
use tracing::Span;

use crate::{connection::Connection, exchange::Exchange};

const TRACE_PARENT: HeaderName = HeaderName::from_static(capykeys_listener::TRACE_PARENT);

/// What the log says about a request, which is written when this is dropped.
pub(super) struct Record {
    access: AccessRecord,
    exchange: Rc<Exchange>,
    connection: Rc<Connection>,
}

impl Record {
    /// Begins with the request.
    pub(super) fn begin(exchange: Rc<Exchange>, connection: Rc<Connection>, request: &Request) -> Self {
        connection.begin_request();
        let headers = request.headers();
        // By a name that is parsed already: most requests have none.
        let is_traced = headers.contains_key(&TRACE_PARENT);
        let header = |name: &str| is_traced.then(|| headers.get(name))??.to_str().ok();
        let request_id = exchange.context.request_id.clone();
        let mut access = AccessRecord::begin(request_id, exchange.shared.asked(), header);
        access.method = method_name(request.method().as_str());
        Self { access, exchange, connection }
    }

    /// What everything that is done for the request belongs to.
    pub(super) const fn span(&self) -> &Span {
        self.access.span()
    }

    /// Remembers the answer's head.
    pub(super) fn answered(&mut self, status: StatusCode, reason: Option<Cow<'static, str>>) {
        self.access.status = Some(status.as_u16());
        self.access.reason = reason;
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        self.connection.end_request();
        let certified = || self.connection.certified_name().cloned();
        self.access.workload = self.exchange.workload.take().or_else(certified);
        self.access.route = self.exchange.route.get();
        let (caller, organization_id) = self.exchange.caller.take().unzip();
        (self.access.caller, self.access.organization_id) = (caller, organization_id.flatten());
    }
}

/// A body that notes whether it was handed over to its end.
pub(super) struct Recorded {
    body: BoxBody,
    record: Record,
}

impl Recorded {
    /// The answer's body.
    pub(super) fn new(body: BoxBody, record: Record) -> Self {
        let mut recorded = Self { body, record };
        // Nobody asks for the end of a body that has nothing in it.
        recorded.record.access.complete = matches!(recorded.body.size(), BodySize::None | BodySize::Sized(0));
        recorded
    }
}

impl MessageBody for Recorded {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let this = self.get_mut();
        let entered = this.record.span().clone().entered();
        let next = Pin::new(&mut this.body).poll_next(cx);
        drop(entered);
        match &next {
            Poll::Ready(None) => this.record.access.complete = true,
            // The domain's own error: its text is made for the log.
            Poll::Ready(Some(Err(error))) => this.record.access.reason = Some(error.to_string().into()),
            _ => {}
        }
        next
    }
}
