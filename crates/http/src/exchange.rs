//! One request and its answer.

use std::{
    cell::Cell,
    net::IpAddr,
    rc::Rc,
    sync::{Arc, LazyLock},
};

use actix_web::{
    HttpMessage, HttpResponse, ResponseError,
    http::header::{HeaderMap, HeaderName},
    web::Bytes,
};
use capykeys_domain::{
    model::{Actor, ClusterSubject, OrganizationId, RequestContext},
    usecases::{Environment, Verdicts},
};
use capykeys_listener::Asked;

use crate::{drain::Drain, error::ApiError, status::StatusBoard};

/// The header that a request's id comes and goes in.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What the paths begin with at which gateways ask.
pub(crate) const AUTHORIZE: &str = "/authorize/";

/// The OpenAPI document, which is put together when it is first asked for.
pub(crate) type Document = LazyLock<Bytes, Box<dyn FnOnce() -> Bytes + Send>>;

/// What all requests share.
#[derive(Clone)]
pub(crate) struct Shared {
    /// Who is who, and what they are good for.
    pub(crate) verdicts: Arc<Verdicts>,
    /// Whether it is about to stop.
    pub(crate) drain: Drain,
    /// How it is, for everybody who asks.
    pub(crate) status: Arc<StatusBoard>,
    /// Its OpenAPI document.
    pub(crate) document: Arc<Document>,
    /// Whether it is the cluster that asks. Its requests are logged for debugging alone, unless they fail
    /// here: a line for each of them would cost more than the answer.
    pub(crate) internal: bool,
}

impl Shared {
    /// Whom requests are for.
    pub(crate) const fn asked(&self) -> Asked {
        if self.internal { Asked::Cluster } else { Asked::Api }
    }
}

/// One request and its answer: what the layers tell each other about it.
pub(crate) struct Exchange {
    pub(crate) shared: Rc<Shared>,
    /// Its id and where it came from.
    pub(crate) context: RequestContext,
    /// Whether it is a gateway's question about another request.
    pub(crate) of_gateway: bool,
    /// The template of its path. Never the path itself, which can hold anything.
    pub(crate) route: Cell<&'static str>,
    /// Whether its body is being waited for.
    pub(crate) receiving: Cell<bool>,
    /// Whether its body was received to its end.
    pub(crate) received: Cell<bool>,
    /// Who it came from, once that is known, and of which organization.
    pub(crate) caller: Cell<Option<(Actor, Option<OrganizationId>)>>,
    /// The workload of the cluster that asks, once it has proved itself.
    pub(crate) workload: Cell<Option<ClusterSubject>>,
}

impl Exchange {
    /// Begins with the head of the request.
    pub(crate) fn new(shared: &Rc<Shared>, path: &str, headers: &HeaderMap, peer: Option<IpAddr>) -> Self {
        let given = headers.get(X_REQUEST_ID).and_then(|value| value.to_str().ok());
        let request_id = shared.verdicts.environment().request_id(given);
        let peer = peer.map(|address| address.to_canonical());
        Self {
            shared: Rc::clone(shared),
            context: RequestContext { request_id, peer },
            of_gateway: shared.internal && path.starts_with(AUTHORIZE),
            route: Cell::new("-"),
            receiving: Cell::new(false),
            received: Cell::new(false),
            caller: Cell::default(),
            workload: Cell::default(),
        }
    }

    /// The exchange that this message belongs to.
    pub(crate) fn of(message: &impl HttpMessage) -> Option<Rc<Self>> {
        message.extensions().get::<Rc<Self>>().cloned()
    }

    /// Remembers who it came from.
    pub(crate) fn identify(&self, caller: Actor, organization_id: Option<OrganizationId>) {
        self.caller.set(Some((caller, organization_id)));
    }

    /// Remembers which workload has proved itself.
    pub(crate) fn prove(&self, workload: ClusterSubject) {
        self.workload.set(Some(workload));
    }

    /// The answer to a request of which nothing came.
    pub(crate) fn refuse(&self, error: ApiError) -> HttpResponse {
        if self.of_gateway { error.for_gateway() } else { error }.error_response()
    }

    /// Who is who, and what they are good for.
    pub(crate) fn verdicts(&self) -> &Verdicts {
        &self.shared.verdicts
    }

    /// The time, and how keys look.
    pub(crate) fn environment(&self) -> &Environment {
        self.verdicts().environment()
    }
}
