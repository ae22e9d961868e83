//! Creating a key with a request that is sent more than once.

use capykeys_conformance::{
    fixtures,
    model::ModelStore,
    service::{Service, Setup, in_organization, peppers, spec},
};
use capykeys_domain::{
    model::{KeyEdit, KeyName, KeySpec, Organization, ProjectId, ScopeCatalogue, Timestamp},
    policy::{CreateKey, Permit, Target},
    ports::{KeyStore as _, PepperRegistry as _, Rehash},
    secret::IdempotencyKey,
    usecases::{CreateKeyError, CreatedKey, NotRepeated, RotateKeyRequest},
};

const DAY: i64 = 24 * 3_600 * 1_000_000;

fn named(text: &str) -> IdempotencyKey {
    IdempotencyKey::parse(text).unwrap()
}

async fn once(
    service: &Service,
    permit: &Permit<CreateKey>,
    spec: KeySpec,
    name: &str,
) -> Result<CreatedKey, CreateKeyError> {
    service.management.create_key_once(permit, spec, Some(&named(name)), &fixtures::context()).await
}

fn jobs() -> KeySpec {
    spec(&["jobs:read"])
}

fn reason(outcome: Result<CreatedKey, CreateKeyError>) -> NotRepeated {
    let reason = match outcome.err() {
        Some(CreateKeyError::NotRepeated(reason)) => Some(reason),
        _ => None,
    };
    reason.unwrap()
}

/// The service, an organization and a caller that may create keys there.
async fn scene() -> (Service, Organization, Permit<CreateKey>) {
    let service = Service::default();
    let organization = service.organization().await;
    let (_, permit) = service.creator(&organization, &["*"]).await;
    (service, organization, permit)
}

fn same(first: &CreatedKey, again: &CreatedKey) {
    assert_eq!(again.key, first.key);
    assert_eq!(again.plaintext.expose(), first.plaintext.expose());
}

#[tokio::test]
async fn the_same_request_gives_the_same_key_with_the_same_secret() {
    let (service, _, permit) = scene().await;
    let before = service.store.counts();
    let first = once(&service, &permit, jobs(), "a").await.unwrap();
    assert_eq!(service.store.counts(), (before.0 + 1, before.1, before.2 + 1));
    for micros in [1, 1_000_000, DAY - 1_000_002] {
        service.clock.advance(micros);
        same(&first, &once(&service, &permit, jobs(), "a").await.unwrap());
    }
    assert_eq!(service.store.counts(), (before.0 + 1, before.1, before.2 + 1));
    assert!(service.sign_in(first.plaintext.expose()).await.is_ok());
    let other = once(&service, &permit, jobs(), "b").await.unwrap();
    assert_ne!(other.plaintext.expose(), first.plaintext.expose());
    assert_ne!(other.key.id, first.key.id);
    service.clock.advance(1);
    let after_a_day = once(&service, &permit, jobs(), "a").await.unwrap();
    assert_ne!(after_a_day.plaintext.expose(), first.plaintext.expose());
    assert_ne!(after_a_day.key.id, first.key.id);
}

#[tokio::test]
async fn another_request_of_the_same_name_is_refused_whatever_is_another_in_it() {
    let (service, _, permit) = scene().await;
    let full = |end| {
        let project = ProjectId::parse("p1").unwrap();
        let now = service.environment.now();
        let spec = jobs().for_project(project, &ScopeCatalogue::default()).unwrap();
        spec.expiring_at(Timestamp::from_unix_micros(end).unwrap(), now).unwrap()
    };
    let end = fixtures::at(2 * DAY).unix_micros();
    let first = once(&service, &permit, full(end), "a").await.unwrap();
    for other in [
        jobs(),
        full(end + 1),
        spec(&["jobs:read", "backups:read"]),
        KeySpec::new(KeyName::parse("ci").unwrap(), fixtures::scopes(&["jobs:read"])),
    ] {
        assert_eq!(reason(once(&service, &permit, other, "a").await), NotRepeated::AnotherRequest);
    }
    once(&service, &permit, spec(&["jobs:read", "backups:read"]), "b").await.unwrap();
    let in_another_order = once(&service, &permit, spec(&["backups:read", "jobs:read"]), "b").await;
    assert_eq!(reason(in_another_order), NotRepeated::AnotherRequest, "the order is shown");
    same(&first, &once(&service, &permit, full(end), "a").await.unwrap());
}

/// Nobody is told the secret of another by giving a request the same name.
#[tokio::test]
async fn another_caller_has_names_of_its_own() {
    let (service, organization, permit) = scene().await;
    let first = once(&service, &permit, jobs(), "a").await.unwrap();
    let (_, other) = service.creator(&organization, &["*"]).await;
    service.add_session("an.admins.token", Some("org_2known"), "org:admin", false);
    let session = service.sign_in("an.admins.token").await.unwrap();
    let target = in_organization(organization.id);
    let session = service.management.permit(&session, target, &fixtures::context()).await.unwrap();
    let mut secrets = vec![first.plaintext.expose().to_owned()];
    for permit in [other, session] {
        let theirs = once(&service, &permit, jobs(), "a").await.unwrap();
        assert!(!secrets.contains(&theirs.plaintext.expose().to_owned()));
        same(&theirs, &once(&service, &permit, jobs(), "a").await.unwrap());
        secrets.push(theirs.plaintext.expose().to_owned());
    }
    assert_eq!(secrets.len(), 3);
}

