//! Giving keys another secret.

use std::time::Duration;

use capykeys_conformance::{
    fixtures::{self, at, context},
    service::{Service, Setup, spec},
};
use capykeys_domain::{
    model::{ApiKey, AuditAction, AuditOutcome, Caller, KeyId, Organization},
    policy::{Action, Denial, FinishRotation, Forbidden, Permit, Rejection, Requirement, RotateKey, Target},
    ports::{AuditLog, Change, KeyStore, KeyUse, Limit},
    secret::PlaintextKey,
    usecases::{AccessError, CreatedKey, KeyError, RotateKeyRequest, RotationSettings},
};

const GRACE: Duration = Duration::from_micros(100);
const AT_ONCE: RotateKeyRequest = with_grace(Duration::ZERO);

const fn with_grace(grace: Duration) -> RotateKeyRequest {
    RotateKeyRequest { grace: Some(grace), finish_when_idle: None, discard_newest: false }
}

struct Scene {
    service: Service,
    organization: Organization,
}

impl Scene {
    async fn new() -> Self {
        Self::with(RotationSettings::default()).await
    }

    async fn with(rotations: RotationSettings) -> Self {
        let service = Service::new(Setup { rotations, ..Setup::default() });
        let organization = service.organization().await;
        Self { service, organization }
    }

    async fn rotate(&self, key: KeyId, request: RotateKeyRequest) -> Result<CreatedKey, KeyError> {
        let permit = Permit::operator_rotates_key(&self.organization, key);
        self.service.management.rotate_key(&permit, request, &context()).await
    }

    async fn finish(&self, key: KeyId) -> Result<ApiKey, KeyError> {
        let permit: Permit<FinishRotation> = Permit::operator_changes_key(&self.organization, key);
        self.service.management.finish_rotation(&permit, &context()).await
    }

    /// A key, and the same rotated, with a grace of 100 microseconds.
    async fn rotated(&self, held: &[&str]) -> (CreatedKey, CreatedKey) {
        let old = self.service.key(&self.organization, held).await;
        let new = self.rotate(old.key.id, with_grace(GRACE)).await;
        (old, new.unwrap())
    }

    async fn permit<A: Action>(&self, caller: &Caller, key: KeyId) -> Result<Permit<A>, AccessError> {
        let target = Target { organization: Some(self.organization.id), key: Some(key) };
        self.service.management.permit(caller, target, &context()).await
    }

    async fn rotates(&self, secret: &PlaintextKey, key: KeyId) -> Result<CreatedKey, KeyError> {
        let caller = self.service.sign_in(secret.expose()).await.unwrap();
        let permit = self.permit::<RotateKey>(&caller, key).await.unwrap();
        self.service.management.rotate_key(&permit, RotateKeyRequest::default(), &context()).await
    }

    /// The verdict on the secret, which signing in agrees with.
    async fn verdict(&self, secret: &PlaintextKey) -> Result<(), Rejection> {
        let needs = Requirement::default();
        let verification = self.service.verdicts.verify(Some(secret), &needs, Duration::ZERO).await.unwrap();
        assert_eq!(verification.verdict.is_ok(), self.service.sign_in(secret.expose()).await.is_ok());
        verification.verdict.map(drop)
    }
}

#[tokio::test]
async fn both_secrets_are_good_until_the_moment_that_the_grace_ends_and_then_one() {
    let scene = Scene::new().await;
    let (old, new) = scene.rotated(&["jobs:read"]).await;
    let rotation = new.key.rotation.clone().unwrap();
    assert_eq!(rotation.previous_expires_at, rotation.at.saturating_add(GRACE));
    assert_eq!(rotation.previous_key_prefix, old.key.key_prefix);
    assert_eq!(new.key.key_prefix, scene.service.environment.format().shown(&new.plaintext));
    assert_eq!(new.key.previous_ends_at(), Some(rotation.previous_expires_at));
    let same = ApiKey { key_prefix: old.key.key_prefix.clone(), rotation: None, ..new.key.clone() };
    assert_eq!(same, old.key);
    scene.service.clock.advance(99);
    assert_eq!(scene.verdict(&old.plaintext).await, Ok(()));
    scene.service.clock.advance(1);
    assert_eq!(scene.verdict(&old.plaintext).await, Err(Rejection::Expired));
    assert_eq!(scene.verdict(&new.plaintext).await, Ok(()));
}

