//! Who was let through a gateway, for the service behind it and for the log.

use std::sync::Arc;

use capykeys_domain::{
    model::{Actor, Invalid, OrganizationId, ScopeSet, UserId},
    ports::FoundKey,
    usecases::AuthSource,
};

/// Who was let through.
#[derive(Clone, Debug)]
pub enum Authorized {
    /// Nobody in particular, where that is allowed.
    Anonymous,
    /// A program with a key.
    Key(Arc<FoundKey>),
    /// A person with a session.
    Session {
        /// Who it is.
        user_id: UserId,
        /// Our id of the session's organization.
        organization_id: OrganizationId,
        /// What the session is granted.
        scopes: ScopeSet,
    },
}

impl Authorized {
    /// Who it is, for the log; `None` for nobody in particular.
    #[must_use]
    pub fn actor(&self) -> Option<(Actor, OrganizationId)> {
        match self {
            Self::Anonymous => None,
            Self::Key(found) => Some((Actor::Key(found.key.id), found.key.organization_id)),
            Self::Session { user_id, organization_id, .. } => {
                Some((Actor::User(user_id.clone()), *organization_id))
            }
        }
    }
}

/// The names of the headers that say who was let through, in lower case: organization, project, key,
/// user, scopes, source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityHeaders([String; 6]);

impl Default for IdentityHeaders {
    fn default() -> Self {
        Self(Self::DEFAULT.map(str::to_ascii_lowercase))
    }
}

impl IdentityHeaders {
    /// What they are called where nothing else is configured.
    pub const DEFAULT: [&'static str; 6] = [
        "X-Capy-Organization-Id",
        "X-Capy-Project-Id",
        "X-Capy-Key-Id",
        "X-Capy-User-Id",
        "X-Capy-Scopes",
        "X-Capy-Auth-Source",
    ];

    /// Names of one's own, in that order.
    ///
    /// # Errors
    /// [`Invalid`] for `headers` where one is no header's name (RFC 9110, section 5.1), or stands
    /// there twice.
    pub fn new(names: [&str; 6]) -> Result<Self, Invalid> {
        let names = names.map(str::to_ascii_lowercase);
        let twice = |place: usize| names[..place].contains(&names[place]);
        if !names.iter().all(|name| is_token(name)) || (0..names.len()).any(twice) {
            return Err(Invalid::new("headers", "must be six different names of headers"));
        }
        Ok(Self(names))
    }

    /// Every header, with what it says of `who`: visible ASCII and spaces, or nothing where that is
    /// unknown. All are to be set, also to nothing, so that none of the same name from outside takes its
    /// place.
    pub fn of(&self, who: &Authorized) -> impl Iterator<Item = (&str, String)> {
        let texts = match who {
            Authorized::Anonymous => Default::default(),
            Authorized::Key(found) => {
                let key = &found.key;
                [
                    key.organization_id.to_string(),
                    key.project_id.as_ref().map(ToString::to_string).unwrap_or_default(),
                    key.id.to_string(),
                    key.created_by_user_id.as_ref().map(|user| user.as_str().to_owned()).unwrap_or_default(),
                    key.scopes.to_string(),
                    AuthSource::ApiKey.as_str().to_owned(),
                ]
            }
            Authorized::Session { user_id, organization_id, scopes } => [
                organization_id.to_string(),
                // Also where the path names one: that would say that somebody has checked it.
                String::new(),
                String::new(),
                user_id.as_str().to_owned(),
                scopes.to_string(),
                AuthSource::of_session(user_id).as_str().to_owned(),
            ],
        };
        self.0.iter().map(String::as_str).zip(texts)
    }
}

/// RFC 9110, section 5.6.2.
fn is_token(text: &str) -> bool {
    let of_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(of_token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_in_particular_is_named_by_six_empty_headers() {
        let names = IdentityHeaders::default();
        let headers: Vec<_> = names.of(&Authorized::Anonymous).collect();
        assert_eq!(headers.len(), 6);
        assert!(headers.iter().all(|(name, text)| name.starts_with("x-capy-") && text.is_empty()));
    }

    #[test]
    fn six_different_names_are_needed() {
        let names = ["A", "b", "c", "d", "e", "f"];
        let accepted = IdentityHeaders::new(names).unwrap();
        assert_eq!(accepted.of(&Authorized::Anonymous).next(), Some(("a", String::new())));
        for wrong in ["", "B", "a b", "a:", "é", "a\n"] {
            let mut names = names;
            names[5] = wrong;
            assert!(IdentityHeaders::new(names).is_err(), "{wrong:?}");
        }
    }
}
