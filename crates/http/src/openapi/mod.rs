//! The OpenAPI document, generated from the endpoints.

mod document;
mod refine;

pub use document::openapi_json;
pub(crate) use document::openapi_json_of;
