//! The OpenAPI document, generated from the endpoints.

mod document;
mod older;
mod refine;

pub(crate) use document::openapi_json_of;
pub use document::{Audience, Dialect, openapi_json};
