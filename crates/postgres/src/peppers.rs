//! Which peppers the keys need, and who has them.

use async_trait::async_trait;
use capykeys_domain::{
    model::{KeyId, Timestamp},
    ports::{PepperRegistry, PepperUse, RecordedPepper, Rehash, ReplicaId, Unavailable},
    secret::{PepperCheck, PepperId},
};
use tokio_postgres::{Row, types::Type};
use uuid::Uuid;

use crate::{
    failure::Failure, instant::Instant, line::answer, pool::Param, rows::Reader, store::PostgresStore,
};

/// What is recorded in this statement its own snapshot does not show. What somebody else records at the
/// same time is in neither: whoever misses one of theirs asks again.
const ANNOUNCE: &str = concat!(
    ", recorded AS (\
         INSERT INTO peppers (id, check_value) \
         SELECT own.id, own.check_value FROM line, unnest($2, $3) AS own (id, check_value) \
         ON CONFLICT DO NOTHING RETURNING id, check_value\
     ), announced AS (\
         UPDATE replicas SET peppers = $2 FROM line WHERE replicas.id = $1 AND replicas.peppers <> $2\
     )",
    answer!(
        "SELECT true AS found, id, check_value, turn FROM peppers \
         UNION ALL SELECT true, id, check_value, NULL FROM recorded"
    )
);

const TAKE_TURN: &str = concat!(
    ", taken AS (\
         UPDATE peppers SET turn = (SELECT COALESCE(max(turn), 0) + 1 FROM peppers) FROM line \
         WHERE peppers.id = $2 \
             AND NOT EXISTS (SELECT FROM replicas r WHERE r.id <> $1 AND $2 <> ALL (r.peppers)) \
         RETURNING 1\
     )",
    answer!("SELECT true AS found, EXISTS (SELECT FROM taken)")
);

const USES: &str = answer!(
    "SELECT true AS found, pepper_id, count(*) FROM api_keys \
     WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $1) GROUP BY pepper_id"
);

/// It waits for no lock, as the recording of uses does not.
const REHASH: &str = concat!(
    ", target AS (\
         SELECT k.id, moved.pepper, moved.digest \
         FROM line, unnest($1, $2, $3, $4) AS moved (id, old, pepper, digest) \
         JOIN api_keys k ON k.id = moved.id AND k.digest = moved.old AND k.revoked_at IS NULL \
         ORDER BY k.id FOR UPDATE OF k SKIP LOCKED\
     ), rehashed AS (\
         UPDATE api_keys k SET pepper_id = target.pepper, digest = target.digest \
         FROM target WHERE k.id = target.id\
     )",
    answer!("SELECT true AS found")
);

#[async_trait]
impl PepperRegistry for PostgresStore {
    async fn announce(
        &self,
        replica: ReplicaId,
        peppers: &[PepperCheck],
    ) -> Result<Vec<RecordedPepper>, Unavailable> {
        let replica = Uuid::from_bytes(replica.0);
        let (ids, values): (Vec<&str>, Vec<&[u8]>) =
            peppers.iter().map(|pepper| (pepper.id.as_str(), pepper.value.as_slice())).unzip();
        let params: [Param<'_>; 3] =
            [(&replica, Type::UUID), (&ids, Type::TEXT_ARRAY), (&values, Type::BYTEA_ARRAY)];
        let rows = self.pool.run(ANNOUNCE, &params).await;
        rows.and_then(|rows| rows.iter().map(recorded).collect())
            .map_err(|failure| failure.during("announce peppers"))
    }

    async fn take_turn(&self, replica: ReplicaId, pepper: &PepperId) -> Result<bool, Unavailable> {
        let (replica, pepper) = (Uuid::from_bytes(replica.0), pepper.as_str());
        let rows = self.pool.run(TAKE_TURN, &[(&replica, Type::UUID), (&pepper, Type::TEXT)]).await;
        rows.and_then(|rows| Reader::new(rows.first().ok_or(Failure::UnreadableRow)?).value())
            .map_err(|failure| failure.during("give a pepper its turn"))
    }

    async fn uses(&self, at: Timestamp) -> Result<Vec<PepperUse>, Unavailable> {
        let rows = self.pool.run(USES, &[(&Instant(at), Type::TIMESTAMPTZ)]).await;
        rows.and_then(|rows| rows.iter().map(used).collect())
            .map_err(|failure| failure.during("count the keys of each pepper"))
    }

    async fn rehash(&self, keys: &[Rehash]) -> Result<(), Unavailable> {
        let ids: Vec<Uuid> = keys.iter().map(|key| KeyId::uuid(key.key)).collect();
        let old: Vec<&[u8]> = keys.iter().map(|key| key.from.as_bytes().as_slice()).collect();
        let peppers: Vec<&str> = keys.iter().map(|key| key.to.pepper_id().as_str()).collect();
        let new: Vec<&[u8]> = keys.iter().map(|key| key.to.as_bytes().as_slice()).collect();
        let params: [Param<'_>; 4] = [
            (&ids, Type::UUID_ARRAY),
            (&old, Type::BYTEA_ARRAY),
            (&peppers, Type::TEXT_ARRAY),
            (&new, Type::BYTEA_ARRAY),
        ];
        self.pool.run(REHASH, &params).await.map(drop).map_err(|failure| failure.during("rehash keys"))
    }
}

fn pepper_id(reader: &mut Reader<'_>) -> Result<PepperId, Failure> {
    PepperId::parse(reader.value()?).map_err(|_| Failure::UnreadableRow)
}

fn recorded(row: &Row) -> Result<RecordedPepper, Failure> {
    let mut reader = Reader::new(row);
    let id = pepper_id(&mut reader)?;
    let value = reader.value::<&[u8]>()?.try_into().map_err(|_| Failure::UnreadableRow)?;
    Ok(RecordedPepper { check: PepperCheck { id, value }, turn: reader.value()? })
}

fn used(row: &Row) -> Result<PepperUse, Failure> {
    let mut reader = Reader::new(row);
    let id = pepper_id(&mut reader)?;
    let active_keys = u64::try_from(reader.value::<i64>()?).map_err(|_| Failure::UnreadableRow)?;
    Ok(PepperUse { id, active_keys })
}
