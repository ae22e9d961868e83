//! How long the audit log is.

use std::num::NonZeroU32;

use capykeys_conformance::fixtures;
use capykeys_domain::{model::AuditAction, ports::AuditLog};
use capykeys_sqlite::SqliteStore;
use tempfile::TempDir;

const TWO: NonZeroU32 = NonZeroU32::new(2).unwrap();
const HUNDRED: NonZeroU32 = NonZeroU32::new(100).unwrap();

#[tokio::test]
async fn old_events_go_in_steps_and_the_oldest_first() {
    let directory = TempDir::new().unwrap();
    let store = SqliteStore::open(directory.path()).unwrap();
    let organization = fixtures::organization(fixtures::at(0)).id;
    for at in 0..5 {
        let event = fixtures::event(AuditAction::ListKeys, fixtures::at(at), organization, None);
        store.append(&event).await.unwrap();
    }
    let left = async || AuditLog::list(&store, organization, 0, HUNDRED).await.unwrap().len();
    assert_eq!(store.expire(fixtures::at(4), TWO).await.unwrap(), 2);
    assert_eq!(left().await, 3);
    assert_eq!(store.expire(fixtures::at(4), HUNDRED).await.unwrap(), 2);
    assert_eq!(store.expire(fixtures::at(4), HUNDRED).await.unwrap(), 0);
    assert_eq!(left().await, 1, "what is not older stays");
}
