//! The line in the log for each check.

use capykeys_domain::model::{ClusterSubject, RequestId};
use capykeys_gateway::{Authorized, Refusal};
use capykeys_listener::{AccessRecord, Asked};
use tracing::Span;

const ROUTE: &str = "envoy.service.auth.v3.Authorization/Check";

/// What the log says about a check, which is written when this is dropped.
pub(crate) struct Record(AccessRecord);

impl Record {
    /// Begins with the check of a request with this method, by whom a certificate names, which may come with
    /// the `header`s of its caller's trace.
    pub(crate) fn begin<'h>(
        request_id: RequestId,
        method: &'static str,
        workload: Option<ClusterSubject>,
        header: impl Fn(&str) -> Option<&'h str>,
    ) -> Self {
        let mut access = AccessRecord::begin(request_id, Asked::ClusterCall, header);
        (access.method, access.route, access.workload) = (method, ROUTE, workload);
        Self(access)
    }

    /// What everything that is done for the check belongs to.
    pub(crate) const fn span(&self) -> &Span {
        self.0.span()
    }

    /// Remembers the outcome.
    pub(crate) fn answered(&mut self, outcome: &Result<Authorized, Refusal>) {
        match outcome {
            Ok(who) => {
                (self.0.caller, self.0.organization_id) = who.actor().unzip();
                self.0.status = Some(200);
            }
            Err(refusal) => {
                self.0.reason = Some(refusal.reason());
                self.0.status = Some(refusal.status());
            }
        }
        self.0.complete = true;
    }
}
