//! The line in the log for each check.

use capykeys_domain::{
    model::{ClusterSubject, RequestId},
    usecases::Authorized,
};
use capykeys_listener::AccessRecord;
use envoy_types::ext_authz::v3::pb::HttpStatusCode;
use tracing::Span;

use crate::failure::Failure;

const ROUTE: &str = "envoy.service.auth.v3.Authorization/Check";

/// What the log says about a check, which is written when this is dropped.
pub(crate) struct Record(AccessRecord);

impl Record {
    /// Begins with the check of a request with this method, by whom a certificate names.
    pub(crate) fn begin(
        request_id: RequestId,
        method: &'static str,
        workload: Option<ClusterSubject>,
    ) -> Self {
        let mut access = AccessRecord::begin(request_id, true);
        (access.method, access.route, access.workload) = (method, ROUTE, workload);
        Self(access)
    }

    /// What everything that is done for the check belongs to.
    pub(crate) const fn span(&self) -> &Span {
        self.0.span()
    }

    /// Remembers the outcome.
    pub(crate) fn answered(&mut self, outcome: &Result<Authorized, Failure>) {
        let status = match outcome {
            Ok(who) => {
                (self.0.caller, self.0.organization_id) = who.actor().unzip();
                HttpStatusCode::Ok
            }
            Err(failure) => {
                self.0.reason = Some(failure.reason());
                failure.status()
            }
        };
        self.0.status = u16::try_from(i32::from(status)).ok();
        self.0.complete = true;
    }
}
