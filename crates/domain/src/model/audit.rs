//! What the audit log holds: who did or was refused what, when and from where.

use alloc::{
    borrow::ToOwned,
    string::{String, ToString},
};
use core::num::NonZeroU32;

use super::{EventDetails, KeyId, OrganizationId, ProjectId, RequestContext, Sequence, Timestamp, UserId};

/// Who did something.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Actor {
    /// A program with this key.
    Key(KeyId),
    /// A person.
    User(UserId),
    /// Somebody with access to the store itself.
    Operator,
    /// Somebody whom this version does not know, as another version has stored it.
    Other {
        /// The kind.
        kind: String,
        /// The id within the kind.
        id: Option<String>,
    },
}

impl Actor {
    /// The kind, for storage.
    #[must_use]
    pub fn kind(&self) -> &str {
        match self {
            Self::Key(_) => "api_key",
            Self::User(_) => "user",
            Self::Operator => "operator",
            Self::Other { kind, .. } => kind,
        }
    }

    /// The id within the kind, for storage.
    #[must_use]
    pub fn id(&self) -> Option<String> {
        match self {
            Self::Key(id) => Some(id.to_string()),
            Self::User(id) => Some(id.to_string()),
            Self::Operator => None,
            Self::Other { id, .. } => id.clone(),
        }
    }

    /// From what was stored. Every kind and id comes back from [`Actor::kind`] and [`Actor::id`].
    #[must_use]
    pub fn from_stored(kind: &str, id: Option<&str>) -> Self {
        let known = match (kind, id) {
            ("api_key", Some(id)) => KeyId::parse(id).map(Self::Key),
            ("user", Some(id)) => UserId::parse(id).map(Self::User),
            ("operator", None) => Some(Self::Operator),
            _ => None,
        };
        known.unwrap_or_else(|| Self::Other { kind: kind.to_owned(), id: id.map(ToOwned::to_owned) })
    }
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AuditOutcome {
    /// It was done, and committed together with this event.
    Done,
    /// It was refused, and nothing was changed.
    Denied,
    /// In a way that this version does not know, as another version has stored it.
    Other(String),
}

impl AuditOutcome {
    /// As it is stored and shown.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Done => "done",
            Self::Denied => "denied",
            Self::Other(text) => text,
        }
    }

    /// From what was stored: every text comes back from [`AuditOutcome::as_str`].
    #[must_use]
    pub fn from_stored(text: &str) -> Self {
        match text {
            "done" => Self::Done,
            "denied" => Self::Denied,
            other => Self::Other(other.to_owned()),
        }
    }
}

