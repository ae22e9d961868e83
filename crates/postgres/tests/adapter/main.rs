//! What is PostgreSQL's own: faults and healing, migrations, roles, concurrency.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../support/mod.rs"]
mod support;

mod concurrency;
mod faults;
mod migrations;
mod rows;
mod statements;
