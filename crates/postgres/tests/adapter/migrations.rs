//! Migrations, and what a database that is not migrated as it should be comes to.

use capykeys_conformance::fixtures;
use capykeys_domain::{
    model::{AuditAction, DeviceName, KeyName, OrganizationName, Renaming, Slug, Suspension},
    ports::{
        AuditLog, Change, ChangeFeed, EventLog, FeedPosition, FeedQuery, Followed, Insertion, KeyChanged,
        KeyLookup, KeyStore, KeyUse, Limit, Organizations, Poll, Readiness, ReplicaRegistry, WholeStore,
    },
};
use capykeys_migrations::{Migration, Misfit};
use capykeys_postgres::{
    MIGRATIONS, MigrateError, OLDEST_SCHEMA, PostgresSettings, SchemaError, migrate, migrate_with,
};
use capykeys_testkit::shared;

use crate::{
    feed::{self, READER, diverged},
    scene::{connect, scene, scene_at},
    support::{database, patient, store},
};

fn names(migrations: &[Migration]) -> Vec<String> {
    migrations.iter().map(ToString::to_string).collect()
}

#[test]
fn every_migration_in_the_folder_is_embedded() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    files.sort();
    let mut embedded = names(MIGRATIONS);
    embedded.sort();
    assert_eq!(files, embedded);
}

const NEWER: &str = "INSERT INTO refinery_schema_history (version, name, applied_on, checksum) \
    VALUES (1000, 'newer', '2030-01-01T00:00:00Z', '1')";

#[tokio::test]
async fn of_two_migrations_at_once_one_works_and_both_end_well() {
    let settings = patient(shared().url(&shared().create_database()));
    let (one, other) = tokio::join!(migrate(&settings), migrate(&settings));
    let mut applied = [one.unwrap().applied, other.unwrap().applied];
    applied.sort();
    assert_eq!(applied, [vec![], names(MIGRATIONS)]);
    assert!(migrate(&settings).await.unwrap().applied.is_empty());
    store(&settings).check_schema().await.unwrap();
}

#[tokio::test]
async fn a_database_that_was_never_migrated_is_not_used() {
    let store = store(&patient(shared().url(&shared().create_database())));
    assert!(matches!(store.check_schema().await, Err(SchemaError::Misfit(Misfit::NotMigrated))));
    let organization = fixtures::organization(fixtures::at(0));
    let error = store.find_organization(organization.id).await.unwrap_err();
    assert!(error.to_string().contains("run `capykeys migrate`"), "{error}");
}

#[tokio::test]
async fn a_database_that_a_newer_program_migrated_is_not_used() {
    let database = database().await;
    shared().execute(&database, NEWER);
    let settings = patient(shared().url(&database));
    let store = store(&settings);
    assert!(matches!(store.check_schema().await, Err(SchemaError::Misfit(Misfit::Newer(1000)))));
    let error = store.find_key_by_digest(&[fixtures::digest([0; 32])]).await.unwrap_err();
    assert!(error.to_string().contains("newer than this program"), "{error}");
    assert!(matches!(migrate(&settings).await, Err(MigrateError::Misfit(Misfit::Newer(1000)))));
}

/// A new database as a program left it that knew the first `count` of the migrations.
async fn database_of(count: usize) -> PostgresSettings {
    let settings = patient(shared().url(&shared().create_database()));
    // What it does after that is not in such a schema.
    migrate_with(&settings, &MIGRATIONS[..count]).await.unwrap_err();
    let other = connect(&settings.url).await;
    // Programs of that time had none.
    other.batch_execute("DROP TABLE capykeys_schema").await.unwrap();
    settings
}

