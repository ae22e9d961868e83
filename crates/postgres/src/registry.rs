//! The replicas that may remember keys.

use std::time::Duration;

use async_trait::async_trait;
use capykeys_domain::ports::{
    FeedProgress, RegisteredReplica, Registry, ReplicaId, ReplicaRegistry, Unavailable,
};
use tokio_postgres::{Row, types::Type};
use uuid::Uuid;

use crate::{
    failure::Failure,
    line::answer,
    pool::{Param, Pool},
    rows::Reader,
    store::PostgresStore,
};

const REGISTER: &str = concat!(
    ", registered AS (\
         INSERT INTO replicas AS r (id, lease, renewals, retired) SELECT $1, $2, 1, false FROM line \
         ON CONFLICT (id) DO UPDATE SET renewals = r.renewals + 1, retired = false\
     )",
    answer!("SELECT true AS found")
);

/// Without waiting for the disk: what a crash makes of it delays somebody at the most. It is told to
/// the server in the statement itself, since behind a pooler there is no session to set it for.
const CONFIRM: &str = concat!(
    ", confirmed AS (\
         UPDATE replicas SET confirmed_sequence = $2, confirmed_history = $3, renewals = renewals + 1 \
         FROM line, set_config('synchronous_commit', 'off', true) WHERE replicas.id = $1\
     )",
    answer!("SELECT true AS found")
);

/// The end of the feed, and beside it every replica.
const REGISTRY: &str = answer!(
    "SELECT true AS found, h.sequence, r.id, r.lease, r.confirmed_sequence, r.confirmed_history, r.renewals \
     FROM (SELECT max(sequence) AS sequence FROM changes) h LEFT JOIN replicas r ON true"
);

const RETIRE: &str = concat!(
    ", retired AS (\
         UPDATE replicas SET retired = true FROM line WHERE replicas.id = $1 AND renewals = $2 RETURNING 1\
     )",
    answer!("SELECT true AS found, EXISTS (SELECT FROM retired)")
);

const FORGET: &str = concat!(
    ", forgotten AS (\
         DELETE FROM replicas USING line WHERE replicas.id = $1 AND renewals = $2 AND retired\
     )",
    answer!("SELECT true AS found")
);

#[async_trait]
impl ReplicaRegistry for PostgresStore {
    async fn register(&self, id: ReplicaId, lease: Duration) -> Result<(), Unavailable> {
        let (id, lease) = (Uuid::from_bytes(id.0), i64::try_from(lease.as_micros()).unwrap_or(i64::MAX));
        done(&self.pool, "register a replica", REGISTER, &[(&id, Type::UUID), (&lease, Type::INT8)]).await
    }

    async fn confirm(&self, id: ReplicaId, progress: &FeedProgress) -> Result<(), Unavailable> {
        let (id, history) = (Uuid::from_bytes(id.0), Uuid::from_bytes(progress.history));
        let params: [Param<'_>; 3] =
            [(&id, Type::UUID), (&progress.sequence, Type::INT8), (&history, Type::UUID)];
        done(&self.pool, "confirm changes", CONFIRM, &params).await
    }

    async fn registry(&self) -> Result<Registry, Unavailable> {
        let rows = self.pool.run(REGISTRY, &[]).await;
        rows.and_then(|rows| read(&rows)).map_err(|failure| failure.during("read the registry of replicas"))
    }

    async fn retire(&self, id: ReplicaId, renewals: i64) -> Result<bool, Unavailable> {
        let id = Uuid::from_bytes(id.0);
        let rows = self.pool.run(RETIRE, &[(&id, Type::UUID), (&renewals, Type::INT8)]).await;
        rows.and_then(|rows| first(&rows)?.value()).map_err(|failure| failure.during("retire a replica"))
    }

    async fn forget(&self, id: ReplicaId, renewals: i64) -> Result<(), Unavailable> {
        let id = Uuid::from_bytes(id.0);
        done(&self.pool, "forget a replica", FORGET, &[(&id, Type::UUID), (&renewals, Type::INT8)]).await
    }
}

async fn done(
    pool: &Pool,
    operation: &'static str,
    statement: &str,
    params: &[Param<'_>],
) -> Result<(), Unavailable> {
    pool.run(statement, params).await.map(drop).map_err(|failure| failure.during(operation))
}

fn first(rows: &[Row]) -> Result<Reader<'_>, Failure> {
    rows.first().map(Reader::new).ok_or(Failure::UnreadableRow)
}

fn read(rows: &[Row]) -> Result<Registry, Failure> {
    let mut reader = first(rows)?;
    let head = FeedProgress { sequence: reader.value()?, history: reader.line()? };
    let replicas = rows.iter().map(replica).collect::<Result<Vec<_>, _>>()?;
    Ok(Registry { head, replicas: replicas.into_iter().flatten().collect() })
}

/// The replica beside the head, where there is one.
fn replica(row: &Row) -> Result<Option<RegisteredReplica>, Failure> {
    let mut reader = Reader::new(row);
    let _head: i64 = reader.value()?;
    let Some(id) = reader.value::<Option<Uuid>>()? else { return Ok(None) };
    let lease = u64::try_from(reader.value::<i64>()?).map_err(|_| Failure::UnreadableRow)?;
    let confirmed = match (reader.value()?, reader.value::<Option<Uuid>>()?) {
        (Some(sequence), Some(history)) => Some(FeedProgress { sequence, history: history.into_bytes() }),
        _ => None,
    };
    Ok(Some(RegisteredReplica {
        id: ReplicaId(id.into_bytes()),
        lease: Duration::from_micros(lease),
        confirmed,
        renewals: reader.value()?,
    }))
}
