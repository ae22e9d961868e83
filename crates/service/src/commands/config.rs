//! `capykeys config`

use capykeys_storage::Backend;
use toml::{Table, Value};

use crate::{
    cli,
    config::{self, Config, Secret, StoreKind},
    error::Error,
    internal, output, peppers,
    sessions::SessionVerifiers,
};

/// What needs no configuration, if it is that.
pub(crate) fn reference(command: &cli::Config, kinds: &[StoreKind]) -> Option<Result<(), Error>> {
    match command {
        cli::Config::Check => None,
        cli::Config::Schema => Some(output::json(&config::schema_with(kinds))),
        cli::Config::Example => Some(output::text(&config::example())),
    }
}

/// Checks the configuration and prints what is in force: a file that says the same again, besides its secrets.
pub(crate) fn run(config: &Config, backend: &dyn Backend) -> Result<(), Error> {
    check(config, backend)?;
    output::text(&in_force(config)?)
}

/// Checks the files that the configuration names and all else that needs neither the store nor the
/// network.
pub(crate) fn check(config: &Config, backend: &dyn Backend) -> Result<(), Error> {
    config.internal.authorize.gateways(&config.catalogue()?, (&config.keys).into())?;
    internal::proof(&config.internal)?;
    SessionVerifiers::configured(config)?;
    peppers::check(&config.keys, backend.embedded().map(|embedded| embedded.directory))?;
    Ok(())
}

fn in_force(config: &Config) -> Result<String, Error> {
    let mut table = Table::try_from(config)?;
    if let Some(own) = &config.own_store {
        table.extend(Table::try_from(&own.section)?);
    }
    let mut secrets = Vec::new();
    leave_out(&mut table, "", &mut secrets);
    let mut text = String::new();
    if !secrets.is_empty() {
        text = format!("# Set as well, and not shown, since it is secret: {}\n\n", secrets.join(", "));
    }
    Ok(text + &toml::to_string_pretty(&table)?)
}

/// Leaves out what may not be shown, and what may not be written: that something is empty is said by leaving it out.
fn leave_out(table: &mut Table, section: &str, secrets: &mut Vec<String>) {
    table.retain(|key, value| {
        let name = config::below(section, key);
        match value {
            Value::Table(table) => leave_out(table, &name, secrets),
            Value::String(text) if text.is_empty() => return false,
            Value::String(text) if text == Secret::HIDDEN || text.ends_with(config::HIDDEN_QUERY) => {
                secrets.push(name);
                return false;
            }
            Value::Array(list) if list.is_empty() => return config::may_be_empty(&name),
            _ => {}
        }
        true
    });
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, io::Write};

    use super::*;

    fn load(text: &str, secrets: &[(&str, &str)]) -> Config {
        let mut file = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let variables: HashMap<_, _> =
            secrets.iter().map(|(name, value)| (format!("CAPYKEYS__{name}"), (*value).to_owned())).collect();
        Config::layered(Some(file.path()), variables, &[]).unwrap()
    }

    #[test]
    fn what_is_printed_says_the_same_again_with_the_secrets_beside_it() {
        let pepper = "5".repeat(64);
        let secrets = [
            ("KEYS__PEPPER", pepper.as_str()),
            ("KEYS__OLDER_PEPPERS__old__SECRET", &pepper),
            ("POSTGRES__URL", "postgres://u:hush@db.example/keys"),
            ("CLERK__INSTANCES__A__JWKS_URL", "https://clerk.example/jwks?token=hush"),
        ];
        for text in [
            "",
            "[store]\nkind = 'postgres'\n[clerk]\nother_roles = []\n[clerk.roles]\nguest = []\n'org:b' = ['*']\n\
             [clerk.instances.a]\nissuer = 'https://clerk.example'\n[oidc.b]\nissuer = 'https://id.example'\n\
             audiences = 'capykeys'\n[oidc.b.roles]\n'Capy Admins' = 'admin'\n[internal]\ncallers = 'token'\n\
             [internal.token]\nissuer = 'https://k.example'\naudience = 'capykeys'\npem_file = 'k.pem'\n\
             [scopes.'api_keys:read']\ndescription = 'Read.'\n[scopes.'api_keys:write']\ndescription = 'Write.'\n\
             [audit]\nkeep = '90d'\n[cache]\nlease = '750ms'\n",
        ] {
            let secrets = if text.is_empty() { &[] } else { &secrets[..] };
            let config = load(text, secrets);
            let printed = in_force(&config).unwrap();
            assert!(!printed.contains("hush") && !printed.contains(&pepper), "{printed}");
            let again = load(&printed, secrets);
            assert_eq!(in_force(&again).unwrap(), printed);
            assert_eq!(toml::to_string(&again).unwrap(), toml::to_string(&config).unwrap());
        }
    }

    #[test]
    fn what_is_not_shown_is_named() {
        let text = "[clerk.instances.a]\nissuer = 'https://clerk.example'\njwks_url = 'https://clerk.example/?hush'\n";
        let printed = in_force(&load(text, &[("KEYS__PEPPER", "hush")])).unwrap();
        let named = "secret: clerk.instances.a.jwks_url, keys.pepper\n";
        assert!(printed.contains(named) && !printed.contains("hush"), "{printed}");
    }
}
