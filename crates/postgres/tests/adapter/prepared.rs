//! Statements that are prepared, and poolers that do not keep them.

use capykeys_domain::ports::KeyStore;
use capykeys_postgres::{PostgresSettings, PreparedStatements};
use capykeys_testkit::{Bouncer, shared};

use crate::{
    scene::{Scene, scene_at},
    statements::logged,
    support::{database, patient, store},
};

/// With one connection.
fn settings(url: &str, prepared_statements: PreparedStatements) -> PostgresSettings {
    PostgresSettings { pool_size: 1, prepared_statements, ..patient(url.to_owned()) }
}

/// Asks so many times, and says under which name the last was executed.
async fn ask(scene: &Scene, database: &str, times: usize) -> String {
    for _ in 0..times {
        let found = scene.store.find_key(scene.organization.id, scene.key.key.id).await.unwrap().unwrap();
        assert_eq!(found, scene.key.key);
    }
    let last = logged(database).pop().unwrap();
    let (_, executed) = last.split_once("execute ").unwrap();
    executed.split_once(':').unwrap().0.to_owned()
}

async fn scene(url: String, prepared_statements: PreparedStatements) -> (Scene, String) {
    let database = database().await;
    shared().execute(&database, &format!("ALTER DATABASE {database} SET log_statement = 'all'"));
    let url = url + &database;
    let mut scene = scene_at(url.clone()).await;
    scene.store = store(&settings(&url, prepared_statements));
    (scene, database)
}

fn server() -> String {
    shared().url("")
}

#[tokio::test]
async fn what_is_asked_again_is_prepared_unless_that_is_off() {
    for (setting, is_prepared) in
        [(PreparedStatements::Auto, true), (PreparedStatements::On, true), (PreparedStatements::Off, false)]
    {
        let (scene, database) = scene(server(), setting).await;
        assert_eq!(ask(&scene, &database, 1).await, "<unnamed>");
        let name = ask(&scene, &database, 8).await;
        assert_eq!(name != "<unnamed>", is_prepared, "{setting:?}: {name}");
    }
}

#[tokio::test]
async fn a_table_that_has_changed_is_planned_for_anew() {
    let (scene, database) = scene(server(), PreparedStatements::Auto).await;
    let before = ask(&scene, &database, 8).await;
    scene.run("ALTER TABLE api_keys ALTER COLUMN name TYPE text COLLATE \"POSIX\"").await;
    assert_eq!(ask(&scene, &database, 1).await, "<unnamed>");
    let after = ask(&scene, &database, 2).await;
    assert!(after != before && after != "<unnamed>", "{before} {after}");
}

#[tokio::test]
async fn behind_a_pooler_that_does_not_keep_statements_none_is_prepared_any_more() {
    for (setting, goes_on) in [(PreparedStatements::Auto, false), (PreparedStatements::On, true)] {
        let bouncer = Bouncer::start(shared());
        let url = format!("postgres://postgres@{}/", bouncer.address());
        let (scene, database) = scene(url, setting).await;
        assert_ne!(ask(&scene, &database, 3).await, "<unnamed>");
        // On the same connection to the server: one after the other, PgBouncer needs no other.
        scene.run("DISCARD ALL").await;
        assert_eq!(ask(&scene, &database, 1).await, "<unnamed>");
        assert_eq!(ask(&scene, &database, 3).await != "<unnamed>", goes_on, "{setting:?}");
    }
}

#[tokio::test]
async fn another_clients_statement_under_the_same_name_does_nothing() {
    let bouncer = Bouncer::start(shared());
    let url = format!("postgres://postgres@{}/", bouncer.address());
    let (scene, database) = scene(url, PreparedStatements::Auto).await;
    let name = ask(&scene, &database, 3).await;
    // As a replica of another version would have it: guarded by another mark.
    let other = format!(
        "DEALLOCATE {name}; PREPARE {name} (uuid, uuid, int8) AS \
         WITH line AS MATERIALIZED (SELECT number, id FROM current_line(NULL, NULL) WHERE $3 = 1), \
         gone AS (DELETE FROM api_keys USING line WHERE api_keys.id IN ($1, $2) RETURNING api_keys.id) \
         SELECT line.number AS line_number, line.id AS line_id, true AS found FROM line, gone"
    );
    scene.run(&other).await;
    assert_eq!(ask(&scene, &database, 1).await, "<unnamed>");
    assert_eq!(ask(&scene, &database, 3).await, "<unnamed>");
}

/// A standby that is promoted just between the two statements, and another server that begins the line there.
#[tokio::test]
async fn a_failover_is_no_pooler() {
    let (scene, database) = scene(server(), PreparedStatements::Auto).await;
    let before = ask(&scene, &database, 3).await;
    scene
        .run(
            "CREATE SEQUENCE calls; \
             INSERT INTO history_lines (number, id, server_started, feed_file) \
             SELECT number + 1, gen_random_uuid(), server_started, feed_file FROM history_lines; \
             CREATE OR REPLACE FUNCTION current_line(seen_number bigint, seen_id uuid) \
             RETURNS TABLE (number bigint, id uuid) LANGUAGE sql AS \
             'SELECT number, id FROM history_lines WHERE (SELECT nextval(''calls'')) > 1 ORDER BY number DESC LIMIT 1'",
        )
        .await;
    ask(&scene, &database, 1).await;
    let after = ask(&scene, &database, 2).await;
    assert!(after != before && after != "<unnamed>", "{before} {after}");
}
