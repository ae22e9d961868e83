//! Whether the server is well.

use serde::Serialize;
use utoipa::ToSchema;

/// The server is well.
#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    /// `ok`, or `ready`.
    #[schema(example = "ok")]
    pub(crate) status: &'static str,
}
