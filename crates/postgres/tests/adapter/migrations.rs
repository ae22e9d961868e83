//! Migrations, and what a database that is not migrated as it should be comes to.

use capykeys_conformance::fixtures;
use capykeys_domain::{
    model::{AuditAction, OrganizationName, Renaming, Slug, Suspension},
    ports::{
        AuditLog, Change, ChangeFeed, EventLog, FeedPosition, Followed, Insertion, KeyLookup, KeyStore,
        KeyUse, Organizations, Poll, Readiness, ReplicaRegistry,
    },
};
use capykeys_postgres::{MigrateError, PostgresSettings, SchemaError, migrate};
use capykeys_testkit::shared;

use crate::{
    feed::{self, READER, diverged},
    scene::{Scene, scene},
    support::{database, patient, store},
};

const MIGRATIONS: [&str; 7] = [
    "V1__initial",
    "V2__change_feed",
    "V3__changes_by_statement",
    "V4__replicas",
    "V5__restores_and_peppers",
    "V6__operators",
    "V8__events",
];

const NEWER: &str = "INSERT INTO refinery_schema_history (version, name, applied_on, checksum) \
    VALUES (1000, 'newer', '2030-01-01T00:00:00Z', '1')";

#[tokio::test]
async fn of_two_migrations_at_once_one_works_and_both_end_well() {
    let settings = patient(shared().url(&shared().create_database()));
    let (one, other) = tokio::join!(migrate(&settings), migrate(&settings));
    let mut applied = [one.unwrap().applied, other.unwrap().applied];
    applied.sort();
    assert_eq!(applied, [vec![], MIGRATIONS.map(str::to_owned).to_vec()]);
    assert!(migrate(&settings).await.unwrap().applied.is_empty());
    store(&settings).check_schema().await.unwrap();
}

#[tokio::test]
async fn a_database_that_was_never_migrated_is_not_used() {
    let store = store(&patient(shared().url(&shared().create_database())));
    assert!(matches!(store.check_schema().await, Err(SchemaError::NotMigrated)));
    let organization = fixtures::organization(fixtures::at(0));
    let error = Organizations::find(&store, organization.id).await.unwrap_err();
    assert!(error.to_string().contains("run `capykeys migrate`"), "{error}");
}

#[tokio::test]
async fn a_database_that_a_newer_program_migrated_is_not_used() {
    let database = database().await;
    shared().execute(&database, NEWER);
    let settings = patient(shared().url(&database));
    let store = store(&settings);
    assert!(matches!(store.check_schema().await, Err(SchemaError::Unknown(1000))));
    let error = store.find_by_digest(&[fixtures::digest([0; 32])]).await.unwrap_err();
    assert!(error.to_string().contains("newer than this program"), "{error}");
    assert!(matches!(migrate(&settings).await, Err(MigrateError::Unknown(_))));
}

#[tokio::test]
async fn a_database_of_the_first_version_is_used_once_it_is_migrated() {
    let scene = scene().await;
    let back = "DROP FUNCTION keep_revoked, record_changes CASCADE; DROP FUNCTION expire_audit_events; \
             DROP FUNCTION record_expired_events, record_events_end CASCADE; \
             ALTER TABLE audit_events DROP COLUMN occurrences, DROP COLUMN project_id, \
                 DROP COLUMN target_organization_id, DROP COLUMN details; DROP FUNCTION current_line, feed_end; \
             DROP TABLE changes, history_lines, replicas, peppers, audit_retention, audit_lines; \
        DELETE FROM refinery_schema_history WHERE version > 1";
    scene.run(back).await;
    let settings = patient(scene.url.clone());
    let store = store(&settings);
    assert!(matches!(store.check_schema().await, Err(SchemaError::Outdated)));
    let error = store.head(READER).await.unwrap_err();
    assert!(error.to_string().contains("run `capykeys migrate`"), "{error}");
    assert_eq!(migrate(&settings).await.unwrap().applied, MIGRATIONS[1..]);
    let start = store.head(READER).await.unwrap().position;
    // The scene's own has seen a history that is gone.
    let scene = Scene { store: store.clone(), ..scene };
    let _ = scene.revoke().await.unwrap();
    let told = store.poll(READER, &start, 10.try_into().unwrap()).await.unwrap();
    assert!(matches!(told, Poll::Changes { changes, .. } if changes == [Change::Key(scene.key.key.id)]));
}

