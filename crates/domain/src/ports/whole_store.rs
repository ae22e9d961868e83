//! Stores as a whole: read in one state, and filled with what was read from another.

use alloc::{boxed::Box, vec::Vec};

use async_trait::async_trait;

use super::{Limit, StoredKey, Unavailable};
use crate::{
    model::{AuditRecord, KeyId, Organization, OrganizationId, Sequence},
    secret::RecordedPepper,
};

/// Rows of one kind, in ascending order of their ids or numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is of the kind of its name")]
pub enum StoredRows {
    Organizations(Vec<Organization>),
    Keys(Vec<StoredKey>),
    Events(Vec<AuditRecord>),
}

impl StoredRows {
    /// How many they are.
    #[must_use]
    pub const fn len(&self) -> usize {
        match self {
            Self::Organizations(rows) => rows.len(),
            Self::Keys(rows) => rows.len(),
            Self::Events(rows) => rows.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A place in a snapshot, which has organizations first, then keys, then events: what comes later refers to what
/// was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotPlace {
    /// After this organization; before the first.
    Organizations(Option<OrganizationId>),
    /// After this key; before the first.
    Keys(Option<KeyId>),
    /// After the event of this number.
    Events(Sequence),
}

impl SnapshotPlace {
    /// The beginning.
    pub const START: Self = Self::Organizations(None);

    /// Where it goes on after these rows, which were read from here; `None` after the last.
    fn after(self, rows: &StoredRows) -> Option<Self> {
        let last = match rows {
            StoredRows::Organizations(rows) => rows.last().map(|row| Self::Organizations(Some(row.id))),
            StoredRows::Keys(rows) => rows.last().map(|row| Self::Keys(Some(row.key.id))),
            StoredRows::Events(rows) => rows.last().map(|row| Self::Events(row.sequence)),
        };
        last.or(match self {
            Self::Organizations(_) => Some(Self::Keys(None)),
            Self::Keys(_) => Some(Self::Events(Sequence::START)),
            Self::Events(_) => None,
        })
    }
}

/// How many rows there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is of what its name says")]
pub struct RowCounts {
    pub organizations: u64,
    pub keys: u64,
    pub events: u64,
}

impl RowCounts {
    /// Counts these too.
    pub fn add(&mut self, rows: &StoredRows) {
        let count = match rows {
            StoredRows::Organizations(_) => &mut self.organizations,
            StoredRows::Keys(_) => &mut self.keys,
            StoredRows::Events(_) => &mut self.events,
        };
        *count = count.saturating_add(u64::try_from(rows.len()).unwrap_or(u64::MAX));
    }
}

/// What there is of a store besides its rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreHead {
    /// How many rows.
    pub counts: RowCounts,
    /// The recorded peppers, in ascending order of their ids: what tells them from others, and never a secret.
    pub peppers: Vec<RecordedPepper>,
    /// The number of the last event that was taken out of the log.
    pub expired_through: Sequence,
}

impl StoreHead {
    /// Whether the store is one that is being filled, and lacks something.
    #[must_use]
    pub fn is_unfinished(&self) -> bool {
        self.peppers.iter().any(RecordedPepper::is_of_an_import)
    }

    /// Whether these peppers have the same bytes as those of a store, as far as both have them.
    #[must_use]
    pub fn agrees_with(&self, recorded: &[RecordedPepper]) -> bool {
        let contradicts =
            |one: &RecordedPepper| recorded.iter().any(|other| other.check.contradicts(&one.check));
        !self.peppers.iter().any(contradicts)
    }
}

/// A whole store in one state, however long it is read and whatever is written meanwhile.
#[async_trait]
pub trait Snapshot: Send {
    /// What there is besides the rows.
    fn head(&self) -> &StoreHead;

    /// Up to `limit` rows of the kind of `place` that follow it; none where it has no more.
    ///
    /// # Errors
    /// [`Unavailable`], also where a row cannot be read, and where it took so long that the store has given
    /// the state up.
    async fn read_rows(&mut self, place: SnapshotPlace, limit: Limit) -> Result<StoredRows, Unavailable>;
}

/// Reads a snapshot from its beginning to its end.
pub struct SnapshotReader {
    snapshot: Box<dyn Snapshot>,
    place: Option<SnapshotPlace>,
}

impl SnapshotReader {
    /// At the beginning.
    #[must_use]
    pub fn new(snapshot: Box<dyn Snapshot>) -> Self {
        Self { snapshot, place: Some(SnapshotPlace::START) }
    }

