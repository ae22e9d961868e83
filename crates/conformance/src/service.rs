//! The whole service over the reference model, with surroundings that a test sets: for the tests of the
//! use cases and of what stands in front of them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use capykeys_domain::{
    model::{
        AuditAction, Caller, ExternalOrganizationId, KeyName, KeySpec, Organization, OrganizationId, Role,
        ScopeCatalogue, Session, SessionOrganization, UserId,
    },
    policy::{CreateKey, Permit, RoleTable, Target},
    ports::{BearerTokenError, Change, Organizations, Replicas, SessionVerifier, Unavailable, Unremembered},
    secret::{BearerToken, Credential, KeyFormat, Pepper, PepperId, Peppers},
    usecases::{
        AuthenticateError, CreatedKey, Environment, Management, Operators, Provisioning, RotationSettings,
        Sessions as SigningIn, Verdicts, Viewer,
    },
};
use tokio::sync::watch;

pub use crate::moody::Mood;
use crate::{
    fixtures::{self, ManualClock, SeededEntropy, ToldUses},
    model::ModelStore,
    moody::MoodyStore,
};

/// What a member is granted by default.
pub const OF_A_MEMBER: [&str; 6] =
    ["projects:read", "backups:read", "jobs:read", "schema:read", "organizations:read", "api_keys:read"];

/// The id at Clerk of the organization that [`Service::organization`] creates.
pub const AT_CLERK: &str = "org_2known";

/// The service and its surroundings.
pub struct Service {
    /// What its parts share.
    pub environment: Arc<Environment>,
    /// Who is who, and what they are good for.
    pub verdicts: Arc<Verdicts>,
    /// What callers do with keys.
    pub management: Arc<Management>,
    /// What operators do.
    pub operators: Operators,
    /// What is stored.
    pub store: ModelStore,
    /// What the store does when the service asks it.
    pub mood: watch::Sender<Mood>,
    /// The uses of keys that it has told of.
    pub uses: Arc<ToldUses>,
    /// Its clock.
    pub clock: Arc<ManualClock>,
    /// The other servers, as it takes them to be there.
    pub replicas: Arc<Obedience>,
    sessions: Arc<KnownSessions>,
}

/// With what a service is started.
pub struct Setup {
    /// What it hashes keys with: by default one that is called `1`.
    pub peppers: Peppers,
    /// The scopes that there are.
    pub scopes: ScopeCatalogue,
    /// What becomes of an organization at Clerk that is not known here: by default it is created.
    pub provisioning: Provisioning,
    /// What sessions are granted.
    pub roles: RoleTable,
    /// How keys are rotated.
    pub rotations: RotationSettings,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            peppers: peppers(&[("1", 1)]),
            scopes: ScopeCatalogue::default(),
            provisioning: Provisioning::Auto,
            roles: RoleTable::default(),
            rotations: RotationSettings::default(),
        }
    }
}

/// Notes who was waited for.
#[derive(Default)]
pub struct Obedience(pub Mutex<Vec<Change>>);

#[async_trait]
impl Replicas for Obedience {
    async fn until_obeyed(&self, change: Change) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(change);
    }
}

/// Sessions by their tokens.
#[derive(Default)]
struct KnownSessions(Mutex<HashMap<String, Session>>);

#[async_trait]
impl SessionVerifier for KnownSessions {
    async fn verify_session(&self, token: &BearerToken) -> Result<Session, BearerTokenError> {
        if token.expose() == "jwks.is.down" {
            return Err(Unavailable::new("jwks", "down").into());
        }
        self.0.lock().unwrap().get(token.expose()).cloned().ok_or(BearerTokenError::Refused("unknown token"))
    }
}

impl Default for Service {
    fn default() -> Self {
        Self::new(Setup::default())
    }
}

