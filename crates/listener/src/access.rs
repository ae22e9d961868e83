//! The access log: one line for each request, the same whichever listener answers.

use std::{borrow::Cow, time::Instant};

use capykeys_domain::model::{Actor, ClusterSubject, OrganizationId, RequestId};
use tracing::{Span, field};

use crate::{measured, trace::Trace};

/// What stands for the method and the route of what never became a request.
const NONE: &str = "-";

/// The name of a method, for the log. One that is not known could be anything, and is not repeated.
#[must_use]
pub fn method_name(method: &str) -> &'static str {
    const KNOWN: [&str; 9] = ["GET", "POST", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS", "TRACE", "CONNECT"];
    KNOWN.into_iter().find(|known| *known == method).unwrap_or("OTHER")
}

/// Who sends a request, and over which protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A caller of the API.
    Api,
    /// A service or gateway of the cluster, over HTTP. It is logged for debugging alone, unless it fails here (5xx):
    /// a line for each would cost more than the answer.
    Cluster,
    /// The same over gRPC.
    ClusterCall,
}

/// What the access log says about a request, and what is measured and traced of it: its fields are described in
/// `docs/operations/telemetry.md`. The line is written when this is dropped: when the answer was handed over to the last
/// byte, or given up.
pub struct AccessRecord {
    span: Span,
    trace: Trace,
    started: Instant,
    request_id: RequestId,
    asked: Asked,
    /// The method, where it is one that HTTP knows: another could be anything.
    pub method: &'static str,
    /// The template of the path. Never the path itself, which can hold anything.
    pub route: &'static str,
    /// The status of the answer; `None` where it was given up before.
    pub status: Option<u16>,
    /// Whether the answer was handed over to its end.
    pub complete: bool,
    /// The workload of the cluster that asked.
    pub workload: Option<ClusterSubject>,
    /// Who called.
    pub caller: Option<Actor>,
    /// The caller's organization.
    pub organization_id: Option<OrganizationId>,
    /// Why the request was refused.
    pub reason: Option<Cow<'static, str>>,
}

impl AccessRecord {
    /// Begins with the request, which may come with the `header`s of its caller's trace.
    #[must_use]
    pub fn begin<'h>(request_id: RequestId, asked: Asked, header: impl Fn(&str) -> Option<&'h str>) -> Self {
        macro_rules! span {
            ($level:ident) => {
                tracing::$level!(
                    "request",
                    request_id = request_id.as_str(),
                    trace_id = field::Empty,
                    span_id = field::Empty,
                )
            };
        }
        let span = if asked == Asked::Api { span!(info_span) } else { span!(debug_span) };
        let trace = Trace::begin(&span, &request_id, asked == Asked::ClusterCall, header);
        if let Some(context) = &trace.context {
            span.record("trace_id", field::display(context.trace_id()));
            span.record("span_id", field::display(context.span_id()));
        }
        Self {
            span,
            trace,
            started: Instant::now(),
            request_id,
            asked,
            method: NONE,
            route: NONE,
            status: None,
            complete: false,
            workload: None,
            caller: None,
            organization_id: None,
            reason: None,
        }
    }

    /// What everything that is done for the request belongs to.
    #[must_use]
    pub const fn span(&self) -> &Span {
        self.trace.span(&self.span)
    }
}

impl Drop for AccessRecord {
    fn drop(&mut self) {
        let (elapsed, is_call) = (self.started.elapsed(), self.asked == Asked::ClusterCall);
        let method = measured::method(self.method);
        measured::record((method, self.route, self.status.unwrap_or_default()), is_call, elapsed);
        self.trace.end(method, self.route, self.status, is_call);
        let traced = self.trace.context.as_ref();
        let (key_id, user_id) = match &self.caller {
            Some(Actor::Key(id)) => (Some(field::display(id)), None),
            Some(Actor::User(id)) => (None, Some(id.as_str())),
            _ => (None, None),
        };
        macro_rules! line {
            ($event:ident) => {
                tracing::$event!(
                    target: "capykeys::access",
                    // The span would say the request's id once more.
                    parent: None,
                    method = self.method,
                    route = self.route,
                    status = self.status,
                    complete = self.complete,
                    duration_us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX),
                    request_id = self.request_id.as_str(),
                    trace_id = traced.map(|context| field::display(context.trace_id())),
                    span_id = traced.map(|context| field::display(context.span_id())),
                    workload = self.workload.as_ref().map(ClusterSubject::as_str),
                    caller = self.caller.as_ref().map(Actor::kind),
                    key_id,
                    user_id,
                    organization_id = self.organization_id.map(field::display),
                    reason = self.reason.as_deref(),
                    "request"
                )
            };
        }
        let failed = self.status.is_none_or(|status| status >= 500);
        if self.asked != Asked::Api && !failed { line!(debug) } else { line!(info) }
    }
}
