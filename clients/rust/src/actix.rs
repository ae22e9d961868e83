//! A middleware for actix-web.

use std::rc::Rc;

use actix_web::{
    Error, HttpMessage as _, HttpResponse,
    body::EitherBody,
    dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready},
    http::{StatusCode, header::HeaderValue},
};
use futures_util::{
    FutureExt as _,
    future::{LocalBoxFuture, Ready, ready},
};

use crate::{RequireKey, guard::Refusal};

/// A service that is guarded.
pub struct Guarded<S> {
    inner: Rc<S>,
    rule: RequireKey<ServiceRequest>,
}

impl<S, B> Transform<S, ServiceRequest> for RequireKey<ServiceRequest>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Transform = Guarded<S>;
    type InitError = ();
    type Future = Ready<Result<Guarded<S>, ()>>;

    fn new_transform(&self, inner: S) -> Self::Future {
        ready(Ok(Guarded { inner: Rc::new(inner), rule: self.clone() }))
    }
}

impl<S, B> Service<ServiceRequest> for Guarded<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self::Response, Error>>;

    forward_ready!(inner);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let (inner, rule) = (Rc::clone(&self.inner), self.rule.clone());
        let presented =
            rule.read(&request, |name| request.headers().get_all(name).map(HeaderValue::as_bytes));
        async move {
            match rule.judge(presented).await {
                Ok(caller) => {
                    request.extensions_mut().insert(caller);
                    inner.call(request).await.map(ServiceResponse::map_into_left_body)
                }
                Err(refusal) => Ok(request.into_response(answer(&refusal)).map_into_right_body()),
            }
        }
        .boxed_local()
    }
}

fn answer(refusal: &Refusal) -> HttpResponse {
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let mut answer = HttpResponse::build(status);
    for header in &refusal.headers {
        answer.insert_header(*header);
    }
    answer.content_type("application/json").body(refusal.body())
}
