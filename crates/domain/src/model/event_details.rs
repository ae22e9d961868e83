//! What was changed, or why something was refused.

use alloc::{
    borrow::ToOwned,
    collections::BTreeMap,
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::fmt::Display;

use super::{ApiKey, Organization, Scope, Timestamp};

/// What an event says besides: texts by the names that they have in the API. Never a secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventDetails(BTreeMap<String, String>);

impl EventDetails {
    fn new<const N: usize>(texts: [(&str, Option<&dyn Display>); N]) -> Self {
        texts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?.to_string()))).collect()
    }

    /// Of a key that is created.
    #[must_use]
    pub fn of_key(key: &ApiKey) -> Self {
        let scopes = key.scopes.iter().map(Scope::as_str).collect::<Vec<_>>().join(" ");
        let expires_at = key.expires_at.as_ref().map(|time| time as &dyn Display);
        Self::new([("name", Some(&key.name)), ("scopes", Some(&scopes)), ("expires_at", expires_at)])
    }

    /// Of an organization that is created.
    #[must_use]
    pub fn of_organization(organization: &Organization) -> Self {
        let at_clerk = organization.clerk.as_ref().map(|link| &link.id as &dyn Display);
        let slug = organization.slug.as_str();
        Self::new([
            ("name", Some(&organization.name)),
            ("slug", Some(&slug)),
            ("clerk_organization_id", at_clerk),
        ])
    }

    /// Of a renaming: each name that is another one, with the one before it.
    #[must_use]
    pub fn of_renaming(before: &Organization, after: &Organization) -> Self {
        let slug_at_clerk = |of: &Organization| of.clerk.as_ref()?.slug.clone();
        let names = |of: &Organization| {
            [
                ("name", Some(of.name.to_string())),
                ("slug", Some(of.slug.as_str().to_owned())),
                ("clerk_organization_slug", slug_at_clerk(of)),
            ]
        };
        Self::of_change(names(before), names(after))
    }

    /// Of a key that is changed: what is another, with what was before it.
    #[must_use]
    pub fn of_key_change(before: &ApiKey, after: &ApiKey) -> Self {
        let texts = |of: &ApiKey| {
            [
                ("name", Some(of.name.to_string())),
                ("scopes", Some(of.scopes.to_string())),
                ("expires_at", of.expires_at.map(|time| time.to_string())),
                ("device_name", of.device_name.as_ref().map(ToString::to_string)),
                ("key_prefix", Some(of.key_prefix.to_string())),
                ("grace_ends_at", of.grace_ends_at().map(|time| time.to_string())),
                ("reason", of.disabled.as_ref().and_then(|it| it.reason.as_ref()).map(ToString::to_string)),
            ]
        };
        Self::of_change(texts(before), texts(after))
    }

    /// Of the end of a key that is near, with the days until then, of which one has begun.
    #[must_use]
    pub fn of_expiry(expires_at: Timestamp, days_left: Option<u128>) -> Self {
        let days_left = days_left.as_ref().map(|days| days as &dyn Display);
        Self::new([("expires_at", Some(&expires_at)), ("days_left", days_left)])
    }

    fn of_change<const N: usize>(
        before: [(&str, Option<String>); N],
        after: [(&str, Option<String>); N],
    ) -> Self {
        let changed = before.into_iter().zip(after).filter(|(before, after)| before != after);
        changed
            .flat_map(|((name, before), (_, after))| {
                [(name.to_owned(), after), (format!("previous_{name}"), before)]
            })
            .filter_map(|(name, text)| Some((name, text?)))
            .collect()
    }

    /// Why it was done or refused.
    #[must_use]
    pub fn because(reason: &dyn Display) -> Self {
        Self::new([("reason", Some(reason))])
    }

    /// The same with why it was done, where there is something to say.
    #[must_use]
    pub fn and_because(mut self, reason: Option<&str>) -> Self {
        self.0.extend(reason.map(|reason| ("reason".to_owned(), reason.to_owned())));
        self
    }

    /// The names with their texts, in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, text)| (name.as_str(), text.as_str()))
    }
}

impl FromIterator<(String, String)> for EventDetails {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(texts: I) -> Self {
        Self(texts.into_iter().collect())
    }
}
