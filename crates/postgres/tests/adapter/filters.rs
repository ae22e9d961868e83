//! What lists of keys read where an organization has 100,000 of them.
//! `cargo test -p capykeys-postgres --test adapter filters -- --nocapture` prints it.

use capykeys_conformance::fixtures;
use capykeys_domain::{
    model::{KeyFilter, KeyState, ProjectId, Timestamp},
    ports::{KeyQuery, KeyStore, Limit},
};
use capykeys_postgres::PostgresSettings;
use capykeys_testkit::shared;
use futures_util::future::{join, join_all};
use tokio_postgres::{Client, SimpleQueryMessage};

use crate::{
    scene::{Scene, scene_at},
    support::{database, store},
};

const KEYS: u64 = 100_000;
/// And the one that the scene begins with.
const ALL: u64 = KEYS + 1;
const PAGE: u16 = 100;

/// All but one key in ten are revoked, and half of the others have expired; 500 keys for each project, 200 of each user, and
/// ten are disabled. Their ids are in the order of their creation, a minute apart.
const FILL: &str = "INSERT INTO api_keys (id, organization_id, name, key_prefix, scopes, source, created_at, \
        created_by_user_id, expires_at, last_used_at, project_id, revoked_at, disabled_at, pepper_id, digest) \
    SELECT (lpad(to_hex(1735689600000 + n), 12, '0') || substr(gen_random_uuid()::text, 14))::uuid, $1, \
        CASE WHEN n % 1000 = 0 THEN 'deploy ' ELSE 'CI ' END || n, 'capy', \
        CASE WHEN n % 1000 = 0 THEN ARRAY['jobs:read', 'schema:read'] ELSE ARRAY['jobs:read'] END, \
        CASE WHEN n % 2 = 0 THEN 'dashboard' WHEN n % 1000 = 1 THEN 'cli' ELSE 'api' END, at, \
        CASE WHEN n % 2 = 0 THEN 'user_' || n % 1000 END, \
        CASE WHEN n % 3 <> 0 THEN CASE WHEN n % 20 >= 10 THEN at + interval '1 day' ELSE now() + interval '1 day' * (n % 365) END END, \
        CASE WHEN n % 5 <> 0 THEN at + interval '1 hour' END, CASE WHEN n % 4 = 0 THEN 'p' || n % 800 / 4 END, \
        CASE WHEN n % 10 <> 0 THEN at + interval '2 days' END, CASE WHEN n % 10000 = 30 THEN at END, '1', \
        sha256(gen_random_uuid()::text::bytea) \
    FROM generate_series(1, $2::bigint) n, LATERAL (SELECT now() - interval '1 minute' * ($2 - n + 1) AS at) times";

fn filter(change: impl FnOnce(&mut KeyFilter)) -> KeyFilter {
    let mut filter = KeyFilter::default();
    change(&mut filter);
    filter
}

/// What is read of the table for a page, and by which indexes, where the statement is planned for its values, and for any:
/// a prepared one is, after a while.
async fn read(scene: &Scene, database: &str, query: KeyQuery) -> [(u64, String); 2] {
    scene.store.list_keys(query).await.unwrap();
    let (planned, execute) = asked(database);
    let plan = async |mode| rows_and_indexes(&explain(&scene.other, mode, &planned, &execute).await);
    [plan("force_custom_plan").await, plan("force_generic_plan").await]
}

fn rows_and_indexes(plan: &str) -> (u64, String) {
    assert!(!plan.contains("Seq Scan on api_keys"), "{plan}");
    let number = |line: &str, before: &str| -> Option<u64> {
        let digits = line.split_once(before)?.1;
        digits[..digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len())].parse().ok()
    };
    let rows = plan.lines().filter_map(|line| {
        let found = line.contains(" on api_keys k").then(|| number(line, "(actual rows=")).flatten();
        found.or_else(|| number(line, "Rows Removed by Filter: "))
    });
    let indexes = plan.lines().filter_map(|line| {
        let (_, used) = line.split_once(" using ").or_else(|| line.split_once("Bitmap Index Scan on "))?;
        used.split(' ').next().filter(|name| name.starts_with("api_keys"))
    });
    (rows.sum(), indexes.collect::<Vec<_>>().join(", "))
}

/// What was asked last, to be prepared, and to be executed with the same values.
fn asked(database: &str) -> (String, String) {
    let log = shared().log();
    let last = |kind: &str| {
        let lines = log.lines().rev().filter_map(|line| line.split_once(&format!(" {database} {kind}")));
        lines.map(|(_, rest)| rest).next().unwrap().to_owned()
    };
    let (statement, values) = (last("LOG:  execute "), last("DETAIL:  parameters: "));
    let values: Vec<_> = values.split(", $").map(|one| one.split_once(" = ").unwrap().1).collect();
    (
        format!("PREPARE asked AS {}", statement.split_once(": ").unwrap().1),
        format!("EXECUTE asked ({})", values.join(", ")),
    )
}

