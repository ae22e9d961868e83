//! The HTTP interface of capykeys: actix-web over the [use cases](capykeys_domain::usecases).
//!
//! One endpoint a file, in `endpoints`, each declared once (`routing`); the OpenAPI document is generated
//! from them. A request passes through three layers, from the outside in:
//!
//! - `connection`: the stream itself, which bounds how long a client may take, and gives a JSON
//!   body to what actix refuses before there is a request;
//! - `layer`: the request id, the time limit, panics, the headers of every answer, the log line;
//! - `endpoints`: authenticate, ask the policy, read the input, call the use case.

mod answer;
mod base_path;
mod cluster;
mod connection;
mod drain;
mod endpoints;
mod error;
mod exchange;
mod layer;
mod openapi;
mod request;
mod routing;
mod server;
mod settings;
mod status;
mod surface;

pub use actix_web::dev::{Server, ServerHandle};
pub use answer::{
    ApiKeyEnvelope, ApiKeyView, CreatedApiKey, OrganizationView, RevokedApiKey, RevokedApiKeys,
};
pub use base_path::BasePath;
pub use cluster::ClusterAuthentication;
pub use drain::Drain;
pub use openapi::{Audience, Dialect, SECRET_MEMBERS, SecretsCovered, UncoveredSecret, openapi_json};
pub use server::serve;
pub use settings::Settings;
pub use surface::{Internal, Metrics, Public, Surface};
