//! The replicas that may remember keys: the server, and commands that wait for it.

use std::time::Duration;

use async_trait::async_trait;
use capykeys_domain::ports::{
    FeedProgress, RegisteredReplica, Registry, ReplicaId, ReplicaRegistry, Unavailable,
};
use rusqlite::params;

use crate::{
    SqliteStore,
    change_feed::HISTORY,
    error::Failure,
    sql::{self, Columns},
};

const REGISTER: &str = "INSERT INTO replicas (id, lease, renewals, retired) VALUES (?1, ?2, 1, 0) \
     ON CONFLICT (id) DO UPDATE SET renewals = renewals + 1, retired = 0";
const CONFIRM: &str = "UPDATE replicas \
     SET confirmed_sequence = ?2, confirmed_history = ?3, renewals = renewals + 1 WHERE id = ?1";
/// The end of the feed, and beside it every replica.
const REGISTRY: &str = "SELECT h.sequence, r.id, r.lease, r.confirmed_sequence, r.confirmed_history, r.renewals \
     FROM (SELECT max(sequence) AS sequence FROM changes) AS h LEFT JOIN replicas AS r";
const RETIRE: &str = "UPDATE replicas SET retired = 1 WHERE id = ?1 AND renewals = ?2";
const FORGET: &str = "DELETE FROM replicas WHERE id = ?1 AND renewals = ?2 AND retired";

#[async_trait]
impl ReplicaRegistry for SqliteStore {
    async fn register(&self, id: ReplicaId, lease: Duration) -> Result<(), Unavailable> {
        let lease = i64::try_from(lease.as_micros()).unwrap_or(i64::MAX);
        self.write("register a replica", move |connection| {
            sql::execute(connection, REGISTER, params![id.0, lease]).map(drop)
        })
        .await
    }

    async fn confirm(&self, id: ReplicaId, progress: &FeedProgress) -> Result<(), Unavailable> {
        let FeedProgress { sequence, history } = *progress;
        self.write("confirm changes", move |connection| {
            sql::execute(connection, CONFIRM, params![id.0, sequence, history]).map(drop)
        })
        .await
    }

    async fn registry(&self) -> Result<Registry, Unavailable> {
        let lines = |connection: &_| sql::all(connection, REGISTRY, [], line);
        let lines = self.read_many("read the registry of replicas", lines).await?;
        let head = lines.first().map_or(0, |(sequence, _)| *sequence);
        Ok(Registry {
            head: FeedProgress { sequence: head, history: HISTORY },
            replicas: lines.into_iter().filter_map(|(_, replica)| replica).collect(),
        })
    }

    async fn retire(&self, id: ReplicaId, renewals: i64) -> Result<bool, Unavailable> {
        self.write("retire a replica", move |connection| {
            sql::execute(connection, RETIRE, params![id.0, renewals]).map(|rows| rows > 0)
        })
        .await
    }

    async fn forget(&self, id: ReplicaId, renewals: i64) -> Result<(), Unavailable> {
        self.write("forget a replica", move |connection| {
            sql::execute(connection, FORGET, params![id.0, renewals]).map(drop)
        })
        .await
    }
}

/// The head, and the replica beside it, where there is one.
fn line(columns: &mut Columns<'_>) -> Result<(i64, Option<RegisteredReplica>), Failure> {
    let head = columns.integer("sequence")?;
    let Some(id) = columns.optional_bytes("id")? else { return Ok((head, None)) };
    let lease = u64::try_from(columns.integer("lease")?).map_err(|_| Failure::CorruptRow("lease"))?;
    let confirmed =
        match (columns.optional_integer("confirmed_sequence")?, columns.optional_bytes("confirmed_history")?)
        {
            (Some(sequence), Some(history)) => Some(FeedProgress { sequence, history }),
            _ => None,
        };
    let (id, lease) = (ReplicaId(id), Duration::from_micros(lease));
    Ok((head, Some(RegisteredReplica { id, lease, confirmed, renewals: columns.integer("renewals")? })))
}
