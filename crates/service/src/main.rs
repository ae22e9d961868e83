//! The binary `capykeys`: issues, lists, revokes and verifies API keys.
//!
//! This crate wires the others together: it alone reads the configuration, the environment, the
//! system's clock and its random source.

mod adapters;
mod app;
mod clerk;
mod cli;
mod commands;
mod config;
mod error;
mod first_run;
mod grpc;
mod internal;
mod listeners;
mod memory;
mod metrics;
mod output;
mod pepper_watch;
mod peppers;
mod retention;
mod room;
mod store;
mod telemetry;
mod tls;

use std::process::ExitCode;

/// Which program this is.
const VERSION: &str = env!("CARGO_PKG_VERSION");

fn main() -> ExitCode {
    // The one that there is; whoever asks for none by name gets it.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    match commands::run(cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::error(error.as_ref());
            ExitCode::FAILURE
        }
    }
}
