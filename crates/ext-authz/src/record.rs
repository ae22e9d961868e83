//! The line in the log for each check.

use capykeys_domain::model::{ClusterSubject, RequestId};
use capykeys_gateway::{Authorized, Refusal};
use capykeys_listener::{AccessRecord, Asked};
use tracing::Span;

use crate::original::Original;

const ROUTE: &str = "envoy.service.auth.v3.Authorization/Check";

/// What the log says about a check, which is written when this is dropped.
pub(crate) struct Record(AccessRecord);

impl Record {
    /// Begins with the check of a request, by whom a certificate names. It goes on with the trace of that
    /// request, where it has one: a gateway has put its own span there.
    pub(crate) fn begin(
        request_id: RequestId,
        original: &Original,
        workload: Option<ClusterSubject>,
    ) -> Self {
        let mut access = AccessRecord::begin(request_id, Asked::ClusterCall, |name| original.text(name));
        (access.method, access.route, access.workload) = (original.method(), ROUTE, workload);
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
