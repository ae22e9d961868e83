//! The change feed, in what a statement can do to many rows at once.

use std::collections::HashSet;

use capykeys_conformance::columns;
use capykeys_domain::{
    model::{KeyId, OrganizationId},
    ports::Change,
};

use crate::{
    feed::{diverged, end, told},
    scene::{Scene, scene},
};

/// So many keys of an organization are told one by one where a statement changes them.
const ONE_BY_ONE: i64 = 16;

impl Scene {
    /// What the statement adds to the feed.
    async fn told_of(&self, statement: &str) -> Vec<Change> {
        let before = end(&self.store).await;
        self.run(statement).await;
        told(&self.store, &before).await.0
    }

    /// Stores an organization without keys.
    async fn another_organization(&self) -> OrganizationId {
        let insert = "INSERT INTO organizations (id, name, slug, created_at, updated_at) \
            VALUES (gen_random_uuid(), 'Other', 'other', now(), now()) RETURNING id";
        OrganizationId::from_uuid(self.other.query_one(insert, &[]).await.unwrap().get(0))
    }
}

fn keys(ids: impl IntoIterator<Item = KeyId>) -> HashSet<Change> {
    ids.into_iter().map(Change::Key).collect()
}

#[tokio::test]
async fn each_column_is_told_of_or_no_verdict_depends_on_it() {
    let scene = scene().await;
    scene.another_organization().await;
    scene
        .run("UPDATE organizations SET clerk_organization_id = 'org_2it', suspended_at = now() WHERE slug = 'other'")
        .await;
    scene.another_organization().await;
    scene
        .run(
            "UPDATE api_keys SET rotated_at = to_timestamp(0), previous_key_prefix = 'x', previous_expires_at = to_timestamp(0), \
             previous_pepper_id = '1', previous_digest = sha256('previous')",
        )
        .await;
    let schema = "SELECT table_name::text, column_name::text, data_type::text FROM information_schema.columns \
        WHERE table_schema = current_schema() AND table_name IN ('api_keys', 'organizations')";
    let columns = scene.other.query(schema, &[]).await.unwrap();
    assert!(columns.len() > 20);
    for column in columns {
        let (table, column, kind): (&str, &str, &str) = (column.get(0), column.get(1), column.get(2));
        let (text, is_told) = columns::told(table, column);
        let value = match kind {
            "uuid" if column == "organization_id" => {
                "(SELECT id FROM organizations WHERE slug = 'other' AND clerk_organization_id IS NULL)"
                    .to_owned()
            }
            "uuid" => "gen_random_uuid()".to_owned(),
            "timestamp with time zone" => "now()".to_owned(),
            "bytea" => "sha256('other')".to_owned(),
            "ARRAY" => format!("ARRAY['{text}']"),
            _ => format!("'{text}'"),
        };
        // The one without keys: the id of another cannot be changed.
        let rows = if table == "organizations" { "WHERE clerk_organization_id IS NOT NULL" } else { "" };
        let changes = scene.told_of(&format!("UPDATE {table} SET {column} = {value} {rows}")).await;
        assert_eq!(changes.len(), usize::from(is_told), "{table}.{column}: {changes:?}");
    }
}

#[tokio::test]
async fn many_keys_of_an_organization_changed_at_once_are_one_event_of_it() {
    let scene = scene().await;
    let own = scene.organization.id;
    let few = scene.many_keys(ONE_BY_ONE - 1).await.into_iter().chain([scene.key.key.id]);
    let revoke = "UPDATE api_keys SET revoked_at = clock_timestamp()";
    assert_eq!(HashSet::from_iter(scene.told_of(revoke).await), keys(few));

    let other = scene.another_organization().await;
    let added = scene.many_keys(1).await;
    let changes = scene.told_of(revoke).await;
    assert_eq!(changes.len(), 2, "{changes:?}");
    assert!(changes.contains(&Change::Organization(own)), "{changes:?}");
    assert!(added.iter().any(|&id| changes.contains(&Change::Key(id))), "{changes:?}");

    scene.many_keys(ONE_BY_ONE).await;
    let both: HashSet<_> = [own, other].map(Change::Organization).into();
    let scopes = "UPDATE api_keys SET scopes = ARRAY['*']";
    let delete = "DELETE FROM api_keys";
    for statement in [revoke, scopes, delete] {
        let changes = scene.told_of(statement).await;
        assert_eq!((changes.len(), HashSet::from_iter(changes)), (2, both.clone()), "{statement}");
    }
}