/// And to the gateways and libraries behind it: whatever goes by the end of a key goes by that of the secret.
#[tokio::test]
async fn a_verdict_on_the_previous_secret_ends_with_its_grace() {
    let scene = Scene::new().await;
    let (old, new) = scene.rotated(&["jobs:read"]).await;
    let (needs, end) = (Requirement::default(), new.key.rotation.unwrap().previous_expires_at);
    let verify = async |secret| {
        let verification = scene.service.verdicts.verify(Some(secret), &needs, Duration::MAX).await.unwrap();
        verification.verdict.unwrap().key.expires_at
    };
    assert_eq!(verify(&old.plaintext).await, Some(end));
    assert_eq!(verify(&new.plaintext).await, None);
    let Caller::Key(caller) = scene.service.sign_in(old.plaintext.expose()).await.unwrap() else { panic!() };
    assert_eq!((caller.key.expires_at, caller.with_previous), (Some(end), true));
}

/// Nobody can make a key with it that is good for longer.
#[tokio::test]
async fn a_key_that_is_created_with_the_previous_secret_does_not_outlive_it() {
    let scene = Scene::new().await;
    let (old, new) = scene.rotated(&["*"]).await;
    let caller = scene.service.sign_in(old.plaintext.expose()).await.unwrap();
    let target = Target { organization: Some(scene.organization.id), key: None };
    let permit = scene.service.management.permit(&caller, target, &context()).await.unwrap();
    let created = scene.service.management.create_key(&permit, spec(&["jobs:read"]), &context()).await;
    assert_eq!(created.unwrap().key.expires_at, Some(new.key.rotation.unwrap().previous_expires_at));
}

#[tokio::test]
async fn finishing_ends_the_previous_secret_at_once_and_again_changes_nothing() {
    let scene = Scene::new().await;
    let (old, new) = scene.rotated(&["jobs:read"]).await;
    scene.service.clock.advance(5);
    let finished = scene.finish(new.key.id).await.unwrap();
    scene.service.clock.advance(5);
    assert_eq!(scene.finish(new.key.id).await.unwrap(), finished);
    let end = finished.rotation.unwrap().previous_expires_at;
    assert_eq!(end, new.key.rotation.unwrap().at.saturating_add(Duration::from_micros(5)));
    // A clock that is behind does not bring it back.
    scene.service.clock.set(at(2));
    assert_eq!(scene.verdict(&old.plaintext).await, Err(Rejection::NotFound));
    assert_eq!(scene.verdict(&new.plaintext).await, Ok(()));
    let never = scene.service.key(&scene.organization, &["jobs:read"]).await.key;
    assert_eq!(scene.finish(never.id).await.unwrap(), never);
    let waited_for = [new.key.id, new.key.id, new.key.id, never.id].map(Change::Key);
    assert_eq!(*scene.service.replicas.0.lock().unwrap(), waited_for);
    let events = scene.service.store.list_events(fixtures::all_events(scene.organization.id)).await.unwrap();
    let told = events.iter().filter(|one| one.event.action == AuditAction::FinishRotation).count();
    assert_eq!(told, 1);
}

#[tokio::test]
async fn the_grace_is_what_was_asked_for_and_within_the_limit_and_the_life_of_the_key() {
    let second = Duration::from_secs(1);
    let settings = RotationSettings { grace: second * 10, longest_grace: second * 20, by_itself: true };
    let scene = Scene::with(settings).await;
    let until = async |key: KeyId, grace: Option<u64>| {
        let grace = grace.map(Duration::from_secs);
        let rotated = scene.rotate(key, RotateKeyRequest { grace, ..RotateKeyRequest::default() }).await?;
        let rotation = rotated.key.rotation.unwrap();
        scene.finish(key).await?;
        Ok::<_, KeyError>(rotation.previous_expires_at.since(rotation.at).as_secs())
    };
    let id = scene.service.key(&scene.organization, &["jobs:read"]).await.key.id;
    assert_eq!(until(id, None).await.unwrap(), 10);
    assert_eq!(until(id, Some(0)).await.unwrap(), 0);
    assert_eq!(until(id, Some(20)).await.unwrap(), 20);
    let refused = until(id, Some(21)).await.unwrap_err().to_string();
    assert_eq!(refused, "`grace_seconds` must be at most 20.");
    let ending = spec(&["jobs:read"]).expiring_at(at(15_000_000), at(0)).unwrap();
    let ending = scene.service.key_for(&scene.organization, ending).await.key.id;
    assert_eq!(until(ending, None).await.unwrap(), 10);
    assert_eq!(until(ending, Some(20)).await.unwrap(), 14);
}

