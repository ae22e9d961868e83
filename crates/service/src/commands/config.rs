//! `capykeys config`

use super::Error;
use crate::{
    cli,
    config::{Config, StoreKind},
    output,
};

/// Checks the configuration and prints what is in force.
pub(crate) fn run(config: &Config, command: &cli::Config) -> Result<(), Error> {
    let cli::Config::Check = command;
    check(config)?;
    output::text(&toml::to_string_pretty(config)?)
}

/// Checks the files that the configuration names and all else that needs neither the store nor the
/// network.
pub(crate) fn check(config: &Config) -> Result<(), Error> {
    if config.store.kind == StoreKind::Postgres {
        crate::store::postgres(config)?;
    }
    config.internal.authorize.gateways(&config.catalogue()?)?;
    crate::internal::proof(&config.internal)?;
    crate::app::check_sessions(config)?;
    crate::peppers::check(config)?;
    Ok(())
}
