//! Which scopes there are.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    format,
    string::{String, ToString},
    vec::Vec,
};

use super::{Invalid, Scope, ScopeSet};

/// What the names begin with that the contract keeps from keys of one project.
const NEVER_FOR_PROJECTS: [&str; 2] = ["organizations:", "api_keys:"];

/// The scopes that there are unless an operator says otherwise: name, description, and whether a key of
/// one project may carry it.
#[rustfmt::skip]
const DEFAULT: [(&str, &str, bool); 11] = [
    ("projects:read", "Read projects.", true),
    ("projects:write", "Change projects.", true),
    ("credentials:read", "Read the credentials of databases.", true),
    ("backups:read", "Read backups.", true),
    ("backups:write", "Make and restore backups.", true),
    ("jobs:read", "Read jobs.", true),
    ("schema:read", "Read schemas.", true),
    ("organizations:read", "Read the organization.", false),
    ("organizations:write", "Change the organization.", false),
    ("api_keys:read", "List API keys.", false),
    ("api_keys:write", "Create and revoke API keys; does not include listing them.", false),
];

/// What is said of a scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeDefinition {
    /// The scope.
    pub scope: Scope,
    /// What it is good for, for people.
    pub description: String,
    /// Whether a key of one project may carry it: nothing that reaches beyond the project.
    pub for_projects: bool,
}

/// The scopes that there are, and `*` for all of them.
///
/// A key can be created with these alone. One that has another, since it was removed, keeps it in
/// listings; that scope grants nothing, for nothing can ask for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeCatalogue {
    /// In the order in which they are shown, `*` at the end.
    definitions: Vec<ScopeDefinition>,
    /// By name: whether it is for projects.
    for_projects: BTreeMap<Scope, bool>,
}

impl Default for ScopeCatalogue {
    /// That of the wire contract.
    fn default() -> Self {
        let known = DEFAULT.iter().filter_map(|&(name, description, for_projects)| {
            Some(ScopeDefinition {
                scope: Scope::parse(name)?,
                description: description.to_string(),
                for_projects,
            })
        });
        Self::with_star(known.collect())
    }
}

impl ScopeCatalogue {
    /// A catalogue of these, in this order, and of `*`.
    ///
    /// # Errors
    /// [`Invalid`] for the scope that is there twice, is `*`, or is one of those that this service itself
    /// asks for and is missing or for projects: a key of one project manages no keys.
    pub fn new(definitions: Vec<ScopeDefinition>) -> Result<Self, Invalid> {
        let refused = |scope: &Scope, rule| Err(Invalid::new(format!("scopes.{:?}", scope.as_str()), rule));
        let mut seen = BTreeSet::new();
        for ScopeDefinition { scope, .. } in &definitions {
            if *scope == Scope::ALL {
                return refused(scope, "is always there, and stands for all the others");
            }
            if !seen.insert(scope) {
                return refused(scope, "is there twice");
            }
        }
        let reaches_beyond =
            |scope: &Scope| NEVER_FOR_PROJECTS.iter().any(|group| scope.as_str().starts_with(group));
        if let Some(one) = definitions.iter().find(|one| one.for_projects && reaches_beyond(&one.scope)) {
            return refused(
                &one.scope,
                "cannot be for projects: a key of one project manages no keys and no organization",
            );
        }
        for own in [Scope::API_KEYS_READ, Scope::API_KEYS_WRITE] {
            if !definitions.iter().any(|one| one.scope == own) {
                return refused(&own, "is missing: this service itself asks for it");
            }
        }
        Ok(Self::with_star(definitions))
    }

    fn with_star(mut definitions: Vec<ScopeDefinition>) -> Self {
        let description = "Everything, and whatever is added later.".to_string();
        definitions.push(ScopeDefinition { scope: Scope::ALL, description, for_projects: false });
        let for_projects = definitions.iter().map(|one| (one.scope.clone(), one.for_projects)).collect();
        Self { definitions, for_projects }
    }

    /// The scopes with what is said of them, in their order; `*` is the last.
    #[must_use]
    pub fn definitions(&self) -> &[ScopeDefinition] {
        &self.definitions
    }

