//! Changing, disabling and enabling keys.

use capykeys_conformance::{
    fixtures::{self, at, context, scopes},
    service::{Service, spec},
};
use capykeys_domain::{
    model::{
        ApiKey, AuditAction, AuditOutcome, Caller, DisablingReason, KeyEdit, KeyId, KeyName, ProjectId,
        ScopeCatalogue,
    },
    policy::{Action, ChangeKey, Denial, DisableKey, EnableKey, Forbidden, Permit, Target, UpdateKey},
    ports::{AuditLog, Change, KeyStore},
    usecases::KeyError,
};

struct Scene {
    service: Service,
    organization: capykeys_domain::model::Organization,
}

impl Scene {
    async fn new() -> Self {
        let service = Service::default();
        let organization = service.organization().await;
        Self { service, organization }
    }

    async fn permit<A: Action>(&self, caller: &Caller, key: KeyId) -> Permit<A> {
        let target = Target { organization: Some(self.organization.id), key: Some(key) };
        self.service.management.permit(caller, target, &context()).await.unwrap()
    }

    fn operators<A: From<ChangeKey>>(&self, key: KeyId) -> Permit<A> {
        Permit::operator_changes_key(&self.organization, key)
    }

    async fn caller(&self, held: &[&str]) -> Caller {
        let key = self.service.key(&self.organization, held).await;
        self.service.sign_in(key.plaintext.expose()).await.unwrap()
    }

    async fn update(&self, permit: &Permit<UpdateKey>, edit: &KeyEdit) -> Result<ApiKey, KeyError> {
        self.service.management.update_key(permit, edit, |_, _| true, &context()).await
    }

    async fn disable(&self, key: KeyId, reason: &str) -> Result<ApiKey, KeyError> {
        let reason = DisablingReason::parse(reason).ok();
        self.service.management.disable_key(&self.operators(key), reason, &context()).await
    }

    async fn enable(&self, key: KeyId) -> Result<ApiKey, KeyError> {
        self.service.management.enable_key(&self.operators(key), &context()).await
    }

    /// The names of the events of this outcome, with their details.
    async fn events(&self, outcome: &AuditOutcome) -> Vec<(AuditAction, String)> {
        let all = fixtures::all_events(self.organization.id);
        let records = self.service.store.list_events(all).await.unwrap();
        let of = records.into_iter().map(|one| one.event).filter(|event| event.outcome == *outcome);
        of.map(|event| {
            let details = event.details.iter().map(|(name, text)| format!("{name}={text}"));
            (event.action, details.collect::<Vec<_>>().join(" "))
        })
        .filter(|(action, _)| !matches!(action, AuditAction::CreateKey | AuditAction::CreateOrganization))
        .collect()
    }
}

#[tokio::test]
async fn a_disabled_key_is_refused_until_it_is_enabled_and_each_is_told_once() {
    let scene = Scene::new().await;
    let key = scene.service.key(&scene.organization, &["jobs:read"]).await;
    let (id, secret) = (key.key.id, key.plaintext.expose());
    let disabled = scene.disable(id, "found").await.unwrap();
    scene.service.clock.advance(1_000_000);
    assert_eq!(scene.disable(id, "again").await.unwrap(), disabled, "the first time and reason stay");
    assert!(scene.service.sign_in(secret).await.is_err());
    assert!(scene.enable(id).await.unwrap().is_as(&key.key));
    assert!(scene.enable(id).await.unwrap().is_as(&key.key));
    assert!(scene.service.sign_in(secret).await.is_ok());
    let told = scene.events(&AuditOutcome::Done).await;
    let expected =
        [(AuditAction::DisableKey, "reason=found"), (AuditAction::EnableKey, "previous_reason=found")];
    assert_eq!(told, expected.map(|(action, details)| (action, details.to_owned())));
    // Whoever repeats it is answered no earlier than the first.
    assert_eq!(*scene.service.replicas.0.lock().unwrap(), [Change::Key(id); 4]);
}

