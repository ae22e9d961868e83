//! The binary's command line, its configuration and its logs.
#![expect(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod callers;
mod configuration;
mod connections;
mod find_key;
mod first_run;
mod grpc;
mod help;
mod import_keys;
mod internal;
mod keys;
mod logs;
mod organizations;
mod patience;
mod peppers;
mod read_only;
mod reread;
mod scopes;
mod series;
mod serving;
mod stopping;
mod surroundings;
mod telemetry;
mod telemetry_faults;
mod telemetry_settings;
