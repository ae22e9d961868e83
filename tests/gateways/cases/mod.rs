//! The cases, each a function of a gateway's stand. `main.rs` has the list.

pub(crate) mod access;
pub(crate) mod frames;
pub(crate) mod identity;
pub(crate) mod outage;
pub(crate) mod paths;
pub(crate) mod smuggling;
pub(crate) mod spellings;
pub(crate) mod transport;