/// Also where the same statement leaves others as they are, or the rows take each other's ids.
#[tokio::test]
async fn no_way_to_change_a_key_is_left_out() {
    let scene = scene().await;
    let id = scene.many_keys(1).await[0];
    let (one, other) = (scene.key.key.id.uuid(), id.uuid());
    let both = keys([scene.key.key.id, id]);
    let upsert =
        "INSERT INTO api_keys SELECT * FROM api_keys ON CONFLICT (id) DO UPDATE SET revoked_at = now()";
    let swap = format!("UPDATE api_keys SET id = CASE id WHEN '{one}' THEN '{other}' ELSE '{one}' END::uuid");
    let shift = "UPDATE api_keys SET id = gen_random_uuid()";
    for (statement, expected) in [
        (upsert, both.clone()),
        (upsert, HashSet::new()),
        (
            &format!(
                "UPDATE api_keys SET revoked_at = CASE id WHEN '{one}' THEN '2030-01-01Z' ELSE revoked_at END"
            ),
            keys([scene.key.key.id]),
        ),
        (
            &format!(
                "WITH other AS (UPDATE api_keys SET scopes = ARRAY['*'] WHERE id = '{other}') \
            UPDATE api_keys SET revoked_at = '2031-01-01Z' WHERE id = '{one}'"
            ),
            both.clone(),
        ),
        (
            "BEGIN; UPDATE api_keys SET revoked_at = NULL; UPDATE api_keys SET revoked_at = '2032-01-01Z'; COMMIT",
            both.clone(),
        ),
        // With the constraint, the one would take its id while the other still has it.
        (&format!("ALTER TABLE api_keys DROP CONSTRAINT api_keys_pkey; {swap}"), both.clone()),
        (shift, both),
    ] {
        // A time that is the same in the second statement of its kind.
        let changes = scene.told_of(&statement.replace("now()", "'2029-01-01Z'")).await;
        assert_eq!(HashSet::from_iter(changes), expected, "{statement}");
    }
}

#[tokio::test]
async fn a_merge_is_told_of() {
    let scene = scene().await;
    let version = "SELECT current_setting('server_version_num')::int";
    if scene.other.query_one(version, &[]).await.unwrap().get::<_, i32>(0) < 150_000 {
        return;
    }
    let merge = |action: &str| {
        format!(
            "MERGE INTO api_keys k USING organizations o ON o.id = k.organization_id WHEN MATCHED THEN {action}"
        )
    };
    let key = Change::Key(scene.key.key.id);
    assert_eq!(scene.told_of(&merge("UPDATE SET revoked_at = now()")).await, [key]);
    assert_eq!(scene.told_of(&merge("DELETE")).await, [key]);
}

/// Counted in rows that are read, which time does not change. The feed is analysed while it is small,
/// and the session has planned for one row.
#[tokio::test]
async fn the_work_of_a_statement_grows_with_its_rows_alone() {
    const ROWS: i64 = 2_000;
    let scene = scene().await;
    scene.run("ALTER TABLE changes SET (autovacuum_enabled = off); ANALYZE").await;
    scene.run("UPDATE api_keys SET revoked_at = '2030-01-01Z'").await;
    scene
        .run(&format!(
            "INSERT INTO organizations (id, name, slug, created_at, updated_at) \
             SELECT gen_random_uuid(), 'Many', 'many', now(), now() FROM generate_series(1, {ROWS})"
        ))
        .await;
    let before = end(&scene.store).await;
    scene.many_keys(1).await;
    scene.run("BEGIN; UPDATE api_keys SET revoked_at = '2031-01-01Z'").await;
    let read = "SELECT (seq_tup_read + coalesce(idx_tup_fetch, 0))::bigint FROM pg_stat_xact_user_tables \
        WHERE relname = 'changes'";
    let read: i64 = scene.other.query_one(read, &[]).await.unwrap().get(0);
    scene.run("COMMIT").await;
    assert_eq!(end(&scene.store).await.sequence.get() - before.sequence.get(), ROWS + 2);
    assert!(read <= ROWS, "{read} rows of the feed were read for {ROWS}");
}

/// More than is kept, in one statement: whoever was behind it begins anew.
#[tokio::test]
async fn a_statement_that_fills_the_feed_leaves_no_reader_behind_it() {
    let scene = scene().await;
    let before = end(&scene.store).await;
    // As if there had been as many organizations.
    scene.run("CREATE TABLE many (id uuid, clerk_organization_id text, suspended_at timestamptz)").await;
    scene.run("INSERT INTO many SELECT gen_random_uuid() FROM generate_series(1, 100001)").await;
    scene
        .run(
            "CREATE TRIGGER many AFTER DELETE ON many REFERENCING OLD TABLE AS old_rows \
             FOR EACH STATEMENT EXECUTE FUNCTION record_changes(); DELETE FROM many",
        )
        .await;
    assert!(diverged(&scene.store, &before).await);
    let counts = "SELECT count(*), max(sequence) - min(sequence) + 1 FROM changes";
    let counts = scene.other.query_one(counts, &[]).await.unwrap();
    assert_eq!((counts.get(0), counts.get(1)), (100_000_i64, 100_000_i64));
    let start = end(&scene.store).await;
    let changes = scene.told_of("UPDATE api_keys SET revoked_at = now()").await;
    assert_eq!(changes, [Change::Key(scene.key.key.id)]);
    assert_eq!(Some(end(&scene.store).await.sequence), start.sequence.next());
}
