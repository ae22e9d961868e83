//! How the server answers what it is asked often.

use capykeys_conformance::fixtures;
use capykeys_domain::{
    model::Sequence,
    ports::{
        AuditLog, ChangeFeed, EventLog, EventQuery, FeedQuery, KeyLookup, KeyQuery, KeyStore, Limit,
        ReplicaId,
    },
};
use capykeys_testkit::shared;
use tokio_postgres::Client;

use crate::{scene::scene_at, statements::logged, support::database};

const READER: ReplicaId = ReplicaId([7; 16]);

/// Whatever is stored, and however many values the statement is planned for.
#[tokio::test]
async fn what_is_asked_on_every_request_is_read_off_an_index() {
    let database = &database().await;
    shared().execute(database, &format!("ALTER DATABASE {database} SET log_statement = 'all'"));
    let scene = scene_at(shared().url(database)).await;
    let (store, id, limit) = (&scene.store, scene.organization.id, Limit::ONE);
    let head = store.feed_head(READER).await.unwrap().position;
    let keys = KeyQuery { limit, before: Some(scene.key.key.id), ..fixtures::all_keys(id) };
    let events = EventQuery { limit, after: Sequence::START, ..fixtures::all_events(id) };
    let plan = async |index: &str| {
        let statement = logged(database).pop().unwrap();
        let plan = explain(&scene.other, &statement).await;
        assert!(plan.contains(index), "{index} is not used: {plan}");
        let mut tables = plan.lines().filter_map(|line| line.split_once("Seq Scan on ")?.1.split(' ').next());
        let is_read_through = tables.any(|table| ["api_keys", "audit_events", "changes"].contains(&table));
        assert!(!is_read_through, "{plan}");
    };
    store.find_key_by_digest(std::slice::from_ref(&scene.key.digest)).await.unwrap();
    plan("api_keys_digest_key").await;
    store.find_key(id, scene.key.key.id).await.unwrap();
    plan("api_keys_").await;
    store.list_keys(keys).await.unwrap();
    plan("api_keys_of_organization").await;
    store.list_events(events).await.unwrap();
    plan("audit_events_of_organization").await;
    store.follow_events(None, limit).await.unwrap();
    plan("audit_events_pkey").await;
    store.feed_head(READER).await.unwrap();
    plan("changes_pkey").await;
    store.poll_changes(FeedQuery { reader: READER, after: head, limit }).await.unwrap();
    plan("changes_pkey").await;
}

/// The plan of a statement as it was logged, for any values, where reading through a table is the last resort.
async fn explain(client: &Client, logged: &str) -> String {
    let (_, text) = logged.split_once("execute ").and_then(|(_, named)| named.split_once(": ")).unwrap();
    // What is asked whether it is there is an id; of the others the server sees for itself what they are.
    let is_id = |number| if text.contains(&format!("${number} IS NULL")) { "uuid" } else { "unknown" };
    let count = (1..=99).take_while(|number| text.contains(&format!("${number}"))).count();
    let types = (1..=count).map(is_id).collect::<Vec<_>>().join(", ");
    let nulls = vec!["NULL"; count].join(", ");
    let planned = format!(
        "SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan; DEALLOCATE ALL; \
         PREPARE asked ({types}) AS {text}"
    );
    client.batch_execute(&planned).await.unwrap();
    let rows = client.simple_query(&format!("EXPLAIN (COSTS OFF) EXECUTE asked ({nulls})")).await.unwrap();
    let lines = rows.iter().filter_map(|row| match row {
        tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    lines.collect::<Vec<_>>().join("\n")
}