#[tokio::test]
async fn a_database_of_the_first_version_is_used_once_it_is_migrated() {
    let settings = database_of(1).await;
    let store = store(&settings);
    let refused = store.check_schema().await.unwrap_err();
    assert!(refused.to_string().contains("run `capykeys migrate`"), "{refused}");
    let error = store.feed_head(READER).await.unwrap_err();
    assert!(error.to_string().contains("run `capykeys migrate`"), "{error}");
    assert_eq!(migrate(&settings).await.unwrap().applied, names(&MIGRATIONS[1..]));
    let scene = scene_at(settings.url).await;
    let start = store.feed_head(READER).await.unwrap().position;
    let _ = scene.revoke().await.unwrap();
    let told = store
        .poll_changes(FeedQuery { reader: READER, after: start, limit: Limit::new(10).unwrap() })
        .await
        .unwrap();
    assert!(matches!(told, Poll::Changes { changes, .. } if changes == [Change::Key(scene.key.key.id)]));
}

/// The third version begins the feed anew, since a change may have come before it that was not told.
#[tokio::test]
async fn a_feed_of_the_second_version_is_gone_on_with_by_no_reader_and_missed_by_none() {
    let settings = database_of(2).await;
    let other = connect(&settings.url).await;
    other
        .batch_execute(
            "INSERT INTO organizations (id, name, slug, created_at, updated_at) \
                 VALUES (gen_random_uuid(), 'Acme', 'acme', now(), now()); \
             INSERT INTO api_keys (id, organization_id, name, key_prefix, scopes, source, created_at, pepper_id, digest) \
                 SELECT gen_random_uuid(), id, 'CI', 'capy', ARRAY['jobs:read'], 'api', now(), '1', \
                     sha256(gen_random_uuid()::text::bytea) \
                 FROM organizations, generate_series(1, 4); \
             UPDATE api_keys SET revoked_at = '2030-01-01Z'",
        )
        .await
        .unwrap();
    let told = "SELECT sequence, mark FROM changes ORDER BY sequence";
    let told = other.query(told, &[]).await.unwrap();
    assert_eq!(told.len(), 5, "the start and four keys");
    // Columns that come later are empty.
    let stored = "SELECT array_agg(jsonb_strip_nulls(to_jsonb(k)) ORDER BY id)::text FROM api_keys k";
    let before: String = other.query_one(stored, &[]).await.unwrap().get(0);

    assert_eq!(migrate(&settings).await.unwrap().applied, names(&MIGRATIONS[2..]));
    let store = store(&settings);
    let start = store.feed_head(READER).await.unwrap().position;
    assert_eq!(start.sequence.get(), 5);
    for row in told {
        let mark = row.get::<_, &[u8]>(1).try_into().unwrap();
        let old = FeedPosition { sequence: fixtures::sequence(row.get(0)), mark, ..start };
        assert!(diverged(&store, &old).await, "{old:?}");
    }
    assert_eq!(other.query_one(stored, &[]).await.unwrap().get::<_, String>(0), before);
    other.batch_execute("UPDATE api_keys SET revoked_at = NULL").await.unwrap();
    assert_eq!(feed::told(&store, &start).await.0.len(), 4);
}

#[tokio::test]
async fn a_database_that_is_migrated_by_a_newer_program_while_in_use_is_not_ready() {
    let database = database().await;
    let store = store(&patient(shared().url(&database)));
    store.check_readiness().await.unwrap();
    shared().execute(&database, NEWER);
    assert!(store.check_readiness().await.unwrap_err().to_string().contains("newer than this program"));
}

const TOLERATED: Migration = Migration::new(1000, "more", "-- oldest schema: 6\nCREATE TABLE more ()");
const NOT_TOLERATED: Migration =
    Migration::new(1001, "less", "-- oldest schema: 1000\nALTER TABLE replicas RENAME TO gone");

/// Migrates as a program does that knows these too.
async fn migrate_later(settings: &PostgresSettings, later: &[Migration]) -> Vec<String> {
    migrate_with(settings, &[MIGRATIONS, later].concat()).await.unwrap().applied
}

