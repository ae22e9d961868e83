//! The embedded storage adapter of capykeys: one SQLite database in one directory.
//!
//! [`SqliteStore`] implements the storage ports of the domain. What it promises:
//!
//! - An acknowledged write survives `kill -9` and power loss: WAL with `synchronous=FULL`, and no
//!   caller is answered before the commit.
//! - All writes go through one thread, which commits what waits in its queue together (up to 64
//!   operations) and gives each operation a savepoint, so that one that fails harms no other.
//! - Reads see everything that was committed before they began. Point lookups run right on the
//!   caller's thread; lists run on a blocking thread, each as one short read transaction.
//! - Every call comes back within about a second, if need be as
//!   [`Unavailable`](capykeys_domain::ports::Unavailable).
//!
//! One server works on a directory at a time and holds a [`ServerLock`]; operators' commands may
//! open the same store beside it.

mod audit_log;
mod change_feed;
mod directory;
mod error;
mod expiry;
mod import;
mod key_lookup;
mod key_store;
mod leftover;
mod once;
mod organizations;
mod peppers;
mod readers;
mod readiness;
mod registry;
mod schema;
mod snapshot;
mod sql;
mod store;
mod writer;

pub use directory::ServerLock;
pub use error::OpenError;
pub use store::SqliteStore;

/// Names this adapter in errors.
const DEPENDENCY: &str = "sqlite";
