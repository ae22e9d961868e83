//! What the use cases need of the world, as traits that adapters implement.
//!
//! The rules for every port:
//!
//! - A method is one atomic operation; its transaction lives inside the adapter. One that changes
//!   something takes the [`AuditEvent`](crate::model::AuditEvent) that commits with it or not at all.
//!   [`KeyStore::record_uses`] and [`PepperRegistry::rehash`] have none: what is shown of a key does not
//!   change, or is a trace of reads.
//! - "Not found" is `Ok(None)`. The only infrastructure error is [`Unavailable`].
//! - Every lookup but the one by digest takes the organization, so that none can forget it.
//! - A future may be dropped at any await: what it was doing then either happened as a whole or
//!   did not happen.
//! - Every call comes back within about a second, if need be as [`Unavailable`].
//!
//! `docs/adapters.md` leads through writing an adapter; the `conformance` crate checks it.

mod audit_log;
mod change_feed;
mod clock;
mod cluster_callers;
mod entropy;
mod event_log;
mod history;
mod key_lookup;
mod key_resolver;
mod key_store;
mod organization_resolver;
mod organizations;
mod pepper_registry;
mod readiness;
mod replica_registry;
mod replicas;
mod session_verifier;
mod unavailable;
mod uses;

pub use audit_log::AuditLog;
pub use change_feed::{Change, ChangeFeed, FeedHead, FeedPosition, Poll};
pub use clock::Clock;
pub use cluster_callers::{ClusterCallerError, ClusterCallers};
pub use entropy::Entropy;
pub use event_log::{EventLag, EventLog, EventPosition, Followed};
pub use history::{HistoryLine, NewestLine};
pub use key_lookup::{FoundKey, KeyLookup};
pub use key_resolver::{KeyResolver, ResolvedKey, Unremembered};
pub use key_store::{Insertion, KeyStore, KeyUse, NewKey, Revocation};
pub use organization_resolver::OrganizationResolver;
pub use organizations::Organizations;
pub use pepper_registry::{PepperRegistry, PepperUse, Rehash};
pub use readiness::Readiness;
pub use replica_registry::{FeedProgress, RegisteredReplica, Registry, ReplicaId, ReplicaRegistry};
pub use replicas::{NoReplicas, Replicas};
pub use session_verifier::{SessionError, SessionVerifier};
pub use unavailable::Unavailable;
pub use uses::Uses;
