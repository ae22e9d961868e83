//! One request and its answer.

use std::{
    cell::Cell,
    future::{Ready, ready},
    net::IpAddr,
    ops::Deref,
    rc::Rc,
    sync::{Arc, LazyLock},
};

use actix_web::{
    FromRequest, HttpMessage, HttpRequest, HttpResponse, ResponseError, dev::Payload,
    http::header::HeaderMap, web::Bytes,
};
use capykeys_domain::{
    model::{Actor, Caller, ClusterSubject, OrganizationId, RequestContext},
    usecases::{Environment, Verdicts},
};
use capykeys_gateway::Authorized;
use capykeys_listener::Asked;

use crate::{drain::Drain, error::ApiError, status::StatusBoard};

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

/// Who a request came from, for the log.
pub(crate) struct Identity {
    /// The kind and the id.
    pub(crate) actor: Actor,
    /// Its organization.
    pub(crate) organization_id: Option<OrganizationId>,
}

impl Identity {
    /// Of a caller who signed in.
    pub(crate) fn of(caller: &Caller) -> Self {
        Self { actor: caller.actor(), organization_id: caller.organization_id() }
    }

    /// Of whoever was let through a gateway; `None` for nobody in particular.
    pub(crate) fn of_authorized(authorized: &Authorized) -> Option<Self> {
        let (actor, organization_id) = authorized.actor()?;
        Some(Self { actor, organization_id: Some(organization_id) })
    }
}

/// One request and its answer: what the layers tell each other about it.
pub(crate) struct Exchange {
    pub(crate) shared: Shared,
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
    /// Who it came from, once that is known.
    pub(crate) identity: Cell<Option<Identity>>,
    /// The workload of the cluster that asks, once it has proved itself.
    pub(crate) workload: Cell<Option<ClusterSubject>>,
}

impl Exchange {
    /// Begins with the head of the request.
    pub(crate) fn new(shared: &Shared, path: &str, headers: &HeaderMap, peer: Option<IpAddr>) -> Self {
        let given = headers.get("x-request-id").and_then(|value| value.to_str().ok());
        let request_id = shared.verdicts.environment().request_id(given);
        let peer = peer.map(|address| address.to_canonical());
        Self {
            shared: shared.clone(),
            context: RequestContext { request_id, peer },
            of_gateway: shared.internal && path.starts_with(AUTHORIZE),
            route: Cell::new("-"),
            receiving: Cell::new(false),
            received: Cell::new(false),
            identity: Cell::default(),
            workload: Cell::default(),
        }
    }

    /// Remembers who it came from.
    pub(crate) fn identify(&self, identity: Identity) {
        self.identity.set(Some(identity));
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

/// The exchange as endpoints ask for it.
pub(crate) struct Current(Rc<Exchange>);

impl Current {
    /// The exchange that this message belongs to.
    pub(crate) fn of(message: &impl HttpMessage) -> Option<Self> {
        message.extensions().get::<Rc<Exchange>>().map(Rc::clone).map(Self)
    }
}

impl Deref for Current {
    type Target = Exchange;

    fn deref(&self) -> &Exchange {
        &self.0
    }
}

impl FromRequest for Current {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(request).ok_or(ApiError::Internal))
    }
}
