//! Which OpenAPI document is printed.

use capykeys_http::{Audience, Dialect};
use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct Openapi {
    /// That of the internal listener, for the cluster.
    #[arg(long)]
    internal: bool,
    /// Written in OpenAPI 3.0, for generators that read no newer one.
    #[arg(long = "openapi-3.0")]
    older: bool,
}

impl Openapi {
    pub(crate) fn document(&self) -> String {
        let audience = if self.internal { Audience::Internal } else { Audience::Public };
        capykeys_http::openapi_json(audience, if self.older { Dialect::V3_0 } else { Dialect::V3_1 })
    }
}
