//! Stores that a program brings with it.

use std::{collections::BTreeMap, fmt, sync::Arc};

use capykeys_storage::Backend;
use config::{Map, Value, ValueKind};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;

use super::{ConfigError, values::check_numbers};

/// Those that come with the service.
pub(crate) const OURS: [&str; 2] = ["sqlite", "postgres"];

/// A kind of store that a program brings with it, for [`run`](crate::run).
#[derive(Clone, Copy)]
pub struct StoreKind {
    name: &'static str,
    configure: fn(&Value) -> Result<OwnStore, ConfigError>,
}

impl StoreKind {
    /// The kind that `store.kind` names so. `B` is its section of the configuration, which has the same name, and is
    /// read where the kind is chosen: so it has `#[serde(default)]` and `#[serde(deny_unknown_fields)]`.
    ///
    /// `capykeys config check` prints it, so a secret in it is to be skipped when it is serialized.
    #[must_use]
    pub const fn of<B>(name: &'static str) -> Self
    where
        B: Backend + DeserializeOwned + Serialize + 'static,
    {
        Self { name, configure: configure::<B> }
    }

    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }
}

/// The store that was chosen, where the program brought it.
#[derive(Clone)]
pub(crate) struct OwnStore {
    pub(crate) backend: Arc<dyn Backend>,
    /// Its section, to be printed.
    pub(crate) section: serde_json::Value,
}

impl fmt::Debug for OwnStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.backend.name())
    }
}

/// Takes the sections of `kinds` out of what was set, and reads that of the chosen one.
pub(crate) fn take(set: &mut config::Config, kinds: &[StoreKind]) -> Result<Option<OwnStore>, ConfigError> {
    let chosen = set.get_string("store.kind").unwrap_or_default();
    let known: Vec<_> = OURS.into_iter().chain(kinds.iter().map(StoreKind::name)).collect();
    if !chosen.is_empty() && !known.contains(&chosen.as_str()) {
        let known = known.join("`, `");
        return Err(ConfigError::Invalid(format!("`store.kind` must be one of `{known}`")));
    }
    let ValueKind::Table(sections) = &mut set.cache.kind else { return Ok(None) };
    let mut own = None;
    for StoreKind { name, configure } in kinds {
        let section = sections.remove(*name);
        if *name == chosen {
            let section = section.unwrap_or_else(|| Map::<String, Value>::new().into());
            own = Some(configure(&Map::from_iter([((*name).to_owned(), section)]).into())?);
        } else if section.is_some() {
            let sentence = format!("`{name}` is set, so `store.kind` must be `{name}`");
            return Err(ConfigError::Invalid(sentence));
        }
    }
    Ok(own)
}

/// Errors name the setting with its section before it, since both are read.
fn configure<B>(written: &Value) -> Result<OwnStore, ConfigError>
where
    B: Backend + DeserializeOwned + Serialize + 'static,
{
    let read: BTreeMap<String, B> =
        written.clone().try_deserialize().map_err(|error| ConfigError::unusable(&error))?;
    let section = json!(read);
    check_numbers("", written, &section)?;
    let backend = read.into_values().next();
    let backend = backend.ok_or_else(|| ConfigError::Invalid("the store has no section".to_owned()))?;
    Ok(OwnStore { backend: Arc::new(backend), section })
}
