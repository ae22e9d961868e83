//! What sessions are granted, by their roles.

use std::collections::BTreeMap;

use capykeys_domain::{
    model::{Role, Scope, ScopeCatalogue, ScopeSet},
    policy::RoleTable,
};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::{Clerk, ConfigError, forms::list};

/// Names of scopes: a list, or a text with commas.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(transparent)]
pub(crate) struct ScopeNames(#[serde(deserialize_with = "list")] Vec<String>);

impl From<&ScopeSet> for ScopeNames {
    fn from(scopes: &ScopeSet) -> Self {
        Self(scopes.iter().map(|scope| scope.as_str().to_owned()).collect())
    }
}

impl ScopeNames {
    /// The scopes, where there are any: a role may be granted nothing.
    fn parse(&self, setting: &str, catalogue: &ScopeCatalogue) -> Result<ScopeSet, ConfigError> {
        if self.0.is_empty() {
            return Ok(ScopeSet::default());
        }
        let scopes = catalogue.parse(self.0.iter().map(String::as_str));
        scopes.map_err(|invalid| ConfigError::Invalid(format!("`{setting}`: {invalid}")))
    }

    /// Leaves those out that are not this service's own: of another company's scopes none is granted that
    /// nobody has written down, also not one with a name that the default has.
    pub(super) fn keep_own(&mut self) {
        self.0.retain(|name| name == Scope::API_KEYS_READ.as_str());
    }
}

/// The rows that are there unless the configuration has others for the same roles.
pub(super) fn default_rows() -> BTreeMap<String, ScopeNames> {
    let rows = RoleTable::default();
    rows.rows().iter().map(|(role, scopes)| (role.as_str().to_owned(), scopes.into())).collect()
}

/// What the roles are granted that have no row, unless the configuration says otherwise.
pub(super) fn default_others() -> ScopeNames {
    RoleTable::default().others().into()
}

/// The rows of the configuration, and the default ones of other roles: a row for one role takes nothing
/// from another.
pub(super) fn rows<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, ScopeNames>, D::Error> {
    let mut rows = BTreeMap::<String, ScopeNames>::deserialize(deserializer)?;
    for (role, scopes) in default_rows() {
        if !rows.keys().any(|name| Role::parse(name).is_some_and(|named| named.as_str() == role)) {
            rows.insert(role, scopes);
        }
    }
    Ok(rows)
}

impl Clerk {
    /// The rows of roles, and what all others are granted.
    pub(super) fn granted(
        &self,
        catalogue: &ScopeCatalogue,
    ) -> Result<(BTreeMap<Role, ScopeSet>, ScopeSet), ConfigError> {
        let mut rows = BTreeMap::new();
        for (name, scopes) in &self.roles {
            let setting = format!("clerk.roles.{name:?}");
            let role = Role::parse(name)
                .ok_or_else(|| ConfigError::Invalid(format!("`{setting}` is not the name of a role")))?;
            if rows.insert(role, scopes.parse(&setting, catalogue)?).is_some() {
                return Err(ConfigError::Invalid(format!(
                    "`{setting}` is there twice, with and without `org:`"
                )));
            }
        }
        Ok((rows, self.other_roles.parse("clerk.other_roles", catalogue)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn clerk(text: &str) -> Clerk {
        toml::from_str(text).unwrap()
    }

    fn table(text: &str) -> Result<RoleTable, String> {
        let config = Config { clerk: clerk(text), ..Config::default() };
        config.role_table(&ScopeCatalogue::default()).map_err(|error| error.to_string())
    }

    fn granted(text: &str, role: &str) -> Vec<String> {
        let table = table(text).unwrap();
        let scopes = table.rows().get(&Role::parse(role).unwrap()).unwrap_or(table.others());
        scopes.iter().map(|scope| scope.as_str().to_owned()).collect()
    }

    #[test]
    fn without_a_table_it_is_the_default_one() {
        assert_eq!(table(""), Ok(RoleTable::default()));
    }

    #[test]
    fn a_row_for_one_role_takes_nothing_from_another() {
        let text = "[roles]\n'org:billing' = ['projects:read']\nguest = []\n";
        assert_eq!(granted(text, "org:billing"), ["projects:read"]);
        assert_eq!(granted(text, "org:guest"), [""; 0]);
        assert_eq!(granted(text, "org:admin"), ["*"]);
        assert_eq!(&granted(text, "org:member"), &granted("", "org:member"));
    }

    #[test]
    fn the_default_rows_can_be_changed() {
        for name in ["admin", "org:admin"] {
            let text =
                format!("other_roles = ['jobs:read']\n[roles]\n'{name}' = 'projects:read, jobs:read'\n");
            assert_eq!(granted(&text, "org:admin"), ["projects:read", "jobs:read"]);
            assert_eq!(granted(&text, "org:member"), ["jobs:read"]);
        }
        assert_eq!(granted("other_roles = []\n", "org:member"), [""; 0]);
    }

    #[test]
    fn what_cannot_be_is_told_with_the_name_of_the_setting() {
        for (text, said) in [
            ("other_roles = ['jobs:reed']", "`clerk.other_roles`: `scopes[0]` is not a known scope"),
            ("[roles]\n'org:x' = ['*', 'jobs']", "`clerk.roles.\"org:x\"`: `scopes[1]` is not a known scope"),
            ("[roles]\nx = ['*', '*']", "`clerk.roles.\"x\"`: `scopes[1]` repeats an earlier scope"),
            ("[roles]\n'a b' = ['*']", "`clerk.roles.\"a b\"` is not the name of a role"),
            ("[roles]\n'org:' = ['*']", "`clerk.roles.\"org:\"` is not the name of a role"),
            ("[roles]\n'' = []", "`clerk.roles.\"\"` is not the name of a role"),
            ("[roles]\nx = []\n'org:x' = []", "`clerk.roles.\"x\"` is there twice, with and without `org:`"),
        ] {
            let error = table(text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
    }

    #[test]
    fn the_table_in_force_is_printed() {
        let printed = toml::to_string(&clerk("[roles]\nbilling = []\n")).unwrap();
        let printed: toml::Table = toml::from_str(&printed).unwrap();
        assert_eq!(printed["roles"]["org:admin"].as_array().unwrap().len(), 1);
        assert_eq!(printed["roles"]["billing"].as_array().unwrap().len(), 0);
        assert!(printed["other_roles"].as_array().unwrap().contains(&"schema:read".into()));
    }
}
