//! The access log: one line for each request, the same whichever listener answers.

use std::{borrow::Cow, time::Instant};

use capykeys_domain::model::{Actor, ClusterSubject, OrganizationId, RequestId};
use tracing::Span;

/// What stands for the method and the route of what never became a request.
const NONE: &str = "-";

/// The name of a method, for the log. One that is not known could be anything, and is not repeated.
#[must_use]
pub fn method_name(method: &str) -> &'static str {
    const KNOWN: [&str; 9] = ["GET", "POST", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS", "TRACE", "CONNECT"];
    KNOWN.into_iter().find(|known| *known == method).unwrap_or("OTHER")
}

/// What the access log says about a request: its fields are described in `docs/operations.md`. The line
/// is written when this is dropped: when the answer was handed over to the last byte, or given up.
pub struct AccessRecord {
    span: Span,
    started: Instant,
    request_id: RequestId,
    for_cluster: bool,
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
    /// Begins with the request. One that is answered for the cluster is logged for debugging alone,
    /// unless it fails here (5xx): a line for each would cost more than the answer.
    #[must_use]
    pub fn begin(request_id: RequestId, for_cluster: bool) -> Self {
        let span = if for_cluster {
            tracing::debug_span!("request", request_id = request_id.as_str())
        } else {
            tracing::info_span!("request", request_id = request_id.as_str())
        };
        Self {
            span,
            started: Instant::now(),
            request_id,
            for_cluster,
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
        &self.span
    }
}

impl Drop for AccessRecord {
    fn drop(&mut self) {
        let (key_id, user_id) = match &self.caller {
            Some(Actor::Key(id)) => (Some(tracing::field::display(id)), None),
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
                    duration_us = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX),
                    request_id = self.request_id.as_str(),
                    workload = self.workload.as_ref().map(ClusterSubject::as_str),
                    caller = self.caller.as_ref().map(Actor::kind),
                    key_id,
                    user_id,
                    organization_id = self.organization_id.map(tracing::field::display),
                    reason = self.reason.as_deref(),
                    "request"
                )
            };
        }
        let failed = self.status.is_none_or(|status| status >= 500);
        if self.for_cluster && !failed { line!(debug) } else { line!(info) }
    }
}
