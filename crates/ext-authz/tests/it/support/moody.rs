//! A lookup that fails when it is told to.

use async_trait::async_trait;
use capykeys_conformance::model::ModelStore;
use capykeys_domain::{
    ports::{FoundKey, KeyLookup, Unavailable},
    secret::KeyDigest,
};
use tokio::sync::watch;

/// What the lookup does instead of its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Its work.
    Good,
    /// It says that the store is not there.
    Unavailable,
    /// It panics.
    Panics,
    /// It does not come back before it is in another mood.
    Hangs,
}

/// The reference model with moods.
pub(crate) struct MoodyLookup {
    pub(crate) model: ModelStore,
    pub(crate) mood: watch::Receiver<Mood>,
}

#[async_trait]
impl KeyLookup for MoodyLookup {
    async fn find_key_by_digest(&self, digests: &[KeyDigest]) -> Result<Option<FoundKey>, Unavailable> {
        let mut moods = self.mood.clone();
        let mood = *moods.wait_for(|mood| *mood != Mood::Hangs).await.unwrap();
        match mood {
            Mood::Unavailable => Err(Unavailable::new("moody", "lookup: 57P01")),
            Mood::Panics => panic!("the store panics"),
            Mood::Good | Mood::Hangs => self.model.find_key_by_digest(digests).await,
        }
    }
}