/// Which of the two is to go is not guessed.
#[tokio::test]
async fn a_second_rotation_during_a_grace_says_what_becomes_of_the_secrets() {
    let scene = Scene::new().await;
    let (old, new) = scene.rotated(&["jobs:read"]).await;
    let id = new.key.id;
    let refused = scene.rotate(id, RotateKeyRequest::default()).await.unwrap_err();
    assert!(matches!(refused, KeyError::Rotating), "{refused}");
    for good in [&old, &new] {
        assert_eq!(scene.verdict(&good.plaintext).await, Ok(()));
    }
    let discarding = RotateKeyRequest { discard_newest: true, ..RotateKeyRequest::default() };
    let third = scene.rotate(id, discarding).await.unwrap();
    let (before, after) = (new.key.rotation.clone().unwrap(), third.key.rotation.clone().unwrap());
    assert_eq!(after.previous_expires_at, before.previous_expires_at);
    assert_eq!(after.previous_key_prefix, old.key.key_prefix);
    assert_eq!(scene.verdict(&new.plaintext).await, Err(Rejection::NotFound));
    for good in [&old, &third] {
        assert_eq!(scene.verdict(&good.plaintext).await, Ok(()));
    }
    let fourth = scene.rotate(id, AT_ONCE).await.unwrap();
    for gone in [&old, &new, &third] {
        assert_eq!(scene.verdict(&gone.plaintext).await, Err(Rejection::NotFound));
    }
    assert_eq!(scene.verdict(&fourth.plaintext).await, Ok(()));
    // Where there is none under way, it is a rotation like any other.
    let fifth = scene.rotate(id, discarding).await.unwrap();
    assert_eq!(scene.verdict(&fourth.plaintext).await, Ok(()));
    // Without a grace no other secret stays good, whatever else is asked.
    scene.rotate(id, RotateKeyRequest { discard_newest: true, ..AT_ONCE }).await.unwrap();
    for gone in [&fourth, &fifth] {
        assert_eq!(scene.verdict(&gone.plaintext).await, Err(Rejection::NotFound));
    }
}

#[tokio::test]
async fn a_key_that_is_over_is_not_rotated_and_a_disabled_one_has_no_grace() {
    let scene = Scene::new().await;
    let ending = spec(&["jobs:read"]).expiring_at(at(9_000), at(0)).unwrap();
    let expired = scene.service.key_for(&scene.organization, ending).await.key.id;
    let revoked = scene.service.key(&scene.organization, &["jobs:read"]).await.key.id;
    let disabled = scene.service.key(&scene.organization, &["jobs:read"]).await;
    scene.service.clock.advance(10_000);
    let permit = Permit::operator_revokes_key(&scene.organization, revoked);
    let _ = scene.service.management.revoke_key(&permit, &context()).await.unwrap();
    for (id, expected) in [
        (expired, "The API key has expired."),
        (revoked, "The API key is revoked."),
        (KeyId::new(at(7), [7; 8]), "There is no such API key."),
    ] {
        let refused = scene.rotate(id, RotateKeyRequest::default()).await.unwrap_err();
        assert_eq!(refused.to_string(), expected);
        assert_eq!(scene.finish(id).await.unwrap_err().to_string(), expected);
    }
    let id = disabled.key.id;
    let permit = Permit::operator_changes_key(&scene.organization, id);
    scene.service.management.disable_key(&permit, None, &context()).await.unwrap();
    let new = scene.rotate(id, RotateKeyRequest::default()).await.unwrap();
    assert_eq!(scene.verdict(&new.plaintext).await, Err(Rejection::Disabled));
    let permit = Permit::operator_changes_key(&scene.organization, id);
    scene.service.management.enable_key(&permit, &context()).await.unwrap();
    assert_eq!(scene.verdict(&new.plaintext).await, Ok(()));
    assert_eq!(scene.verdict(&disabled.plaintext).await, Err(Rejection::NotFound));
}