    /// Whether there is a scope of this name.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.for_projects.contains_key(name)
    }

    /// From names in the caller's order.
    ///
    /// # Errors
    /// [`Invalid`] where there is none, an unknown one, or one twice.
    pub fn parse<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Result<ScopeSet, Invalid> {
        let known = names.into_iter().enumerate().map(|(index, name)| {
            let found = self.for_projects.get_key_value(name).map(|(scope, _)| scope.clone());
            found.ok_or_else(|| Invalid::new(format!("scopes[{index}]"), "is not a known scope"))
        });
        ScopeSet::new(known.collect::<Result<Vec<_>, _>>()?)
    }

    /// Whether there are all of them.
    #[must_use]
    pub fn has_all(&self, scopes: &ScopeSet) -> bool {
        scopes.iter().all(|scope| self.contains(scope.as_str()))
    }

    /// Those that there are: none may be left.
    #[must_use]
    pub fn in_force(&self, scopes: &ScopeSet) -> ScopeSet {
        scopes.only(|scope| self.contains(scope.as_str()))
    }

    /// Whether a key of one project may carry them. One that there is not grants nothing, and so reaches
    /// nowhere.
    #[must_use]
    pub fn fits_a_project(&self, scopes: &ScopeSet) -> bool {
        scopes.iter().all(|scope| self.for_projects.get(scope) != Some(&false))
    }

    /// What a key of one project may not carry, for people: `*`, and names; of groups (what stands before
    /// the colon) of which it may carry nothing, `group:…`.
    #[must_use]
    pub fn beyond_a_project(&self) -> Vec<String> {
        let group = |scope: &Scope| scope.as_str().split_once(':').map(|(group, _)| format!("{group}:…"));
        let of_projects: BTreeSet<_> =
            self.definitions.iter().filter(|one| one.for_projects).map(|one| group(&one.scope)).collect();
        let mut names = Vec::from(["*".to_string()]);
        for ScopeDefinition { scope, .. } in self.definitions.iter().filter(|one| !one.for_projects) {
            let whole = group(scope).filter(|_| !of_projects.contains(&group(scope)));
            let name = whole.unwrap_or_else(|| scope.as_str().to_string());
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}

#[cfg(test)]
mod tests {
    use std::{borrow::ToOwned, vec};

    use capykeys_conformance::fixtures::SCOPES;
    use proptest::prelude::*;

    use super::*;

    fn definition(name: &str, for_projects: bool) -> ScopeDefinition {
        let scope = Scope::parse(name).unwrap();
        ScopeDefinition { scope, description: "For a test.".to_owned(), for_projects }
    }

    /// The scopes that this service asks for, and these.
    fn with(more: &[(&str, bool)]) -> Result<ScopeCatalogue, Invalid> {
        let own = [("api_keys:read", false), ("api_keys:write", false)];
        let all = own.iter().chain(more).map(|&(name, for_projects)| definition(name, for_projects));
        ScopeCatalogue::new(all.collect())
    }

    #[test]
    fn the_default_is_the_contracts_in_its_order() {
        let catalogue = ScopeCatalogue::default();
        let names: Vec<_> = catalogue.definitions().iter().map(|one| one.scope.as_str()).collect();
        assert_eq!(names, SCOPES);
        let fitting =
            names.iter().filter(|name| catalogue.fits_a_project(&catalogue.parse([**name]).unwrap()));
        assert_eq!(fitting.copied().collect::<Vec<_>>(), names[..7]);
        let definitions = catalogue.definitions()[..11].to_vec();
        assert_eq!(ScopeCatalogue::new(definitions), Ok(catalogue));
    }

    #[test]
    fn none_a_repeated_and_an_unknown_scope_are_refused_by_place() {
        let catalogue = ScopeCatalogue::default();
        assert_eq!(catalogue.parse([]).unwrap_err().field(), "scopes");
        assert_eq!(catalogue.parse(["*", "jobs:read", "*"]).unwrap_err().field(), "scopes[2]");
        for unknown in ["", "JOBS:READ", "jobs:read ", "jobs", "jobs:*", "jobs:write"] {
            assert_eq!(catalogue.parse(["*", unknown]).unwrap_err().field(), "scopes[1]", "{unknown}");
        }
    }

    #[test]
    fn what_the_service_asks_for_itself_stays_and_a_star_stands_for_all() {
        for (catalogue, sentence) in [
            (
                ScopeCatalogue::new(vec![]),
                "`scopes.\"api_keys:read\"` is missing: this service itself asks for it.",
            ),
            (
                ScopeCatalogue::new(vec![definition("api_keys:read", false)]),
                "`scopes.\"api_keys:write\"` is missing: this service itself asks for it.",
            ),
            (
                ScopeCatalogue::new(vec![definition("api_keys:read", true)]),
                "`scopes.\"api_keys:read\"` cannot be for projects: a key of one project manages no keys and no organization.",
            ),
            (with(&[("a", true), ("a", false)]), "`scopes.\"a\"` is there twice."),
            (with(&[("*", false)]), "`scopes.\"*\"` is always there, and stands for all the others."),
        ] {
            assert_eq!(catalogue.unwrap_err().to_string(), sentence);
        }
    }

    #[test]
    fn people_are_told_in_groups_what_is_not_for_projects() {
        assert_eq!(ScopeCatalogue::default().beyond_a_project(), ["*", "organizations:…", "api_keys:…"]);
        let catalogue = with(&[("bills:read", true), ("bills:pay", false), ("audit", false), ("repo", true)]);
        assert_eq!(catalogue.unwrap().beyond_a_project(), ["*", "api_keys:…", "bills:pay", "audit"]);
    }

    /// A catalogue, more scopes than there are bits in any number, and names that may be in it.
    fn catalogue() -> impl Strategy<Value = (ScopeCatalogue, Vec<String>)> {
        let known = proptest::collection::btree_map("[a-z]{1,2}:(read|write)", any::<bool>(), 0..100);
        let asked = proptest::collection::btree_set("[a-e]{1,2}:(read|write)", 1..100);
        (known, asked, any::<bool>()).prop_map(|(known, asked, star)| {
            let more: Vec<_> = known.iter().map(|(name, project)| (name.as_str(), *project)).collect();
            let mut asked: Vec<_> = asked.into_iter().collect();
            if star {
                asked.push("*".to_owned());
            }
            (with(&more).unwrap(), asked)
        })
    }

    proptest! {
        #[test]
        fn a_removed_scope_can_be_asked_for_by_nobody((catalogue, held) in catalogue()) {
            let held = ScopeSet::from_stored(held.iter().map(String::as_str)).unwrap();
            let in_force = catalogue.in_force(&held);
            prop_assert_eq!(catalogue.has_all(&held), in_force == held);
            let rest: Vec<_> = held.iter().filter(|scope| catalogue.contains(scope.as_str())).collect();
            prop_assert_eq!(in_force.iter().collect::<Vec<_>>(), rest, "the order is kept");
            for scope in held.iter() {
                let known = catalogue.parse([scope.as_str()]).is_ok();
                prop_assert_eq!(known, in_force.iter().any(|one| one == scope));
            }
        }

        #[test]
        fn a_star_grants_everything_in_the_catalogue((catalogue, _) in catalogue()) {
            let all = ScopeSet::new([Scope::ALL]).unwrap();
            for one in catalogue.definitions() {
                prop_assert!(all.grants(&one.scope));
            }
        }

        #[test]
        fn a_project_carries_no_scope_that_is_not_for_projects((catalogue, asked) in catalogue()) {
            let Ok(set) = catalogue.parse(asked.iter().map(String::as_str).filter(|name| catalogue.contains(name)))
            else { return Ok(()) };
            let for_projects = |scope: &Scope| {
                catalogue.definitions().iter().any(|one| one.scope == *scope && one.for_projects)
            };
            prop_assert_eq!(catalogue.fits_a_project(&set), set.iter().all(for_projects));
        }
    }
}
