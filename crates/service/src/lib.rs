//! The service: issues, lists, revokes and verifies API keys.
//!
//! A program that brings stores of its own is [`run`] with their kinds; the binary `capykeys` is the same without any.
//! This crate wires the others together: it alone reads the configuration, the environment, the
//! system's clock and its random source.

mod adapters;
mod app;
mod backup;
mod cli;
mod commands;
mod config;
mod error;
mod expiry_notices;
mod first_run;
mod grpc;
mod idle_secrets;
mod internal;
mod listeners;
mod memory;
mod metrics;
mod output;
mod pepper_watch;
mod peppers;
mod read_only;
mod retention;
mod room;
mod sessions;
mod store;
mod telemetry;
mod tls;
mod transfer;
mod watch;

use std::process::ExitCode;

pub use config::StoreKind;

/// Which program this is.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The whole program: does what the command line says, on one of these kinds of stores or of ours, and gives the code
/// to exit with.
#[must_use]
pub fn run(kinds: &[StoreKind]) -> ExitCode {
    // The one that there is; whoever asks for none by name gets it.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    match commands::run(cli::parse(), kinds) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::error(error.as_ref());
            commands::exit_code(&error)
        }
    }
}
