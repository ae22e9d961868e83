//! From a credential to a caller.

use capykeys_conformance::{
    fixtures::{self, at},
    service::{self, Service, Setup, spec},
};
use capykeys_domain::{
    model::{Caller, Creator, ProjectId},
    policy::Permit,
    ports::{Entropy, KeyLookup, KeyStore, NewKey},
    secret::KeyFormat,
    usecases::AuthenticateError,
};

#[tokio::test]
async fn a_key_is_good_until_the_moment_it_expires() {
    let service = Service::default();
    let organization = service.organization().await;
    let expiring = spec(&["jobs:read"]).expiring_at(at(1_000), at(0)).unwrap();
    let permit = Permit::operator_creates_key(&organization);
    let created = service.management.create_key(&permit, expiring, &fixtures::context()).await.unwrap();
    service.clock.set(at(999));
    assert!(matches!(service.sign_in(created.plaintext.expose()).await, Ok(Caller::Key(_))));
    service.clock.set(at(1_000));
    let refused = service.sign_in(created.plaintext.expose()).await;
    assert!(matches!(refused, Err(AuthenticateError::Refused("expired key"))));
}

#[tokio::test]
async fn a_revoked_key_is_refused() {
    let service = Service::default();
    let organization = service.organization().await;
    let created = service.key(&organization, &["*"]).await;
    assert!(service.sign_in(created.plaintext.expose()).await.is_ok());
    let permit = Permit::operator_revokes_key(&organization, created.key.id);
    let _ = service.management.revoke_key(&permit, &fixtures::context()).await.unwrap();
    let refused = service.sign_in(created.plaintext.expose()).await;
    assert!(matches!(refused, Err(AuthenticateError::Refused("revoked key"))));
}

#[tokio::test]
async fn a_well_formed_key_that_was_never_issued_is_refused() {
    let service = Service::default();
    service.organization().await;
    let entropy = fixtures::SeededEntropy::default();
    let never = KeyFormat::default().mint(|buffer| entropy.fill(buffer)).unwrap();
    assert!(matches!(service.sign_in(never.expose()).await, Err(AuthenticateError::Refused("unknown key"))));
}

#[tokio::test]
async fn a_key_made_under_an_older_pepper_stays_good_while_that_is_active() {
    let before = Service::default();
    let created = before.key(&before.organization().await, &["*"]).await;
    for (peppers, good) in [(&[("2", 2), ("1", 1)][..], true), (&[("2", 2)], false), (&[("1", 9)], false)] {
        let after =
            Service::over(&before.store, Setup { peppers: service::peppers(peppers), ..Setup::default() });
        assert_eq!(after.sign_in(created.plaintext.expose()).await.is_ok(), good, "{peppers:?}");
    }
}

#[tokio::test]
async fn a_project_key_with_a_scope_beyond_its_project_is_refused_at_use() {
    let service = Service::default();
    let organization = service.organization().await;
    let created = service.key(&organization, &["jobs:read"]).await;
    let digest = digest_of(&service, &created.plaintext).await;
    for (scope, good) in [("jobs:read", true), ("organizations:read", false), ("*", false)] {
        // Such a row can only come from elsewhere, so it is put into a store of its own.
        let planted = Service::default();
        let owner = planted.organization().await;
        let mut key = created.key.clone();
        key.organization_id = owner.id;
        key.project_id = ProjectId::parse("p1").ok();
        key.scopes = fixtures::scopes(&[scope]);
        let new = NewKey { key, digest: digest.clone(), creator: Creator::Operator, idempotency: None };
        let _ = planted.store.insert_key(new.clone(), fixtures::created(&new)).await.unwrap();
        assert_eq!(planted.sign_in(created.plaintext.expose()).await.is_ok(), good, "{scope:?}");
    }
}

#[tokio::test]
async fn sessions_are_refused_or_unavailable_as_the_verifier_says() {
    let service = Service::default();
    assert!(matches!(service.sign_in("un.known.token").await, Err(AuthenticateError::Refused(_))));
    assert!(matches!(service.sign_in("jwks.is.down").await, Err(AuthenticateError::Unavailable(_))));
}

async fn digest_of(
    service: &Service,
    plaintext: &capykeys_domain::secret::PlaintextKey,
) -> capykeys_domain::secret::KeyDigest {
    let digest = service::peppers(&[("1", 1)]).digest(plaintext).unwrap();
    let found = service.store.find_key_by_digest(&[digest]).await.unwrap();
    found.unwrap().digest
}
