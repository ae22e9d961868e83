//! The replicas that may remember keys: the server, and commands that wait for it.

use std::{sync::LazyLock, time::Duration};

use async_trait::async_trait;
use capykeys_domain::{
    model::Sequence,
    ports::{FeedProgress, RegisteredReplica, Registry, ReplicaId, ReplicaRegistry, Unavailable},
};
use capykeys_storage::{Columns, Row as _, Values, operation};

use crate::{SqliteStore, change_feed::EPOCH, sql};

/// `$renewals` begins anywhere, as [`RegisteredReplica::renewals`] has to.
const REGISTER: &str = "INSERT INTO replicas (id, lease, renewals, retired) VALUES ($id, $lease, $renewals, 0) \
     ON CONFLICT (id) DO UPDATE SET renewals = renewals + 1, retired = 0";
const CONFIRM: &str = "UPDATE replicas \
     SET confirmed_sequence = $confirmed_sequence, confirmed_history = $confirmed_history, \
     renewals = renewals + 1 WHERE id = $id";
/// The end of the feed, and beside it every replica.
static REGISTRY: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT h.sequence AS sequence, {} \
         FROM (SELECT max(sequence) AS sequence FROM changes) AS h LEFT JOIN replicas AS r",
        Columns::of::<RegisteredReplica>("").from("r")
    )
});
const RETIRE: &str = "UPDATE replicas SET retired = 1 WHERE id = $id AND renewals = $renewals";
const FORGET: &str = "DELETE FROM replicas WHERE id = $id AND renewals = $renewals AND retired";

#[async_trait]
impl ReplicaRegistry for SqliteStore {
    async fn register_replica(&self, id: ReplicaId, lease: Duration) -> Result<(), Unavailable> {
        let mut random = [0; 8];
        self.host().entropy.fill(&mut random)?;
        // With room for more renewals than there can be.
        let renewals = i64::from_be_bytes(random).unsigned_abs() / 2;
        self.write(operation::REGISTER_REPLICA, move |connection| {
            let values = Values::of("id", &id).and("lease", &lease).and("renewals", &renewals);
            sql::execute(connection, REGISTER, &values).map(drop)
        })
        .await
    }

    async fn confirm_progress(&self, id: ReplicaId, progress: FeedProgress) -> Result<(), Unavailable> {
        self.write(operation::CONFIRM_PROGRESS, move |connection| {
            sql::execute(connection, CONFIRM, &Values::of("id", &id).record("", &progress)).map(drop)
        })
        .await
    }

    async fn read_registry(&self) -> Result<Registry, Unavailable> {
        self.read_many(operation::READ_REGISTRY, |connection| {
            // Where there is no replica, the head stands alone.
            let rows = sql::each(connection, &REGISTRY, &Values::default(), |columns| {
                Ok((columns.field("sequence")?, columns.record::<Option<_>>("")?))
            })?;
            let sequence = rows.first().map_or(Sequence::START, |(sequence, _)| *sequence);
            let head = FeedProgress { sequence, epoch: EPOCH };
            Ok(Registry { head, replicas: rows.into_iter().filter_map(|(_, replica)| replica).collect() })
        })
        .await
    }

    async fn retire_replica(&self, id: ReplicaId, renewals: i64) -> Result<bool, Unavailable> {
        self.write(operation::RETIRE_REPLICA, move |connection| {
            let values = Values::of("id", &id).and("renewals", &renewals);
            sql::execute(connection, RETIRE, &values).map(|rows| rows > 0)
        })
        .await
    }

    async fn forget_replica(&self, id: ReplicaId, renewals: i64) -> Result<(), Unavailable> {
        self.write(operation::FORGET_REPLICA, move |connection| {
            sql::execute(connection, FORGET, &Values::of("id", &id).and("renewals", &renewals)).map(drop)
        })
        .await
    }
}
