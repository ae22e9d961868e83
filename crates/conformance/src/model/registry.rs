//! The model's replicas.

use std::time::Duration;

use async_trait::async_trait;
use capykeys_domain::{
    ports::{FeedProgress, RegisteredReplica, Registry, ReplicaId, ReplicaRegistry, Unavailable},
    secret::PepperId,
};

use super::{ModelStore, State};

/// A replica that was registered and not forgotten.
pub(super) struct Replica {
    known: RegisteredReplica,
    retired: bool,
    /// Those that it has said that it has.
    pub(super) peppers: Vec<PepperId>,
}

impl State {
    pub(super) fn is_registered(&self, id: ReplicaId) -> bool {
        self.replicas.get(&id).is_some_and(|replica| !replica.retired)
    }

    /// The replica, where it has not renewed its registration since `renewals`.
    fn unrenewed(&mut self, id: ReplicaId, renewals: i64) -> Option<&mut Replica> {
        self.replicas.get_mut(&id).filter(|replica| replica.known.renewals == renewals)
    }
}

#[async_trait]
impl ReplicaRegistry for ModelStore {
    async fn register_replica(&self, id: ReplicaId, lease: Duration) -> Result<(), Unavailable> {
        let mut state = self.state();
        // No two registrations have a number in common.
        state.registrations += 1 << 32;
        let known = RegisteredReplica { id, lease, confirmed: None, renewals: state.registrations };
        let replica =
            state.replicas.entry(id).or_insert(Replica { known, retired: false, peppers: Vec::new() });
        replica.retired = false;
        replica.known.renewals += 1;
        Ok(())
    }

    async fn confirm_progress(&self, id: ReplicaId, progress: FeedProgress) -> Result<(), Unavailable> {
        if let Some(replica) = self.state().replicas.get_mut(&id) {
            replica.known.confirmed = Some(progress);
            replica.known.renewals += 1;
        }
        Ok(())
    }

    async fn read_registry(&self) -> Result<Registry, Unavailable> {
        let state = self.state();
        let replicas = state.replicas.values().map(|replica| replica.known.clone()).collect();
        Ok(Registry { head: state.end().into(), replicas })
    }

    async fn retire_replica(&self, id: ReplicaId, renewals: i64) -> Result<bool, Unavailable> {
        let mut state = self.state();
        let replica = state.unrenewed(id, renewals);
        Ok(replica.map(|replica| replica.retired = true).is_some())
    }

    async fn forget_replica(&self, id: ReplicaId, renewals: i64) -> Result<(), Unavailable> {
        let mut state = self.state();
        if state.unrenewed(id, renewals).is_some_and(|replica| replica.retired) {
            state.replicas.remove(&id);
        }
        Ok(())
    }
}
