//! A folder, and what was acknowledged in it.

use std::{collections::HashSet, path::PathBuf};

use capykeys_domain::{
    model::{AuditAction, KeyId, Organization},
    ports::{Change, FeedPosition, FeedQuery, Limit, Poll},
};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::{Rig, process::Process};
use crate::{Store, cases::support::READER};

/// A store with an organization in it, and nobody who works on it.
pub(super) struct Scene {
    pub(super) rig: Rig,
    pub(super) folder: TempDir,
    pub(super) organization: Organization,
    start: FeedPosition,
    acknowledged: Acknowledged,
}

/// Keys, by what was said of them.
#[derive(Default)]
struct Acknowledged {
    created: HashSet<KeyId>,
    /// It may have happened without an answer.
    revoking: HashSet<KeyId>,
    revoked: HashSet<KeyId>,
}

/// Waits for it.
pub(super) fn wait<T>(future: impl Future<Output = T>) -> T {
    Runtime::new().expect("a runtime").block_on(future)
}

impl Scene {
    pub(super) fn new(rig: Rig) -> Self {
        let folder = TempDir::new().expect("a folder");
        let store = (rig.open)(&folder.path().join("data")).expect("nobody else has it open");
        let (organization, start) = wait(async { (store.organization().await, store.end_of_feed().await) });
        Self { rig, folder, organization, start, acknowledged: Acknowledged::default() }
    }

    pub(super) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A process that does `task` for the organization.
    pub(super) fn process(&self, task: &str) -> Process {
        Process::start(self.rig, self.folder.path(), &self.task(task))
    }

    pub(super) fn task(&self, task: &str) -> String {
        format!("{task} {}", self.organization.id)
    }

    /// Remembers what a process has said.
    pub(super) fn note(&mut self, said: impl IntoIterator<Item = String>) {
        for said in said {
            let Some((what, id)) = said.split_once(' ') else { continue };
            let book = match what {
                "created" => &mut self.acknowledged.created,
                "revoking" => &mut self.acknowledged.revoking,
                "revoked" => &mut self.acknowledged.revoked,
                _ => continue,
            };
            book.insert(KeyId::parse(id).expect("an id"));
        }
    }

    /// Opens the store and checks it.
    pub(super) fn check(&self) -> Store {
        let store = (self.rig.open)(&self.data()).expect("it can be opened again");
        wait(self.check_store(&store));
        store
    }

    /// Nothing that was acknowledged is lost, and nothing is there by half.
    async fn check_store(&self, store: &Store) {
        let Acknowledged { created, revoking, revoked } = &self.acknowledged;
        let keys = store.listed(self.organization.id).await;
        let known: HashSet<KeyId> = keys.iter().map(|key| key.id).collect();
        assert!(created.is_subset(&known), "a key was acknowledged and is lost");
        let told = told(store, self.start).await;
        let events = store.events(self.organization.id).await;
        for key in &keys {
            let count = |action: AuditAction| {
                events
                    .iter()
                    .filter(|one| one.event.key_id == Some(key.id) && one.event.action == action)
                    .count()
            };
            let is_revoked = key.revoked_at.is_some();
            assert!(is_revoked || !revoked.contains(&key.id), "a revocation was acknowledged and is lost");
            assert!(!is_revoked || revoking.contains(&key.id), "nobody has revoked it");
            assert_eq!(count(AuditAction::CreateKey), 1, "a key and its event are there together");
            assert_eq!(
                count(AuditAction::RevokeKey),
                usize::from(is_revoked),
                "so are a revocation and its event"
            );
            if let Some(told) = &told {
                assert_eq!(told.contains(&Change::Key(key.id)), is_revoked, "and what is told of it");
            }
        }
    }
}

/// All changes since then; `None` where the feed has begun anew, and readers forget what they know.
async fn told(store: &Store, start: FeedPosition) -> Option<HashSet<Change>> {
    let (mut all, mut after) = (HashSet::new(), start);
    loop {
        let query = FeedQuery { reader: READER, after, limit: Limit::MAX };
        match store.feed.poll_changes(query).await.expect("it is there") {
            Poll::Diverged(_) => return None,
            Poll::Changes { changes, position, complete, .. } => {
                all.extend(changes);
                after = position;
                if complete {
                    return Some(all);
                }
            }
        }
    }
}