/// What the service is set to is not what the caller has said.
#[tokio::test]
async fn a_second_rotation_is_refused_where_there_is_no_grace_unless_it_is_asked_for() {
    let settings = RotationSettings { grace: Duration::ZERO, ..RotationSettings::default() };
    let scene = Scene::with(settings).await;
    let (old, new) = scene.rotated(&["jobs:read"]).await;
    let refused = scene.rotate(new.key.id, RotateKeyRequest::default()).await.unwrap_err();
    assert!(matches!(refused, KeyError::Rotating), "{refused}");
    for good in [&old, &new] {
        assert_eq!(scene.verdict(&good.plaintext).await, Ok(()));
    }
}

/// Either of its two secrets may be why it was disabled.
#[tokio::test]
async fn a_key_that_is_disabled_in_a_grace_is_rotated_without_either_of_its_secrets() {
    for discard_newest in [false, true] {
        let scene = Scene::new().await;
        let (old, new) = scene.rotated(&["jobs:read"]).await;
        let id = new.key.id;
        let permit = Permit::operator_changes_key(&scene.organization, id);
        scene.service.management.disable_key(&permit, None, &context()).await.unwrap();
        let request = RotateKeyRequest { discard_newest, ..RotateKeyRequest::default() };
        let newest = scene.rotate(id, request).await.unwrap();
        let permit = Permit::operator_changes_key(&scene.organization, id);
        scene.service.management.enable_key(&permit, &context()).await.unwrap();
        assert_eq!(scene.verdict(&newest.plaintext).await, Ok(()));
        for gone in [&old, &new] {
            assert_eq!(scene.verdict(&gone.plaintext).await, Err(Rejection::NotFound));
        }
    }
}

/// Its secret is told to the caller, so that it is as if the caller had created it.
#[tokio::test]
async fn whoever_could_not_create_a_key_as_it_is_does_not_rotate_it() {
    let scene = Scene::new().await;
    let key = async |held: &[&str]| scene.service.key(&scene.organization, held).await;
    let caller = key(&["jobs:read", "api_keys:write"]).await;
    let (lesser, greater) = (key(&["jobs:read"]).await, key(&["jobs:read", "backups:read"]).await);
    scene.rotates(&caller.plaintext, lesser.key.id).await.unwrap();
    let refused = scene.rotates(&caller.plaintext, greater.key.id).await.unwrap_err();
    let denial = Denial::from(Forbidden::ScopeNotHeld(fixtures::scope("backups:read")));
    assert_eq!(refused.to_string(), denial.to_string());
    assert!(scene.verdict(&greater.plaintext).await.is_ok());
    let ending = spec(&["*"]).expiring_at(at(9_000_000), at(0)).unwrap();
    let ending = scene.service.key_for(&scene.organization, ending).await;
    let refused = scene.rotates(&ending.plaintext, lesser.key.id).await.unwrap_err();
    assert_eq!(refused.to_string(), Denial::from(Forbidden::OutlivesCreator).to_string());
    let events = scene.service.store.list_events(fixtures::all_events(scene.organization.id)).await.unwrap();
    let is_refusal = |outcome: &AuditOutcome, action: &AuditAction| {
        *outcome == AuditOutcome::Denied && *action == AuditAction::RotateKey
    };
    let refusals = events.iter().filter(|one| is_refusal(&one.event.outcome, &one.event.action)).count();
    assert_eq!(refusals, 2);
}

#[tokio::test]
async fn a_key_rotates_itself_with_its_present_secret_unless_it_is_set_otherwise() {
    let scene = Scene::new().await;
    let (old, new) = scene.rotated(&["jobs:read"]).await;
    let id = new.key.id;
    let caller = scene.service.sign_in(old.plaintext.expose()).await.unwrap();
    let refused = scene.permit::<RotateKey>(&caller, id).await.unwrap_err().to_string();
    assert_eq!(refused, Forbidden::PreviousSecret.to_string());
    // It may end itself.
    let permit = scene.permit(&caller, id).await.unwrap();
    scene.service.management.finish_rotation(&permit, &context()).await.unwrap();
    let newest = scene.rotates(&new.plaintext, id).await.unwrap();
    assert_eq!(newest.key.key_prefix, scene.service.environment.format().shown(&newest.plaintext));

    let settings = RotationSettings { by_itself: false, ..RotationSettings::default() };
    let scene = Scene::with(settings).await;
    let plain = scene.service.key(&scene.organization, &["jobs:read"]).await;
    let refused = scene.rotates(&plain.plaintext, plain.key.id).await.unwrap_err();
    let denial = Denial::from(Forbidden::MissingScope(fixtures::scope("api_keys:write")));
    assert_eq!(refused.to_string(), denial.to_string());
    let writer = scene.service.key(&scene.organization, &["api_keys:write"]).await;
    scene.rotates(&writer.plaintext, writer.key.id).await.unwrap();
}

