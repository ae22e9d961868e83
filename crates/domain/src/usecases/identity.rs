//! Who was let through a gateway, for the service behind it.

use alloc::{
    borrow::ToOwned,
    string::{String, ToString},
};

use super::{AuthSource, Authorized};
use crate::{model::Invalid, policy::RouteRules};

/// How requests behind gateways are authorized, and how their callers are named to the services
/// there.
#[derive(Clone, Debug, Default)]
pub struct Gateways {
    /// What each request needs. Without rules, and where the gateway itself says nothing, any good
    /// credential is enough.
    pub rules: Option<RouteRules>,
    /// What the headers are called that say who was let through.
    pub headers: IdentityHeaders,
}

/// Who was let through, as texts of visible ASCII and spaces. What is unknown is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The organization.
    pub organization_id: String,
    /// The project of a key that is for one alone.
    pub project_id: String,
    /// The key.
    pub key_id: String,
    /// The user, or the user behind the key.
    pub user_id: String,
    /// The scopes, as OAuth writes them (RFC 6749, section 3.3): with spaces between them.
    pub scopes: String,
    /// How the caller signed in.
    pub auth_source: &'static str,
}

impl From<&Authorized> for Identity {
    fn from(who: &Authorized) -> Self {
        match who {
            Authorized::Anonymous => Self::default(),
            Authorized::Key(found) => {
                let key = &found.key;
                Self {
                    organization_id: key.organization_id.to_string(),
                    project_id: key.project_id.as_ref().map_or_else(String::new, ToString::to_string),
                    key_id: key.id.to_string(),
                    user_id: key
                        .created_by_user_id
                        .as_ref()
                        .map_or_else(String::new, |user| user.as_str().to_owned()),
                    scopes: key.scopes.to_string(),
                    auth_source: AuthSource::ApiKey.as_str(),
                }
            }
            // No project, also where the path names one: that would say that somebody has checked it.
            Authorized::Session { user_id, organization_id, scopes } => Self {
                organization_id: organization_id.to_string(),
                user_id: user_id.as_str().to_owned(),
                scopes: scopes.to_string(),
                auth_source: AuthSource::ClerkSession.as_str(),
                ..Self::default()
            },
        }
    }
}

/// The names of the headers that say who was let through, in lower case: organization, project, key,
/// user, scopes, source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityHeaders([String; 6]);

impl Default for IdentityHeaders {
    fn default() -> Self {
        let name = |rest: &str| alloc::format!("x-capy-{rest}");
        Self(["organization-id", "project-id", "key-id", "user-id", "scopes", "auth-source"].map(name))
    }
}

impl IdentityHeaders {
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

    /// Every header, with what it says of `identity`. All are to be set, also to nothing, so that
    /// none of the same name from outside takes its place.
    pub fn of<'a>(&'a self, identity: &'a Identity) -> impl Iterator<Item = (&'a str, &'a str)> {
        let Identity { organization_id, project_id, key_id, user_id, scopes, auth_source } = identity;
        let texts: [&str; 6] = [organization_id, project_id, key_id, user_id, scopes, auth_source];
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
    use std::vec::Vec;

    use super::*;

    #[test]
    fn nobody_in_particular_is_named_by_six_empty_headers() {
        let (names, nobody) = (IdentityHeaders::default(), Identity::from(&Authorized::Anonymous));
        let headers: Vec<_> = names.of(&nobody).collect();
        assert_eq!(headers.len(), 6);
        assert!(headers.iter().all(|(name, text)| name.starts_with("x-capy-") && text.is_empty()));
    }

    #[test]
    fn six_different_names_are_needed() {
        let names = ["A", "b", "c", "d", "e", "f"];
        let accepted = IdentityHeaders::new(names).unwrap();
        assert_eq!(accepted.of(&Identity::default()).next(), Some(("a", "")));
        for wrong in ["", "B", "a b", "a:", "é", "a\n"] {
            let mut names = names;
            names[5] = wrong;
            assert!(IdentityHeaders::new(names).is_err(), "{wrong:?}");
        }
    }
}