/// The third version begins the feed anew, since a change may have come before it that was not told.
#[tokio::test]
async fn a_feed_of_the_second_version_is_gone_on_with_by_no_reader_and_missed_by_none() {
    let scene = scene().await;
    scene
        .run(
            "DROP FUNCTION keep_revoked, record_changes CASCADE; DROP FUNCTION expire_audit_events; \
             DROP FUNCTION record_expired_events, record_events_end CASCADE; \
             ALTER TABLE audit_events DROP COLUMN occurrences, DROP COLUMN project_id, \
                 DROP COLUMN target_organization_id, DROP COLUMN details; DROP FUNCTION current_line, feed_end; \
             DROP TABLE changes, history_lines, replicas, peppers, audit_retention, audit_lines; \
             DELETE FROM refinery_schema_history WHERE version > 2",
        )
        .await;
    scene.run(include_str!("../../migrations/V2__change_feed.sql")).await;
    scene.many_keys(3).await;
    scene.run("UPDATE api_keys SET revoked_at = '2030-01-01Z'").await;
    let told = "SELECT sequence, mark FROM changes ORDER BY sequence";
    let told = scene.other.query(told, &[]).await.unwrap();
    assert_eq!(told.len(), 5, "the start and four keys");
    let stored = "SELECT array_agg(k ORDER BY id)::text FROM api_keys k";
    let stored: String = scene.other.query_one(stored, &[]).await.unwrap().get(0);

    let settings = patient(scene.url.clone());
    assert_eq!(migrate(&settings).await.unwrap().applied, MIGRATIONS[2..]);
    let store = store(&settings);
    let start = store.head(READER).await.unwrap().position;
    assert_eq!(start.sequence, 5);
    for row in told {
        let mark = row.get::<_, &[u8]>(1).try_into().unwrap();
        let old = FeedPosition { sequence: row.get(0), mark, ..start };
        assert!(diverged(&store, &old).await, "{old:?}");
    }
    let after = "SELECT array_agg(k ORDER BY id)::text FROM api_keys k";
    assert_eq!(scene.other.query_one(after, &[]).await.unwrap().get::<_, String>(0), stored);
    scene.run("UPDATE api_keys SET revoked_at = NULL").await;
    assert_eq!(feed::told(&store, &start).await.0.len(), 4);
}

#[tokio::test]
async fn a_database_that_is_migrated_by_a_newer_program_while_in_use_is_not_ready() {
    let database = database().await;
    let store = store(&patient(shared().url(&database)));
    store.check().await.unwrap();
    shared().execute(&database, NEWER);
    assert!(store.check().await.unwrap_err().to_string().contains("newer than this program"));
}

