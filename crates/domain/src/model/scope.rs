//! What a key may be used for.

use alloc::{format, vec::Vec};

use super::Invalid;

macro_rules! scopes {
    ($($variant:ident = $text:literal, $doc:literal;)*) => {
        /// One thing that a key may be used for: a closed set.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Scope {
            $(#[doc = $doc] $variant,)*
        }

        impl Scope {
            /// Every scope there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// As it is written in the API.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}

scopes! {
    ProjectsRead = "projects:read", "Read projects.";
    ProjectsWrite = "projects:write", "Change projects.";
    CredentialsRead = "credentials:read", "Read the credentials of databases.";
    BackupsRead = "backups:read", "Read backups.";
    BackupsWrite = "backups:write", "Make and restore backups.";
    JobsRead = "jobs:read", "Read jobs.";
    SchemaRead = "schema:read", "Read schemas.";
    OrganizationsRead = "organizations:read", "Read the organization.";
    OrganizationsWrite = "organizations:write", "Change the organization.";
    ApiKeysRead = "api_keys:read", "List API keys.";
    ApiKeysWrite = "api_keys:write", "Create and revoke API keys; does not include listing them.";
    All = "*", "Everything, and whatever is added later.";
}

impl Scope {
    /// The scope with exactly this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|scope| scope.as_str() == name)
    }

    /// Whether a project-scoped key may carry it: nothing that reaches beyond the project.
    #[must_use]
    pub const fn fits_a_project(self) -> bool {
        !matches!(
            self,
            Self::OrganizationsRead
                | Self::OrganizationsWrite
                | Self::ApiKeysRead
                | Self::ApiKeysWrite
                | Self::All
        )
    }

    const fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// The scopes of a key: at least one, none twice, in the order in which they were given.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ScopeSet {
    ordered: Vec<Scope>,
    bits: u16,
}

impl ScopeSet {
    /// From scopes in the caller's order.
    ///
    /// # Errors
    /// [`Invalid`] where there is none, or one twice.
    pub fn new(scopes: impl IntoIterator<Item = Scope>) -> Result<Self, Invalid> {
        let mut set = Self { ordered: Vec::new(), bits: 0 };
        for (index, scope) in scopes.into_iter().enumerate() {
            if set.bits & scope.bit() != 0 {
                return Err(Invalid::new(format!("scopes[{index}]"), "repeats an earlier scope"));
            }
            set.bits |= scope.bit();
            set.ordered.push(scope);
        }
        if set.ordered.is_empty() {
            return Err(Invalid::new("scopes", "must name at least one scope"));
        }
        Ok(set)
    }

    /// From names in the caller's order.
    ///
    /// # Errors
    /// [`Invalid`] where there is none, an unknown one, or one twice.
    pub fn parse<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, Invalid> {
        let scopes: Vec<Scope> = names
            .into_iter()
            .enumerate()
            .map(|(index, name)| {
                Scope::from_name(name)
                    .ok_or_else(|| Invalid::new(format!("scopes[{index}]"), "is not a known scope"))
            })
            .collect::<Result<_, _>>()?;
        Self::new(scopes)
    }

    /// In the order in which they were given.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Scope> + '_ {
        self.ordered.iter().copied()
    }

    /// Whether what needs `scope` is allowed: it is here, or `*` is.
    #[must_use]
    pub const fn grants(&self, scope: Scope) -> bool {
        self.bits & (scope.bit() | Scope::All.bit()) != 0
    }

    /// The first scope of `other` that this set does not grant.
    #[must_use]
    pub fn first_not_granted(&self, other: &Self) -> Option<Scope> {
        other.iter().find(|&scope| !self.grants(scope))
    }

    /// Whether a project-scoped key may carry all of them.
    #[must_use]
    pub fn fits_a_project(&self) -> bool {
        self.iter().all(Scope::fits_a_project)
    }
}

#[cfg(test)]
mod tests {
    use std::vec;

    use super::*;

    #[test]
    fn the_order_given_is_kept() {
        let set = ScopeSet::parse(["jobs:read", "backups:read", "api_keys:read"]).unwrap();
        let names: Vec<_> = set.iter().map(Scope::as_str).collect();
        assert_eq!(names, ["jobs:read", "backups:read", "api_keys:read"]);
    }

    #[test]
    fn none_a_repeated_and_an_unknown_scope_are_refused_by_place() {
        assert_eq!(ScopeSet::parse([]).unwrap_err().field(), "scopes");
        assert_eq!(ScopeSet::parse(["*", "jobs:read", "*"]).unwrap_err().field(), "scopes[2]");
        for unknown in ["", "JOBS:READ", "jobs:read ", "jobs", "jobs:*", "jobs:write"] {
            assert_eq!(ScopeSet::parse(["*", unknown]).unwrap_err().field(), "scopes[1]", "{unknown}");
        }
    }

    #[test]
    fn the_star_grants_everything_and_only_a_star_grants_the_star() {
        let star = ScopeSet::new([Scope::All]).unwrap();
        let every_other = ScopeSet::new(Scope::ALL.iter().copied().filter(|&s| s != Scope::All)).unwrap();
        assert_eq!(star.first_not_granted(&every_other), None);
        assert_eq!(every_other.first_not_granted(&star), Some(Scope::All));
    }

    #[test]
    fn writing_keys_does_not_include_reading_them() {
        let set = ScopeSet::new([Scope::ApiKeysWrite]).unwrap();
        assert!(!set.grants(Scope::ApiKeysRead));
    }

    #[test]
    fn only_scopes_within_a_project_fit_one() {
        let fitting: Vec<_> = Scope::ALL.iter().filter(|s| s.fits_a_project()).map(|s| s.as_str()).collect();
        assert_eq!(
            fitting,
            vec![
                "projects:read",
                "projects:write",
                "credentials:read",
                "backups:read",
                "backups:write",
                "jobs:read",
                "schema:read"
            ]
        );
    }
}
