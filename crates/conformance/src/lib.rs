//! What every storage adapter of capykeys must pass.
//!
//! An adapter runs the suite with one line in an integration test:
//!
//! ```text
//! capykeys_conformance::conformance_suite!(fresh);
//!
//! async fn fresh() -> capykeys_conformance::Store { … }
//! ```
//!
//! which makes a test of every case, each on a store of its own. `docs/adapters.md` leads through
//! it. The cases say with their names and comments what the ports in `capykeys_domain::ports`
//! promise; [`model::ModelStore`] is the same as a program: the random sequences compare an
//! adapter's every answer with the model's.

//! - [`conformance_suite!`]: the cases that every store has to pass.
//! - [`embedded_suite!`]: those for a store in a folder, which start processes and fail the disk.
//! - [`Store`]: the store under test, and what the suite has to be told of it.
//! - [`fixtures`]: rows, clocks and randomness for an adapter's own tests.
//! - [`columns`]: for stores with rows, what the change feed has to tell of.
//! - [`model`]: the reference model.
//!
//! That the cases see what is wrong with a store is tested with planted mistakes: `tests/mutants.rs` here and
//! in the adapters.

#![deny(missing_docs)]
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a case that cannot go on has failed, and only tests link this crate"
)]

#[doc(hidden)]
pub mod cases;
pub mod columns;
pub mod embedded;
pub mod fixtures;
pub mod model;
mod moody;
mod sequences;
#[expect(clippy::missing_panics_doc, reason = "what cannot go on is a test that has failed")]
pub mod service;
#[cfg(feature = "sessions")]
pub mod sessions;
mod store;
mod suite;

pub use store::Store;
