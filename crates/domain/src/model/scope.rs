//! What a key may be used for.

use alloc::{format, vec::Vec};
use core::{borrow::Borrow, fmt};

use smol_str::SmolStr;

use super::Invalid;

/// The longest name of a scope, in characters.
const MAX_CHARS: usize = 64;

/// One thing that a key may be used for, by its name.
///
/// It has the form of a name. Whether there is such a scope, and what it means, is for the
/// [`ScopeCatalogue`](super::ScopeCatalogue) to say.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope(SmolStr);

impl Scope {
    /// `*`: everything, and whatever is added later.
    pub const ALL: Self = Self(SmolStr::new_static("*"));
    /// What this service itself asks for where API keys are listed.
    pub const API_KEYS_READ: Self = Self(SmolStr::new_static("api_keys:read"));
    /// What this service itself asks for where API keys are created and revoked.
    pub const API_KEYS_WRITE: Self = Self(SmolStr::new_static("api_keys:write"));

    /// Accepts `*`, or up to 64 of `a-z`, `0-9`, `_`, `-`, `.` and `:` of which the first is a letter;
    /// `None` for all else. So a name can stand in lists with spaces (RFC 6749, section 3.3) and with
    /// commas.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.' | b':');
        let is_name = name.len() <= MAX_CHARS
            && name.starts_with(|first: char| first.is_ascii_lowercase())
            && name.bytes().all(allowed);
        (is_name || name == "*").then(|| Self(name.into()))
    }

    /// As it is written in the API.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// For look-ups by name.
impl Borrow<str> for Scope {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// Scopes: none twice, in the order in which they were given. A key is created with one at least; a
/// session may be granted none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ScopeSet(Vec<Scope>);

impl ScopeSet {
    /// From scopes in the caller's order.
    ///
    /// # Errors
    /// [`Invalid`] where there is none, or one twice.
    pub fn new(scopes: impl IntoIterator<Item = Scope>) -> Result<Self, Invalid> {
        let scopes: Vec<Scope> = scopes.into_iter().collect();
        if scopes.is_empty() {
            return Err(Invalid::new("scopes", "must name at least one scope"));
        }
        match (1..scopes.len()).find(|&index| scopes[..index].contains(&scopes[index])) {
            Some(index) => Err(Invalid::new(format!("scopes[{index}]"), "repeats an earlier scope")),
            None => Ok(Self(scopes)),
        }
    }

    /// What a store holds: it may have been given before a scope was removed from the catalogue.
    ///
    /// # Errors
    /// [`Invalid`] where there is none, one that is no name, or one twice.
    pub fn from_stored<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, Invalid> {
        let scopes = names.into_iter().map(Scope::parse).collect::<Option<Vec<_>>>();
        Self::new(scopes.ok_or_else(|| Invalid::new("scopes", "must be names of scopes"))?)
    }

    /// In the order in which they were given.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Scope> + '_ {
        self.0.iter()
    }

    /// Whether what needs `scope` is allowed: it is here, or `*` is.
    #[must_use]
    pub fn grants(&self, scope: &Scope) -> bool {
        self.iter().any(|held| held == scope || *held == Scope::ALL)
    }

    /// The first scope of `other` that this set does not grant.
    #[must_use]
    pub fn first_not_granted<'a>(&self, other: &'a Self) -> Option<&'a Scope> {
        other.iter().find(|scope| !self.grants(scope))
    }

    /// What this set and `other` both grant.
    #[must_use]
    pub fn granted_by_both(&self, other: &Self) -> Self {
        let (narrow, wide) = if self.grants(&Scope::ALL) { (other, self) } else { (self, other) };
        narrow.only(|scope| wide.grants(scope))
    }

    /// The same with another one behind it, unless it is there.
    #[must_use]
    pub fn with(mut self, scope: Scope) -> Self {
        if !self.0.contains(&scope) {
            self.0.push(scope);
        }
        self
    }

    /// Those for which `keep` says so.
    #[must_use]
    pub(super) fn only(&self, keep: impl Fn(&Scope) -> bool) -> Self {
        Self(self.iter().filter(|scope| keep(scope)).cloned().collect())
    }
}

