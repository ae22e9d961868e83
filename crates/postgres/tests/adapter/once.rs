//! Requests that are done once: what two servers see of each other.

use capykeys_conformance::fixtures;
use capykeys_domain::ports::{Insertion, KeyStore, NewKey};
use tokio::task::JoinHandle;

use crate::scene::{Scene, scene};

impl Scene {
    fn requested(&self, id: u8, micros: i64) -> NewKey {
        fixtures::request::requested(id, fixtures::key(self.organization.id, fixtures::at(micros)))
    }

    async fn insert(&self, new: &NewKey) -> Insertion {
        self.store.insert_key(new.clone(), fixtures::created(new)).await.unwrap()
    }

    /// A request that waits for another transaction, which is about to store a key with its digest.
    async fn under_way(&self, new: &NewKey) -> JoinHandle<Result<Insertion, ()>> {
        let digest = hex(new.digest.as_bytes());
        self.run(&format!(
            "BEGIN; INSERT INTO api_keys (id, organization_id, name, key_prefix, scopes, source, created_at, pepper_id, \
             digest) SELECT gen_random_uuid(), organization_id, name, key_prefix, scopes, source, created_at, \
             pepper_id, '\\x{digest}' FROM api_keys"
        ))
        .await;
        let (store, new) = (self.store.clone(), new.clone());
        let inserting = tokio::spawn(async move {
            store.insert_key(new.clone(), fixtures::created(&new)).await.map_err(drop)
        });
        self.until_it_waits().await;
        inserting
    }

    async fn records(&self) -> i64 {
        let count = "SELECT count(*) FROM idempotency_keys";
        self.other.query_one(count, &[]).await.unwrap().get(0)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

fn is_repeated(outcome: &Insertion, first: &NewKey) -> bool {
    matches!(outcome, Insertion::Repeated(before) if before.answered == first.key)
}

#[tokio::test]
async fn while_one_is_under_way_the_second_is_told_so_at_once() {
    let scene = scene().await;
    let first = scene.requested(1, 2);
    let running = scene.under_way(&first).await;
    assert_eq!(scene.insert(&scene.requested(1, 3)).await, Insertion::Running);
    assert_eq!(scene.insert(&scene.requested(2, 3)).await, Insertion::Inserted, "it is another");
    scene.run("ROLLBACK").await;
    assert_eq!(running.await.unwrap(), Ok(Insertion::Inserted));
    assert!(is_repeated(&scene.insert(&scene.requested(1, 4)).await, &first));
}

/// The lock ends with the connection, as it does where its server is killed.
#[tokio::test]
async fn what_is_cut_off_is_not_running_any_more() {
    let scene = scene().await;
    let running = scene.under_way(&scene.requested(1, 2)).await;
    scene
        .run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE datname = current_database() AND wait_event_type = 'Lock'; ROLLBACK",
        )
        .await;
    assert_eq!(running.await.unwrap(), Err(()));
    let second = scene.requested(1, 3);
    let mut outcome = scene.insert(&second).await;
    while outcome == Insertion::Running {
        tokio::task::yield_now().await;
        outcome = scene.insert(&second).await;
    }
    assert_eq!(outcome, Insertion::Inserted);
}

/// Both are stored, or neither: a record without its key would keep the request from being done for a day.
#[tokio::test]
async fn a_key_that_somebody_else_has_stored_meanwhile_leaves_no_record() {
    let scene = scene().await;
    let taken = scene.requested(1, 2);
    let running = scene.under_way(&taken).await;
    scene.run("COMMIT").await;
    assert_eq!(running.await.unwrap(), Err(()));
    assert_eq!(scene.records().await, 0);
    assert_eq!(scene.insert(&taken).await, Insertion::Duplicate);
    assert_eq!(scene.insert(&scene.requested(1, 3)).await, Insertion::Inserted);
}

/// Its statement began before that was committed, and cannot see it.
#[tokio::test]
async fn what_was_committed_since_a_statement_began_is_found() {
    let scene = scene().await;
    let first = scene.requested(1, 2);
    assert_eq!(scene.insert(&first).await, Insertion::Inserted);
    let second = scene.requested(2, 3);
    let id = second.idempotency.as_ref().unwrap().id;
    let id = hex(&id);
    scene
        .run(&format!(
            "BEGIN; UPDATE organizations SET slug = 'another'; \
             INSERT INTO idempotency_keys (id, key_id, at, asked, nonce, pepper_id, answered) \
             SELECT '\\x{id}', key_id, at, asked, nonce, pepper_id, answered FROM idempotency_keys"
        ))
        .await;
    assert!(is_repeated(&scene.insert_while_waiting(second).await, &first));
}

#[tokio::test]
async fn forgotten_requests_are_taken_out_by_those_that_follow() {
    let scene = scene().await;
    for id in 0..20 {
        assert_eq!(scene.insert(&scene.requested(id, 2)).await, Insertion::Inserted);
    }
    let day = 24 * 3_600 * 1_000_000;
    for (id, left) in (20..).zip([13, 6, 3, 4]) {
        assert_eq!(scene.insert(&scene.requested(id, 3 + day)).await, Insertion::Inserted);
        assert_eq!(scene.records().await, left);
    }
}
