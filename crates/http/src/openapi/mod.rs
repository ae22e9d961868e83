//! The OpenAPI document, generated from the endpoints.

mod document;
mod older;
mod refine;
mod secrets;

pub(crate) use document::openapi_json_of;
pub use document::{Audience, Dialect, openapi_json};
pub use secrets::{SECRET_MEMBERS, SecretsCovered, UncoveredSecret};