/// It was let through with a secret that has been replaced meanwhile, perhaps because somebody else has it too.
#[tokio::test]
async fn a_key_whose_secret_is_replaced_while_it_asks_does_not_rotate_itself() {
    let scene = Scene::new().await;
    let key = scene.service.key(&scene.organization, &["*"]).await;
    let caller = scene.service.sign_in(key.plaintext.expose()).await.unwrap();
    let permit = scene.permit::<RotateKey>(&caller, key.key.id).await.unwrap();
    scene.rotate(key.key.id, AT_ONCE).await.unwrap();
    let refused = scene.service.management.rotate_key(&permit, RotateKeyRequest::default(), &context()).await;
    assert!(matches!(refused.unwrap_err(), KeyError::CallerInactive));
}

#[tokio::test]
async fn uses_are_noted_with_the_secret_that_was_used() {
    let scene = Scene::new().await;
    let (old, new) = scene.rotated(&["jobs:read"]).await;
    let told = scene.service.uses.told().len();
    let (needs, key) = (Requirement::default(), new.key.id);
    for secret in [&old.plaintext, &new.plaintext] {
        scene.service.sign_in(secret.expose()).await.unwrap();
        scene.service.verdicts.verify(Some(secret), &needs, Duration::ZERO).await.unwrap().verdict.unwrap();
    }
    let at = scene.service.environment.now();
    let one = |with_previous| KeyUse { key, at, with_previous };
    let uses = scene.service.uses.told();
    assert_eq!(uses[told..], [one(true), one(true), one(false), one(false)]);
    let store = &scene.service.store;
    store.record_uses(uses).await.unwrap();
    let stored = store.find_key(scene.organization.id, key).await.unwrap().unwrap();
    assert_eq!(stored.rotation.unwrap().previous_last_used_at, Some(at));
    assert_eq!(stored.last_used_at, Some(at));
}

/// Each once, whoever looks, and not before its uses can be stored.
#[tokio::test]
async fn a_secret_that_was_not_used_for_as_long_as_was_asked_ends() {
    let scene = Scene::new().await;
    let micros = Duration::from_micros;
    let rotate = async |idle: u64| {
        let old = scene.service.key(&scene.organization, &["jobs:read"]).await;
        let finish_when_idle = Some(micros(idle));
        let request = RotateKeyRequest { finish_when_idle, ..RotateKeyRequest::default() };
        let new = scene.rotate(old.key.id, request).await.unwrap();
        (old, new)
    };
    let (old, new) = rotate(100).await;
    let (longer, _) = rotate(1_000).await;
    let finish = async || {
        let management = &scene.service.management;
        management.finish_idle_rotations(micros(20), Limit::MAX, &context()).await.unwrap();
    };
    let start = new.key.rotation.clone().unwrap().at;
    let set = |after: u64| scene.service.clock.set(start.saturating_add(micros(after)));
    set(119);
    finish().await;
    assert_eq!(scene.verdict(&old.plaintext).await, Ok(()));
    let used = KeyUse { key: old.key.id, at: start.saturating_add(micros(50)), with_previous: true };
    scene.service.store.record_uses(vec![used]).await.unwrap();
    set(169);
    finish().await;
    assert_eq!(scene.verdict(&old.plaintext).await, Ok(()));
    set(170);
    for _ in 0..2 {
        finish().await;
    }
    assert_eq!(scene.verdict(&old.plaintext).await, Err(Rejection::NotFound));
    for good in [&new, &longer] {
        assert_eq!(scene.verdict(&good.plaintext).await, Ok(()));
    }
    let events = scene.service.store.list_events(fixtures::all_events(scene.organization.id)).await.unwrap();
    let finished: Vec<_> =
        events.iter().filter(|one| one.event.action == AuditAction::FinishRotation).collect();
    assert_eq!(finished.len(), 1);
    assert!(finished[0].event.details.iter().any(|detail| detail == ("reason", "not used")));
}
