//! The replicas that may remember keys.

use std::{sync::LazyLock, time::Duration};

use async_trait::async_trait;
use capykeys_domain::ports::{
    FeedProgress, RegisteredReplica, Registry, ReplicaId, ReplicaRegistry, Unavailable,
};
use capykeys_storage::{Columns, Row as _, Values, operation};
use tokio_postgres::Row;

use crate::{
    failure::Failure,
    line::{LINE_ID, answer},
    rows::{self, Answer},
    statement::Statement,
    store::PostgresStore,
};

/// The number of a new registration begins anywhere, as [`RegisteredReplica::renewals`] has to.
static REGISTER: LazyLock<Statement> = LazyLock::new(|| {
    Statement::of_change(
        operation::REGISTER_REPLICA,
        "INSERT INTO replicas AS r (id, lease, renewals, retired) \
         SELECT $id, $lease, (random() * 4611686018427387904)::bigint, false FROM line \
         ON CONFLICT (id) DO UPDATE SET renewals = r.renewals + 1, retired = false",
    )
    .kept()
});

/// Without waiting for the disk: what a crash makes of it delays somebody at the most. It is told to
/// the server in the statement itself, since behind a pooler there is no session to set it for.
static CONFIRM: LazyLock<Statement> = LazyLock::new(|| {
    Statement::of_change(
        operation::CONFIRM_PROGRESS,
        "UPDATE replicas SET confirmed_sequence = $confirmed_sequence, confirmed_history = $confirmed_history, \
             renewals = renewals + 1 \
         FROM line, set_config('synchronous_commit', 'off', true) WHERE replicas.id = $id",
    )
});

/// The end of the feed, and beside it every replica.
static REGISTRY: LazyLock<Statement> = LazyLock::new(|| {
    let replica = Columns::of::<RegisteredReplica>("");
    let query = format!(
        "SELECT true AS found, h.sequence, {} \
         FROM (SELECT max(sequence) AS sequence FROM changes) h LEFT JOIN replicas r ON true",
        replica.from("r")
    );
    let columns = Columns::named(&["sequence"]).with(replica);
    Statement::new(operation::READ_REGISTRY, &answer(&columns, &query))
});

static RETIRE: LazyLock<Statement> = LazyLock::new(|| {
    Statement::of_value(
        operation::RETIRE_REPLICA,
        ", retired AS (\
             UPDATE replicas SET retired = true FROM line \
             WHERE replicas.id = $id AND renewals = $renewals RETURNING 1\
         )",
        "EXISTS (SELECT FROM retired)",
    )
    .kept()
});

static FORGET: LazyLock<Statement> = LazyLock::new(|| {
    Statement::of_change(
        operation::FORGET_REPLICA,
        "DELETE FROM replicas USING line WHERE replicas.id = $id AND renewals = $renewals AND retired",
    )
    .kept()
});

#[async_trait]
impl ReplicaRegistry for PostgresStore {
    async fn register_replica(&self, id: ReplicaId, lease: Duration) -> Result<(), Unavailable> {
        self.pool.run(&REGISTER, Values::of("id", &id).and("lease", &lease), |_| Ok(())).await
    }

    async fn confirm_progress(&self, id: ReplicaId, progress: FeedProgress) -> Result<(), Unavailable> {
        self.pool.run(&CONFIRM, Values::of("id", &id).record("", &progress), |_| Ok(())).await
    }

    async fn read_registry(&self) -> Result<Registry, Unavailable> {
        self.pool.run(&REGISTRY, Values::default(), read).await
    }

    async fn retire_replica(&self, id: ReplicaId, renewals: i64) -> Result<bool, Unavailable> {
        self.pool.run(&RETIRE, Values::of("id", &id).and("renewals", &renewals), rows::value).await
    }

    async fn forget_replica(&self, id: ReplicaId, renewals: i64) -> Result<(), Unavailable> {
        self.pool.run(&FORGET, Values::of("id", &id).and("renewals", &renewals), |_| Ok(())).await
    }
}

fn read(rows: &[Row]) -> Result<Registry, Failure> {
    let first = rows::only(rows)?;
    let head = FeedProgress { sequence: first.field("sequence")?, epoch: first.field(LINE_ID)? };
    // Where there is no replica, the head stands alone.
    let replicas = rows.iter().map(|row| Answer(row).record::<Option<_>>(""));
    Ok(Registry { head, replicas: replicas.filter_map(Result::transpose).collect::<Result<_, _>>()? })
}
