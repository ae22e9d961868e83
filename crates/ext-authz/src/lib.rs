//! Envoy's gRPC interface for authorization, over [`Verdicts`](capykeys_domain::usecases::Verdicts):
//! [`envoy.service.auth.v3.Authorization/Check`][check], and the [health service][health].
//!
//! It asks the same of requests and says the same of callers as the HTTP endpoints for gateways. A
//! refusal is always an answer of its own, with a status for the client, and never an error of gRPC:
//! those are what Envoy's `failure_mode_allow` lets through.
//!
//! [check]: https://www.envoyproxy.io/docs/envoy/latest/api-v3/service/auth/v3/external_auth.proto
//! [health]: https://grpc.io/docs/guides/health-checking/

mod answer;
mod checks;
mod connection;
mod original;
mod record;
mod server;
mod settings;

pub use server::serve;
pub use settings::Settings;
