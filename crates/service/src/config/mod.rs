//! The configuration: defaults, then a file, then the environment. Unknown keys are refused, so
//! that a misspelt one does not pass unnoticed.

mod audit;
mod authorize;
mod cache;
mod callers;
mod check;
mod clerk;
mod error;
mod former;
mod forms;
mod keys;
mod name;
mod oidc;
mod own_store;
mod pages;
mod period;
mod place;
mod reference;
mod roles;
mod rule;
mod rules;
mod scopes;
mod secret;
mod server;
mod storage;
mod telemetry;
mod usage;
mod values;

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
};

use config::{Environment, File, FileFormat};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use audit::Audit;
pub(crate) use authorize::Authorize;
pub(crate) use cache::Cache;
pub(crate) use callers::{Callers, ClusterToken, InternalTls};
pub(crate) use clerk::{Clerk, Instance};
pub(crate) use error::ConfigError;
pub(crate) use keys::Keys;
pub(crate) use name::below;
pub(crate) use oidc::Provider;
pub(crate) use own_store::OURS;
pub use own_store::StoreKind;
pub(crate) use pages::Pages;
pub(crate) use period::Period;
pub(crate) use place::StorePlace;
#[cfg(test)]
pub(crate) use reference::tests::settings;
pub(crate) use reference::{example, schema_with};
pub(crate) use rule::HIDDEN_QUERY;
pub(crate) use rules::load as load_rules;
pub(crate) use scopes::Scopes;
pub(crate) use secret::Secret;
pub(crate) use server::{Internal, Log, LogFormat, Server};
pub(crate) use storage::{Postgres, Sqlite, Store};
pub(crate) use telemetry::Telemetry;
pub(crate) use usage::Usage;
pub(crate) use values::may_be_empty;

use self::{former::Former, own_store::OwnStore};

/// Everything that can be set. `docs/configuration.md` explains each.
#[derive(Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) server: Server,
    pub(crate) internal: Internal,
    pub(crate) pages: Pages,
    pub(crate) store: Store,
    pub(crate) sqlite: Sqlite,
    pub(crate) postgres: Postgres,
    pub(crate) keys: Keys,
    pub(crate) cache: Cache,
    pub(crate) usage: Usage,
    pub(crate) audit: Audit,
    pub(crate) clerk: Clerk,
    /// OpenID providers, by names of your own.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) oidc: BTreeMap<String, Provider>,
    pub(crate) scopes: Scopes,
    pub(crate) log: Log,
    pub(crate) telemetry: Telemetry,
    /// Where `store.kind` names one that the program brought with it.
    #[serde(skip)]
    pub(crate) own_store: Option<OwnStore>,
}

impl Config {
    /// From `file`, where there is one, and the environment (`CAPYKEYS__SECTION__KEY`), and checked as
    /// far as can be without looking at anything else.
    pub(crate) fn load(file: Option<&Path>, kinds: &[StoreKind]) -> Result<Self, ConfigError> {
        Self::layered(file, values::environment()?, kinds)
    }

    /// That of one of the two stores of a copy. The environment says nothing of where they are: it would say the same
    /// of both.
    pub(crate) fn of_store(place: &StorePlace, kinds: &[StoreKind]) -> Result<Self, ConfigError> {
        let mut variables = values::environment()?;
        let sections: Vec<_> =
            ["store"].into_iter().chain(OURS).chain(kinds.iter().map(StoreKind::name)).collect();
        variables.retain(|name, _| !sections.iter().any(|section| values::is_of_section(name, section)));
        let (file, settings) = place.read();
        // What may have a password in it is not repeated as the name of a file.
        let text = file.map(Path::to_string_lossy).unwrap_or_default();
        if text.contains("://") || text.contains("password=") {
            return Err(ConfigError::Invalid(
                "--from and --to take a configuration file, sqlite:FOLDER or postgres://…".to_owned(),
            ));
        }
        variables.extend(settings.map(|(name, value)| (format!("CAPYKEYS__{name}"), value)));
        Self::layered(file, variables, kinds)
    }

    pub(crate) fn layered(
        file: Option<&Path>,
        variables: HashMap<String, String>,
        kinds: &[StoreKind],
    ) -> Result<Self, ConfigError> {
        let own_sections = kinds.iter().map(|kind| kind.name().to_owned());
        let sections = reference::sections().into_iter().chain(own_sections);
        values::check_names(variables.keys().map(String::as_str), sections)?;
        let (source, mut former) = (config::Config::builder, Former::default());
        let mut layers = source();
        if let Some(path) = file {
            let text = error::read_toml("--config", path)?;
            let written = source().add_source(File::from_str(&text, FileFormat::Toml)).build();
            layers = layers.add_source(former.renamed(written)?);
        }
        let environment = Environment::with_prefix("CAPYKEYS").prefix_separator("__").separator("__");
        let environment = source().add_source(environment.source(Some(variables))).build();
        let merged = layers.add_source(former.renamed(environment)?).build();
        let merged = merged.map_err(|error| ConfigError::unusable(&error))?;
        Self::read(merged, kinds).map_err(|error| former.as_written(error))
    }

    fn read(mut merged: config::Config, kinds: &[StoreKind]) -> Result<Self, ConfigError> {
        values::check("", &merged.cache)?;
        let own_store = own_store::take(&mut merged, kinds)?;
        let written = merged.cache.clone();
        let own_scopes = merged.get_table("scopes").is_ok_and(|scopes| !scopes.is_empty());
        let default_others = merged.get::<config::Value>("clerk.other_roles").is_err();
        let mut config: Self = merged.try_deserialize().map_err(|error| ConfigError::unusable(&error))?;
        config.own_store = own_store;
        if own_scopes && default_others {
            config.clerk.other_roles.keep_own();
        }
        values::check_numbers("", &written, &serde_json::json!(config))?;
        config.check()?;
        Ok(config)
    }
}

#[cfg(test)]
mod tests;
