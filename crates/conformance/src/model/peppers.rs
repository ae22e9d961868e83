//! The model's peppers.

use std::collections::BTreeMap;

use async_trait::async_trait;
use capykeys_domain::{
    model::Timestamp,
    ports::{Change, PepperRegistry, PepperUse, Rehash, ReplicaId, StoredKey, Unavailable},
    secret::{PepperCheck, PepperId, RecordedPepper},
};

use super::ModelStore;

#[async_trait]
impl PepperRegistry for ModelStore {
    async fn announce_peppers(
        &self,
        replica: ReplicaId,
        peppers: Vec<PepperCheck>,
    ) -> Result<Vec<RecordedPepper>, Unavailable> {
        let mut state = self.state();
        for check in &peppers {
            let new = || RecordedPepper { check: check.clone(), turn: None };
            state.peppers.entry(check.id.clone()).or_insert_with(new);
        }
        if let Some(replica) = state.replicas.get_mut(&replica) {
            replica.peppers = peppers.into_iter().map(|check| check.id).collect();
        }
        Ok(state.peppers.values().cloned().collect())
    }

    async fn take_turn(&self, replica: ReplicaId, pepper: PepperId) -> Result<bool, Unavailable> {
        let mut state = self.state();
        let mut others = state.replicas.iter().filter(|(id, _)| **id != replica);
        let known_to_all = others.all(|(_, other)| other.peppers.contains(&pepper));
        let last = state.peppers.values().filter_map(|recorded| recorded.turn).max();
        let Some(recorded) = state.peppers.get_mut(&pepper).filter(|_| known_to_all) else {
            return Ok(false);
        };
        recorded.turn = Some(last.unwrap_or(0).saturating_add(1));
        Ok(true)
    }

    async fn count_pepper_uses(&self, at: Timestamp) -> Result<Vec<PepperUse>, Unavailable> {
        let state = self.state();
        let mut counts = BTreeMap::new();
        for pepper in state.keys.values().flat_map(|stored| stored.peppers(at)) {
            *counts.entry(pepper.clone()).or_insert(0) += 1;
        }
        Ok(counts.into_iter().map(|(id, active_keys)| PepperUse { id, active_keys }).collect())
    }

    async fn rehash_keys(&self, keys: Vec<Rehash>) -> Result<(), Unavailable> {
        let state = &mut *self.state();
        for Rehash { key, from, to } in keys {
            let as_it_was = state.keys.get_mut(&key).filter(|stored| stored.digest == from);
            let usable =
                |stored: &&mut StoredKey| stored.key.revoked_at.is_none() && stored.key.disabled.is_none();
            if let Some(stored) = as_it_was.filter(usable) {
                stored.digest = to;
                state.feed.tell(Change::Key(key));
            }
        }
        Ok(())
    }
}
