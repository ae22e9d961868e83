//! `envoy.service.auth.v3.Authorization/Check`: may the request pass that Envoy asks about?

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use capykeys_domain::{model::RequestContext, usecases::Verdicts};
use capykeys_gateway::{Authorized, Gateways, Refusal};
use capykeys_listener::TRACE_PARENT;
use envoy_types::ext_authz::v3::pb::{Authorization, CheckRequest, CheckResponse};
use futures_util::FutureExt;
use tonic::{Request, Response, Status};
use tracing::Instrument;

use crate::{
    answer::{let_through, refuse},
    connection::Peer,
    original::Original,
    record::Record,
};

/// Answers Envoy.
pub(crate) struct Checks {
    pub(crate) verdicts: Arc<Verdicts>,
    pub(crate) gateways: Gateways,
    /// How long an answer may take.
    pub(crate) time_limit: Duration,
}

#[tonic::async_trait]
impl Authorization for Checks {
    async fn check(&self, request: Request<CheckRequest>) -> Result<Response<CheckResponse>, Status> {
        let (metadata, extensions, request) = request.into_parts();
        let peer = extensions.get::<Peer>().cloned();
        let (peer, workload) = peer.map_or((None, None), |peer| (peer.address, peer.workload));
        let original = Original::from(request);
        let request_id = self.verdicts.environment().request_id(original.request_id());
        let context = RequestContext { request_id, peer };
        // The gateway's own call may be traced; else it goes on with the trace of the request that is asked about.
        let is_traced = metadata.contains_key(TRACE_PARENT);
        let mut record = Record::begin(context.request_id.clone(), original.method(), workload, |name| {
            if is_traced { metadata.get(name)?.to_str().ok() } else { original.text(name) }
        });
        let outcome = self.outcome(&original, &context).instrument(record.span().clone()).await;
        record.answered(&outcome);
        Ok(Response::new(match outcome {
            Ok(who) => let_through(&self.gateways.headers, &who),
            Err(refusal) => refuse(&refusal, &context.request_id),
        }))
    }
}

impl Checks {
    /// Whoever is let through, whatever becomes of the work.
    async fn outcome(&self, original: &Original, context: &RequestContext) -> Result<Authorized, Refusal> {
        let question = original.question();
        let work = self.gateways.authorize(&self.verdicts, &question, context);
        match tokio::time::timeout(self.time_limit, AssertUnwindSafe(work).catch_unwind()).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_panic)) => Err(Refusal::Internal),
            Err(_elapsed) => Err(Refusal::Overdue),
        }
    }
}
