//! `capykeys config`

use capykeys_storage::Backend;

use crate::{clerk, cli, config::Config, error::Error, internal, output, peppers};

/// Checks the configuration and prints what is in force.
pub(crate) fn run(config: &Config, backend: &dyn Backend, command: &cli::Config) -> Result<(), Error> {
    let cli::Config::Check = command;
    check(config, backend)?;
    output::text(&toml::to_string_pretty(config)?)?;
    let own = config.own_store.as_ref();
    own.map_or(Ok(()), |own| output::text(&format!("\n{}", toml::to_string_pretty(&own.section)?)))
}

/// Checks the files that the configuration names and all else that needs neither the store nor the
/// network.
pub(crate) fn check(config: &Config, backend: &dyn Backend) -> Result<(), Error> {
    config.internal.authorize.gateways(&config.catalogue()?)?;
    internal::proof(&config.internal)?;
    clerk::verifier(&config.clerk)?;
    peppers::check(&config.keys, backend.embedded().map(|embedded| embedded.directory))?;
    Ok(())
}
