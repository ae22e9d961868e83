//! A signed-in person, as the session verifier saw them.

use alloc::{boxed::Box, format, string::String, vec::Vec};
use core::fmt;

use super::issued_id::{self, MAX_SUFFIX, OF_ANOTHER_ISSUER};

macro_rules! issued_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            /// Accepts the prefix and 1 to 100 ASCII letters, digits and `_`; `None` for all else.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                let suffix = text.strip_prefix($prefix)?;
                let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
                ((1..=MAX_SUFFIX).contains(&suffix.len()) && suffix.bytes().all(allowed))
                    .then(|| Self(text.into()))
            }

            /// One that Clerk has issued: as [`parse`](Self::parse), and `None` for what could be of
            /// another issuer.
            #[must_use]
            pub fn of_clerk(text: &str) -> Option<Self> {
                Self::parse(text).filter(Self::is_of_clerk)
            }

            /// What the OpenID provider `issuer` calls `id`; `None` where that is empty, or too long to be
            /// kept: some 74 letters and digits, of which other characters take three each.
            #[must_use]
            pub fn of_issuer(issuer: &str, id: &str) -> Option<Self> {
                issued_id::suffix(issuer, id).map(|suffix| Self(format!("{}{suffix}", $prefix).into()))
            }

            /// Whether Clerk has issued it, and no other.
            #[must_use]
            pub fn is_of_clerk(&self) -> bool {
                !self.0[$prefix.len()..].starts_with(OF_ANOTHER_ISSUER)
            }

            /// The id as Clerk wrote it, or with the mark of another issuer.
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

issued_id! {
    /// A person: at Clerk `user_…`, at another issuer `user_oidc_`, the issuer's mark, `_` and the id there.
    UserId, "user_"
}
issued_id! {
    /// An organization as those who sign its people in know it, not to be confused with our own
    /// [`OrganizationId`](super::OrganizationId): at Clerk `org_…`, at another issuer `org_oidc_`, the issuer's
    /// mark, `_` and the id there.
    ExternalOrganizationId, "org_"
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

/// The organization that is active in a session, as Clerk or another issuer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionOrganization {
    /// Its id there.
    pub id: ExternalOrganizationId,
    /// The user's roles in it: at Clerk always one. Whoever has several is granted what any of them is.
    pub roles: Vec<Role>,
    /// Its slug or name there, where the token says.
    pub slug: Option<String>,
}

impl SessionOrganization {
    /// Whether the user is one of its administrators.
    #[must_use]
    pub fn is_administered(&self) -> bool {
        self.roles.iter().any(Role::is_admin)
    }
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
        self.organization.as_ref().is_some_and(SessionOrganization::is_administered)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
    fn an_id_of_another_issuer_is_never_one_of_clerks() {
        for (issuer, id) in [("https://a.example", "2abc"), ("https://clerk.example.com", "org_2abc")] {
            let id = ExternalOrganizationId::of_issuer(issuer, id).unwrap();
            assert!(!id.is_of_clerk());
            assert_eq!(ExternalOrganizationId::of_clerk(id.as_str()), None);
            assert_eq!(ExternalOrganizationId::parse(id.as_str()), Some(id));
        }
        let clerks = ExternalOrganizationId::of_clerk("org_2abc").unwrap();
        assert!(clerks.is_of_clerk());
    }

    #[test]
    fn the_id_of_another_issuer_is_stored_for_good_and_so_never_written_otherwise() {
        let id = UserId::of_issuer("https://id.example.com/realms/a", "auth0|6_f").unwrap();
        assert_eq!(id.as_str(), "user_oidc_a547f6007bd2d412ae8a_auth0_7c6__f");
        let longest = UserId::of_issuer("https://id.example.com", &"x".repeat(74)).unwrap();
        assert_eq!(longest.as_str().len(), 105);
        for id in ["", &"x".repeat(75), &"-".repeat(25), &"x".repeat(1 << 20)] {
            assert_eq!(UserId::of_issuer("https://id.example.com", id), None);
        }
    }

    proptest! {
        #[test]
        fn no_two_ids_and_no_two_issuers_share_one(
            issuers in ("https://[a-c]{1,2}", "https://[a-c]{1,2}"),
            ids in ("[a_0-]{1,4}|\\PC{1,6}", "[a_0-]{1,4}|\\PC{1,6}"),
        ) {
            let (one, other) = (UserId::of_issuer(&issuers.0, &ids.0), UserId::of_issuer(&issuers.1, &ids.1));
            prop_assert!(one.is_some() && other.is_some());
            prop_assert_eq!(one == other, issuers.0 == issuers.1 && ids.0 == ids.1);
        }
    }

    #[test]
    fn ids_of_another_kind_are_refused() {
        assert!(UserId::parse("user_2abcDEF").is_some());
        for text in ["", "user_", "org_2abc", "user_a b", "user_a\n"] {
            assert!(UserId::parse(text).is_none(), "{text}");
        }
    }
}
