//! Which scopes there are.

use std::collections::BTreeMap;

use capykeys_domain::{
    model::{Role, Scope, ScopeCatalogue, ScopeDefinition},
    policy::RoleTable,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Config, ConfigError, forms::list, rule::broken};

/// What a scope's `roles` call every role that has no row of its own.
const EVERY_OTHER_ROLE: &str = "*";

/// The scopes that there are, by their names; `*` is always one.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(transparent)]
pub(crate) struct Scopes(BTreeMap<String, ScopeSettings>);

/// One scope.
#[derive(Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
struct ScopeSettings {
    /// What the scope is good for, for people: up to 200 characters. The section replaces the whole catalogue of
    /// scopes, and is best in the file, since a variable's name holds no colon.
    #[schemars(example = &"Read invoices.")]
    description: String,
    /// Whether a key of one project may carry it.
    project: bool,
    /// The roles whose sessions are granted it, besides what `clerk.roles` and `clerk.other_roles` say; `*` is every
    /// role without a row of its own.
    #[schemars(example = ["org:billing"])]
    #[serde(deserialize_with = "list", skip_serializing_if = "Vec::is_empty")]
    roles: Vec<String>,
}

impl Default for Scopes {
    fn default() -> Self {
        let catalogue = ScopeCatalogue::default();
        let settings = catalogue.definitions().iter().filter(|one| one.scope != Scope::ALL).map(|one| {
            let (description, project) = (one.description.clone(), one.for_projects);
            (one.scope.as_str().to_owned(), ScopeSettings { description, project, roles: Vec::new() })
        });
        Self(settings.collect())
    }
}

impl Scopes {
    /// The catalogue: those of the default one in its order, and others behind them by name.
    fn catalogue(&self) -> Result<ScopeCatalogue, ConfigError> {
        let mut definitions =
            self.0.iter().map(|(name, one)| one.definition(name)).collect::<Result<Vec<_>, _>>()?;
        let default = ScopeCatalogue::default();
        let place = |scope: &Scope| default.definitions().iter().position(|one| one.scope == *scope);
        definitions.sort_by_key(|one| place(&one.scope).unwrap_or(usize::MAX));
        ScopeCatalogue::new(definitions).map_err(|invalid| broken(invalid.field(), invalid.rule()))
    }

    /// The roles that each scope names, of a catalogue that is good; `None` is every role without a row of
    /// its own.
    fn granted(&self) -> impl Iterator<Item = (Scope, Option<Role>)> {
        let named = self.0.iter().flat_map(|(name, one)| one.roles.iter().map(move |role| (name, role)));
        named.filter_map(|(name, role)| Some((Scope::parse(name)?, Role::parse(role))))
    }
}

impl ScopeSettings {
    fn definition(&self, name: &str) -> Result<ScopeDefinition, ConfigError> {
        let setting = format!("scopes.{name:?}");
        let scope = Scope::parse(name).ok_or_else(|| {
            broken(
                &setting,
                "is not the name of a scope: up to 64 of `a-z`, `0-9`, `_`, `-`, `.` and `:`, of which the first is \
                 a letter",
            )
        })?;
        if self.roles.iter().any(|role| role != EVERY_OTHER_ROLE && Role::parse(role).is_none()) {
            let setting = format!("{setting}.roles");
            return Err(broken(&setting, "must be names of roles, or `*` for every role without a row"));
        }
        if !(1..=200).contains(&self.description.chars().count()) {
            let setting = format!("{setting}.description");
            return Err(broken(&setting, "must be there, 1 to 200 characters long"));
        }
        Ok(ScopeDefinition { scope, description: self.description.clone(), for_projects: self.project })
    }
}

impl Config {
    /// The scopes that there are.
    pub(crate) fn catalogue(&self) -> Result<ScopeCatalogue, ConfigError> {
        self.scopes.catalogue()
    }

