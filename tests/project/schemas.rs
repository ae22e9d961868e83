//! Both stores have the same tables, columns and keys.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};

use capykeys_tests::{Installation, on_one_store, postgres};
use rusqlite::Connection;
use tokio_postgres::NoTls;

on_one_store![postgresql: both_stores_have_the_same_tables_columns_and_keys];

/// What is compared of a table.
#[derive(Debug, Default, PartialEq)]
struct Table {
    /// By name: whether it can be null.
    columns: BTreeMap<String, bool>,
    /// The columns of each unique key, the primary one too.
    unique: BTreeSet<Vec<String>>,
    /// The columns of each other index.
    indexes: BTreeSet<Vec<String>>,
}

type Schema = BTreeMap<String, Table>;

const HISTORY: &str = "refinery_schema_history";

fn both_stores_have_the_same_tables_columns_and_keys() {
    let (sqlite, mut postgres) = (of_sqlite(), of_postgres());
    // A file is on one line of history for as long as it is open.
    assert!(postgres.remove("history_lines").is_some() && postgres.remove("audit_lines").is_some());
    let tables = [
        "api_keys",
        "audit_events",
        "audit_retention",
        "brought_secrets",
        "capykeys_schema",
        "changes",
        "idempotency_keys",
        "organizations",
        "peppers",
        "replicas",
    ];
    assert_eq!(sqlite.keys().collect::<Vec<_>>(), tables);
    assert_eq!(sqlite, postgres);
}

fn of_sqlite() -> Schema {
    let installation = Installation::bare();
    let _ = installation.run(&["migrate"]).expect_success();
    let database = Connection::open(installation.directory().join("capykeys-data/capykeys.db")).unwrap();
    let mut schema = Schema::new();
    let columns =
        "SELECT t.name, c.name, c.\"notnull\" = 0, c.pk FROM sqlite_schema t, pragma_table_info(t.name) c
        WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND t.name <> ?1";
    let mut statement = database.prepare(columns).unwrap();
    let mut rows = statement.query([HISTORY]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let table: &mut Table = schema.entry(row.get(0).unwrap()).or_default();
        let column: String = row.get(1).unwrap();
        if row.get::<_, i64>(3).unwrap() > 0 {
            table.unique.insert(vec![column.clone()]);
        }
        table.columns.insert(column, row.get(2).unwrap());
    }
    let indexes = "SELECT t.name, i.\"unique\", group_concat(c.name ORDER BY c.seqno)
        FROM sqlite_schema t, pragma_index_list(t.name) i, pragma_index_info(i.name) c
        WHERE t.type = 'table' GROUP BY t.name, i.name";
    let mut statement = database.prepare(indexes).unwrap();
    let mut rows = statement.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let Some(table) = schema.get_mut(&row.get::<_, String>(0).unwrap()) else { continue };
        table.add_index(row.get(1).unwrap(), &row.get::<_, String>(2).unwrap());
    }
    schema
}

fn of_postgres() -> Schema {
    let url = postgres::database_url();
    let _ = Installation::on_postgres(&url);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
        let driver = tokio::spawn(connection);
        let mut schema = Schema::new();
        let columns = "SELECT table_name::text, column_name::text, is_nullable = 'YES'
            FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> $1";
        for row in client.query(columns, &[&HISTORY]).await.unwrap() {
            schema.entry(row.get(0)).or_default().columns.insert(row.get(1), row.get(2));
        }
        let indexes = "SELECT t.relname::text, i.indisunique, string_agg(a.attname, ',' ORDER BY k.place)
            FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace n ON n.oid = t.relnamespace
            CROSS JOIN unnest(i.indkey::int[]) WITH ORDINALITY k (attribute, place)
            JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.attribute
            WHERE n.nspname = 'public' GROUP BY t.relname, i.indexrelid, i.indisunique";
        for row in client.query(indexes, &[]).await.unwrap() {
            let Some(table) = schema.get_mut(row.get::<_, &str>(0)) else { continue };
            table.add_index(row.get(1), row.get(2));
        }
        drop(client);
        driver.await.unwrap().unwrap();
        schema
    })
}

impl Table {
    fn add_index(&mut self, unique: bool, columns: &str) {
        let columns = columns.split(',').map(str::to_owned).collect();
        if unique {
            self.unique.insert(columns)
        } else {
            self.indexes.insert(columns)
        };
    }
}
