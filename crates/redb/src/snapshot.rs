//! The whole store in one state.

use std::{ops::Bound, sync::Arc};

use async_trait::async_trait;
use capykeys_domain::{
    model::Sequence,
    ports::{
        Import, Limit, RowCounts, Snapshot, SnapshotPlace, StoreHead, StoredRows, Unavailable, WholeStore,
    },
};
use capykeys_storage::{Record, operation};
use redb::{Key, ReadTransaction, ReadableTable, ReadableTableMetadata};

use crate::{
    RedbStore,
    error::Failure,
    import, peppers,
    tables::{Documents, EVENTS, EXPIRED_THROUGH, KEYS, ORGANIZATIONS, PEPPERS, Reads, number, read},
};

#[async_trait]
impl WholeStore for RedbStore {
    async fn take_snapshot(&self) -> Result<Box<dyn Snapshot>, Unavailable> {
        let state = self.hold(operation::TAKE_SNAPSHOT).await?;
        let head = self.read_held(operation::TAKE_SNAPSHOT, &state, read_head).await?;
        Ok(Box::new(RedbSnapshot { store: self.clone(), held: state, head }))
    }

    async fn begin_import(&self) -> Result<Option<Box<dyn Import>>, Unavailable> {
        import::begin(self).await
    }
}

struct RedbSnapshot {
    store: RedbStore,
    held: Arc<ReadTransaction>,
    head: StoreHead,
}

/// What there is besides the rows.
pub(crate) fn read_head(transaction: &impl Reads) -> Result<StoreHead, Failure> {
    let counts = RowCounts {
        organizations: transaction.table(ORGANIZATIONS)?.len()?,
        keys: transaction.table(KEYS)?.len()?,
        events: transaction.table(EVENTS)?.len()?,
    };
    let expired_through = Sequence::new(number(transaction, EXPIRED_THROUGH)?).ok_or(Failure::Numbers)?;
    Ok(StoreHead { counts, peppers: peppers::all(&transaction.table(PEPPERS)?)?, expired_through })
}

#[async_trait]
impl Snapshot for RedbSnapshot {
    fn head(&self) -> &StoreHead {
        &self.head
    }

    async fn read_rows(&mut self, place: SnapshotPlace, limit: Limit) -> Result<StoredRows, Unavailable> {
        let read = move |transaction: &ReadTransaction| read_rows(transaction, place, limit);
        self.store.read_held(operation::READ_ROWS, &self.held, read).await
    }
}

fn read_rows(
    transaction: &ReadTransaction,
    place: SnapshotPlace,
    limit: Limit,
) -> Result<StoredRows, Failure> {
    Ok(match place {
        SnapshotPlace::Organizations(after) => {
            let after = after.map(|id| id.uuid().as_u128());
            StoredRows::Organizations(page(transaction, ORGANIZATIONS, after, limit)?)
        }
        SnapshotPlace::Keys(after) => {
            StoredRows::Keys(page(transaction, KEYS, after.map(|id| id.uuid().as_u128()), limit)?)
        }
        SnapshotPlace::Events(after) => {
            StoredRows::Events(page(transaction, EVENTS, Some(after.get()), limit)?)
        }
    })
}

/// Up to so many records after this key.
fn page<K: for<'k> Key<SelfType<'k> = K> + Copy + 'static, R: Record>(
    transaction: &ReadTransaction,
    table: Documents<K>,
    after: Option<K>,
    limit: Limit,
) -> Result<Vec<R>, Failure> {
    let after = after.map_or(Bound::Unbounded, Bound::Excluded);
    let table = transaction.table(table)?;
    let page = table.range::<K>((after, Bound::Unbounded))?.take(limit.get().into());
    page.map(|entry| Ok(read(entry?.1.value())?)).collect()
}
