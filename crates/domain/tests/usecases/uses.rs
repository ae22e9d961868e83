//! Which authentications are uses of a key.

use capykeys_conformance::{
    fixtures::{self, at},
    service::{Service, spec},
};
use capykeys_domain::{
    policy::Permit,
    ports::{Entropy, KeyUse},
    secret::KeyFormat,
};

#[tokio::test]
async fn every_authentication_with_a_good_key_is_a_use_of_it_at_that_time() {
    let service = Service::default();
    let organization = service.organization().await;
    let (one, other) =
        (service.key(&organization, &["*"]).await, service.key(&organization, &["jobs:read"]).await);
    assert_eq!(service.uses.told(), [], "to be created is no use");
    let mut expected = Vec::new();
    for (key, micros) in [(&one, 5), (&other, 6), (&one, 6), (&one, 7)] {
        service.clock.set(at(micros));
        service.sign_in(key.plaintext.expose()).await.unwrap();
        expected.push(KeyUse { key: key.key.id, at: at(micros), with_previous: false });
    }
    assert_eq!(service.uses.told(), expected);
}

/// The policy refuses it later; it was good all the same.
#[tokio::test]
async fn a_key_of_a_suspended_organization_is_used_too() {
    let service = Service::default();
    let organization = service.organization().await;
    let created = service.key(&organization, &["*"]).await;
    let permit = Permit::operator_manages(organization.id);
    service.operators.suspend_organization(&permit, None, &fixtures::context()).await.unwrap();
    service.sign_in(created.plaintext.expose()).await.unwrap();
    assert_eq!(service.uses.told().len(), 1);
}

#[tokio::test]
async fn what_is_refused_or_is_no_key_is_no_use() {
    let service = Service::default();
    let organization = service.organization().await;
    let context = fixtures::context();

    let revoked = service.key(&organization, &["*"]).await;
    let permit = Permit::operator_revokes_key(&organization, revoked.key.id);
    let _ = service.management.revoke_key(&permit, &context).await.unwrap();
    service.sign_in(revoked.plaintext.expose()).await.unwrap_err();

    let expiring = spec(&["jobs:read"]).expiring_at(at(1_000), at(0)).unwrap();
    let permit = Permit::operator_creates_key(&organization);
    let expired = service.management.create_key(&permit, expiring, &context).await.unwrap();
    service.clock.set(at(1_000));
    service.sign_in(expired.plaintext.expose()).await.unwrap_err();

    // It begins with the randomness that the first key was made of.
    let entropy = fixtures::SeededEntropy::default();
    let minted = [(); 3].map(|()| KeyFormat::default().mint(|buffer| entropy.fill(buffer)).unwrap());
    service.sign_in(minted[2].expose()).await.unwrap_err();

    service.add_session("a.good.session", Some("org_2known"), "org:admin", false);
    service.sign_in("a.good.session").await.unwrap();
    service.sign_in("jwks.is.down").await.unwrap_err();
    assert_eq!(service.uses.told(), []);
}