macro_rules! actions {
    ($($(#[$doc:meta])* $variant:ident = $done:literal, $denied:literal $(, $before:literal)?;)*) => {
        /// What was done or tried. Its name says which: `api_key.created` was done, `api_key.create` was
        /// refused.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub enum AuditAction {
            $($(#[$doc])* $variant,)*
            /// What this version does not know, by the name under which another version has stored it.
            Other(String),
        }

        impl AuditAction {
            /// Every one that this version knows.
            pub const KNOWN: &'static [Self] = &[$(Self::$variant,)*];

            /// As it is stored and shown, where it ended so.
            #[must_use]
            pub fn name(&self, outcome: &AuditOutcome) -> &str {
                let done = *outcome == AuditOutcome::Done;
                match self {
                    $(Self::$variant => if done { $done } else { $denied },)*
                    Self::Other(name) => name,
                }
            }

            /// From the name and the outcome that were stored, the names before the eighth migration
            /// included. Every other name comes back from [`AuditAction::name`].
            #[must_use]
            pub fn from_stored(name: &str, outcome: &AuditOutcome) -> Self {
                match (name, outcome) {
                    $(($done $(| $before)?, AuditOutcome::Done) | ($denied $(| $before)?, AuditOutcome::Denied) => {
                        Self::$variant
                    })*
                    _ => Self::Other(name.to_owned()),
                }
            }
        }
    };
}

actions! {
    /// Listing the keys of an organization; recorded when it is refused.
    ListKeys = "api_key.listed", "api_key.list", "api_keys.list";
    /// Seeing one key; recorded when it is refused.
    GetKey = "api_key.retrieved", "api_key.get";
    /// Creating a key.
    CreateKey = "api_key.created", "api_key.create", "api_keys.create";
    /// Revoking a key.
    RevokeKey = "api_key.revoked", "api_key.revoke", "api_keys.revoke";
    /// Changing a key.
    UpdateKey = "api_key.updated", "api_key.update";
    /// Having a key refused until it is enabled.
    DisableKey = "api_key.disabled", "api_key.disable";
    /// Ending that.
    EnableKey = "api_key.enabled", "api_key.enable";
    /// Giving a key another secret.
    RotateKey = "api_key.rotated", "api_key.rotate";
    /// Ending the secret before.
    FinishRotation = "api_key.rotation_finished", "api_key.finish_rotation";
    /// That a key ends soon.
    ExpiresSoon = "api_key.expires_soon", "api_key.expire_soon";
    /// That a key has ended.
    ExpireKey = "api_key.expired", "api_key.expire";
    /// Seeing an organization; recorded when it is refused.
    GetOrganization = "organization.retrieved", "organization.get", "organizations.get";
    /// Creating an organization.
    CreateOrganization = "organization.created", "organization.create", "organizations.create";
    /// Changing what an organization is called, here or at Clerk.
    RenameOrganization = "organization.renamed", "organization.rename", "organizations.rename";
    /// Suspending an organization.
    SuspendOrganization = "organization.suspended", "organization.suspend", "organizations.suspend";
    /// Ending an organization's suspension.
    ResumeOrganization = "organization.resumed", "organization.resume", "organizations.resume";
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
    /// The organization that it was done to, or whose caller was refused. Without one the event is told by
    /// [`EventLog::follow_events`](crate::ports::EventLog::follow_events) alone.
    pub organization_id: Option<OrganizationId>,
    /// The organization that was asked for, where it is not the caller's own and the caller was refused.
    pub target_organization_id: Option<OrganizationId>,
    /// The key that it was done to.
    pub key_id: Option<KeyId>,
    /// The project of that key. A store that creates, changes or revokes a key takes it from there.
    pub project_id: Option<ProjectId>,
    /// What was changed, or why it was refused. A store that renames an organization says so itself:
    /// [`EventDetails::of_renaming`].
    pub details: EventDetails,
    /// From where.
    pub request: RequestContext,
    /// How often, where the same caller was refused the same over and over: then all else is of the last
    /// time, and the key and the organization asked for are named where they were the same each time.
    pub occurrences: NonZeroU32,
}

/// An event as it stands in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// Its id and its place in the log: later events have higher ones, and there may be gaps.
    pub sequence: Sequence,
    /// The event.
    pub event: AuditEvent,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_was_done_and_what_was_refused_have_names_of_their_own() {
        let done = |action: &AuditAction| action.name(&AuditOutcome::Done).to_owned();
        assert_eq!(
            [AuditAction::CreateKey, AuditAction::RevokeKey, AuditAction::ResumeOrganization]
                .map(|one| done(&one)),
            ["api_key.created", "api_key.revoked", "organization.resumed"]
        );
        assert_eq!(AuditAction::CreateKey.name(&AuditOutcome::Denied), "api_key.create");
    }

    #[test]
    fn the_names_of_the_first_versions_are_understood() {
        for outcome in [AuditOutcome::Done, AuditOutcome::Denied] {
            assert_eq!(AuditAction::from_stored("api_keys.create", &outcome), AuditAction::CreateKey);
            assert_eq!(
                AuditAction::from_stored("organizations.suspend", &outcome),
                AuditAction::SuspendOrganization
            );
        }
    }

    #[test]
    fn a_name_with_the_other_outcome_is_shown_as_it_is() {
        let stored = AuditAction::from_stored("api_key.created", &AuditOutcome::Denied);
        assert_eq!(stored, AuditAction::Other("api_key.created".to_owned()));
    }

    proptest! {
        #[test]
        fn whatever_was_stored_comes_back(
            index in 0..AuditAction::KNOWN.len(), name in "\\PC{0,64}", outcome in "done|denied|\\PC{0,20}",
            kind in "api_key|user|operator|\\PC{0,20}", id in proptest::option::of("\\PC{0,40}"),
        ) {
            let outcome = AuditOutcome::from_stored(&outcome);
            prop_assert_eq!(AuditOutcome::from_stored(outcome.as_str()), outcome.clone());
            for action in [AuditAction::KNOWN[index].clone(), AuditAction::from_stored(&name, &outcome)] {
                if !matches!((&action, &outcome), (_, AuditOutcome::Other(_))) {
                    prop_assert_eq!(AuditAction::from_stored(action.name(&outcome), &outcome), action);
                }
            }
            let actor = Actor::from_stored(&kind, id.as_deref());
            prop_assert_eq!((actor.kind(), actor.id()), (kind.as_str(), id));
        }
    }
}
