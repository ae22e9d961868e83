//! The OpenAPI document, generated from the endpoints.

mod document;
pub(crate) mod responses;

pub use document::openapi_json;