    /// What there is besides the rows.
    #[must_use]
    pub fn head(&self) -> &StoreHead {
        self.snapshot.head()
    }

    /// The next rows, at least one and up to `limit`; `None` at the end.
    ///
    /// # Errors
    /// As [`Snapshot::read_rows`].
    pub async fn next(&mut self, limit: Limit) -> Result<Option<StoredRows>, Unavailable> {
        while let Some(place) = self.place {
            let rows = self.snapshot.read_rows(place, limit).await?;
            self.place = place.after(&rows);
            if !rows.is_empty() {
                return Ok(Some(rows));
            }
        }
        Ok(None)
    }
}

/// What has become of a step of an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Imported {
    /// It is stored.
    Done,
    /// The store holds something else than the beginning of what is imported: nothing was changed.
    Different,
}

/// The filling of a store. It may be dropped at any time: what was stored stays, the store is served to nobody, and
/// another import of the same begins where this one has ended.
#[async_trait]
pub trait Import: Send {
    /// Stores rows as they are, in the order of a snapshot, without an event and without telling it. Those that
    /// are there already stay, where they are the same.
    ///
    /// # Errors
    /// [`Unavailable`]; then all or none of them are stored, and to import them again does no harm.
    async fn import_rows(&mut self, rows: StoredRows) -> Result<Imported, Unavailable>;

    /// Ends it where the store holds as many rows as `head` says: the peppers have the turns that they have there,
    /// and others that are recorded have none; the numbers of events go on after all that were imported or taken out
    /// before; and every reader of the feed begins anew, as after a restore
    /// ([`Poll::Diverged`](super::Poll::Diverged)).
    ///
    /// # Errors
    /// [`Unavailable`]; then it may have ended or not.
    async fn finish(&mut self, head: StoreHead) -> Result<Imported, Unavailable>;
}

/// Reads whole stores and fills them. It takes as long as it takes: for operators' commands alone.
///
/// Not part of it are the change feed, the replicas and the lines of history. They belong to one store.
#[async_trait]
pub trait WholeStore: Send + Sync {
    /// Its state now, beside whatever is written. It keeps nobody waiting; how long the store may keep the
    /// state is bounded.
    ///
    /// # Errors
    /// [`Unavailable`], also where another program is at it already and the store allows for one.
    async fn take_snapshot(&self) -> Result<Box<dyn Snapshot>, Unavailable>;

    /// Begins to fill it, or goes on where an import has not ended; `None` where it holds a row and nobody was filling
    /// it. Until the end [`RecordedPepper::of_an_import`] is recorded, for which no server is ready.
    ///
    /// # Errors
    /// [`Unavailable`]; then it may have been begun or not, and to call again does no harm.
    async fn begin_import(&self) -> Result<Option<Box<dyn Import>>, Unavailable>;
}

/// Those of the rows `given` that are not among `stored`, which is all that the store has from the first to the last of
/// them; `None` where that holds another one. Both ascend.
#[must_use]
pub fn missing<'r, T: PartialEq>(given: &'r [T], stored: &[T]) -> Option<Vec<&'r T>> {
    let mut stored = stored.iter().peekable();
    let missing = given.iter().filter(|row| stored.next_if(|old| old == row).is_none()).collect();
    stored.next().is_none().then_some(missing)
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    #[test]
    fn what_is_missing_is_told_and_another_row_is_noticed() {
        assert_eq!(missing(&[1, 2, 3], &[]), Some(vec![&1, &2, &3]));
        assert_eq!(missing(&[1, 2, 3], &[1, 2]), Some(vec![&3]));
        assert_eq!(missing(&[1, 2, 3], &[2]), Some(vec![&1, &3]));
        assert_eq!(missing(&[1, 2, 3], &[1, 2, 3]), Some(vec![]));
        // One of another content under an id, and one in between.
        assert_eq!(missing(&[(1, 'a'), (2, 'a')], &[(1, 'a'), (2, 'b')]), None);
        assert_eq!(missing(&[1, 3], &[1, 2, 3]), None);
        assert_eq!(missing(&[1, 3], &[2]), None);
    }

    #[test]
    fn a_snapshot_is_read_from_one_kind_to_the_next() {
        let start = SnapshotPlace::START;
        let keys = start.after(&StoredRows::Organizations(vec![])).unwrap();
        assert_eq!(keys, SnapshotPlace::Keys(None));
        let events = keys.after(&StoredRows::Keys(vec![])).unwrap();
        assert_eq!(events, SnapshotPlace::Events(Sequence::START));
        assert_eq!(events.after(&StoredRows::Events(vec![])), None);
    }
}
