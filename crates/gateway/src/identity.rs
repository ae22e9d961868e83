//! Who was let through a gateway, for the service behind it and for the log.

use std::{borrow::Cow, sync::Arc};

use capykeys_domain::{
    model::{Actor, Invalid, OrganizationId, ProjectId, ScopeSet, Timestamp, UserId},
    ports::FoundKey,
    usecases::AuthSource,
};

/// Who was let through.
#[derive(Clone, Debug)]
pub enum Authorized {
    /// Nobody in particular, where that is allowed.
    Anonymous,
    /// A program with a key.
    Key {
        /// The key. It ends with the secret that it has come with.
        found: Arc<FoundKey>,
        /// Whether that is so soon that it is said.
        ends_soon: bool,
    },
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
            Self::Key { found, .. } => Some((Actor::Key(found.key.id), found.key.organization_id)),
            Self::Session { user_id, organization_id, .. } => {
                Some((Actor::User(user_id.clone()), *organization_id))
            }
        }
    }
}

/// The names of the headers that say who was let through, in lower case: organization, project, key,
/// user, scopes, source, and when the key ends where that is soon. The last is empty where it is not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityHeaders([String; 7]);

impl Default for IdentityHeaders {
    fn default() -> Self {
        Self(Self::DEFAULT.map(str::to_ascii_lowercase))
    }
}

impl IdentityHeaders {
    /// What they are called where nothing else is configured.
    pub const DEFAULT: [&'static str; 7] = [
        "X-Capy-Organization-Id",
        "X-Capy-Project-Id",
        "X-Capy-Key-Id",
        "X-Capy-User-Id",
        "X-Capy-Scopes",
        "X-Capy-Auth-Source",
        "X-Capy-Key-Expires-At",
    ];

    /// Names of one's own, in that order. The last may be empty: then nothing is said of a key's end.
    ///
    /// # Errors
    /// [`Invalid`] for `headers` where another is no header's name (RFC 9110, section 5.1), or one stands
    /// there twice.
    pub fn new(names: [&str; 7]) -> Result<Self, Invalid> {
        let names = names.map(str::to_ascii_lowercase);
        let twice = |place: usize| names[..place].contains(&names[place]);
        let [of_caller @ .., of_end] = &names;
        let are_tokens =
            of_caller.iter().all(|name| is_token(name)) && (of_end.is_empty() || is_token(of_end));
        if !are_tokens || (0..names.len()).any(twice) {
            return Err(Invalid::new("headers", "must be different names of headers"));
        }
        Ok(Self(names))
    }

    /// The names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str).filter(|name| !name.is_empty())
    }

    /// Every header, with what it says of `who`: visible ASCII and spaces, or nothing where that is
    /// unknown. All are to be set, also to nothing, so that none of the same name from outside takes its
    /// place.
    pub fn of<'w>(&self, who: &'w Authorized) -> impl Iterator<Item = (&str, Cow<'w, str>)> {
        let texts: [Cow<'_, str>; 7] = match who {
            Authorized::Anonymous => Default::default(),
            Authorized::Key { found, ends_soon } => {
                let key = &found.key;
                [
                    key.organization_id.to_string().into(),
                    key.project_id.as_ref().map(ProjectId::as_str).unwrap_or_default().into(),
                    key.id.to_string().into(),
                    key.created_by_user_id.as_ref().map(UserId::as_str).unwrap_or_default().into(),
                    key.scopes.to_string().into(),
                    AuthSource::ApiKey.as_str().into(),
                    key.expires_at
                        .filter(|_| *ends_soon)
                        .as_ref()
                        .map(Timestamp::to_string)
                        .unwrap_or_default()
                        .into(),
                ]
            }
            Authorized::Session { user_id, organization_id, scopes } => [
                organization_id.to_string().into(),
                // Also where the path names one: that would say that somebody has checked it.
                Cow::default(),
                Cow::default(),
                user_id.as_str().into(),
                scopes.to_string().into(),
                AuthSource::of_session(user_id).as_str().into(),
                Cow::default(),
            ],
        };
        self.names().zip(texts)
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
    fn nobody_in_particular_is_named_by_empty_headers() {
        let names = IdentityHeaders::default();
        let headers: Vec<_> = names.of(&Authorized::Anonymous).collect();
        assert_eq!(headers.len(), 7);
        assert!(headers.iter().all(|(name, text)| name.starts_with("x-capy-") && text.is_empty()));
    }

    #[test]
    fn different_names_are_needed() {
        let names = ["A", "b", "c", "d", "e", "f", "g"];
        let accepted = IdentityHeaders::new(names).unwrap();
        assert_eq!(accepted.of(&Authorized::Anonymous).next(), Some(("a", Cow::default())));
        for wrong in ["", "B", "a b", "a:", "é", "a\n"] {
            for place in [5, 6] {
                let mut names = names;
                names[place] = wrong;
                let may_be_empty = place == 6 && wrong.is_empty();
                assert_eq!(IdentityHeaders::new(names).is_ok(), may_be_empty, "{wrong:?}");
            }
        }
    }

    #[test]
    fn a_header_without_a_name_is_not_sent() {
        let names = IdentityHeaders::new(["a", "b", "c", "d", "e", "f", ""]).unwrap();
        assert_eq!(names.names().collect::<String>(), "abcdef");
        assert_eq!(names.of(&Authorized::Anonymous).count(), 6);
    }
}
