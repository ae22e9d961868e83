//! A layer for tower. Requests of gRPC are answered with its own statuses.

use std::{
    mem,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::{FutureExt as _, future::BoxFuture};
use http::{
    HeaderValue, Request, Response, StatusCode,
    header::{self, HeaderMap},
    request::Parts,
};
use http_body_util::{Either, Full};
use tower_layer::Layer;
use tower_service::Service;

use crate::{RequireKey, guard::Refusal};

/// A service that is guarded.
#[derive(Clone)]
pub struct Guarded<S> {
    inner: S,
    rule: RequireKey<Parts>,
}

impl<S> Layer<S> for RequireKey<Parts> {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded { inner, rule: self.clone() }
    }
}

impl<S, B, A> Service<Request<B>> for Guarded<S>
where
    S: Service<Request<B>, Response = Response<A>> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
{
    type Response = Response<Either<A, Full<Bytes>>>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Self::Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The one that is ready, not its clone.
        let mut inner = self.inner.clone();
        mem::swap(&mut inner, &mut self.inner);
        let rule = self.rule.clone();
        let (parts, body) = request.into_parts();
        let presented =
            rule.read(&parts, |name| parts.headers.get_all(name).into_iter().map(HeaderValue::as_bytes));
        async move {
            match rule.judge(presented).await {
                Ok(caller) => {
                    let mut request = Request::from_parts(parts, body);
                    request.extensions_mut().insert(caller);
                    inner.call(request).await.map(|answer| answer.map(Either::Left))
                }
                Err(refusal) => Ok(answer(&refusal, &parts.headers).map(Either::Right)),
            }
        }
        .boxed()
    }
}

fn answer(refusal: &Refusal, asked: &HeaderMap) -> Response<Full<Bytes>> {
    let content_type = asked.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let mut answer = if content_type.starts_with(b"application/grpc") {
        grpc(refusal)
    } else {
        let mut answer = Response::new(Full::from(refusal.body()));
        *answer.status_mut() =
            StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
        answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        answer
    };
    for (name, value) in &refusal.headers {
        answer.headers_mut().insert(*name, HeaderValue::from_static(value));
    }
    answer
}

/// The status stands in the head, for there is no body that trailers could follow.
fn grpc(refusal: &Refusal) -> Response<Full<Bytes>> {
    let code = match refusal.status {
        400 => "3",
        401 => "16",
        403 => "7",
        _ => "14",
    };
    let mut answer = Response::new(Full::default());
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert("grpc-status", HeaderValue::from_static(code));
    if let Ok(sentence) = HeaderValue::from_str(&refusal.sentence) {
        headers.insert("grpc-message", sentence);
    }
    answer
}