/// With a space between each two, as OAuth writes them (RFC 6749, section 3.3).
impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, scope) in self.iter().enumerate() {
            let space = if index == 0 { "" } else { " " };
            write!(f, "{space}{}", scope.as_str())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{
        string::{String, ToString},
        vec::Vec,
    };

    use proptest::prelude::*;

    use super::*;

    fn set(names: &[&str]) -> ScopeSet {
        ScopeSet::from_stored(names.iter().copied()).unwrap()
    }

    #[test]
    fn a_name_can_stand_in_every_list() {
        let long = "a".repeat(64);
        for name in ["*", "a", "jobs:read", "repo", "read:user", "compute.disks-1:snapshot_all", &long] {
            assert_eq!(Scope::parse(name).unwrap().as_str(), name);
        }
        let longer = "a".repeat(65);
        for name in [
            "",
            " ",
            "JOBS:READ",
            "jobs:read ",
            "a b",
            "a,b",
            "jobs:*",
            "**",
            ":read",
            "1a",
            "é",
            "a\n",
            &longer,
        ] {
            assert_eq!(Scope::parse(name), None, "{name:?}");
        }
    }

    #[test]
    fn none_and_a_repeated_scope_are_refused_by_place() {
        assert_eq!(ScopeSet::from_stored([]).unwrap_err().field(), "scopes");
        assert_eq!(ScopeSet::from_stored(["*", "jobs:read", "*"]).unwrap_err().field(), "scopes[2]");
        assert_eq!(ScopeSet::from_stored(["*", "jobs read"]).unwrap_err().field(), "scopes");
    }

    #[test]
    fn writing_keys_does_not_include_reading_them() {
        assert!(!set(&["api_keys:write"]).grants(&Scope::API_KEYS_READ));
    }

    /// Sets of names, more than there are bits in any number; every other one has a `*`.
    fn sets() -> impl Strategy<Value = ScopeSet> {
        let names = proptest::collection::hash_set("[a-c]{1,2}:(read|write)", 0..80);
        (names, any::<bool>()).prop_map(|(names, star)| {
            let mut set = ScopeSet(names.iter().map(|name| Scope::parse(name).unwrap()).collect());
            if star {
                set = set.with(Scope::ALL);
            }
            set
        })
    }

    proptest! {
        #[test]
        fn the_order_given_is_kept(set in sets()) {
            let names: Vec<&str> = set.iter().map(Scope::as_str).collect();
            let text = set.to_string();
            prop_assert_eq!(&text, &names.join(" "));
            if !names.is_empty() {
                prop_assert_eq!(ScopeSet::from_stored(text.split(' ')).unwrap(), set);
            }
        }

        #[test]
        fn a_set_grants_what_is_in_it_and_a_star_grants_everything(held in sets(), asked in sets()) {
            let star = held.iter().any(|scope| *scope == Scope::ALL);
            for scope in asked.iter() {
                prop_assert_eq!(held.grants(scope), star || held.iter().any(|one| one == scope));
            }
            let first = asked.iter().find(|scope| !held.grants(scope));
            prop_assert_eq!(held.first_not_granted(&asked), first);
        }

        #[test]
        fn both_grant_what_each_grants(one in sets(), other in sets(), asked in sets()) {
            let both = one.granted_by_both(&other);
            for scope in asked.iter() {
                prop_assert_eq!(both.grants(scope), one.grants(scope) && other.grants(scope), "{:?}", scope);
            }
        }

        #[test]
        fn no_text_makes_it_panic(name: String) {
            if let Some(scope) = Scope::parse(&name) {
                prop_assert_eq!(scope.as_str(), name);
            }
        }
    }
}
