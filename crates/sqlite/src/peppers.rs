//! Which peppers the keys need, and who has them.

use async_trait::async_trait;
use capykeys_domain::{
    model::Timestamp,
    ports::{PepperRegistry, PepperUse, Rehash, ReplicaId, Unavailable},
    secret::{PepperCheck, PepperId, RecordedPepper},
};
use capykeys_storage::{Values, operation};

use crate::{SqliteStore, sql};

const RECORD: &str =
    "INSERT INTO peppers (id, check_value) VALUES ($id, $check_value) ON CONFLICT DO NOTHING";
const ANNOUNCE: &str = "UPDATE replicas SET peppers = $peppers WHERE id = $replica AND peppers <> $peppers";
const RECORDED: &str = "SELECT id, check_value, turn FROM peppers";
const TAKE_TURN: &str = "UPDATE peppers SET turn = (SELECT coalesce(max(turn), 0) + 1 FROM peppers) \
     WHERE id = $pepper AND NOT EXISTS (\
         SELECT 1 FROM replicas WHERE id <> $replica AND instr(' ' || peppers || ' ', ' ' || $pepper || ' ') = 0\
     )";
const USES: &str = "SELECT pepper_id, count(*) AS active_keys FROM (\
         SELECT pepper_id, revoked_at, expires_at FROM api_keys UNION ALL \
         SELECT previous_pepper_id, revoked_at, min(coalesce(expires_at, previous_expires_at), previous_expires_at) \
         FROM api_keys WHERE previous_pepper_id <> pepper_id\
     ) \
     WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $at) GROUP BY pepper_id";
const REHASH: &str = "UPDATE api_keys SET pepper_id = $pepper_id, digest = $digest \
     WHERE id = $id AND digest = $from AND revoked_at IS NULL";

#[async_trait]
impl PepperRegistry for SqliteStore {
    async fn announce_peppers(
        &self,
        replica: ReplicaId,
        peppers: Vec<PepperCheck>,
    ) -> Result<Vec<RecordedPepper>, Unavailable> {
        self.write(operation::ANNOUNCE_PEPPERS, move |connection| {
            for pepper in &peppers {
                sql::execute(connection, RECORD, &Values::default().record("", pepper))?;
            }
            let ids: Vec<PepperId> = peppers.into_iter().map(|pepper| pepper.id).collect();
            sql::execute(connection, ANNOUNCE, &Values::of("replica", &replica).and("peppers", &ids))?;
            sql::all(connection, RECORDED, &Values::default())
        })
        .await
    }

    async fn take_turn(&self, replica: ReplicaId, pepper: PepperId) -> Result<bool, Unavailable> {
        self.write(operation::TAKE_TURN, move |connection| {
            let values = Values::of("replica", &replica).and("pepper", &pepper);
            sql::execute(connection, TAKE_TURN, &values).map(|rows| rows > 0)
        })
        .await
    }

    async fn count_pepper_uses(&self, at: Timestamp) -> Result<Vec<PepperUse>, Unavailable> {
        let uses = move |connection: &_| sql::all(connection, USES, &Values::of("at", &at));
        self.read_many(operation::COUNT_PEPPER_USES, uses).await
    }

    async fn rehash_keys(&self, keys: Vec<Rehash>) -> Result<(), Unavailable> {
        self.write(operation::REHASH_KEYS, move |connection| {
            for Rehash { key, from, to } in &keys {
                let values = Values::of("id", key).and("from", from.as_bytes()).record("", to);
                sql::execute(connection, REHASH, &values)?;
            }
            Ok(())
        })
        .await
    }
}
