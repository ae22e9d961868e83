//! `capykeys rules`

use crate::{
    cli,
    config::{self, Config},
    error::Error,
    output,
};

/// Checks a file with rules as `serve` does, and says how many there are.
pub(crate) fn run(config: &Config, command: &cli::Rules) -> Result<(), Error> {
    let cli::Rules::Check { file } = command;
    let rules = config::load_rules("FILE", file, &config.catalogue()?)?;
    let s = if rules.len() == 1 { "" } else { "s" };
    output::text(&format!("{} rule{s}, all of them good\n", rules.len()))
}
