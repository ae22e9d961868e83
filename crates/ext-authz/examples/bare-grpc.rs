//! The bare limit that checks over gRPC are measured against, and the load for both: a tonic handler that takes the
//! same checks, gives the same answer, and does nothing else.
//!
//!     cargo run --release --example bare-grpc -- serve PORT OF_SERVER KEY
//!     cargo run --release --example bare-grpc -- load PORT KEY SECONDS
//!
//! The load has 32 checks under way on one connection, and prints how many were answered in a second.

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use envoy_types::{
    ext_authz::v3::pb::{Authorization, AuthorizationServer, CheckRequest, CheckResponse},
    pb::envoy::service::auth::v3::{
        AttributeContext, attribute_context, authorization_client::AuthorizationClient,
    },
};
use mimalloc::MiMalloc;
use tokio::{runtime::Builder, task::JoinSet};
use tonic::{Request, Response, Status, transport::Server};

/// As the service has it.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const UNDER_WAY: usize = 32;

type Failure = Box<dyn Error + Send + Sync>;

struct Bare(CheckResponse);

#[tonic::async_trait]
impl Authorization for Bare {
    async fn check(&self, _: Request<CheckRequest>) -> Result<Response<CheckResponse>, Status> {
        Ok(Response::new(self.0.clone()))
    }
}

fn check(key: &str) -> CheckRequest {
    let http = attribute_context::HttpRequest {
        method: "GET".to_owned(),
        path: "/jobs".to_owned(),
        host: "localhost".to_owned(),
        headers: [("authorization".to_owned(), format!("Bearer {key}"))].into(),
        ..Default::default()
    };
    let request = Some(attribute_context::Request { http: Some(http), ..Default::default() });
    let context_extensions = [("scopes".to_owned(), "jobs:read".to_owned())].into();
    let attributes = AttributeContext { request, context_extensions, ..Default::default() };
    CheckRequest { attributes: Some(attributes) }
}

async fn serve(port: &str, of_server: &str, key: &str) -> Result<(), Failure> {
    let mut client = AuthorizationClient::connect(format!("http://127.0.0.1:{of_server}")).await?;
    let answer = client.check(check(key)).await?.into_inner();
    let service = AuthorizationServer::new(Bare(answer));
    Ok(Server::builder().add_service(service).serve(format!("127.0.0.1:{port}").parse()?).await?)
}

async fn load(port: &str, key: &str, seconds: &str) -> Result<(), Failure> {
    let client = AuthorizationClient::connect(format!("http://127.0.0.1:{port}")).await?;
    let (answered, start) = (Arc::new(AtomicU64::new(0)), Instant::now());
    let end = start + Duration::from_secs_f64(seconds.parse()?);
    let mut checks = JoinSet::new();
    for _ in 0..UNDER_WAY {
        let (mut client, answered, check) = (client.clone(), Arc::clone(&answered), check(key));
        checks.spawn(async move {
            while Instant::now() < end {
                let answer = client.check(check.clone()).await?.into_inner();
                let code = answer.status.map_or(-1, |status| status.code);
                if code != 0 {
                    return Err(format!("a check was refused: {code}").into());
                }
                answered.fetch_add(1, Ordering::Relaxed);
            }
            Ok::<_, Failure>(())
        });
    }
    while let Some(ended) = checks.join_next().await {
        ended??;
    }
    say(u32::try_from(answered.load(Ordering::Relaxed))?, start.elapsed());
    Ok(())
}

#[expect(clippy::print_stdout, reason = "what it is for")]
fn say(answered: u32, within: Duration) {
    println!("{:.0}", f64::from(answered) / within.as_secs_f64());
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(async {
        match arguments[..] {
            ["serve", port, of_server, key] => serve(port, of_server, key).await,
            ["load", port, key, seconds] => load(port, key, seconds).await,
            _ => Err("usage: bare-grpc serve PORT OF_SERVER KEY | load PORT KEY SECONDS".into()),
        }
    })
}
