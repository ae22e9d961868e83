//! A signed-in person, as the session verifier saw them.

use alloc::{borrow::ToOwned, string::String};
use core::fmt;

macro_rules! clerk_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Accepts the prefix and 1 to 100 ASCII letters, digits and `_`; `None` for all else.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                let suffix = text.strip_prefix($prefix)?;
                let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
                ((1..=100).contains(&suffix.len()) && suffix.bytes().all(allowed))
                    .then(|| Self(text.to_owned()))
            }

            /// The id as Clerk wrote it.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

clerk_id! {
    /// A Clerk user: `user_…`.
    UserId, "user_"
}
clerk_id! {
    /// A Clerk organization: `org_…`, not to be confused with our own
    /// [`OrganizationId`](super::OrganizationId).
    ClerkOrganizationId, "org_"
}

/// A member's role in an organization, with its full name (`org:admin`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Role(String);

impl Role {
    /// From the claim; version 2 of the claims leaves the `org:` out (`admin`).
    #[must_use]
    pub fn from_claim(text: &str) -> Self {
        if text.starts_with("org:") { Self(text.to_owned()) } else { Self(alloc::format!("org:{text}")) }
    }

    /// Whether it is the role that may create and revoke keys.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.0 == "org:admin"
    }

    /// The full name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The organization that is active in a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionOrganization {
    /// Its id at Clerk.
    pub id: ClerkOrganizationId,
    /// The user's role in it.
    pub role: Role,
    /// Its slug at Clerk, where the token says.
    pub slug: Option<String>,
}

/// A verified session token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Who is signed in.
    pub user_id: UserId,
    /// The organization that is active, if one is.
    pub organization: Option<SessionOrganization>,
    /// Whether somebody else acts as this user (the `act` claim).
    pub impersonated: bool,
}

impl Session {
    /// Whether the user is an administrator of the active organization.
    #[must_use]
    pub fn is_organization_admin(&self) -> bool {
        self.organization.as_ref().is_some_and(|organization| organization.role.is_admin())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_of_the_admin_role_are_one() {
        assert!(Role::from_claim("admin").is_admin());
        assert!(Role::from_claim("org:admin").is_admin());
        assert_eq!(Role::from_claim("member").as_str(), "org:member");
        assert!(!Role::from_claim("Admin").is_admin());
        assert!(!Role::from_claim("org:org:admin").is_admin());
    }

    #[test]
    fn ids_of_another_kind_are_refused() {
        assert!(UserId::parse("user_2abcDEF").is_some());
        for text in ["", "user_", "org_2abc", "user_a b", "user_a\n"] {
            assert!(UserId::parse(text).is_none(), "{text}");
        }
    }
}
