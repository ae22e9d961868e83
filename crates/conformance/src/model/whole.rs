//! The model as a whole, and how it is filled.

use std::collections::BTreeMap;

use async_trait::async_trait;
use capykeys_domain::{
    model::{AuditRecord, KeyId, Organization, OrganizationId, Sequence},
    ports::{
        Import, Imported, Limit, RowCounts, Snapshot, SnapshotPlace, StoreHead, StoredKey, StoredRows,
        Unavailable, WholeStore, missing,
    },
    secret::RecordedPepper,
};

use super::{ModelStore, State};

struct ModelSnapshot {
    head: StoreHead,
    organizations: BTreeMap<OrganizationId, Organization>,
    keys: BTreeMap<KeyId, Result<StoredKey, Unavailable>>,
    events: Vec<AuditRecord>,
}

impl State {
    fn stored(&self, stored: &StoredKey) -> Result<StoredKey, Unavailable> {
        Ok(StoredKey { key: self.read(stored)?, ..stored.clone() })
    }

    fn store_head(&self) -> StoreHead {
        let count = |count: usize| count.try_into().unwrap_or(u64::MAX);
        let counts = RowCounts {
            organizations: count(self.organizations.len()),
            keys: count(self.keys.len()),
            events: count(self.log.len()),
        };
        let peppers = self.peppers.values().cloned().collect();
        StoreHead { counts, peppers, expired_through: self.log.expired_through }
    }
}

#[async_trait]
impl WholeStore for ModelStore {
    async fn take_snapshot(&self) -> Result<Box<dyn Snapshot>, Unavailable> {
        let state = self.state();
        Ok(Box::new(ModelSnapshot {
            head: state.store_head(),
            organizations: state.organizations.clone(),
            keys: state.keys.iter().map(|(id, new)| (*id, state.stored(new))).collect(),
            events: state.log.after(Sequence::START).cloned().collect(),
        }))
    }

    async fn begin_import(&self) -> Result<Option<Box<dyn Import>>, Unavailable> {
        let mut state = self.state();
        let head = state.store_head();
        if !head.is_unfinished() && head.counts != RowCounts::default() {
            return Ok(None);
        }
        let mark = RecordedPepper::of_an_import();
        state.peppers.insert(mark.check.id.clone(), mark);
        Ok(Some(Box::new(ModelImport(self.clone()))))
    }
}

#[async_trait]
impl Snapshot for ModelSnapshot {
    fn head(&self) -> &StoreHead {
        &self.head
    }

    async fn read_rows(&mut self, place: SnapshotPlace, limit: Limit) -> Result<StoredRows, Unavailable> {
        let limit = usize::from(limit.get());
        Ok(match place {
            SnapshotPlace::Organizations(after) => {
                let later = self.organizations.values().filter(|one| after.is_none_or(|id| one.id > id));
                StoredRows::Organizations(later.take(limit).cloned().collect())
            }
            SnapshotPlace::Keys(after) => {
                let later = self.keys.iter().filter(|(own, _)| after.is_none_or(|id| **own > id));
                StoredRows::Keys(later.take(limit).map(|(_, key)| key.clone()).collect::<Result<_, _>>()?)
            }
            SnapshotPlace::Events(after) => {
                let later = self.events.iter().filter(|one| one.sequence > after);
                StoredRows::Events(later.take(limit).cloned().collect())
            }
        })
    }
}

struct ModelImport(ModelStore);

#[async_trait]
impl Import for ModelImport {
    async fn import_rows(&mut self, rows: StoredRows) -> Result<Imported, Unavailable> {
        let mut state = self.0.state();
        let stored = state.store_head().is_unfinished() && state.import(&rows)?;
        Ok(if stored { Imported::Done } else { Imported::Different })
    }

    async fn finish(&mut self, head: StoreHead) -> Result<Imported, Unavailable> {
        let mut state = self.0.state();
        let found = state.store_head();
        if !found.is_unfinished() || found.counts != head.counts || !head.agrees_with(&found.peppers) {
            return Ok(Imported::Different);
        }
        state.peppers.retain(|_, pepper| !pepper.is_of_an_import());
        state.peppers.values_mut().for_each(|pepper| pepper.turn = None);
        state.peppers.extend(head.peppers.into_iter().map(|own| (own.check.id.clone(), own)));
        state.log.expired_through = state.log.expired_through.max(head.expired_through);
        state.log.newest = state.log.newest.max(head.expired_through);
        state.feed.restart();
        Ok(Imported::Done)
    }
}

impl State {
    /// Whether the rows were stored, all of them.
    fn import(&mut self, rows: &StoredRows) -> Result<bool, Unavailable> {
        match rows {
            StoredRows::Organizations(rows) => {
                let Some((first, last)) = rows.first().zip(rows.last()) else { return Ok(true) };
                let found: Vec<_> =
                    self.organizations.range(first.id..=last.id).map(|(_, row)| row.clone()).collect();
                let Some(missing) = missing(rows, &found) else { return Ok(false) };
                let taken = |row: &&&Organization| {
                    row.clerk.as_ref().is_some_and(|clerk| self.at_clerk(&clerk.id).is_some())
                };
                if missing.iter().any(|row| taken(&row)) {
                    return Ok(false);
                }
                self.organizations.extend(missing.into_iter().map(|row| (row.id, row.clone())));
            }
            StoredRows::Keys(rows) => return self.import_keys(rows),
            StoredRows::Events(rows) => {
                let Some((first, last)) = rows.first().zip(rows.last()) else { return Ok(true) };
                let between = |one: &&AuditRecord| (first.sequence..=last.sequence).contains(&one.sequence);
                let found: Vec<_> = self.log.after(Sequence::START).filter(between).cloned().collect();
                let Some(missing) = missing(rows, &found) else { return Ok(false) };
                for row in missing {
                    self.log.put(row.clone());
                }
            }
        }
        Ok(true)
    }

    fn import_keys(&mut self, rows: &[StoredKey]) -> Result<bool, Unavailable> {
        let Some((first, last)) = rows.first().zip(rows.last()) else { return Ok(true) };
        let found = self.keys.range(first.key.id..=last.key.id).map(|(_, new)| self.stored(new));
        let found = found.collect::<Result<Vec<_>, _>>()?;
        let Some(missing) = missing(rows, &found) else { return Ok(false) };
        let refused = |row: &StoredKey| {
            !self.organizations.contains_key(&row.key.organization_id)
                || self.keys.values().any(|old| row.digests().any(|digest| old.has(digest.as_bytes())))
        };
        if missing.iter().any(|row| refused(row)) {
            return Ok(false);
        }
        self.keys.extend(missing.into_iter().map(|row| (row.key.id, row.clone())));
        Ok(true)
    }
}
