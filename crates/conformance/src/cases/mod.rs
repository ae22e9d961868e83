//! The cases: each panics where the store breaks its promise. Called through
//! [`conformance_suite!`](crate::conformance_suite).

pub mod audit;
pub mod brought;
pub mod cancel;
pub mod change;
pub mod exact;
pub mod expiry;
pub mod feed;
pub mod filters;
pub mod follow;
pub mod idempotency;
pub mod import;
pub mod insert;
pub mod lineage;
pub mod list;
pub mod lookup;
pub mod many;
pub mod organizations;
pub mod peppers;
pub mod random;
pub mod readable;
pub mod reads;
pub mod ready;
pub mod registry;
pub mod revoke;
pub mod rotate;
pub mod scoped;
pub mod secrets;
pub mod snapshot;
pub mod time;
pub mod uses;
pub mod whole;

mod deeds;
pub(crate) mod support;
