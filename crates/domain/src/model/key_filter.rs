//! Which keys of an organization are asked for.

use alloc::{collections::BTreeSet, format};

use super::{ApiKey, Invalid, KeyId, KeyName, KeySource, KeyState, ProjectId, Scope, Timestamp, UserId};

/// Who created a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CreatedBy {
    /// This user, or the user behind a key.
    User(UserId),
    /// A program with this key.
    Key(KeyId),
}

/// What a key has to be like to be listed. What is not said makes no difference, and all that is said holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyFilter {
    /// In this state at this time.
    pub state: Option<(KeyState, Timestamp)>,
    /// For this project.
    pub project_id: Option<ProjectId>,
    /// It came to be so.
    pub source: Option<KeySource>,
    /// With this scope by its name: `*` is another one.
    pub scope: Option<Scope>,
    /// Who created it.
    pub created_by: Option<CreatedBy>,
    /// It has an end, and that lies before this time.
    pub expires_before: Option<Timestamp>,
    /// It was last used before this time; one that never was, was created before it.
    pub unused_since: Option<Timestamp>,
    /// Its name begins so, byte for byte.
    pub name: Option<KeyName>,
    /// It is one of these.
    pub ids: Option<BTreeSet<KeyId>>,
    /// It is not this one.
    pub except: Option<KeyId>,
    /// It is not revoked.
    pub unrevoked: bool,
}

impl KeyFilter {
    /// Whether the key is one of those that are asked for.
    #[must_use]
    pub fn admits(&self, key: &ApiKey) -> bool {
        fn is<T: PartialEq>(asked: Option<&T>, own: Option<&T>) -> bool {
            asked.is_none() || asked == own
        }
        self.state.is_none_or(|(state, at)| key.state(at) == state)
            && is(self.project_id.as_ref(), key.project_id.as_ref())
            && is(self.source.as_ref(), Some(&key.source))
            && self.scope.as_ref().is_none_or(|scope| key.scopes.iter().any(|own| own == scope))
            && self.created_by.as_ref().is_none_or(|by| match by {
                CreatedBy::User(user) => key.created_by_user_id.as_ref() == Some(user),
                CreatedBy::Key(maker) => key.created_by_key_id == Some(*maker),
            })
            && self.expires_before.is_none_or(|time| key.expires_at.is_some_and(|end| end < time))
            && self.unused_since.is_none_or(|time| key.last_used_at.unwrap_or(key.created_at) < time)
            && self.name.as_ref().is_none_or(|start| key.name.as_str().starts_with(start.as_str()))
            && self.ids.as_ref().is_none_or(|ids| ids.contains(&key.id))
            && self.except != Some(key.id)
            && !(self.unrevoked && key.revoked_at.is_some())
    }

    /// Whether any number of keys may have to be looked at for each that it admits.
    #[must_use]
    pub fn is_a_search(&self) -> bool {
        self.ids.is_none() && *self != Self::default()
    }

    /// A state by its name.
    ///
    /// # Errors
    /// [`Invalid`] where there is none of this name.
    pub fn parse_status(text: &str) -> Result<KeyState, Invalid> {
        one_of("status", &KeyState::ALL, |state| state.as_str(), text)
    }

    /// A source that is known, by its name.
    ///
    /// # Errors
    /// [`Invalid`] where none of this name is known.
    pub fn parse_source(text: &str) -> Result<KeySource, Invalid> {
        one_of("source", KeySource::ALL, KeySource::as_str, text)
    }

    /// A scope by its name, whether there is one in the catalogue or not: a key keeps what was removed from that.
    ///
    /// # Errors
    /// [`Invalid`] where that is no name of a scope.
    pub fn parse_scope(text: &str) -> Result<Scope, Invalid> {
        Scope::parse(text).ok_or_else(|| Invalid::new("scope", "must be the name of a scope"))
    }

    /// The user who created a key, or the key that it was created with.
    ///
    /// # Errors
    /// [`Invalid`] where that is no id of either.
    pub fn parse_created_by(text: &str) -> Result<CreatedBy, Invalid> {
        let user = UserId::parse(text).map(CreatedBy::User);
        user.or_else(|| KeyId::parse(text).map(CreatedBy::Key)).ok_or_else(|| {
            let rule =
                "must be the id of a user, which begins with user_, or of a key, which begins with key_";
            Invalid::new("created_by", rule)
        })
    }

    /// What lies behind the end of a key.
    ///
    /// # Errors
    /// [`Invalid`] where that is no time.
    pub fn parse_expires_before(text: &str) -> Result<Timestamp, Invalid> {
        Timestamp::parse("expires_before", text)
    }

    /// What lies behind the last use of a key.
    ///
    /// # Errors
    /// [`Invalid`] where that is no time.
    pub fn parse_unused_since(text: &str) -> Result<Timestamp, Invalid> {
        Timestamp::parse("unused_since", text)
    }

    /// How a name begins: of white space alone, too.
    ///
    /// # Errors
    /// [`Invalid`] where no name does.
    pub fn parse_name(text: &str) -> Result<KeyName, Invalid> {
        KeyName::from_stored(text)
    }
}

