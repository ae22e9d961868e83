//! A service with one organization, and sessions that a test sets.

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
        AuditAction, ClerkOrganizationId, Organization, Role, ScopeCatalogue, Session, SessionOrganization,
        UserId,
    },
    policy::RoleTable,
    ports::{NoReplicas, Organizations, SessionError, SessionVerifier, Unremembered},
    secret::{BearerToken, KeyFormat, Pepper, PepperId, Peppers},
    usecases::{Environment, Management, Operators, Provisioning, Sessions as SigningIn, Verdicts},
};

const AT_CLERK: &str = "org_2known";

/// The service and its organization.
pub(crate) struct Service {
    pub(crate) verdicts: Verdicts,
    pub(crate) management: Management,
    pub(crate) operators: Operators,
    pub(crate) organization: Organization,
    sessions: Arc<Sessions>,
}

/// Sessions by their tokens.
#[derive(Default)]
struct Sessions(Mutex<HashMap<String, Session>>);

#[async_trait]
impl SessionVerifier for Sessions {
    async fn verify(&self, token: &BearerToken) -> Result<Session, SessionError> {
        self.0.lock().unwrap().get(token.expose()).cloned().ok_or(SessionError::Refused("unknown token"))
    }
}

impl Service {
    /// With this table of what sessions are granted.
    pub(crate) async fn new(roles: RoleTable) -> Self {
        let (store, sessions) = (Arc::new(ModelStore::default()), Arc::new(Sessions::default()));
        let new = fixtures::organization_at_clerk(fixtures::at(0), AT_CLERK);
        let event = fixtures::event(AuditAction::CreateOrganization, fixtures::at(0), new.id, None);
        let organization = store.create_organization(new, event).await.unwrap().stored().unwrap();
        let pepper = Pepper::new(PepperId::parse("1").unwrap(), [1; 32].into());
        let peppers = Peppers::new(pepper, Vec::new()).unwrap();
        let environment = Arc::new(Environment::new(
            Arc::new(ManualClock::default()),
            Arc::new(SeededEntropy::default()),
            KeyFormat::default(),
            peppers,
            ScopeCatalogue::default(),
        ));
        let signing_in = SigningIn::new(
            environment.clone(),
            sessions.clone(),
            store.clone(),
            store.clone(),
            Provisioning::Registered,
            roles,
        );
        let keys = Arc::new(Unremembered(store.clone()));
        let uses = Arc::new(ToldUses::default());
        let verdicts = Verdicts::new(environment.clone(), keys, uses, store.clone(), Some(signing_in));
        let management = Management::new(
            environment.clone(),
            store.clone(),
            store.clone(),
            store.clone(),
            Arc::new(NoReplicas),
        );
        let operators = Operators::new(environment, store.clone(), store, Arc::new(NoReplicas));
        Self { verdicts, management, operators, organization, sessions }
    }

    /// Makes `token` stand for a session in the organization.
    pub(crate) fn add_session(&self, token: &str, role: &str, impersonated: bool) {
        self.sessions.0.lock().unwrap().insert(token.to_owned(), session(role, impersonated));
    }
}

/// A session of a user in the organization.
pub(crate) fn session(role: &str, impersonated: bool) -> Session {
    let organization = SessionOrganization {
        id: ClerkOrganizationId::parse(AT_CLERK).unwrap(),
        role: Role::parse(role).unwrap(),
        slug: None,
    };
    Session { user_id: UserId::parse("user_2abc").unwrap(), organization: Some(organization), impersonated }
}
