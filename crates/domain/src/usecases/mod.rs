//! What the service does, on top of the ports.

mod access;
mod authenticate;
mod authorize;
mod create_key;
mod identity;
mod list_keys;
mod organizations;
mod provision;
mod revoke_key;
pub mod sentences;
mod verify_key;
mod viewer;

use alloc::sync::Arc;
use core::{num::NonZeroU32, time::Duration};

pub use access::AccessError;
pub use authenticate::AuthenticateError;
pub use authorize::{AuthorizeError, Authorized};
pub use create_key::{CreateKeyError, CreatedKey};
pub use identity::{Gateways, Identity, IdentityHeaders};
pub use list_keys::{KeyPage, PAGE_SIZE};
pub use organizations::NewOrganization;
pub use revoke_key::RevokeKeyError;
pub use verify_key::Verification;
pub use viewer::{AuthSource, Principal, Viewer};

use crate::{
    model::{
        Actor, AuditAction, AuditEvent, AuditOutcome, EventDetails, KeyId, OrganizationId, RequestContext,
        RequestId, Timestamp,
    },
    policy::RoleTable,
    ports::{
        AuditLog, Clock, Entropy, KeyResolver, KeyStore, OrganizationResolver, Organizations, Readiness,
        Replicas, SessionVerifier, Unavailable, Uses,
    },
    secret::{KeyFormat, Peppers},
};

/// The adapters that the use cases work with.
#[derive(Clone)]
pub struct Ports {
    /// Keys.
    pub keys: Arc<dyn KeyStore>,
    /// Keys by their secret.
    pub resolver: Arc<dyn KeyResolver>,
    /// Who has to obey a change before it is acknowledged.
    pub replicas: Arc<dyn Replicas>,
    /// Organizations.
    pub organizations: Arc<dyn Organizations>,
    /// Organizations of sessions.
    pub organization_resolver: Arc<dyn OrganizationResolver>,
    /// The audit log.
    pub audit: Arc<dyn AuditLog>,
    /// Session tokens; without it, sessions are refused.
    pub sessions: Option<Arc<dyn SessionVerifier>>,
    /// Whether the store is there.
    pub readiness: Arc<dyn Readiness>,
    /// Who is told that a key was used.
    pub uses: Arc<dyn Uses>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
}

/// Whether an organization that is known at Clerk alone is created here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provisioning {
    /// On the first session of one of its administrators.
    Auto,
    /// Never: operators register organizations.
    Registered,
}

/// The service: every use case is one of its methods.
pub struct Capykeys {
    ports: Ports,
    format: KeyFormat,
    peppers: Arc<Peppers>,
    provisioning: Provisioning,
    roles: RoleTable,
}

impl Capykeys {
    /// Puts the service together.
    #[must_use]
    pub fn new(
        ports: Ports,
        format: KeyFormat,
        peppers: impl Into<Arc<Peppers>>,
        provisioning: Provisioning,
    ) -> Self {
        Self { ports, format, peppers: peppers.into(), provisioning, roles: RoleTable::default() }
    }

    /// The same with another table of what sessions are granted.
    #[must_use]
    pub fn with_roles(mut self, roles: RoleTable) -> Self {
        self.roles = roles;
        self
    }

    /// How keys look.
    #[must_use]
    pub const fn format(&self) -> &KeyFormat {
        &self.format
    }

    /// The current time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.ports.clock.now()
    }

    /// Whether the service can do its work right now.
    ///
    /// # Errors
    /// [`Unavailable`] where something that it needs is not there.
    pub async fn ready(&self) -> Result<(), Unavailable> {
        self.peppers.minting()?;
        self.ports.readiness.check().await
    }

    /// The id of a request: the one that its caller gave, where that can stand in a log, where no key
    /// may; else a new one. Where there is no randomness to be had, that is the time.
    #[must_use]
    pub fn request_id(&self, given: Option<&str>) -> RequestId {
        let given = given.filter(|id| !self.format.occurs_in(id)).and_then(RequestId::parse);
        given.unwrap_or_else(|| {
            let time = || i128::from(self.now().unix_micros()).to_be_bytes();
            RequestId::from_random(self.random().unwrap_or_else(|_| time()))
        })
    }

    /// Takes up to `at_most` events out of the audit log, the oldest first, that are older than `keep`. How
    /// many there were.
    ///
    /// # Errors
    /// [`Unavailable`] where the store did not answer in time.
    pub async fn expire_audit_events(&self, keep: Duration, at_most: NonZeroU32) -> Result<u64, Unavailable> {
        let keep = i64::try_from(keep.as_micros()).unwrap_or(i64::MAX);
        let before = Timestamp::from_unix_micros(self.now().unix_micros().saturating_sub(keep));
        match before {
            Some(before) => self.ports.audit.expire(before, at_most).await,
            // Before there were years.
            None => Ok(0),
        }
    }

    fn random<const N: usize>(&self) -> Result<[u8; N], Unavailable> {
        let mut bytes = [0; N];
        self.ports.entropy.fill(&mut bytes)?;
        Ok(bytes)
    }
}

/// The event of something that was done.
fn done(
    action: AuditAction,
    at: Timestamp,
    actor: &Actor,
    organization_id: OrganizationId,
    key_id: Option<KeyId>,
    context: &RequestContext,
) -> AuditEvent {
    AuditEvent {
        at,
        action,
        outcome: AuditOutcome::Done,
        actor: actor.clone(),
        organization_id: Some(organization_id),
        target_organization_id: None,
        key_id,
        project_id: None,
        details: EventDetails::default(),
        request: context.clone(),
        occurrences: NonZeroU32::MIN,
    }
}
