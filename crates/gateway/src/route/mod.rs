//! What a gateway's routes need: which requests need which scopes and which project.
//!
//! It is configured by whoever configures the gateway, and never taken from what a client sends.

mod error;
mod fit;
mod host;
mod method;
mod path;
mod pattern;
mod rule;
mod settings;

pub use error::RouteError;
use fit::Fit;
pub use host::HostPattern;
use host::RequestHost;
use method::RequestMethod;
use path::RequestPath;
pub use pattern::PathPattern;
pub use rule::{OriginalRequest, RouteNeeds, RouteRule, RouteRules};
