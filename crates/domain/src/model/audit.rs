//! What the audit log holds: who did or was refused what, when and from where.

use alloc::string::String;
use core::num::NonZeroU32;

use super::{KeyId, OrganizationId, RequestContext, Timestamp, UserId};

/// Who did something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A program with this key.
    Key(KeyId),
    /// A person.
    User(UserId),
    /// Somebody with access to the store itself.
    Operator,
}

impl Actor {
    /// The kind, for storage.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Key(_) => "api_key",
            Self::User(_) => "user",
            Self::Operator => "operator",
        }
    }

    /// The id within the kind, for storage.
    #[must_use]
    pub fn id(&self) -> Option<String> {
        match self {
            Self::Key(id) => Some(alloc::format!("{id}")),
            Self::User(id) => Some(alloc::format!("{id}")),
            Self::Operator => None,
        }
    }

    /// From what was stored; `None` where it is nothing that [`Actor::kind`] and [`Actor::id`]
    /// could have given.
    #[must_use]
    pub fn from_stored(kind: &str, id: Option<&str>) -> Option<Self> {
        match (kind, id) {
            ("api_key", Some(id)) => KeyId::parse(id).map(Self::Key),
            ("user", Some(id)) => UserId::parse(id).map(Self::User),
            ("operator", None) => Some(Self::Operator),
            _ => None,
        }
    }
}

macro_rules! names {
    ($(#[$doc:meta])* $name:ident { $($(#[$item_doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$item_doc])* $variant,)*
        }

        impl $name {
            /// Every one there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// As it is stored and shown.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The one with exactly this name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.as_str() == name)
            }
        }
    };
}

names! {
    /// What was done or tried.
    AuditAction {
        /// Listing the keys of an organization; recorded when it is refused.
        ListKeys = "api_keys.list",
        /// Creating a key.
        CreateKey = "api_keys.create",
        /// Revoking a key.
        RevokeKey = "api_keys.revoke",
        /// Seeing an organization; recorded when it is refused.
        GetOrganization = "organizations.get",
        /// Creating an organization.
        CreateOrganization = "organizations.create",
        /// Changing what an organization is called, here or at Clerk.
        RenameOrganization = "organizations.rename",
        /// Suspending an organization.
        SuspendOrganization = "organizations.suspend",
        /// Ending an organization's suspension.
        ResumeOrganization = "organizations.resume",
    }
}

names! {
    /// How it ended.
    AuditOutcome {
        /// It was done, and committed together with this event.
        Done = "done",
        /// It was refused, and nothing was changed.
        Denied = "denied",
    }
}

/// One thing done or refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEvent {
    /// When.
    pub at: Timestamp,
    /// What.
    pub action: AuditAction,
    /// How it ended.
    pub outcome: AuditOutcome,
    /// Who.
    pub actor: Actor,
    /// The organization that it was done to, or whose caller was refused.
    pub organization_id: Option<OrganizationId>,
    /// The key that it was done to.
    pub key_id: Option<KeyId>,
    /// From where.
    pub request: RequestContext,
    /// How often, where the same caller was refused the same over and over: then all else is of the last
    /// time, and the key is named where it was the same each time.
    pub occurrences: NonZeroU32,
}

/// An event as it stands in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// Its place in the log: later events have higher ones, and there may be gaps.
    pub sequence: i64,
    /// The event.
    pub event: AuditEvent,
}