    /// What sessions are granted of the catalogue: what the role's row says, or what is said of other
    /// roles, and every scope that names the role.
    pub(crate) fn role_table(&self, catalogue: &ScopeCatalogue) -> Result<RoleTable, ConfigError> {
        let (mut rows, mut others) = self.clerk.granted(catalogue)?;
        for (scope, _) in self.scopes.granted().filter(|(_, role)| role.is_none()) {
            others = others.with(scope);
        }
        for (scope, role) in self.scopes.granted() {
            let Some(role) = role else { continue };
            let row = rows.remove(&role).unwrap_or_else(|| others.clone());
            rows.insert(role, row.with(scope));
        }
        Ok(RoleTable::new(rows, others))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What this service asks for itself.
    const OWN: &str = "[scopes.'api_keys:read']\ndescription = 'List keys.'\n\
                       [scopes.'api_keys:write']\ndescription = 'Change keys.'\n";

    fn table(text: &str) -> Result<RoleTable, String> {
        let config: Config = toml::from_str(text).unwrap();
        let table = config.catalogue().and_then(|catalogue| config.role_table(&catalogue));
        table.map_err(|error| error.to_string())
    }

    fn granted(table: &RoleTable, role: &str) -> String {
        table.rows().get(&Role::parse(role).unwrap()).unwrap_or(table.others()).to_string()
    }

    #[test]
    fn without_a_section_the_scopes_are_the_contracts() {
        assert_eq!(table(""), Ok(RoleTable::default()));
        let printed = toml::to_string(&Config::default()).unwrap();
        assert_eq!(table(&printed), Ok(RoleTable::default()), "{printed}");
    }

    #[test]
    fn the_section_is_the_whole_catalogue_in_a_fixed_order() {
        let text = format!(
            "{OWN}[scopes.'invoices:pay']\ndescription = 'Pay.'\n[scopes.'backups:read']\n\
             description = 'Other backups.'\nproject = true\n[clerk]\nother_roles = []\n"
        );
        let catalogue = toml::from_str::<Config>(&text).unwrap().catalogue().unwrap();
        let definitions = catalogue.definitions();
        let names: Vec<_> = definitions.iter().map(|one| one.scope.as_str()).collect();
        assert_eq!(names, ["backups:read", "api_keys:read", "api_keys:write", "invoices:pay", "*"]);
        assert_eq!(
            (definitions[0].description.as_str(), definitions[0].for_projects),
            ("Other backups.", true)
        );
        assert!(!definitions[3].for_projects);
    }

    #[test]
    fn with_scopes_of_its_own_a_role_that_nobody_named_is_granted_none_of_them() {
        let text = format!("{OWN}[scopes.'jobs:read']\ndescription = 'Salaries.'\nroles = ['hr']\n");
        let mut path = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
        std::io::Write::write_all(&mut path, text.as_bytes()).unwrap();
        let config = Config::layered(Some(path.path()), std::collections::HashMap::new(), &[]).unwrap();
        let table = config.role_table(&config.catalogue().unwrap()).unwrap();
        assert_eq!(granted(&table, "org:intern"), "api_keys:read");
        assert_eq!(granted(&table, "org:hr"), "api_keys:read jobs:read");
    }

    #[test]
    fn a_role_has_what_its_row_says_and_every_scope_that_names_it() {
        let text = format!(
            "{OWN}[scopes.a]\ndescription = 'A.'\nroles = ['org:billing', 'guest']\n\
             [scopes.b]\ndescription = 'B.'\nroles = '*'\n\
             [scopes.c]\ndescription = 'C.'\nroles = ['billing', 'org:admin', '*']\n\
             [clerk]\nother_roles = ['api_keys:read']\n[clerk.roles]\n'org:guest' = ['c']\nnobody = []\n"
        );
        let table = table(&text).unwrap();
        for (role, scopes) in [
            ("org:member", "api_keys:read b c"),
            ("org:billing", "api_keys:read b c a"),
            ("org:guest", "c a"),
            ("org:nobody", ""),
            ("org:admin", "* c"),
        ] {
            assert_eq!(granted(&table, role), scopes, "{role}");
        }
    }

    #[test]
    fn what_cannot_be_is_told_with_the_name_of_the_setting() {
        let one = |text: &str| format!("{OWN}{text}");
        for (text, said) in [
            ("[scopes]\n".to_owned(), "`scopes.\"api_keys:read\"` is missing"),
            (
                "[scopes.'api_keys:read']\ndescription = 'x'\n".to_owned(),
                "`scopes.\"api_keys:write\"` is missing",
            ),
            (one("project = true\n"), "`scopes.\"api_keys:write\"` cannot be for projects"),
            (
                one("[scopes.'organizations:read']\ndescription = 'x'\nproject = true\n"),
                "`scopes.\"organizations:read\"` cannot be for projects",
            ),
            (one("[scopes.'*']\ndescription = 'x'\n"), "`scopes.\"*\"` is always there"),
            (one("[scopes.a]\nproject = true\n"), "`scopes.\"a\".description` must be there"),
            (one("[scopes.a]\ndescription = ''\n"), "`scopes.\"a\".description` must be there"),
            (
                one(&format!("[scopes.a]\ndescription = '{}'\n", "é".repeat(201))),
                "`scopes.\"a\".description` must be there, 1 to 200 characters long",
            ),
            (one("[scopes.'jobs:*']\ndescription = 'x'\n"), "`scopes.\"jobs:*\"` is not the name of a scope"),
            (one("[scopes.A]\ndescription = 'x'\n"), "`scopes.\"A\"` is not the name of a scope"),
            (
                one("[scopes.a]\ndescription = 'x'\nroles = ['org:']\n"),
                "`scopes.\"a\".roles` must be names of roles",
            ),
            (
                one("[clerk]\nother_roles = ['jobs:read']\n"),
                "`clerk.other_roles`: `scopes[0]` is not a known scope",
            ),
        ] {
            let error = table(&text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
    }

    /// Sixty-five scopes, more than there are bits in any number.
    #[test]
    fn however_many_scopes_there_are_roles_grant_what_the_table_says() {
        let (of_billing, of_others) =
            (|index: usize| index.is_multiple_of(3), |index: usize| index.is_multiple_of(2));
        let scope = |index: usize| {
            let mut roles = Vec::new();
            roles.extend(of_billing(index).then_some("'billing'"));
            roles.extend(of_others(index).then_some("'*'"));
            format!("[scopes.s{index}]\ndescription = 'S.'\nroles = [{}]\n", roles.join(", "))
        };
        let text = OWN.to_owned() + &(0..65).map(scope).collect::<String>();
        let table = table(&format!("{text}[clerk]\nother_roles = []\n")).unwrap();
        let billing = table.rows().get(&Role::parse("billing").unwrap()).unwrap();
        for index in 0..65 {
            let scope = Scope::parse(&format!("s{index}")).unwrap();
            assert_eq!(table.others().grants(&scope), of_others(index), "{index}");
            assert_eq!(billing.grants(&scope), of_others(index) || of_billing(index), "{index}");
        }
    }
}
