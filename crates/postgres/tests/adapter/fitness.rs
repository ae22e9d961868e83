//! What a database must be, and what must be in it, to be migrated and served.

use capykeys_domain::ports::Readiness;
use capykeys_postgres::{MigrateError, PostgresSettings, SchemaError, migrate};
use capykeys_testkit::{Cluster, shared};

use crate::{
    scene::scene,
    support::{database, migrated, patient, store},
};

/// Whether the database `database` is refused at the start and is not ready, for this reason.
async fn refused(url: &str, reason: &str) {
    let store = store(&patient(url.to_owned()));
    let refused = store.check_schema().await.unwrap_err();
    assert!(refused.to_string().contains(reason), "{refused}");
    let not_ready = store.check_readiness().await.unwrap_err();
    assert!(not_ready.to_string().contains(reason), "{not_ready}");
}

#[tokio::test]
async fn an_encoding_that_cannot_keep_every_name_is_neither_migrated_nor_served() {
    for encoding in ["SQL_ASCII", "LATIN1"] {
        let name = format!("encoded_{}", encoding.to_lowercase());
        let create = format!("CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0");
        shared().execute("postgres", &create);
        let refused = migrate(&patient(shared().url(&name))).await;
        assert!(
            matches!(refused, Err(MigrateError::Unfit(reason)) if reason.contains("UTF8")),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn settings_of_the_database_that_do_not_matter_do_not_matter() {
    let name = shared().create_database();
    for setting in [
        "standard_conforming_strings = off",
        "\"DateStyle\" = 'SQL, DMY'",
        "\"TimeZone\" = 'Asia/Kathmandu'",
        "bytea_output = 'escape'",
        "array_nulls = off",
        "transform_null_equals = on",
        "extra_float_digits = -15",
        "\"IntervalStyle\" = 'iso_8601'",
    ] {
        shared().execute("postgres", &format!("ALTER DATABASE {name} SET {setting}"));
    }
    migrate(&patient(shared().url(&name))).await.unwrap();
    let store = store(&patient(shared().url(&name)));
    store.check_schema().await.unwrap();
    // The checks are those that are meant, whatever a backslash was.
    let checks = "SELECT string_agg(pg_get_constraintdef(oid), ' ' ORDER BY conname) FROM pg_constraint \
        WHERE contype = 'c' AND conrelid = 'api_keys'::regclass";
    let mut told = Vec::new();
    for name in [&name, &database().await] {
        shared().execute("postgres", &format!("ALTER DATABASE {name} SET standard_conforming_strings = on"));
        let other = crate::scene::connect(&shared().url(name)).await;
        told.push(other.query_one(checks, &[]).await.unwrap().get::<_, String>(0));
    }
    assert_eq!(told[0], told[1]);
}

#[tokio::test]
async fn what_keeps_a_database_from_being_served_is_told() {
    for (fault, reason) in [
        (
            "ALTER DATABASE $ SET default_transaction_isolation = 'repeatable read'",
            "default_transaction_isolation",
        ),
        (
            "ALTER DATABASE $ SET default_transaction_isolation = 'serializable'",
            "default_transaction_isolation",
        ),
        ("ALTER DATABASE $ SET client_min_messages = 'error'", "client_min_messages"),
        ("ALTER DATABASE $ SET session_replication_role = 'replica'", "triggers"),
        ("ALTER DATABASE $ SET default_transaction_read_only = on", "default_transaction_read_only"),
        ("ALTER TABLE api_keys DISABLE TRIGGER ALL", "triggers"),
        ("DROP TRIGGER organizations_update ON organizations", "triggers"),
        ("ALTER TABLE api_keys DROP CONSTRAINT api_keys_organization_id_fkey", "references"),
        ("ALTER TABLE api_keys DROP CONSTRAINT api_keys_digest_key", "keys"),
        ("ALTER TABLE changes DROP CONSTRAINT changes_pkey", "keys"),
        ("ALTER TABLE audit_events ALTER COLUMN sequence SET CACHE 20", "one after the other"),
        ("ALTER TABLE audit_events DISABLE TRIGGER ALL", "triggers of audit_events"),
        ("DROP TRIGGER history_lines_insert ON history_lines", "triggers of audit_events"),
        ("ALTER TABLE audit_retention DROP CONSTRAINT audit_retention_pkey", "keys"),
        ("INSERT INTO audit_retention (id, expired_through) VALUES (1, 9)", "audit log's numbers"),
    ] {
        let name = database().await;
        shared().execute(&name, &fault.replace('$', &name));
        refused(&shared().url(&name), reason).await;
    }
}

#[tokio::test]
async fn a_migration_lets_the_log_go_on_after_what_was_taken_out_of_it() {
    let name = database().await;
    shared().execute(&name, "INSERT INTO audit_retention (id, expired_through) VALUES (1, 9)");
    migrate(&patient(shared().url(&name))).await.unwrap();
    store(&patient(shared().url(&name))).check_schema().await.unwrap();
}

#[tokio::test]
async fn a_running_store_is_not_ready_once_something_is_missing() {
    let scene = scene().await;
    scene.store.check_readiness().await.unwrap();
    scene.run("ALTER TABLE api_keys DISABLE TRIGGER api_keys_update").await;
    assert!(scene.store.check_readiness().await.unwrap_err().to_string().contains("triggers"));
    scene.run("ALTER TABLE api_keys ENABLE TRIGGER api_keys_update").await;
    scene.store.check_readiness().await.unwrap();
}

#[tokio::test]
async fn a_role_without_its_rights_is_told_what_to_run() {
    let name = database().await;
    shared().execute(&name, "CREATE ROLE bare LOGIN; GRANT SELECT ON refinery_schema_history TO bare");
    let bare = shared().url(&name).replace("//postgres@", "//bare@");
    let refused = store(&patient(bare.clone())).check_schema().await.unwrap_err();
    assert!(refused.to_string().contains("SELECT on capykeys_schema"), "{refused}");
    assert!(refused.to_string().contains("roles.sql"), "{refused}");
    shared().execute(
        &name,
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO bare; GRANT INSERT ON history_lines TO bare",
    );
    let refused = store(&patient(bare)).check_schema().await.unwrap_err();
    assert!(refused.to_string().contains("UPDATE on api_keys"), "{refused}");
    assert!(matches!(&refused, SchemaError::Unfit(reason) if reason.contains("roles.sql")), "{refused}");

    let name = shared().create_database();
    shared().execute(&name, "REVOKE CREATE ON SCHEMA public FROM PUBLIC");
    let bare = shared().url(&name).replace("//postgres@", "//bare@");
    let refused = migrate(&patient(bare)).await;
    assert!(
        matches!(refused, Err(MigrateError::Unfit(reason)) if reason.contains("make tables")),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_key_without_its_organization_is_not_called_unknown() {
    use capykeys_domain::ports::KeyLookup;
    let scene = scene().await;
    scene
        .run("ALTER TABLE api_keys DROP CONSTRAINT api_keys_organization_id_fkey; DELETE FROM organizations")
        .await;
    assert!(scene.store.find_key_by_digest(std::slice::from_ref(&scene.key.digest)).await.is_err());
}

/// A database that pretends: names are looked up in `public` before PostgreSQL's own.
async fn pretending(sql: &str) -> String {
    let name = database().await;
    shared().execute(&name, sql);
    shared().execute("postgres", &format!("ALTER DATABASE {name} SET search_path = public, pg_catalog"));
    shared().url(&name)
}

#[tokio::test]
async fn a_database_whose_sessions_do_not_exclude_each_other_is_not_served() {
    for (pretence, reason) in [
        (
            "CREATE FUNCTION pg_advisory_xact_lock(bigint) RETURNS void LANGUAGE sql AS ''; \
             CREATE FUNCTION pg_try_advisory_xact_lock(bigint) RETURNS boolean LANGUAGE sql AS 'SELECT true'",
            "exclude nobody",
        ),
        (
            "CREATE FUNCTION pg_advisory_xact_lock(bigint) RETURNS void LANGUAGE sql AS 'SELECT pg_advisory_lock($1)'",
            "do not end with their transactions",
        ),
        (
            "CREATE FUNCTION pretend() RETURNS trigger LANGUAGE plpgsql AS \
                 'BEGIN NEW.id := gen_random_uuid(); RETURN NEW; END'; \
             CREATE TRIGGER pretend BEFORE INSERT ON replicas FOR EACH ROW EXECUTE FUNCTION pretend()",
            "the same id",
        ),
    ] {
        refused(&pretending(pretence).await, reason).await;
    }
}

#[tokio::test]
async fn trying_whether_sessions_exclude_each_other_leaves_nothing() {
    let scene = scene().await;
    scene.store.check_schema().await.unwrap();
    let locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = \
        (SELECT oid FROM pg_database WHERE datname = current_database())";
    for left in ["SELECT count(*) FROM replicas", locks] {
        assert_eq!(scene.other.query_one(left, &[]).await.unwrap().get::<_, i64>(0), 0, "{left}");
    }
}

#[tokio::test]
async fn servers_that_start_together_do_not_get_in_each_others_way() {
    let url = shared().url(&database().await);
    let starts = (0..8).map(|_| {
        let store = store(&patient(url.clone()));
        async move { store.check_schema().await }
    });
    for started in futures_util::future::join_all(starts).await {
        started.unwrap();
    }
}

#[tokio::test]
async fn what_could_not_be_tried_at_the_start_is_tried_before_the_store_is_ready() {
    let url = pretending(
        "CREATE FUNCTION pg_try_advisory_xact_lock(bigint) RETURNS boolean LANGUAGE sql AS 'SELECT true'",
    )
    .await;
    let opened = store(&patient(url.clone()));
    // As a server does with the store that tells whether it is ready.
    let lookup = opened.beside(&patient(url), tokio::runtime::Handle::current()).unwrap();
    let not_ready = lookup.check_readiness().await.unwrap_err();
    assert!(not_ready.to_string().contains("exclude nobody"), "{not_ready}");
}

/// Its connections are beside the pool's, and the server may have hardly any left.
#[tokio::test]
async fn whoever_asks_meanwhile_does_not_try_it_as_well() {
    let cluster = Cluster::start_with(false, "log_connections = on");
    let url = cluster.url(&migrated(&cluster).await);
    let opened = || cluster.log().matches("connection authorized").count();
    let before = opened();
    let store = store(&PostgresSettings { pool_size: 1, ..patient(url) });
    for ready in futures_util::future::join_all((0..8).map(|_| store.check_readiness())).await {
        ready.unwrap();
    }
    assert_eq!(opened() - before, 1 + 2, "the pool's, and two that are tried");
}
