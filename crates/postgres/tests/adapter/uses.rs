//! Recording uses, beside others who have the keys locked, and without writing for nothing.

use capykeys_conformance::fixtures;
use capykeys_domain::{
    model::{KeyId, Timestamp},
    ports::{KeyStore, KeyUse},
};

use crate::scene::{Scene, scene};

impl Scene {
    /// Two keys besides the first.
    async fn more_keys(&self) -> [KeyId; 2] {
        let keys = [2, 3].map(|micros| fixtures::key(self.organization.id, fixtures::at(micros)));
        for key in &keys {
            let _ = self.store.insert_key(key.clone(), fixtures::created(key)).await.unwrap();
        }
        keys.map(|key| key.key.id)
    }

    async fn last_used_at(&self, id: KeyId) -> Option<Timestamp> {
        self.store.find_key(self.organization.id, id).await.unwrap().unwrap().last_used_at
    }

    /// Which transaction wrote the key's row as it is now.
    async fn writer(&self, id: KeyId) -> String {
        let statement = format!("SELECT xmin::text FROM api_keys WHERE id = '{}'", id.uuid());
        self.other.query_one(&statement, &[]).await.unwrap().get(0)
    }
}

fn used(ids: &[KeyId], micros: i64) -> Vec<KeyUse> {
    ids.iter().map(|&key| KeyUse { key, at: fixtures::at(micros), with_previous: false }).collect()
}

/// Whoever waited here would keep the other keys locked meanwhile, and their revocations waiting.
#[tokio::test]
async fn a_key_that_is_locked_is_left_and_the_others_are_recorded_without_waiting() {
    for lock in ["FOR SHARE", "FOR UPDATE"] {
        let scene = scene().await;
        let (locked, [second, third]) = (scene.key.key.id, scene.more_keys().await);
        let ids = [second, locked, third];
        scene.run(&format!("BEGIN; SELECT FROM api_keys WHERE id = '{}' {lock}", locked.uuid())).await;
        let error = scene.store.record_uses(used(&ids, 9)).await.unwrap_err();
        assert_eq!(error.to_string(), "postgres: record_uses: 1 of the keys are locked", "{lock}");
        assert_eq!(scene.last_used_at(locked).await, None);
        for id in [second, third] {
            assert_eq!(scene.last_used_at(id).await, Some(fixtures::at(9)));
        }

        scene.run("COMMIT").await;
        let before = scene.writer(second).await;
        scene.store.record_uses(used(&ids, 9)).await.unwrap();
        assert_eq!(scene.last_used_at(locked).await, Some(fixtures::at(9)));
        assert_eq!(scene.writer(second).await, before, "what was recorded is not written again");
    }
}

#[tokio::test]
async fn a_locked_key_with_nothing_new_is_no_obstacle() {
    let scene = scene().await;
    let id = scene.key.key.id;
    scene.store.record_uses(used(&[id], 9)).await.unwrap();
    scene.run("BEGIN; SELECT FROM api_keys FOR UPDATE").await;
    for micros in [9, 8] {
        scene.store.record_uses(used(&[id], micros)).await.unwrap();
    }
    scene.store.record_uses(used(&[id], 10)).await.unwrap_err();
}

#[tokio::test]
async fn an_earlier_use_leaves_no_dead_row() {
    let scene = scene().await;
    let id = scene.key.key.id;
    scene.store.record_uses(used(&[id], 9)).await.unwrap();
    let writer = scene.writer(id).await;
    for micros in [9, 8, 1] {
        scene.store.record_uses(used(&[id, id], micros)).await.unwrap();
    }
    assert_eq!(scene.writer(id).await, writer);
    scene.store.record_uses(used(&[id, id], 10)).await.unwrap();
    assert_ne!(scene.writer(id).await, writer);
}