impl Service {
    /// With an empty store.
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        Self::over(&ModelStore::default(), setup)
    }

    /// With this store, which an earlier one may have worked on.
    #[must_use]
    pub fn over(store: &ModelStore, setup: Setup) -> Self {
        let Setup { peppers, scopes, provisioning, roles, rotations } = setup;
        let (clock, uses) = (Arc::new(ManualClock::default()), Arc::new(ToldUses::default()));
        let (sessions, replicas) = (Arc::new(KnownSessions::default()), Arc::new(Obedience::default()));
        let (mood, receiver) = watch::channel(Mood::Good);
        let (model, moody) = (Arc::new(store.clone()), Arc::new(MoodyStore::new(store.clone(), receiver)));
        let (entropy, format) = (Arc::new(SeededEntropy::default()), KeyFormat::default());
        let environment = Arc::new(Environment::new(clock.clone(), entropy, format, peppers, scopes));
        let signing_in = SigningIn::new(
            environment.clone(),
            sessions.clone(),
            model.clone(),
            model.clone(),
            provisioning,
            roles,
        );
        let keys = Arc::new(Unremembered(moody.clone()));
        let verdicts =
            Arc::new(Verdicts::new(environment.clone(), keys, uses.clone(), moody.clone(), Some(signing_in)));
        let management = Arc::new(Management::new(
            environment.clone(),
            moody,
            model.clone(),
            model.clone(),
            replicas.clone(),
            rotations,
        ));
        let operators = Operators::new(environment.clone(), model.clone(), model, replicas.clone());
        let store = store.clone();
        Self { environment, verdicts, management, operators, store, mood, uses, clock, replicas, sessions }
    }

    /// Creates an organization, which has a counterpart at Clerk.
    pub async fn organization(&self) -> Organization {
        let new = fixtures::organization_at_clerk(fixtures::at(0), AT_CLERK);
        let event = fixtures::event(AuditAction::CreateOrganization, fixtures::at(0), new.id, None);
        self.store.create_organization(new, event).await.unwrap().stored().unwrap()
    }

    /// Creates a key with these scopes, as an operator.
    pub async fn key(&self, organization: &Organization, scopes: &[&str]) -> CreatedKey {
        self.key_for(organization, spec(scopes)).await
    }

    /// Creates a key, as an operator, and a microsecond after what was before.
    pub async fn key_for(&self, organization: &Organization, spec: KeySpec) -> CreatedKey {
        self.clock.advance(1);
        let permit = Permit::operator_creates_key(organization);
        self.management.create_key(&permit, spec, &fixtures::context()).await.unwrap()
    }

    /// A key that was let through to create others, and its permit to do so.
    pub async fn creator(
        &self,
        organization: &Organization,
        scopes: &[&str],
    ) -> (CreatedKey, Permit<CreateKey>) {
        let creator = self.key(organization, scopes).await;
        let caller = self.sign_in(creator.plaintext.expose()).await.unwrap();
        let target = in_organization(organization.id);
        let permit = self.management.permit(&caller, target, &fixtures::context()).await.unwrap();
        (creator, permit)
    }

    /// Who comes with this credential.
    ///
    /// # Errors
    /// [`AuthenticateError`].
    pub async fn sign_in(&self, text: &str) -> Result<Caller, AuthenticateError> {
        let credential = Credential::parse(self.environment.format(), text).unwrap();
        self.verdicts.authenticate(&credential, &fixtures::context()).await
    }

    /// What the caller is told about itself.
    pub async fn viewer(&self, caller: Caller) -> Viewer {
        self.management.viewer(caller).await.unwrap()
    }

    /// Makes `token` stand for a session.
    pub fn add_session(&self, token: &str, clerk_id: Option<&str>, role: &str, impersonated: bool) {
        self.add_session_with_slug(token, clerk_id, role, impersonated, Some("acme"));
    }

    /// The same, of an organization that has this slug at Clerk.
    pub fn add_session_with_slug(
        &self,
        token: &str,
        clerk_id: Option<&str>,
        role: &str,
        impersonated: bool,
        slug: Option<&str>,
    ) {
        let mut session = session(clerk_id, role, impersonated);
        if let Some(organization) = &mut session.organization {
            organization.slug = slug.map(ToOwned::to_owned);
        }
        self.sessions.0.lock().unwrap().insert(token.to_owned(), session);
    }
}

/// Peppers by name and byte, the current one first.
#[must_use]
pub fn peppers(all: &[(&str, u8)]) -> Peppers {
    let mut all = all.iter().map(|&(id, byte)| Pepper::new(PepperId::parse(id).unwrap(), [byte; 32].into()));
    Peppers::new(all.next().unwrap(), all.collect()).unwrap()
}

/// The organization, as what is asked for.
#[must_use]
pub const fn in_organization(id: OrganizationId) -> Target {
    Target { organization: Some(id), key: None }
}

/// A session of a user in an organization at Clerk.
#[must_use]
pub fn session(clerk_id: Option<&str>, role: &str, impersonated: bool) -> Session {
    let organization = clerk_id.map(|id| SessionOrganization {
        id: ExternalOrganizationId::parse(id).unwrap(),
        roles: vec![Role::parse(role).unwrap()],
        slug: Some("acme".to_owned()),
    });
    Session { user_id: UserId::parse("user_2abc").unwrap(), organization, impersonated }
}

/// A key with these scopes.
#[must_use]
pub fn spec(scopes: &[&str]) -> KeySpec {
    KeySpec::new(KeyName::parse("CI").unwrap(), fixtures::scopes(scopes))
}