#[tokio::test]
async fn a_migration_that_was_changed_after_it_was_applied_is_noticed() {
    let database = database().await;
    shared().execute(&database, "UPDATE refinery_schema_history SET checksum = '1'");
    let outcome = migrate(&patient(shared().url(&database))).await;
    assert!(matches!(outcome, Err(MigrateError::Divergent(_))));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_no_schema_at_all() {
    let settings = PostgresSettings::new("postgres://postgres@127.0.0.1:1/capykeys");
    assert!(matches!(store(&settings).check_schema().await, Err(SchemaError::Unavailable(_))));
    assert!(matches!(migrate(&settings).await, Err(MigrateError::Failed(_))));
}

#[tokio::test]
async fn tls_is_not_given_up_where_it_is_required() {
    let url = format!("{}?sslmode=require", shared().url(&database().await));
    assert!(store(&patient(url)).check().await.is_err());
}

/// `roles.sql` before the first migration and after it, and everything that the service does.
#[tokio::test]
async fn the_least_privileged_roles_are_enough_and_no_more() {
    let roles = include_str!("../../roles.sql");
    let database = shared().create_database();
    let url_as = |role: &str| shared().url(&database).replace("//postgres@", &format!("//{role}@"));
    shared().execute(&database, roles);
    migrate(&patient(url_as("capykeys_migrations"))).await.unwrap();
    shared().execute(&database, roles);

    let service = url_as("capykeys_service");
    let store = store(&patient(service.clone()));
    store.check_schema().await.unwrap();
    store.check().await.unwrap();
    let (at, limit) = (fixtures::at(0), 100.try_into().unwrap());
    let start = store.head(READER).await.unwrap().position;
    let organization = fixtures::organization_at_clerk(at, "org_least");
    let id = organization.id;
    let event = |action| fixtures::event(action, at, id, None);
    store.create(&organization, &event(AuditAction::CreateOrganization)).await.unwrap();
    let key = fixtures::key(id, at);
    assert_eq!(store.insert(&key, &fixtures::created(&key)).await.unwrap(), Insertion::Inserted);
    let found = store.find_by_digest(std::slice::from_ref(&key.digest)).await.unwrap();
    assert_eq!(found.unwrap().key, key.key);
    store.record_uses(&[KeyUse { key: key.key.id, at }]).await.unwrap();
    let used = KeyStore::find(&store, id, key.key.id).await.unwrap().unwrap();
    assert_eq!(used.last_used_at, Some(at));
    let revoked = store.revoke(id, key.key.id, at, &fixtures::revoked(&key.key, at)).await.unwrap();
    assert!(revoked.unwrap().newly);
    let suspension = Suspension { at, reason: None };
    let event = event(AuditAction::SuspendOrganization);
    let suspended = store.set_suspension(id, Some(&suspension), at, &event).await.unwrap();
    assert!(suspended.unwrap().is_suspended());
    let name = OrganizationName::parse("Renamed").unwrap();
    let slug = Slug::parse("renamed").unwrap();
    let renaming = Renaming { name: Some(name), slug: Some(slug), clerk_slug: Some("there".to_owned()) };
    let renamed = store.rename(id, &renaming, at, &event).await.unwrap().unwrap();
    assert_eq!(renamed.clerk.unwrap().slug.as_deref(), Some("there"));
    store.append(&event).await.unwrap();
    assert_eq!(AuditLog::list(&store, id, 0, limit).await.unwrap().len(), 6);
    let followed = store.follow(None, limit).await.unwrap();
    assert!(matches!(followed, Followed::Events { events, .. } if events.len() == 6));
    let told = store.poll(READER, &start, limit).await.unwrap();
    assert!(matches!(told, Poll::Changes { changes, .. } if changes.len() == 2));
    store.register(READER, std::time::Duration::from_secs(1)).await.unwrap();
    store.confirm(READER, &start.into()).await.unwrap();
    assert_eq!(store.registry().await.unwrap().replicas.len(), 1);
    assert_eq!(store.expire(fixtures::at(0), limit).await.unwrap(), 0);
    assert!(store.retire(READER, 2).await.unwrap());
    store.forget(READER, 2).await.unwrap();
    assert!(store.registry().await.unwrap().replicas.is_empty());

    let (client, connection) = tokio_postgres::connect(&service, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    for forbidden in [
        "DELETE FROM api_keys",
        "UPDATE api_keys SET revoked_at = NULL",
        "UPDATE api_keys SET revoked_at = now()",
        "INSERT INTO audit_events (sequence, at, action, outcome, actor_kind, request_id) OVERRIDING SYSTEM VALUE \
             VALUES (1000, now(), 'api_keys.list', 'denied', 'operator', 'r')",
        "UPDATE history_lines SET number = number",
        "DELETE FROM history_lines",
        "UPDATE peppers SET check_value = check_value",
        "DELETE FROM peppers",
        "INSERT INTO audit_retention VALUES (1, 1)",
        "DELETE FROM audit_retention",
        "INSERT INTO audit_lines VALUES (1000, 0)",
        "UPDATE api_keys SET scopes = scopes",
        "UPDATE audit_events SET at = at",
        "DELETE FROM audit_events",
        "DELETE FROM organizations",
        "UPDATE organizations SET clerk_organization_id = clerk_organization_id",
        "UPDATE changes SET mark = mark",
        "INSERT INTO changes SELECT * FROM changes",
        "DELETE FROM changes",
        "UPDATE refinery_schema_history SET version = version",
        "CREATE TABLE more (id int)",
        "ALTER TABLE api_keys DROP COLUMN name",
        "TRUNCATE audit_events",
    ] {
        let error = client.batch_execute(forbidden).await.expect_err(forbidden);
        assert_eq!(
            error.code(),
            Some(&tokio_postgres::error::SqlState::INSUFFICIENT_PRIVILEGE),
            "{forbidden}"
        );
    }
}
