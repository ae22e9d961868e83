//! Letting requests through gateways.
//!
//! A gateway asks about each request before it passes it on. [`GatewayFamily`] says how each family of gateways
//! asks over HTTP, and what comes of it is one [`Question`], over whatever interface. [`Gateways`] answers it:
//! the routes and rules say what the request needs, the domain gives the verdict on its credential. The
//! answer is [`Authorized`], which the API behind the gateway is told in [`IdentityHeaders`], or a [`Refusal`].
//!
//! The credential of any other request is read here too ([`read_credential`]), so that there is one reading.

mod authorize;
mod credential;
mod headers;
mod identity;
mod question;
mod refusal;
mod route;
pub mod sentences;
mod verdict;

pub use authorize::Gateways;
pub use credential::{CREDENTIAL_HEADERS, CredentialError, Presented, only_value, read_credential};
pub use headers::RequestHeaders;
pub use identity::{Authorized, IdentityHeaders};
pub use question::{GatewayFamily, Question};
pub use refusal::Refusal;
pub use route::{HostPattern, OriginalRequest, PathPattern, RouteError, RouteNeeds, RouteRule, RouteRules};
pub use verdict::verify;
