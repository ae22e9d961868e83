//! The PostgreSQL storage adapter of capykeys.
//!
//! [`PostgresStore`] implements the storage ports of the domain over a pool of connections.
//!
//! - Every operation is one statement in one round trip, and a statement that changes something
//!   writes the audit event with it. Nothing depends on the state of a session, so that a pooler
//!   in transaction mode (`PgBouncer`) may stand between: where
//!   prepared statements do not stay, it goes on without.
//! - Every operation has a deadline that includes the wait for a connection. Opening one has time of
//!   its own and goes on when nobody waits any more. A connection whose operation failed is closed;
//!   one whose operation took too long is used again when the server has ended it, or ends it.
//! - A whole store is read and filled on a connection of its own, in a transaction over several round trips.
//! - A change whose commit has reached no standby, because the wait for it was cancelled, has failed.
//! - A connection to a database whose schema this program cannot work with is never used.
//!
//! [`migrate`] brings a database to the newest schema that it knows.

mod audit;
mod connections;
mod connector;
mod creator;
mod driver;
mod event_log;
mod expiry;
mod failure;
mod feed;
mod fitness;
mod import;
mod keys;
mod line;
mod lookup;
mod measures;
mod migrate;
mod once;
mod organizations;
mod peppers;
mod pool;
mod prepared;
mod probe;
mod registry;
mod rows;
mod schema;
mod settings;
mod settings_error;
mod snapshot;
mod statement;
mod store;
mod tls;
mod trust;
mod url;

pub use migrate::{MigrateError, Migrated, migrate, migrate_with};
pub use prepared::PreparedStatements;
pub use schema::{MIGRATIONS, OLDEST_SCHEMA, SchemaError};
pub use settings::{PostgresSettings, UrlSource};
pub use settings_error::SettingsError;
pub use store::PostgresStore;
