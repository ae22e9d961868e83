//! A storage adapter over [redb](https://docs.rs/redb), an embedded key-value store: the one to copy for a store of
//! your own. `docs/adapters.md` walks through it.
//!
//! - [`Redb`] is its section of the configuration and what the service has to know of it.
//! - [`RedbStore`] implements the ports, one file for each.
//!
//! What it promises: an answer comes after the commit, which is durable. All that belongs together is one transaction,
//! and there is one that writes at a time, in however many processes. Reads see what was committed before they began.
//! One server works on a folder at a time; commands open the same database beside it.

mod audit_log;
mod change_feed;
mod database;
mod directory;
mod error;
mod expiry;
mod import;
mod key_lookup;
mod keys;
mod once;
mod organizations;
mod peppers;
mod replicas;
mod settings;
mod snapshot;
mod store;
mod tables;

pub use error::OpenError;
pub use settings::Redb;
pub use store::RedbStore;

/// Names this adapter in errors.
const DEPENDENCY: &str = "redb";
