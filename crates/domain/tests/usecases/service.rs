//! A service whose clock, randomness, store and sessions a test sets.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use capykeys_conformance::{
    fixtures::{self, ManualClock, SeededEntropy, ToldUses},
    model::ModelStore,
};
use capykeys_domain::{
    model::{
        Caller, ClerkOrganizationId, KeyName, KeySpec, Organization, OrganizationId, Role, ScopeCatalogue,
        Session, SessionOrganization, UserId,
    },
    policy::{CreateKey, Permit, RoleTable, Target},
    ports::{Change, Organizations, Replicas, SessionError, SessionVerifier, Unavailable, Unremembered},
    secret::{BearerToken, Credential, KeyFormat, Pepper, PepperId, Peppers},
    usecases::{
        AuthenticateError, CreatedKey, Environment, Management, Operators, Provisioning,
        Sessions as SigningIn, Verdicts, Viewer,
    },
};

/// What a member is granted by default.
pub(crate) const OF_A_MEMBER: [&str; 6] =
    ["projects:read", "backups:read", "jobs:read", "schema:read", "organizations:read", "api_keys:read"];

/// The service under test and its surroundings.
pub(crate) struct Service {
    pub(crate) environment: Arc<Environment>,
    pub(crate) verdicts: Verdicts,
    pub(crate) management: Management,
    pub(crate) operators: Operators,
    pub(crate) store: ModelStore,
    pub(crate) uses: Arc<ToldUses>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) replicas: Arc<Obedience>,
}

/// Notes who was waited for.
#[derive(Default)]
pub(crate) struct Obedience(pub(crate) Mutex<Vec<Change>>);

#[async_trait]
impl Replicas for Obedience {
    async fn until_obeyed(&self, change: Change) {
        self.0.lock().unwrap().push(change);
    }
}

/// Sessions by their tokens.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<HashMap<String, Session>>);

#[async_trait]
impl SessionVerifier for Sessions {
    async fn verify(&self, token: &BearerToken) -> Result<Session, SessionError> {
        if token.expose() == "jwks.is.down" {
            return Err(Unavailable::new("jwks", "down").into());
        }
        self.0.lock().unwrap().get(token.expose()).cloned().ok_or(SessionError::Refused("unknown token"))
    }
}

impl Service {
    pub(crate) fn new(provisioning: Provisioning) -> Self {
        Self::with_pepper(provisioning, &ModelStore::default(), &[("1", 1)])
    }

    /// With peppers by name and byte, the current one first.
    pub(crate) fn with_pepper(
        provisioning: Provisioning,
        store: &ModelStore,
        peppers: &[(&str, u8)],
    ) -> Self {
        Self::with(provisioning, store, peppers, ScopeCatalogue::default())
    }

    /// The same service started anew, with these scopes.
    pub(crate) fn with_scopes(&self, scopes: ScopeCatalogue) -> Self {
        Self::with(Provisioning::Auto, &self.store, &[("1", 1)], scopes)
    }

    fn with(
        provisioning: Provisioning,
        store: &ModelStore,
        peppers: &[(&str, u8)],
        scopes: ScopeCatalogue,
    ) -> Self {
        let (clock, sessions) = (Arc::new(ManualClock::default()), Arc::new(Sessions::default()));
        let (shared, uses) = (Arc::new(store.clone()), Arc::new(ToldUses::default()));
        let replicas = Arc::new(Obedience::default());
        let mut peppers =
            peppers.iter().map(|&(id, byte)| Pepper::new(PepperId::parse(id).unwrap(), [byte; 32].into()));
        let peppers = Peppers::new(peppers.next().unwrap(), peppers.collect()).unwrap();
        let entropy = Arc::new(SeededEntropy::default());
        let environment =
            Arc::new(Environment::new(clock.clone(), entropy, KeyFormat::default(), peppers, scopes));
        let signing_in = SigningIn::new(
            environment.clone(),
            sessions.clone(),
            shared.clone(),
            shared.clone(),
            provisioning,
            RoleTable::default(),
        );
        let keys = Arc::new(Unremembered(shared.clone()));
        let verdicts =
            Verdicts::new(environment.clone(), keys, uses.clone(), shared.clone(), Some(signing_in));
        let management = Management::new(
            environment.clone(),
            shared.clone(),
            shared.clone(),
            shared.clone(),
            replicas.clone(),
        );
        let operators = Operators::new(environment.clone(), shared.clone(), shared, replicas.clone());
        let store = store.clone();
        Self { environment, verdicts, management, operators, store, uses, clock, sessions, replicas }
    }

    pub(crate) async fn organization(&self) -> Organization {
        let new = fixtures::organization_at_clerk(fixtures::at(0), "org_2known");
        let event = fixtures::event(
            capykeys_domain::model::AuditAction::CreateOrganization,
            fixtures::at(0),
            new.id,
            None,
        );
        self.store.create_organization(new, event).await.unwrap().stored().unwrap()
    }

    pub(crate) async fn key(&self, organization: &Organization, scopes: &[&str]) -> CreatedKey {
        let permit = Permit::operator_creates_key(organization);
        self.management.create_key(&permit, spec(scopes), &fixtures::context()).await.unwrap()
    }

    /// A key that was let through to create others, and its permit to do so.
    pub(crate) async fn creator(
        &self,
        organization: &Organization,
        scopes: &[&str],
    ) -> (CreatedKey, Permit<CreateKey>) {
        let creator = self.key(organization, scopes).await;
        let caller = self.sign_in(creator.plaintext.expose()).await.unwrap();
        let context = fixtures::context();
        let target = in_organization(organization.id);
        let permit = self.management.permit(&caller, target, &context).await.unwrap();
        (creator, permit)
    }

    pub(crate) async fn sign_in(&self, text: &str) -> Result<Caller, AuthenticateError> {
        let credential = Credential::parse(self.environment.format(), text).unwrap();
        self.verdicts.authenticate(&credential, &fixtures::context()).await
    }

    /// What the caller is told about itself.
    pub(crate) async fn viewer(&self, caller: Caller) -> Viewer {
        self.management.viewer(caller).await.unwrap()
    }

    /// Makes `token` stand for a session.
    pub(crate) fn add_session(&self, token: &str, clerk_id: Option<&str>, role: &str, impersonated: bool) {
        self.add_session_with_slug(token, clerk_id, role, impersonated, Some("acme"));
    }

    /// The same, of an organization that has this slug at Clerk.
    pub(crate) fn add_session_with_slug(
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

/// The organization, as what is asked for.
pub(crate) fn in_organization(id: OrganizationId) -> Target {
    Target { organization: Some(id), key: None }
}

/// A session of a user in an organization at Clerk.
pub(crate) fn session(clerk_id: Option<&str>, role: &str, impersonated: bool) -> Session {
    let organization = clerk_id.map(|id| SessionOrganization {
        id: ClerkOrganizationId::parse(id).unwrap(),
        role: Role::parse(role).unwrap(),
        slug: Some("acme".to_owned()),
    });
    Session { user_id: UserId::parse("user_2abc").unwrap(), organization, impersonated }
}

pub(crate) fn spec(scopes: &[&str]) -> KeySpec {
    KeySpec::new(KeyName::parse("CI").unwrap(), fixtures::scopes(scopes))
}
