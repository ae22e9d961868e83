//! Rows that the domain would not have written.

use capykeys_conformance::fixtures;
use capykeys_domain::{
    model::{ApiKey, AuditAction, KeySource, ProjectId},
    ports::{Insertion, KeyLookup, KeyStore, Organizations},
};
use capykeys_testkit::shared;
use tokio_postgres::error::SqlState;

use crate::{
    scene::scene,
    support::{database, patient, store},
};

#[tokio::test]
async fn a_row_that_cannot_be_read_is_reported_without_its_values() {
    let database = database().await;
    let store = store(&patient(shared().url(&database)));
    let organization = fixtures::organization(fixtures::at(0));
    let event = fixtures::event(AuditAction::CreateOrganization, fixtures::at(0), organization.id, None);
    let _ = store.create_organization(organization.clone(), event.clone()).await.unwrap();
    shared().execute(
        &database,
        "ALTER TABLE organizations DROP CONSTRAINT organizations_slug_check; \
         UPDATE organizations SET slug = 'Not A Slug'",
    );
    let error = store.find_organization(organization.id).await.unwrap_err();
    assert_eq!(error.to_string(), "postgres: find_organization: a row that cannot be read");
}

#[tokio::test]
async fn a_key_of_one_project_may_be_stored_with_scopes_that_reach_beyond_it() {
    let store = store(&patient(shared().url(&database().await)));
    let organization = fixtures::organization(fixtures::at(0));
    let event = fixtures::event(AuditAction::CreateOrganization, fixtures::at(0), organization.id, None);
    let _ = store.create_organization(organization.clone(), event.clone()).await.unwrap();
    let mut new = fixtures::key(organization.id, fixtures::at(1));
    new.key.project_id = Some(ProjectId::parse("p").unwrap());
    new.key.scopes = fixtures::scopes(&fixtures::SCOPES);
    assert_eq!(store.insert_key(new.clone(), fixtures::created(&new)).await.unwrap(), Insertion::Inserted);
    assert_eq!(store.find_key(organization.id, new.key.id).await.unwrap(), Some(new.key));
}

/// A newer server has stored it: one such key must not hide what is listed beside it, nor stop working.
#[tokio::test]
async fn a_source_that_is_not_known_is_read_as_it_is() {
    let scene = scene().await;
    scene.run("ALTER TABLE api_keys DROP CONSTRAINT api_keys_source_check").await;
    scene.run("UPDATE api_keys SET source = 'robot'").await;
    let (id, organization) = (scene.key.key.id, scene.organization.id);
    let expected = ApiKey { source: KeySource::Other("robot".to_owned()), ..scene.key.key.clone() };
    assert_eq!(scene.store.find_key(organization, id).await.unwrap().as_ref(), Some(&expected));
    let listed = scene.store.list_keys(fixtures::all_keys(organization)).await.unwrap();
    assert_eq!(listed, std::slice::from_ref(&expected));
    let found = scene.store.find_key_by_digest(&[scene.key.digest]).await.unwrap().unwrap();
    assert_eq!(found.key, expected);
}

#[tokio::test]
async fn the_table_takes_every_name_of_a_scope_and_nothing_else() {
    let scene = scene().await;
    let set = |scopes: &'static str| {
        let update = format!("UPDATE api_keys SET scopes = '{scopes}'");
        let other = &scene.other;
        async move { other.execute(&update, &[]).await.map_err(|error| error.code().cloned()) }
    };
    for names in ["{*}", "{repo}", "{read:user,jobs:read,*}", "{a.b-c_d:1,*}"] {
        assert_eq!(set(names).await, Ok(1), "{names}");
    }
    for wrong in [
        "{}",
        "{NULL}",
        "{a,NULL}",
        r#"{""}"#,
        r#"{"a b"}"#,
        r#"{"a "}"#,
        r#"{"a,b"}"#,
        "{{a},{b}}",
        "{Jobs:read}",
        "{jobs:*}",
        "{**}",
        "{1a}",
        "{a,-b}",
        "{é}",
    ] {
        assert_eq!(set(wrong).await, Err(Some(SqlState::CHECK_VIOLATION)), "{wrong}");
    }
}
