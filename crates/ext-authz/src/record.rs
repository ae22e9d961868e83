//! The line in the log for each check.

use std::{borrow::Cow, time::Instant};

use capykeys_domain::model::{Actor, ClusterSubject, OrganizationId, RequestId};
use capykeys_gateway::{Authorized, Refusal};
use tracing::Span;

const ROUTE: &str = "envoy.service.auth.v3.Authorization/Check";

/// What the log says about a check: for debugging alone, unless it fails here, for a line costs more
/// than an answer. It is written when this is dropped: when the check was answered, or given up.
pub(crate) struct Record {
    request_id: RequestId,
    span: Span,
    method: &'static str,
    workload: Option<ClusterSubject>,
    started: Instant,
    status: Option<u16>,
    who: Option<(Actor, OrganizationId)>,
    reason: Option<Cow<'static, str>>,
}

impl Record {
    /// Begins with the check of a request with this method, by whom a certificate names.
    pub(crate) fn begin(
        request_id: RequestId,
        method: &'static str,
        workload: Option<ClusterSubject>,
    ) -> Self {
        let span = tracing::debug_span!("request", request_id = request_id.as_str());
        let started = Instant::now();
        Self { request_id, span, method, workload, started, status: None, who: None, reason: None }
    }

    /// What everything that is done for the check belongs to.
    pub(crate) const fn span(&self) -> &Span {
        &self.span
    }

    /// Remembers the outcome.
    pub(crate) fn answered(&mut self, outcome: &Result<Authorized, Refusal>) {
        match outcome {
            Ok(who) => (self.status, self.who) = (Some(200), who.actor()),
            Err(refusal) => (self.status, self.reason) = (Some(refusal.status()), Some(refusal.reason())),
        }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let _entered = self.span.enter();
        let (kind, key_id, user_id) = match self.who.as_ref().map(|(actor, _)| actor) {
            Some(actor @ Actor::Key(id)) => (Some(actor.kind()), Some(tracing::field::display(id)), None),
            Some(actor @ Actor::User(id)) => (Some(actor.kind()), None, Some(id.as_str())),
            _ => (None, None, None),
        };
        macro_rules! line {
            ($event:ident) => {
                tracing::$event!(
                    target: "capykeys::access",
                    method = self.method,
                    route = ROUTE,
                    status = self.status,
                    complete = self.status.is_some(),
                    duration_us = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX),
                    request_id = self.request_id.as_str(),
                    workload = self.workload.as_ref().map(ClusterSubject::as_str),
                    caller = kind,
                    key_id,
                    user_id,
                    organization_id = self.who.as_ref().map(|(_, id)| tracing::field::display(id)),
                    reason = self.reason.as_deref(),
                    "request"
                )
            };
        }
        let failed = self.status.is_none_or(|status| status >= 500);
        if failed { line!(info) } else { line!(debug) }
    }
}
