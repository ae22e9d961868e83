//! Keys whose secrets were made elsewhere.

use core::time::Duration;

use capykeys_conformance::{
    fixtures,
    service::{Service, Setup, peppers, spec},
};
use capykeys_domain::{
    model::{ApiKey, Brought, Caller, Organization},
    policy::{Permit, Rejection, Requirement},
    ports::Change,
    secret::{BroughtDigest, BroughtSecret, KeyFormat},
    usecases::CreateKeyError,
};

/// `printf %s sk_live_0123456789abcdef | sha256sum`
const SECRET: &str = "sk_live_0123456789abcdef";
const DIGEST: &str = "sha256:342e20dec519556fcfd48f5437e0531f1f3beab35b6ebccddb916d264d67f76e";

fn secret() -> BroughtSecret {
    let digest = BroughtDigest::parse("key_digest", DIGEST).unwrap();
    BroughtSecret::new(&KeyFormat::default(), digest, Some("sk_live_")).unwrap()
}

async fn bring(service: &Service, organization: &Organization) -> Result<ApiKey, CreateKeyError> {
    let permit = Permit::operator_creates_key(organization);
    let (management, verdicts) = (&service.management, &service.verdicts);
    management.bring_key(&permit, &spec(&["jobs:read"]), &secret(), verdicts, &fixtures::context()).await
}

#[tokio::test]
async fn a_brought_secret_signs_in_and_every_replica_is_waited_for() {
    let service = Service::default();
    let organization = service.organization().await;
    assert!(service.verdicts.texts().parse(SECRET).is_none(), "none was brought");
    let key = bring(&service, &organization).await.unwrap();
    assert_eq!((key.brought, key.key_prefix.as_str()), (Some(Brought), "sk_live_"));
    assert_eq!(*service.replicas.0.lock().unwrap(), [Change::Brought(organization.id)]);
    let Caller::Key(caller) = service.sign_in(SECRET).await.unwrap() else { panic!("a session") };
    assert_eq!(caller.key, key);
    assert!(service.sign_in(&SECRET.replace('0', "1")).await.is_err());
    // Own keys go on as before, and the digest is no secret.
    let own = service.key(&organization, &["jobs:read"]).await;
    assert!(service.sign_in(own.plaintext.expose()).await.is_ok());
    assert!(service.sign_in(DIGEST).await.is_err() && service.sign_in(&DIGEST[7..]).await.is_err());
}

#[tokio::test]
async fn a_secret_is_one_keys_alone_whichever_pepper_it_was_stored_with() {
    let service = Service::default();
    let organization = service.organization().await;
    bring(&service, &organization).await.unwrap();
    assert!(matches!(bring(&service, &organization).await, Err(CreateKeyError::Taken)));
    let rotated =
        Service::over(&service.store, Setup { peppers: peppers(&[("2", 2), ("1", 1)]), ..Setup::default() });
    let before = rotated.store.counts();
    assert!(matches!(bring(&rotated, &organization).await, Err(CreateKeyError::Taken)));
    assert_eq!(rotated.store.counts(), before);
    assert!(rotated.sign_in(SECRET).await.is_ok());
}

/// As a key that is made here.
#[tokio::test]
async fn a_brought_key_is_rehashed_with_the_newest_pepper() {
    let service = Service::default();
    let organization = service.organization().await;
    let key = bring(&service, &organization).await.unwrap();
    let rotated =
        Service::over(&service.store, Setup { peppers: peppers(&[("2", 2), ("1", 1)]), ..Setup::default() });
    rotated.sign_in(SECRET).await.unwrap();
    let outdated = rotated.uses.outdated_keys();
    assert_eq!(outdated.iter().map(|one| one.key).collect::<Vec<_>>(), [key.id]);
    capykeys_domain::ports::PepperRegistry::rehash_keys(&rotated.store, outdated).await.unwrap();
    let newest = Service::over(&service.store, Setup { peppers: peppers(&[("2", 2)]), ..Setup::default() });
    assert!(newest.sign_in(SECRET).await.is_ok());
}

/// The key can come at any moment, and is to be good when it does.
#[tokio::test]
async fn that_there_is_no_brought_key_may_not_be_kept() {
    let service = Service::default();
    let organization = service.organization().await;
    bring(&service, &organization).await.unwrap();
    let text = service.verdicts.texts().parse("sk_live_fedcba9876543210").unwrap();
    let keep = Duration::from_secs(1);
    let verification = service.verdicts.verify(Some(&text), &Requirement::default(), keep).await.unwrap();
    assert_eq!(verification.verdict.unwrap_err(), Rejection::NotFound);
    assert_eq!(verification.reliable_for, Duration::ZERO);
}
