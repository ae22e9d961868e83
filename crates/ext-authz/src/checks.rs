//! `envoy.service.auth.v3.Authorization/Check`: may the request pass that Envoy asks about?

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use capykeys_domain::{
    model::RequestContext,
    policy::RouteNeeds,
    usecases::{AuthorizeError, Authorized, Capykeys, Gateways},
};
use envoy_types::ext_authz::v3::pb::{Authorization, CheckRequest, CheckResponse};
use futures_util::FutureExt;
use tonic::{Request, Response, Status};
use tracing::Instrument;

use crate::{
    answer::{let_through, refuse},
    connection::Caller,
    failure::Failure,
    original::Original,
    record::Record,
};

/// Answers Envoy.
pub(crate) struct Checks {
    pub(crate) app: Arc<Capykeys>,
    pub(crate) gateways: Gateways,
    /// How long an answer may take.
    pub(crate) time_limit: Duration,
}

#[tonic::async_trait]
impl Authorization for Checks {
    async fn check(&self, request: Request<CheckRequest>) -> Result<Response<CheckResponse>, Status> {
        let caller = request.extensions().get::<Caller>().cloned();
        let (peer, workload) = caller.map_or((None, None), |caller| (caller.peer, caller.workload));
        let original = Original::from(request.into_inner());
        let context = RequestContext { request_id: self.app.request_id(original.request_id()), peer };
        let mut record = Record::begin(context.request_id.clone(), original.method(), workload);
        let outcome = self.outcome(&original, &context).instrument(record.span().clone()).await;
        record.answered(&outcome);
        Ok(Response::new(match outcome {
            Ok(who) => let_through(&self.gateways.headers, &who),
            Err(failure) => refuse(&failure, &context.request_id),
        }))
    }
}

impl Checks {
    /// Whoever is let through, whatever becomes of the work.
    async fn outcome(&self, original: &Original, context: &RequestContext) -> Result<Authorized, Failure> {
        let work = AssertUnwindSafe(self.authorize(original, context)).catch_unwind();
        match tokio::time::timeout(self.time_limit, work).await {
            Ok(Ok(authorized)) => Ok(authorized?),
            Ok(Err(_panic)) => Err(Failure::Internal),
            Err(_elapsed) => Err(Failure::Overdue),
        }
    }

    async fn authorize(
        &self,
        original: &Original,
        context: &RequestContext,
    ) -> Result<Authorized, AuthorizeError> {
        let rules = self.gateways.rules.as_ref();
        let needs =
            RouteNeeds::find(original.settings(), original.request().as_ref(), rules, self.app.scopes())?;
        let credential = original.credential(self.app.format())?;
        self.app.authorize(credential.as_ref(), &needs, context).await
    }
}