/// Reading through the table, which is as good where most of it is this organization's, is the last resort.
async fn explain(client: &Client, mode: &str, planned: &str, execute: &str) -> String {
    let prepare =
        format!("SET enable_seqscan = off; SET plan_cache_mode = {mode}; DEALLOCATE ALL; {planned}");
    client.batch_execute(&prepare).await.unwrap();
    let explained = format!("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) {execute}");
    let rows = client.simple_query(&explained).await.unwrap();
    let lines = rows.iter().filter_map(|row| match row {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// What has an index reads little more than it shows. The rest goes through the organization's list until the page is full:
/// at most all of the organization's own keys, and none of another's.
#[expect(clippy::print_stdout, reason = "it is also a measurement")]
#[tokio::test]
async fn a_filtered_page_of_100_000_keys_is_read_off_indexes() {
    let database = &database().await;
    shared().execute(database, &format!("ALTER DATABASE {database} SET log_statement = 'all'"));
    let scene = scene_at(shared().url(database)).await;
    let (own, other) = (scene.organization.id, fixtures::organization(fixtures::at(0)));
    scene
        .run(&format!(
            "INSERT INTO organizations SELECT '{}', name, slug, created_at, updated_at FROM organizations",
            other.id.uuid()
        ))
        .await;
    for (organization, count) in [(own, KEYS), (other.id, KEYS / 5)] {
        let count = i64::try_from(count).unwrap();
        scene.other.execute(FILL, &[&organization.uuid(), &count]).await.unwrap();
    }
    scene.run("ANALYZE api_keys").await;
    let now: std::time::SystemTime = scene.other.query_one("SELECT now()", &[]).await.unwrap().get(0);
    let micros = now.duration_since(std::time::UNIX_EPOCH).unwrap().as_micros();
    let now = Timestamp::from_unix_micros(i64::try_from(micros).unwrap()).unwrap();
    let in_three_days = now.saturating_add(std::time::Duration::from_hours(72));
    let state = |state| filter(|filter| filter.state = Some((state, now)));
    let page = u64::from(PAGE);
    for (asked, filter, most) in [
        ("nothing", KeyFilter::default(), page),
        ("project_id", filter(|it| it.project_id = ProjectId::parse("p8").ok()), page),
        ("created_by", filter(|it| it.created_by = KeyFilter::parse_created_by("user_8").ok()), page),
        ("status=disabled", state(KeyState::Disabled), 20),
        ("status=active", state(KeyState::Active), KEYS / 10),
        ("status=expired", state(KeyState::Expired), KEYS / 10),
        (
            "status=active, expires_before",
            KeyFilter { expires_before: Some(in_three_days), ..state(KeyState::Active) },
            200,
        ),
        (
            "status=active, project_id",
            KeyFilter { project_id: ProjectId::parse("p8").ok(), ..state(KeyState::Active) },
            500,
        ),
        (
            "status=active, unused_since",
            KeyFilter { unused_since: Some(now), ..state(KeyState::Active) },
            KEYS / 10,
        ),
        ("status=revoked", state(KeyState::Revoked), 2 * page),
        ("expires_before", filter(|it| it.expires_before = Some(now)), KEYS / 10),
        ("unused_since", filter(|it| it.unused_since = Some(now)), 2 * page),
        ("source", filter(|it| it.source = KeyFilter::parse_source("cli").ok()), ALL),
        ("scope", filter(|it| it.scope = KeyFilter::parse_scope("schema:read").ok()), ALL),
        ("name", filter(|it| it.name = KeyFilter::parse_name("deploy").ok()), ALL),
        ("name, which no key has", filter(|it| it.name = KeyFilter::parse_name("x").ok()), ALL),
    ] {
        let query = KeyQuery { filter, limit: Limit::new(PAGE).unwrap(), ..fixtures::all_keys(own) };
        for (rows, indexes) in read(&scene, database, query).await {
            println!("{asked}: {rows} rows, {indexes}");
            assert!(rows <= most, "{asked}: {rows} rows are read, by {indexes}");
        }
    }
    let none = filter(|it| it.name = KeyFilter::parse_name("x").ok());
    others_are_served_beside_searches(&scene, database, none).await;
}

/// Each goes through all keys of the organization.
async fn others_are_served_beside_searches(scene: &Scene, database: &str, filter: KeyFilter) {
    const SEARCHES: usize = 40;
    let settings = PostgresSettings { pool_size: 4, ..PostgresSettings::new(shared().url(database)) };
    let (store, own) = (store(&settings), scene.organization.id);
    let query = KeyQuery { filter, limit: Limit::new(PAGE).unwrap(), ..fixtures::all_keys(own) };
    let searches = join_all((0..SEARCHES).map(|_| store.list_keys(query.clone())));
    let others = async {
        for _ in 0..SEARCHES {
            store.find_key(own, scene.key.key.id).await.unwrap();
        }
    };
    let (answers, ()) = join(searches, others).await;
    assert!(answers.iter().any(Result::is_ok));
}
