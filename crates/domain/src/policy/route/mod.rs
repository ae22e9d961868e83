//! What a gateway's routes need: which requests need which scopes and which project.
//!
//! It is configured by whoever configures the gateway, and never taken from what a client sends.

mod host;
mod path;
mod rule;
mod settings;

pub use host::HostPattern;
pub use path::{PathMatch, PathPattern, RequestPath};
pub use rule::{OriginalRequest, RouteNeeds, RouteRule, RouteRules};
pub use settings::RouteError;
