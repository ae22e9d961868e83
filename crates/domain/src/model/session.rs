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
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Role(String);

impl Role {
    /// Accepts `org:` or nothing, and then 1 to 200 ASCII letters, digits, `_`, `-` and `:`; `None` for all
    /// else. `admin` and `org:admin` are the same role.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let name = text.strip_prefix("org:").unwrap_or(text);
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b':');
        ((1..=200).contains(&name.len()) && name.bytes().all(allowed)).then(|| Self::named(name))
    }

    /// `org:admin`.
    #[must_use]
    pub fn admin() -> Self {
        Self::named("admin")
    }

    /// `org:member`.
    #[must_use]
    pub fn member() -> Self {
        Self::named("member")
    }

    fn named(name: &str) -> Self {
        Self(alloc::format!("org:{name}"))
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
        for text in ["admin", "org:admin"] {
            assert_eq!(Role::parse(text), Some(Role::admin()));
        }
        assert!(Role::admin().is_admin());
        assert_eq!(Role::parse("member"), Some(Role::member()));
        for text in ["Admin", "org:Admin", "org:org:admin", "member"] {
            assert!(!Role::parse(text).unwrap().is_admin(), "{text}");
        }
    }

    #[test]
    fn a_role_has_a_name_that_a_claim_can_hold() {
        for text in ["", "org:", "a b", "org:a b", "a\n", "*", "r\u{f4}le", "a.b", &"x".repeat(201)] {
            assert_eq!(Role::parse(text), None, "{text:?}");
        }
        assert_eq!(Role::parse(&"x".repeat(200)).unwrap().as_str().len(), 204);
    }

    #[test]
    fn ids_of_another_kind_are_refused() {
        assert!(UserId::parse("user_2abcDEF").is_some());
        for text in ["", "user_", "org_2abc", "user_a b", "user_a\n"] {
            assert!(UserId::parse(text).is_none(), "{text}");
        }
    }
}
