//! The guarded servers that the suite over all libraries asks; see `tests/verifiers`.

use std::{
    env, error,
    io::Read as _,
    net::TcpListener,
    process, thread,
    time::{Duration, SystemTime},
};

use actix_web::{App, HttpServer, dev::ServiceRequest, web};
use axum::{Extension, Json, Router, http::request::Parts, routing::get};
use capykeys_verifier::{Caller, RequireKey, Verifier};
use serde_json::{Value, json};
use tokio_stream::{Pending, pending, wrappers::TcpListenerStream};
use tonic::{Request, Response, Status, transport::Server};
use tonic_health::pb::{
    HealthCheckRequest, HealthCheckResponse,
    health_server::{Health, HealthServer},
};

type Outcome = Result<(), Box<dyn error::Error>>;

const SCOPES: [&str; 1] = ["jobs:read"];

fn shown(caller: &Caller) -> Value {
    let mut shown =
        json!({"id": caller.key_id, "organization_id": caller.organization_id, "scopes": caller.scopes});
    if let Some(project) = &caller.project_id {
        shown["project_id"] = project.as_str().into();
    }
    shown
}

fn state(verifier: &Verifier) -> Value {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    json!({"kept": verifier.kept(), "now": now.as_secs()})
}

/// The second part of a path.
fn second(path: &str) -> Option<String> {
    path.split('/').nth(2).map(str::to_owned)
}

async fn jobs(Extension(caller): Extension<Caller>) -> Json<Value> {
    Json(shown(&caller))
}

fn routes_of_state(verifier: &Verifier) -> Router {
    let verifier = verifier.clone();
    Router::new().route("/state", get(async move || Json(state(&verifier))))
}

async fn with_axum(verifier: Verifier, listener: TcpListener) -> Outcome {
    let require = RequireKey::new(&verifier, SCOPES);
    let of_project = require.clone().project(|parts: &Parts| second(parts.uri.path()));
    let app = routes_of_state(&verifier)
        .route("/jobs", get(jobs).layer(require))
        .route("/projects/{project}/jobs", get(jobs).layer(of_project));
    Ok(axum::serve(tokio::net::TcpListener::from_std(listener)?, app).await?)
}

async fn actix_jobs(caller: web::ReqData<Caller>) -> web::Json<Value> {
    web::Json(shown(&caller))
}

async fn with_actix(verifier: Verifier, listener: TcpListener) -> Outcome {
    let app = move || {
        let require = RequireKey::new(&verifier, SCOPES);
        let of_project = require
            .clone()
            .project(|request: &ServiceRequest| request.match_info().get("project").map(Into::into));
        let asked = verifier.clone();
        App::new()
            .service(web::resource("/jobs").route(web::get().to(actix_jobs)).wrap(require))
            .service(
                web::resource("/projects/{project}/jobs").route(web::get().to(actix_jobs)).wrap(of_project),
            )
            .route("/state", web::get().to(move || std::future::ready(web::Json(state(&asked)))))
    };
    Ok(HttpServer::new(app).workers(2).disable_signals().listen(listener)?.run().await?)
}

struct Answering;

#[tonic::async_trait]
impl Health for Answering {
    type WatchStream = Pending<Result<HealthCheckResponse, Status>>;

    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let caller = request.extensions().get().ok_or_else(|| Status::internal("there is no caller"))?;
        let shown = shown(caller).to_string().parse().map_err(|_| Status::internal("not ASCII"))?;
        let mut answer = Response::new(HealthCheckResponse::default());
        answer.metadata_mut().insert("x-answer", shown);
        Ok(answer)
    }

    async fn watch(&self, _: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        Ok(Response::new(pending()))
    }
}

async fn with_tonic(verifier: Verifier, listener: TcpListener, beside: TcpListener) -> Outcome {
    let beside = tokio::net::TcpListener::from_std(beside)?;
    tokio::spawn(axum::serve(beside, routes_of_state(&verifier)).into_future());
    let listener = TcpListenerStream::new(tokio::net::TcpListener::from_std(listener)?);
    let mut server = Server::builder().layer(RequireKey::<Parts>::new(&verifier, SCOPES));
    Ok(server.add_service(HealthServer::new(Answering)).serve_with_incoming(listener).await?)
}

fn number(name: &str) -> Result<u64, Box<dyn error::Error>> {
    Ok(env::var(name)?.parse()?)
}

fn listen() -> Result<TcpListener, Box<dyn error::Error>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

#[tokio::main]
async fn main() -> Outcome {
    let token = env::var("CAPYKEYS_TOKEN")?;
    let verifier = Verifier::builder(env::var("CAPYKEYS_URL")?)
        .max_age(Duration::from_millis(number("MAX_AGE_MS")?))
        .timeout(Duration::from_millis(number("TIMEOUT_MS")?))
        .capacity(usize::try_from(number("CAPACITY")?)?.try_into()?)
        .token(move || Ok(token.clone()))
        .build()?;
    // The second is for what is not guarded, where the first can serve no such thing.
    let (listener, beside) = (listen()?, listen()?);
    let framework = env::args().nth(1).unwrap_or_default();
    let states = if framework == "tonic" { beside.local_addr()? } else { listener.local_addr()? };
    println!("listening {} {states}", listener.local_addr()?);
    // The end of its input is its own.
    thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        process::exit(0)
    });
    match framework.as_str() {
        "axum" => with_axum(verifier, listener).await,
        "tonic" => with_tonic(verifier, listener, beside).await,
        "actix" => with_actix(verifier, listener).await,
        other => Err(format!("no such framework: {other}").into()),
    }
}
