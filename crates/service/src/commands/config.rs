//! `capykeys config`

use capykeys_domain::secret::KeyFormat;

use super::Error;
use crate::{
    cli,
    config::{Config, ConfigError, StoreKind},
    output,
};

/// Checks what can be checked without touching the store, and prints what is in force.
pub(crate) fn run(config: &Config, command: &cli::Config) -> Result<(), Error> {
    let cli::Config::Check = command;
    KeyFormat::new(&config.keys.prefix).map_err(|invalid| ConfigError::Invalid(invalid.to_string()))?;
    if config.store.kind == StoreKind::Postgres {
        crate::store::postgres(config)?;
    }
    config.server.base_path()?;
    config.cache.settings()?;
    config.clerk.role_table()?;
    config.internal.authorize.gateways()?;
    crate::internal::proof(&config.internal)?;
    crate::app::check_sessions(config)?;
    crate::peppers::check(config)?;
    output::text(&toml::to_string_pretty(config)?)
}
