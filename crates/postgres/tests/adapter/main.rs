//! What is PostgreSQL's own: faults and healing, migrations, roles, concurrency, the feed, uses.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../support/mod.rs"]
mod support;

mod audit;
mod bulk;
mod concurrency;
mod cost;
mod distance;
mod faults;
mod feed;
mod filters;
mod fitness;
mod follow;
mod line;
mod migrations;
mod once;
mod plans;
mod prepared;
mod rows;
mod scene;
mod standbys;
mod statements;
mod uses;
