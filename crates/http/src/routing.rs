//! How requests find their endpoint.

use std::future::ready;

use actix_web::{
    FromRequest, Handler, Responder, Route,
    dev::{HttpServiceFactory, Service},
    guard::fn_guard,
    http::Method,
    web::{self, ServiceConfig},
};
use utoipa::{
    __dev::{SchemaReferences, Tags},
    Path,
    openapi::{HttpMethod, OpenApi},
};

use crate::{error::ApiError, exchange::Exchange};

/// An endpoint. What `#[utoipa::path]` says of it is all that is said: it is routed, refused with
/// `Allow`, logged and documented by that.
pub(crate) struct Endpoint {
    /// The template of its path, which is what the log says.
    pub(crate) path: &'static str,
    /// None at all stand for every method.
    methods: Vec<Method>,
    route: Route,
    /// Adds it to the document.
    pub(crate) describe: fn(&mut OpenApi),
}

impl Endpoint {
    /// What `operation` describes, and `handler` does.
    pub(crate) fn of<P, H, A>(_operation: P, handler: H) -> Self
    where
        P: Path + Tags<'static> + SchemaReferences,
        H: Handler<A, Output: Responder + 'static>,
        A: FromRequest + 'static,
    {
        let methods = P::methods().iter().flat_map(methods).collect();
        // Once for each worker, which goes on as long as the process.
        let path = P::path().leak();
        Self { path, methods, route: web::to(handler), describe: describe::<P> }
    }

    /// What is not in the document: it is set up by hand.
    pub(crate) fn undocumented(path: &'static str, methods: Vec<Method>, route: Route) -> Self {
        Self { path, methods, route, describe: |_| {} }
    }
}

/// The methods of an operation. With GET comes HEAD, whose answer is the same without the body
/// (RFC 9110, section 9.1).
fn methods(of: &HttpMethod) -> Vec<Method> {
    match of {
        HttpMethod::Get => vec![Method::GET, Method::HEAD],
        HttpMethod::Post => vec![Method::POST],
        HttpMethod::Put => vec![Method::PUT],
        HttpMethod::Delete => vec![Method::DELETE],
        HttpMethod::Options => vec![Method::OPTIONS],
        HttpMethod::Head => vec![Method::HEAD],
        HttpMethod::Patch => vec![Method::PATCH],
        HttpMethod::Trace => vec![Method::TRACE],
    }
}

fn describe<P: Path + Tags<'static> + SchemaReferences>(document: &mut OpenApi) {
    let mut operation = P::operation();
    operation.tags = Some(P::tags().into_iter().map(str::to_owned).collect());
    document.paths.add_path_operation(P::path(), P::methods(), operation);
    let mut schemas = Vec::new();
    P::schemas(&mut schemas);
    document.components.get_or_insert_default().schemas.extend(schemas);
}

/// Has requests find these endpoints below `base`, in this order.
pub(crate) fn register(config: &mut ServiceConfig, base: &str, mut endpoints: Vec<Endpoint>) {
    while let Some(path) = endpoints.first().map(|endpoint| endpoint.path) {
        let (here, elsewhere) = endpoints.into_iter().partition(|endpoint| endpoint.path == path);
        config.service(resource(base, path, here));
        endpoints = elsewhere;
    }
}

/// A path with its methods. All others are 405, and the log learns the template.
fn resource(base: &str, path: &'static str, endpoints: Vec<Endpoint>) -> impl HttpServiceFactory + use<> {
    let mut resource = web::resource(format!("{base}{path}"));
    let mut allowed = Vec::new();
    for Endpoint { methods, route, .. } in endpoints {
        allowed.extend(methods.clone());
        let accepts = move |method: &Method| methods.is_empty() || methods.contains(method);
        resource = resource.route(route.guard(fn_guard(move |request| accepts(&request.head().method))));
    }
    let allowed = allowed.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
    let refusal = move || ready(Err::<&str, _>(ApiError::MethodNotAllowed(allowed.clone())));
    resource.default_service(web::to(refusal)).wrap_fn(move |request, service| {
        if let Some(exchange) = Exchange::of(&request) {
            exchange.route.set(path);
        }
        service.call(request)
    })
}
