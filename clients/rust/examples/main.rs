//! Tells organizations their jobs.

use axum::{Extension, Router, routing::get};
use capykeys_verifier::{Caller, RequireKey, Verifier};

async fn jobs(Extension(caller): Extension<Caller>) -> String {
    format!("the jobs of {}\n", caller.organization_id)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let verifier = Verifier::builder(std::env::var("CAPYKEYS_URL")?).build()?;
    let require = RequireKey::new(&verifier, ["jobs:read"]);
    let app = Router::new().route("/jobs", get(jobs).layer(require));
    let listener = tokio::net::TcpListener::bind(std::env::var("LISTEN")?).await?;
    Ok(axum::serve(listener, app).await?)
}
