//! The types of the wire contract. Each is parsed once, at the edge, and valid ever after.

mod api_key;
mod audit;
mod caller;
mod cluster;
mod event_details;
mod id;
mod invalid;
mod issued_id;
mod key_spec;
mod organization;
mod project_id;
mod request;
mod scope;
mod scope_catalogue;
mod sequence;
mod session;
mod text;
mod timestamp;

pub use api_key::{ApiKey, KeyPrefix, KeySource, KeyState};
pub use audit::{Actor, AuditAction, AuditEvent, AuditOutcome, AuditRecord};
pub use caller::{Caller, Creator, KeyCaller, SessionCaller};
pub use cluster::{ClusterCaller, ClusterSubject};
pub use event_details::EventDetails;
pub use id::{KeyId, OrganizationId};
pub use invalid::Invalid;
pub use key_spec::{KeySpec, MAX_LIFETIME_DAYS};
pub use organization::{ClerkLink, Organization, Renaming, Suspension};
pub use project_id::ProjectId;
pub use request::{RequestContext, RequestId};
pub use scope::{Scope, ScopeSet};
pub use scope_catalogue::{ScopeCatalogue, ScopeDefinition};
pub use sequence::Sequence;
pub use session::{ExternalOrganizationId, Role, Session, SessionOrganization, UserId};
pub(crate) use text::shows_text;
pub use text::{DeviceName, KeyName, OrganizationName, Slug, SuspensionReason};
pub use timestamp::Timestamp;
