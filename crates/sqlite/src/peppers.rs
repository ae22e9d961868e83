//! Which peppers the keys need, and who has them.

use async_trait::async_trait;
use capykeys_domain::{
    model::Timestamp,
    ports::{PepperRegistry, PepperUse, RecordedPepper, Rehash, ReplicaId, Unavailable},
    secret::{PepperCheck, PepperId},
};
use rusqlite::params;

use crate::{
    SqliteStore,
    error::Failure,
    sql::{self, Columns},
};

const RECORD: &str = "INSERT INTO peppers (id, check_value) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
const ANNOUNCE: &str = "UPDATE replicas SET peppers = ?2 WHERE id = ?1 AND peppers <> ?2";
const RECORDED: &str = "SELECT id, check_value, turn FROM peppers";
const TAKE_TURN: &str = "UPDATE peppers SET turn = (SELECT coalesce(max(turn), 0) + 1 FROM peppers) \
     WHERE id = ?2 AND NOT EXISTS (\
         SELECT 1 FROM replicas WHERE id <> ?1 AND instr(' ' || peppers || ' ', ' ' || ?2 || ' ') = 0\
     )";
const USES: &str = "SELECT pepper_id, count(*) FROM api_keys \
     WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?1) GROUP BY pepper_id";
const REHASH: &str = "UPDATE api_keys SET pepper_id = ?3, digest = ?4 \
     WHERE id = ?1 AND digest = ?2 AND revoked_at IS NULL";

#[async_trait]
impl PepperRegistry for SqliteStore {
    async fn announce(
        &self,
        replica: ReplicaId,
        peppers: &[PepperCheck],
    ) -> Result<Vec<RecordedPepper>, Unavailable> {
        let peppers = peppers.to_vec();
        self.write("announce peppers", move |connection| {
            for PepperCheck { id, value } in &peppers {
                sql::execute(connection, RECORD, params![id.as_str(), value])?;
            }
            let ids: Vec<&str> = peppers.iter().map(|pepper| pepper.id.as_str()).collect();
            sql::execute(connection, ANNOUNCE, params![replica.0, ids.join(" ")])?;
            sql::all(connection, RECORDED, [], recorded)
        })
        .await
    }

    async fn take_turn(&self, replica: ReplicaId, pepper: &PepperId) -> Result<bool, Unavailable> {
        let pepper = pepper.clone();
        self.write("give a pepper its turn", move |connection| {
            sql::execute(connection, TAKE_TURN, params![replica.0, pepper.as_str()]).map(|rows| rows > 0)
        })
        .await
    }

    async fn uses(&self, at: Timestamp) -> Result<Vec<PepperUse>, Unavailable> {
        let uses = move |connection: &_| sql::all(connection, USES, params![at.unix_micros()], used);
        self.read_many("count the keys of each pepper", uses).await
    }

    async fn rehash(&self, keys: &[Rehash]) -> Result<(), Unavailable> {
        let keys = keys.to_vec();
        self.write("rehash keys", move |connection| {
            for Rehash { key, from, to } in &keys {
                let id = key.uuid().into_bytes();
                let values = params![id, from.as_bytes(), to.pepper_id().as_str(), to.as_bytes()];
                sql::execute(connection, REHASH, values)?;
            }
            Ok(())
        })
        .await
    }
}

fn pepper_id(columns: &mut Columns<'_>) -> Result<PepperId, Failure> {
    columns.text("id", |text| PepperId::parse(text).ok())
}

fn recorded(columns: &mut Columns<'_>) -> Result<RecordedPepper, Failure> {
    let check = PepperCheck { id: pepper_id(columns)?, value: columns.bytes("check_value")? };
    Ok(RecordedPepper { check, turn: columns.optional_integer("turn")? })
}

fn used(columns: &mut Columns<'_>) -> Result<PepperUse, Failure> {
    let id = pepper_id(columns)?;
    let active_keys = u64::try_from(columns.integer("count")?).map_err(|_| Failure::CorruptRow("count"))?;
    Ok(PepperUse { id, active_keys })
}
