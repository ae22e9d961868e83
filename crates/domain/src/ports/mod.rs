//! What the use cases need of the world, as traits that adapters implement.
//!
//! The rules for every port of a store:
//!
//! - A method is one atomic operation; its transaction lives inside the adapter. One that changes
//!   something takes the [`AuditEvent`](crate::model::AuditEvent) that commits with it or not at all.
//!   [`KeyStore::record_uses`] and [`PepperRegistry::rehash_keys`] have none: what is shown of a key does not
//!   change, or is a trace of reads.
//! - What is judged before something is stored is judged in the transaction that stores it, and the number of
//!   an event is drawn there. The change is told to the [`ChangeFeed`] there too, as the last thing.
//! - An answer is given when the commit is durable: it is still there when the machine loses its power. Only
//!   [`ReplicaRegistry::confirm_progress`] and [`KeyStore::record_uses`] need not be.
//! - What is committed before a call is seen by it.
//! - "Not found" is `Ok(None)`. The only infrastructure error is [`Unavailable`]; every method says what it
//!   leaves open, and all other outcomes are in its answer.
//! - Two writes that meet are no error: one waits for the other, or is tried again inside. Two methods wait for
//!   nobody: [`KeyStore::record_uses`] fails where it meets another write, and [`PepperRegistry::rehash_keys`]
//!   passes such a key over. Whoever calls them tries again later.
//! - Every call comes back within about a second, or within the deadline that the store was opened with (operators'
//!   commands wait for 30 s), if need be as [`Unavailable`]; so the lock that an engine takes for writing has a
//!   deadline as well. What reads or fills a [`WholeStore`] takes as long as there is to read.
//! - A future may be dropped at any await: what it was doing then either happened as a whole or
//!   did not happen.
//! - Every lookup of a key but the one by digest takes the organization, so that none can forget it.
//! - Lists leave nothing out: a row that cannot be read fails the call.
//! - No text of an error repeats what the driver says: that can hold a row's values.
//!
//! What writes takes its request by value, so that an engine that blocks can move it to a thread of its own without
//! copying it. What is looked up on the path of every request, a digest or an id at Clerk, is borrowed.
//!
//! For an embedded store besides: its folder is made with mode 0700 and its files with 0600, since a pepper lies
//! beside them; and a second process can open it while a server has it open, because operators' commands run
//! beside the server.
//!
//! `docs/adapters.md` leads through writing an adapter; the `conformance` crate checks it.

mod audit_log;
mod bearer_token_error;
mod bounds;
mod change_feed;
mod clock;
mod cluster_callers;
mod entropy;
mod epoch;
mod event_log;
mod expiry;
mod host;
mod idempotency;
mod insertion;
mod key_lookup;
mod key_resolver;
mod key_store;
mod organization_resolver;
mod organizations;
mod pepper_registry;
mod readiness;
mod replica_registry;
mod replicas;
mod revocation;
mod session_verifier;
mod stored_key;
mod unavailable;
mod uses;
mod whole_store;

pub use audit_log::{AuditLog, EventQuery};
pub use bearer_token_error::BearerTokenError;
pub use bounds::Limit;
pub use change_feed::{Change, ChangeFeed, FeedHead, FeedPosition, FeedQuery, Poll};
pub use clock::Clock;
pub use cluster_callers::ClusterCallers;
pub use entropy::Entropy;
pub use epoch::{Epoch, NewestEpoch};
pub use event_log::{EventLag, EventLog, EventPosition, Followed};
pub use expiry::{EndingKey, EndingKeys, ExpiryNotice};
pub use host::Host;
pub use idempotency::{FORGOTTEN_AT_ONCE, Repeated};
pub use insertion::{Insertion, NewKey};
pub use key_lookup::{FoundKey, KeyLookup};
pub use key_resolver::{KeyResolver, ResolvedKey, Unremembered};
pub use key_store::{IdleRotations, KeyChange, KeyChanged, KeyQuery, KeyStore, KeyUse, NewSecret};
pub use organization_resolver::OrganizationResolver;
pub use organizations::{OrganizationInsertion, Organizations, RenameOrganization, SetSuspension};
pub use pepper_registry::{PepperRegistry, PepperUse, Rehash};
pub use readiness::Readiness;
pub use replica_registry::{FeedProgress, RegisteredReplica, Registry, ReplicaId, ReplicaRegistry};
pub use replicas::{NoReplicas, Replicas};
pub use revocation::{Revocation, RevokeKey, RevokeKeys};
pub use session_verifier::{IssuerVerifier, SessionVerifier};
pub use stored_key::StoredKey;
pub use unavailable::Unavailable;
pub use uses::Uses;
pub use whole_store::{
    Import, Imported, RowCounts, Snapshot, SnapshotPlace, SnapshotReader, StoreHead, StoredRows, WholeStore,
    missing,
};