#[tokio::test]
async fn a_later_migration_that_allows_for_this_program_is_gone_on_with() {
    let scene = scene().await;
    scene.store.check_readiness().await.unwrap();
    let settings = patient(scene.url.clone());
    assert_eq!(migrate_later(&settings, &[TOLERATED]).await, ["V1000__more"]);
    scene.store.check_readiness().await.unwrap();
    let started = store(&settings);
    started.check_schema().await.unwrap();
    let found = started.find_key_by_digest(std::slice::from_ref(&scene.key.digest)).await.unwrap();
    assert_eq!(found.unwrap().key, scene.key.key);
    assert!(migrate(&settings).await.unwrap().applied.is_empty());
    // A backup would leave out what this program does not know.
    let refused = started.take_snapshot().await.err().unwrap().to_string();
    assert!(refused.contains("newer than this program"), "{refused}");
}

#[tokio::test]
async fn a_later_migration_that_does_not_is_refused_and_recorded_where_older_programs_look() {
    let scene = scene().await;
    let settings = patient(scene.url.clone());
    let _ = migrate_later(&settings, &[TOLERATED, NOT_TOLERATED]).await;
    let not_ready = scene.store.check_readiness().await.unwrap_err().to_string();
    assert!(not_ready.contains("version 1001, is newer than this program"), "{not_ready}");
    let refused = store(&settings).check_schema().await;
    assert!(matches!(refused, Err(SchemaError::Misfit(Misfit::Newer(1001)))), "{refused:?}");
    assert!(matches!(migrate(&settings).await, Err(MigrateError::Misfit(Misfit::Newer(1001)))));
    let last = "SELECT max(version) FROM refinery_schema_history";
    assert_eq!(scene.other.query_one(last, &[]).await.unwrap().get::<_, i32>(0), 1001);
}

#[tokio::test]
async fn a_migration_that_comes_late_is_applied() {
    let settings = patient(shared().url(&shared().create_database()));
    let (last, before) = MIGRATIONS.split_last().unwrap();
    migrate_with(&settings, &[before, &[TOLERATED]].concat()).await.unwrap();
    assert_eq!(migrate(&settings).await.unwrap().applied, [last.to_string()]);
    store(&settings).check_schema().await.unwrap();
}

/// To make the indexes of many keys takes longer than statements may elsewhere.
#[tokio::test]
async fn a_migration_takes_as_long_as_it_does_whatever_the_database_is_set_to() {
    let database = &database().await;
    shared().execute(database, &format!("ALTER DATABASE {database} SET statement_timeout = '1s'"));
    let long = Migration::new(1000, "long", "-- oldest schema: 6\nSELECT pg_sleep(1.1)");
    assert_eq!(migrate_later(&patient(shared().url(database)), &[long]).await, [long.to_string()]);
}

#[tokio::test]
async fn a_migration_that_fails_leaves_those_before_it_and_nothing_of_itself() {
    let database = database().await;
    let settings = patient(shared().url(&database));
    let failing = Migration::new(1001, "failing", "CREATE TABLE half (); SELECT 1 / 0");
    let outcome = migrate_with(&settings, &[MIGRATIONS, &[TOLERATED, failing]].concat()).await;
    let reason = outcome.unwrap_err().to_string();
    assert!(reason.contains("V1001__failing") && reason.contains("22012"), "{reason}");
    let other = connect(&shared().url(&database)).await;
    let left = "SELECT to_regclass('half') IS NULL AND to_regclass('more') IS NOT NULL \
        AND max(version) = 1000 FROM capykeys_schema";
    assert!(other.query_one(left, &[]).await.unwrap().get::<_, bool>(0));
    store(&settings).check_schema().await.unwrap();
}

/// As it is when the program is replaced first.
#[tokio::test]
async fn a_migration_that_this_program_can_do_without_may_be_missing() {
    let needed = MIGRATIONS.iter().take_while(|migration| migration.version() <= OLDEST_SCHEMA);
    let needed: Vec<_> = needed.copied().collect();
    let settings = patient(shared().url(&shared().create_database()));
    migrate_with(&settings, &needed).await.unwrap();
    store(&settings).check_schema().await.unwrap();
    let settings = patient(shared().url(&shared().create_database()));
    migrate_with(&settings, &needed[..needed.len() - 1]).await.unwrap();
    let refused = store(&settings).check_schema().await;
    assert!(matches!(refused, Err(SchemaError::Misfit(Misfit::Outdated))), "{refused:?}");
}