#[tokio::test]
async fn nothing_of_a_key_changes_that_is_revoked_or_has_expired() {
    let scene = Scene::new().await;
    let ending = spec(&["jobs:read"]).expiring_at(at(9_000), at(0)).unwrap();
    let expired = scene.service.key_for(&scene.organization, ending).await.key.id;
    let revoked = scene.service.key(&scene.organization, &["jobs:read"]).await.key.id;
    scene.service.clock.advance(10_000);
    let permit = Permit::operator_revokes_key(&scene.organization, revoked);
    let _ = scene.service.management.revoke_key(&permit, &context()).await.unwrap();
    let unknown = KeyId::new(at(7), [7; 8]);
    for (id, expected) in [
        (expired, "The API key has expired."),
        (revoked, "The API key is revoked."),
        (unknown, "There is no such API key."),
    ] {
        for refused in [
            scene.disable(id, "x").await,
            scene.enable(id).await,
            scene.update(&scene.operators(id), &KeyEdit::default()).await,
        ] {
            assert_eq!(refused.unwrap_err().to_string(), expected);
        }
    }
}

#[tokio::test]
async fn a_change_is_told_with_what_was_before_and_nothing_is_told_of_none() {
    let scene = Scene::new().await;
    let key = scene.service.key(&scene.organization, &["jobs:read", "schema:read"]).await.key;
    let permit = scene.operators(key.id);
    assert_eq!(scene.update(&permit, &KeyEdit::default()).await.unwrap(), key);
    let edit = KeyEdit {
        name: KeyName::parse("Other").ok(),
        scopes: Some(scopes(&["jobs:read"])),
        expires_at: Some(Some(at(9_000_000))),
        device_name: None,
    };
    let changed = scene.update(&permit, &edit).await.unwrap();
    assert_eq!(scene.service.store.find_key(key.organization_id, key.id).await.unwrap(), Some(changed));
    let told = scene.events(&AuditOutcome::Done).await;
    let details = format!(
        "expires_at=2026-01-01T00:00:09Z name=Other previous_name={} previous_scopes=jobs:read schema:read scopes=jobs:read",
        key.name
    );
    assert_eq!(told, [(AuditAction::UpdateKey, details)]);
}

#[tokio::test]
async fn a_key_that_is_not_as_expected_is_not_changed() {
    let scene = Scene::new().await;
    let key = scene.service.key(&scene.organization, &["jobs:read"]).await.key;
    let edit = KeyEdit { name: KeyName::parse("Other").ok(), ..KeyEdit::default() };
    let permit = scene.operators(key.id);
    let stale = scene.service.management.update_key(&permit, &edit, |_, _| false, &context()).await;
    assert!(matches!(stale, Err(KeyError::Changed)));
    assert_eq!(scene.service.store.find_key(key.organization_id, key.id).await.unwrap(), Some(key));
}