#[tokio::test]
async fn the_answer_is_that_of_then_whatever_has_become_of_the_key_while_it_lives() {
    let (service, organization, permit) = scene().await;
    let first = once(&service, &permit, jobs(), "a").await.unwrap();
    let context = fixtures::context();
    let target = Target { organization: Some(organization.id), key: Some(first.key.id) };
    let (admin, _) = service.creator(&organization, &["*"]).await;
    let admin = service.sign_in(admin.plaintext.expose()).await.unwrap();
    let edit = KeyEdit { name: KeyName::parse("renamed").ok(), ..KeyEdit::default() };
    let update = service.management.permit(&admin, target, &context).await.unwrap();
    service.management.update_key(&update, &edit, |_, _| true, &context).await.unwrap();
    let disable = service.management.permit(&admin, target, &context).await.unwrap();
    service.management.disable_key(&disable, None, &context).await.unwrap();
    let again = once(&service, &permit, jobs(), "a").await.unwrap();
    same(&first, &again);
    assert!(service.sign_in(again.plaintext.expose()).await.is_err(), "it stays disabled");
}

#[tokio::test]
async fn of_a_key_that_is_over_no_secret_is_told_again() {
    let (service, organization, permit) = scene().await;
    let first = once(&service, &permit, jobs(), "a").await.unwrap();
    let revocation = Permit::operator_revokes_key(&organization, first.key.id);
    let _ = service.management.revoke_key(&revocation, &fixtures::context()).await.unwrap();
    assert_eq!(reason(once(&service, &permit, jobs(), "a").await), NotRepeated::Revoked);

    let (ending, _) = service.creator(&organization, &["*"]).await;
    let caller = service.sign_in(ending.plaintext.expose()).await.unwrap();
    let target = in_organization(organization.id);
    let permit = service.management.permit(&caller, target, &fixtures::context()).await.unwrap();
    let end = service.environment.now().saturating_add(std::time::Duration::from_mins(1));
    let ending = jobs().expiring_at(end, service.environment.now()).unwrap();
    once(&service, &permit, ending.clone(), "b").await.unwrap();
    service.clock.advance(60_000_000);
    assert_eq!(reason(once(&service, &permit, ending, "b").await), NotRepeated::Expired);
}

/// Not while it is still good either: it will not be for long.
#[tokio::test]
async fn of_a_key_that_was_rotated_the_secret_before_is_not_told_again() {
    let (service, organization, permit) = scene().await;
    let first = once(&service, &permit, jobs(), "a").await.unwrap();
    let rotation = Permit::operator_rotates_key(&organization, first.key.id);
    let (request, context) = (RotateKeyRequest::default(), fixtures::context());
    let rotated = service.management.rotate_key(&rotation, request, &context).await.unwrap();
    assert!(service.sign_in(first.plaintext.expose()).await.is_ok());
    assert_eq!(reason(once(&service, &permit, jobs(), "a").await), NotRepeated::Replaced);
    assert!(service.sign_in(rotated.plaintext.expose()).await.is_ok());
}

/// A key whose caller is no more, or may no more, is as if it had never asked.
#[tokio::test]
async fn who_may_create_nothing_any_more_is_told_nothing_again() {
    let (service, organization, permit) = scene().await;
    once(&service, &permit, jobs(), "a").await.unwrap();
    let manage = Permit::operator_manages(organization.id);
    service.operators.suspend_organization(&manage, None, &fixtures::context()).await.unwrap().unwrap();
    let refused = once(&service, &permit, jobs(), "a").await;
    assert!(matches!(refused, Err(CreateKeyError::Denied(_))));
    service.operators.resume_organization(&manage, &fixtures::context()).await.unwrap().unwrap();
    let capykeys_domain::model::Actor::Key(creator) = permit.actor() else { panic!("a key") };
    let revocation = Permit::operator_revokes_key(&organization, *creator);
    let _ = service.management.revoke_key(&revocation, &fixtures::context()).await.unwrap();
    let refused = once(&service, &permit, jobs(), "a").await;
    assert!(matches!(refused, Err(CreateKeyError::CreatorInactive)));
}

/// The service on the same store with these peppers.
fn with_peppers(store: &ModelStore, all: &[(&str, u8)]) -> Service {
    Service::over(store, Setup { peppers: peppers(all), ..Setup::default() })
}

#[tokio::test]
async fn a_secret_is_told_again_while_its_pepper_is_active_and_never_a_wrong_one() {
    let (old, _, permit) = scene().await;
    let first = once(&old, &permit, jobs(), "a").await.unwrap();
    let newer = with_peppers(&old.store, &[("2", 2), ("1", 1)]);
    same(&first, &once(&newer, &permit, jobs(), "a").await.unwrap());
    // The key is used, and so moved to the newer pepper; its record is not.
    let [from, to] = [("1", 1), ("2", 2)].map(|one| peppers(&[one]).digest(&first.plaintext).unwrap());
    let rehash = Rehash { key: first.key.id, from, to };
    old.store.rehash_keys(vec![rehash]).await.unwrap();
    same(&first, &once(&newer, &permit, jobs(), "a").await.unwrap());
    assert_eq!(reason(once(&old, &permit, jobs(), "a").await), NotRepeated::Replaced);
    let without = with_peppers(&old.store, &[("2", 2)]);
    assert_eq!(reason(once(&without, &permit, jobs(), "a").await), NotRepeated::Underivable);
    let listed = without.store.list_keys(fixtures::all_keys(permit.organization_id())).await.unwrap();
    assert_eq!(listed.len(), 2, "no second key was made");
}