#[tokio::test]
async fn a_migration_that_was_changed_after_it_was_applied_is_noticed() {
    let database = database().await;
    shared().execute(&database, "UPDATE refinery_schema_history SET checksum = '1'");
    let outcome = migrate(&patient(shared().url(&database))).await;
    assert!(matches!(outcome, Err(MigrateError::Misfit(Misfit::Divergent(_)))));
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
    assert!(store(&patient(url)).check_readiness().await.is_err());
}

const ROLES: &str = include_str!("../../roles.sql");

/// `roles.sql` before the first migration and after each that a release has ended with.
async fn migrate_and_grant(database: &str, settings: &PostgresSettings) {
    shared().execute(database, ROLES);
    for end in 6..=MIGRATIONS.len() {
        migrate_with(settings, &MIGRATIONS[..end]).await.unwrap();
        shared().execute(database, ROLES);
    }
}

/// And everything that the service does.
#[tokio::test]
async fn the_least_privileged_roles_are_enough_and_no_more() {
    let database = shared().create_database();
    let url_as = |role: &str| shared().url(&database).replace("//postgres@", &format!("//{role}@"));
    migrate_and_grant(&database, &patient(url_as("capykeys_migrations"))).await;

    let service = url_as("capykeys_service");
    let store = store(&patient(service.clone()));
    store.check_schema().await.unwrap();
    store.check_readiness().await.unwrap();
    let (at, limit) = (fixtures::at(0), Limit::new(100).unwrap());
    let start = store.feed_head(READER).await.unwrap().position;
    let organization = fixtures::organization_at_clerk(at, "org_least");
    let id = organization.id;
    let event = |action| fixtures::event(action, at, id, None);
    let _ = store
        .create_organization(organization.clone(), event(AuditAction::CreateOrganization).clone())
        .await
        .unwrap();
    let key = fixtures::key(id, at);
    assert_eq!(store.insert_key(key.clone(), fixtures::created(&key)).await.unwrap(), Insertion::Inserted);
    let found = store.find_key_by_digest(std::slice::from_ref(&key.digest)).await.unwrap();
    assert_eq!(found.unwrap().key, key.key);
    store.record_uses(vec![KeyUse { key: key.key.id, at, with_previous: false }]).await.unwrap();
    let used = store.find_key(id, key.key.id).await.unwrap().unwrap();
    assert_eq!(used.last_used_at, Some(at));
    let mut changed = fixtures::disabled(&key.key, at);
    changed.scopes = fixtures::scopes(&["schema:read"]);
    (changed.name, changed.expires_at) = (KeyName::parse("other").unwrap(), Some(fixtures::at(9)));
    changed.device_name = DeviceName::parse("laptop").ok();
    let change = fixtures::change(&key.key, &changed, at);
    assert_eq!(store.change_key(change).await.unwrap(), KeyChanged::Done);
    let revoked = store.revoke_key(fixtures::revoke(&key.key, at)).await.unwrap();
    assert!(revoked.unwrap().newly);
    let suspension = Suspension { at, reason: None };
    let event = event(AuditAction::SuspendOrganization);
    let suspended =
        store.set_suspension(fixtures::set_suspension(id, Some(suspension.clone()), at)).await.unwrap();
    assert!(suspended.unwrap().is_suspended());
    let name = OrganizationName::parse("Renamed").unwrap();
    let slug = Slug::parse("renamed").unwrap();
    let renaming = Renaming { name: Some(name), slug: Some(slug), clerk_slug: Some("there".to_owned()) };
    let renamed =
        store.rename_organization(fixtures::rename(id, renaming.clone(), at)).await.unwrap().unwrap();
    assert_eq!(renamed.clerk.unwrap().slug.as_deref(), Some("there"));
    store.append_event(event.clone()).await.unwrap();
    assert_eq!(store.list_events(fixtures::all_events(id)).await.unwrap().len(), 7);
    let followed = store.follow_events(None, limit).await.unwrap();
    assert!(matches!(followed, Followed::Events { events, .. } if events.len() == 7));
    let told = store.poll_changes(FeedQuery { reader: READER, after: start, limit }).await.unwrap();
    assert!(matches!(told, Poll::Changes { changes, .. } if changes.len() == 3));
    store.register_replica(READER, std::time::Duration::from_secs(1)).await.unwrap();
    store.confirm_progress(READER, start.into()).await.unwrap();
    let replicas = store.read_registry().await.unwrap().replicas;
    assert_eq!(replicas.len(), 1);
    assert_eq!(store.expire_events(fixtures::at(0), limit).await.unwrap(), 0);
    assert!(store.retire_replica(READER, replicas[0].renewals).await.unwrap());
    store.forget_replica(READER, replicas[0].renewals).await.unwrap();
    assert!(store.read_registry().await.unwrap().replicas.is_empty());

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
        "UPDATE api_keys SET organization_id = organization_id",
        "UPDATE api_keys SET created_by_user_id = created_by_user_id",
        "UPDATE api_keys SET created_at = created_at",
        "UPDATE api_keys SET project_id = project_id",
        "UPDATE api_keys SET source = source",
        "UPDATE audit_events SET at = at",
        "DELETE FROM audit_events",
        "DELETE FROM organizations",
        "UPDATE organizations SET clerk_organization_id = clerk_organization_id",
        "UPDATE changes SET mark = mark",
        "INSERT INTO changes SELECT * FROM changes",
        "DELETE FROM changes",
        "UPDATE refinery_schema_history SET version = version",
        "UPDATE capykeys_schema SET oldest_schema = 1",
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

/// As a backup does. Meanwhile the servers get their turn, for nobody waits behind the migration for long.
#[tokio::test(flavor = "multi_thread")]
async fn a_migration_waits_in_short_tries_for_who_reads_the_tables() {
    let name = shared().create_database();
    let settings = patient(shared().url(&name));
    migrate_with(&settings, &MIGRATIONS[..6]).await.unwrap();
    let reader = connect(&shared().url(&name)).await;
    reader.batch_execute("BEGIN; LOCK TABLE api_keys IN ACCESS SHARE MODE").await.unwrap();
    let migrating = tokio::spawn(async move { migrate(&settings).await });
    let other = connect(&shared().url(&name)).await;
    let waits = "SELECT FROM pg_locks WHERE relation = 'api_keys'::regclass AND NOT granted \
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    while other.query(waits, &[]).await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    // It would wait for the reader's end, and so would this.
    other.batch_execute("SELECT count(*) FROM api_keys").await.unwrap();
    assert!(!migrating.is_finished());
    reader.batch_execute("COMMIT").await.unwrap();
    assert_eq!(migrating.await.unwrap().unwrap().applied, names(&MIGRATIONS[6..]));
}

/// They were checked by what they were written under, and everybody waits for as long as they are read.
#[tokio::test]
async fn no_migration_of_tables_in_use_reads_their_rows_to_check_them() {
    let settings = patient(shared().url(&shared().create_database()));
    migrate_with(&settings, &MIGRATIONS[..6]).await.unwrap();
    let other = connect(&settings.url).await;
    let checked = "SELECT array_agg(conname::text ORDER BY conname) FROM pg_constraint WHERE convalidated AND \
         conrelid IN ('organizations'::regclass, 'api_keys'::regclass, 'audit_events'::regclass)";
    let names = async || other.query_one(checked, &[]).await.unwrap().get::<_, Vec<String>>(0);
    let before = names().await;
    migrate(&settings).await.unwrap();
    let mut added = names().await;
    added.retain(|name| !before.contains(name));
    assert_eq!(added, [""; 0]);
}