fn one_of<T: Clone>(
    field: &'static str,
    all: &[T],
    name: impl Fn(&T) -> &str,
    text: &str,
) -> Result<T, Invalid> {
    let found = all.iter().find(|one| name(one) == text).cloned();
    found.ok_or_else(|| {
        let names: alloc::vec::Vec<_> = all.iter().map(name).collect();
        Invalid::new(field, format!("must be one of {}", names.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;
    use crate::model::{Disabling, KeyId, KeyPrefix, KeySpec, OrganizationId, ScopeSet};

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_unix_micros(micros).unwrap()
    }

    fn key() -> ApiKey {
        let scopes = ScopeSet::from_stored(["jobs:read", "*"]).unwrap();
        let spec = KeySpec::new(KeyName::parse("CI deploy").unwrap(), scopes);
        let (id, organization) = (KeyId::new(at(10), [1; 8]), OrganizationId::new(at(0), [2; 8]));
        ApiKey::new(id, organization, KeyPrefix::from_stored("capy"), &spec, KeySource::Api, at(10))
    }

    fn filter(change: impl FnOnce(&mut KeyFilter)) -> KeyFilter {
        let mut filter = KeyFilter::default();
        change(&mut filter);
        filter
    }

    #[test]
    fn without_anything_said_every_key_is_listed() {
        assert!(KeyFilter::default().admits(&key()));
    }

    #[test]
    fn a_key_is_in_one_state_at_a_time() {
        let disabled = Some(Disabling { at: at(11), reason: None });
        let ended = ApiKey { expires_at: Some(at(20)), disabled: disabled.clone(), ..key() };
        for (key, state) in [
            (key(), KeyState::Active),
            (ApiKey { disabled, ..key() }, KeyState::Disabled),
            (ended.clone(), KeyState::Expired),
            (ApiKey { revoked_at: Some(at(12)), ..ended }, KeyState::Revoked),
        ] {
            for asked in KeyState::ALL {
                let asked_for = filter(|filter| filter.state = Some((asked, at(20))));
                assert_eq!(asked_for.admits(&key), asked == state, "{asked:?}");
            }
        }
    }

    #[test]
    fn times_are_before_and_not_at_what_was_asked_for() {
        let before = |time| filter(|filter| filter.expires_before = Some(at(time)));
        let ends = ApiKey { expires_at: Some(at(20)), ..key() };
        assert!(before(21).admits(&ends) && !before(20).admits(&ends));
        assert!(!before(i64::MAX / 2_000_000).admits(&key()), "it has no end");
        let since = |time| filter(|filter| filter.unused_since = Some(at(time)));
        let used = ApiKey { last_used_at: Some(at(20)), ..key() };
        assert!(since(21).admits(&used) && !since(20).admits(&used));
        assert!(since(11).admits(&key()) && !since(10).admits(&key()), "it was created at 10");
    }

    #[test]
    fn texts_are_compared_byte_for_byte() {
        let name = |start| filter(|filter| filter.name = KeyFilter::parse_name(start).ok()).admits(&key());
        assert!(name("CI") && name("CI deploy") && !name("ci") && !name("CI deploy!") && !name(" CI"));
        let scope = |name| filter(|filter| filter.scope = KeyFilter::parse_scope(name).ok()).admits(&key());
        assert!(scope("*") && scope("jobs:read") && !scope("jobs") && !scope("jobs:reader"));
        let project = filter(|filter| filter.project_id = ProjectId::parse("p1").ok());
        assert!(!project.admits(&key()));
        assert!(project.admits(&ApiKey { project_id: ProjectId::parse("p1").ok(), ..key() }));
        let user = filter(|filter| filter.created_by = KeyFilter::parse_created_by("user_1").ok());
        assert!(!user.admits(&key()));
        assert!(user.admits(&ApiKey { created_by_user_id: UserId::parse("user_1"), ..key() }));
        let maker = KeyId::new(at(9), [9; 8]);
        let made = filter(|filter| filter.created_by = Some(CreatedBy::Key(maker)));
        assert!(!made.admits(&key()));
        assert!(made.admits(&ApiKey { created_by_key_id: Some(maker), ..key() }));
        assert_eq!(KeyFilter::parse_created_by(&maker.to_string()), Ok(CreatedBy::Key(maker)));
        let source = |name| filter(|filter| filter.source = KeyFilter::parse_source(name).ok());
        assert!(source("api").admits(&key()) && !source("cli").admits(&key()));
    }

    #[test]
    fn single_keys_are_asked_for_and_left_out_by_their_ids() {
        let (own, other) = (key().id, KeyId::new(at(11), [1; 8]));
        let among = |ids: &[KeyId]| filter(|filter| filter.ids = Some(ids.iter().copied().collect()));
        assert!(among(&[other, own]).admits(&key()) && !among(&[other]).admits(&key()));
        assert!(!among(&[]).admits(&key()));
        assert!(!filter(|filter| filter.except = Some(own)).admits(&key()));
        assert!(filter(|filter| filter.except = Some(other)).admits(&key()));
        let unrevoked = filter(|filter| filter.unrevoked = true);
        let revoked = ApiKey { revoked_at: Some(at(12)), ..key() };
        assert!(unrevoked.admits(&key()) && !unrevoked.admits(&revoked));
        assert!(
            unrevoked.is_a_search() && !among(&[own]).is_a_search() && !KeyFilter::default().is_a_search()
        );
    }

    #[test]
    fn what_is_asked_for_holds_together() {
        let both = filter(|filter| {
            filter.scope = KeyFilter::parse_scope("*").ok();
            filter.source = KeyFilter::parse_source("cli").ok();
        });
        assert!(!both.admits(&key()));
        assert!(both.admits(&ApiKey { source: KeySource::Cli, ..key() }));
    }

    #[test]
    fn what_there_is_not_is_refused_with_what_there_is() {
        let status = KeyFilter::parse_status("paused").unwrap_err().to_string();
        assert_eq!(status, "`status` must be one of active, disabled, expired, revoked.");
        let source = KeyFilter::parse_source("robot").unwrap_err().to_string();
        assert_eq!(source, "`source` must be one of dashboard, api, cli, agent, operator, import.");
        for state in KeyState::ALL {
            assert_eq!(KeyFilter::parse_status(state.as_str()), Ok(state));
        }
    }
}