/// Whoever may revoke a key may make it stricter; whoever could create it as it will be, anything.
#[tokio::test]
async fn a_key_is_made_stricter_by_who_may_end_it_and_wider_by_who_could_create_it() {
    let scene = Scene::new().await;
    let caller = scene.caller(&["api_keys:write", "jobs:read"]).await;
    let narrower = KeyEdit { scopes: Some(scopes(&["schema:read"])), ..KeyEdit::default() };
    let wider = KeyEdit { scopes: Some(scopes(&["jobs:read"])), ..KeyEdit::default() };
    let beyond = KeyEdit { scopes: Some(scopes(&["backups:read"])), ..KeyEdit::default() };
    let ending = KeyEdit { expires_at: Some(Some(at(9_000))), ..KeyEdit::default() };
    let endless = KeyEdit { expires_at: Some(None), ..KeyEdit::default() };
    let renamed = KeyEdit { name: KeyName::parse("Other").ok(), ..KeyEdit::default() };

    let key = scene.service.key(&scene.organization, &["schema:read", "projects:read"]).await.key;
    let permit = scene.permit::<UpdateKey>(&caller, key.id).await;
    for allowed in [&narrower, &ending, &renamed] {
        scene.update(&permit, allowed).await.unwrap();
    }
    // As it will be, it has a scope that the caller lacks.
    let refused = scene.update(&permit, &endless).await.unwrap_err();
    assert!(matches!(refused, KeyError::Denied(Denial::Forbidden(Forbidden::ScopeNotHeld(_)))), "{refused}");
    scene.update(&permit, &wider).await.unwrap();
    scene.update(&permit, &endless).await.unwrap();
    assert!(matches!(scene.update(&permit, &beyond).await, Err(KeyError::Denied(_))));

    // With itself, a key does nothing but what makes it stricter.
    for held in [&["jobs:read", "schema:read"][..], &["api_keys:read", "jobs:read", "schema:read"]] {
        let caller = scene.caller(held).await;
        let Caller::Key(own) = &caller else { unreachable!() };
        let permit = scene.permit::<UpdateKey>(&caller, own.key.id).await;
        for refused in [&beyond, &renamed] {
            assert!(matches!(scene.update(&permit, refused).await, Err(KeyError::Denied(_))));
        }
        for allowed in [&ending, &narrower] {
            scene.update(&permit, allowed).await.unwrap();
        }
        assert!(matches!(scene.update(&permit, &endless).await, Err(KeyError::Denied(_))));
    }
    let denied = scene.events(&AuditOutcome::Denied).await;
    assert_eq!(denied.len(), 8);
    assert!(denied.iter().all(|(action, _)| *action == AuditAction::UpdateKey), "{denied:?}");
}

/// Else a key that was disabled because it leaked would be enabled with a lesser one that leaked too.
#[tokio::test]
async fn a_key_is_enabled_by_who_could_create_it() {
    let scene = Scene::new().await;
    let lesser = scene.caller(&["api_keys:write"]).await;
    let key = scene.service.key(&scene.organization, &["*"]).await.key;
    let permit = scene.permit::<DisableKey>(&lesser, key.id).await;
    scene.service.management.disable_key(&permit, None, &context()).await.unwrap();
    let permit = scene.permit::<EnableKey>(&lesser, key.id).await;
    let refused = scene.service.management.enable_key(&permit, &context()).await;
    assert!(matches!(refused, Err(KeyError::Denied(_))));
    let denied = scene.events(&AuditOutcome::Denied).await;
    assert_eq!(denied[0].0, AuditAction::EnableKey);
    let equal = scene.caller(&["*"]).await;
    let permit = scene.permit::<EnableKey>(&equal, key.id).await;
    assert!(scene.service.management.enable_key(&permit, &context()).await.unwrap().is_as(&key));
}

/// A body can be held back while its sender loses the right: the store judges anew.
#[tokio::test]
async fn a_caller_that_is_disabled_meanwhile_makes_nothing_wider() {
    let scene = Scene::new().await;
    let caller = scene.caller(&["*"]).await;
    let Caller::Key(own) = &caller else { unreachable!() };
    let key = scene.service.key(&scene.organization, &["jobs:read"]).await.key;
    let permit = scene.permit::<UpdateKey>(&caller, key.id).await;
    scene.disable(own.key.id, "x").await.unwrap();
    let wider = KeyEdit { scopes: Some(scopes(&["*"])), ..KeyEdit::default() };
    assert!(matches!(scene.update(&permit, &wider).await, Err(KeyError::CallerInactive)));
}

#[tokio::test]
async fn a_key_of_a_project_gets_no_scope_beyond_it() {
    let scene = Scene::new().await;
    let project = spec(&["jobs:read"])
        .for_project(ProjectId::parse("p1").unwrap(), &ScopeCatalogue::default())
        .unwrap();
    let key = scene.service.key_for(&scene.organization, project).await.key;
    let beyond = KeyEdit { scopes: Some(scopes(&["*"])), ..KeyEdit::default() };
    let refused = scene.update(&scene.operators(key.id), &beyond).await;
    assert!(matches!(refused, Err(KeyError::Invalid(_))));
}
