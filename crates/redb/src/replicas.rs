//! The replicas that may remember keys: the server, and commands that wait for it.

use std::time::Duration;

use async_trait::async_trait;
use capykeys_domain::ports::{
    FeedProgress, RegisteredReplica, Registry, ReplicaId, ReplicaRegistry, Unavailable,
};
use capykeys_storage::{Document, Row as _, operation};
use redb::{ReadableTable, WriteTransaction};

use crate::{
    RedbStore,
    database::{epoch, random},
    error::Failure,
    tables::{REPLICAS, Reads, get, last, put, read},
};

#[async_trait]
impl ReplicaRegistry for RedbStore {
    async fn register_replica(&self, id: ReplicaId, lease: Duration) -> Result<(), Unavailable> {
        let host = self.host().clone();
        self.write(operation::REGISTER_REPLICA, move |transaction| {
            let (document, renewals) = if let Some((document, known)) = stored(transaction, id)? {
                (document, known.renewals.saturating_add(1))
            } else {
                // Where no registration of it before has been, with room to count up.
                let renewals = (i64::from_be_bytes(random(&host)?) / 4).saturating_abs();
                let new = RegisteredReplica { id, lease, confirmed: None, renewals };
                (Document::of(&new), renewals)
            };
            store(transaction, id, &document.and("renewals", &renewals).and("retired", &false))
        })
        .await
    }

    async fn confirm_progress(&self, id: ReplicaId, progress: FeedProgress) -> Result<(), Unavailable> {
        self.write(operation::CONFIRM_PROGRESS, move |transaction| {
            let Some((document, known)) = stored(transaction, id)? else { return Ok(()) };
            let renewals = known.renewals.saturating_add(1);
            store(transaction, id, &document.with(&progress).and("renewals", &renewals))
        })
        .await
    }

    async fn read_registry(&self) -> Result<Registry, Unavailable> {
        self.read(operation::READ_REGISTRY, |transaction| {
            let head = last(transaction)?.position(epoch(transaction)?).into();
            let replicas = transaction.table(REPLICAS)?;
            let replicas: Result<_, Failure> =
                replicas.iter()?.map(|entry| Ok(read(entry?.1.value())?)).collect();
            Ok(Registry { head, replicas: replicas? })
        })
        .await
    }

    async fn retire_replica(&self, id: ReplicaId, renewals: i64) -> Result<bool, Unavailable> {
        self.write(operation::RETIRE_REPLICA, move |transaction| match stored(transaction, id)? {
            Some((document, known)) if known.renewals == renewals => {
                store(transaction, id, &document.and("retired", &true))?;
                Ok(true)
            }
            _ => Ok(false),
        })
        .await
    }

    async fn forget_replica(&self, id: ReplicaId, renewals: i64) -> Result<(), Unavailable> {
        self.write(operation::FORGET_REPLICA, move |transaction| {
            if let Some((document, known)) = stored(transaction, id)?
                && known.renewals == renewals
                && document.field("retired")?
            {
                transaction.open_table(REPLICAS)?.remove(number(id))?;
            }
            Ok(())
        })
        .await
    }
}

/// Whether a replica is registered and not retired.
pub(crate) fn is_registered(transaction: &impl Reads, id: ReplicaId) -> Result<bool, Failure> {
    let replica = get(&transaction.table(REPLICAS)?, number(id))?;
    Ok(match replica {
        Some(document) => !document.field::<bool>("retired")?,
        None => false,
    })
}

/// The replica of this id, and its document.
pub(crate) fn stored(
    transaction: &WriteTransaction,
    id: ReplicaId,
) -> Result<Option<(Document, RegisteredReplica)>, Failure> {
    let Some(document) = get(&transaction.open_table(REPLICAS)?, number(id))? else { return Ok(None) };
    let replica = document.record("")?;
    Ok(Some((document, replica)))
}

/// Stores the document of a replica.
pub(crate) fn store(
    transaction: &WriteTransaction,
    id: ReplicaId,
    document: &Document,
) -> Result<(), Failure> {
    put(&mut transaction.open_table(REPLICAS)?, number(id), document)
}

fn number(id: ReplicaId) -> u128 {
    u128::from_be_bytes(id.0)
}
