//! Which peppers the keys need, and who has them.

use std::sync::{LazyLock, PoisonError};

use async_trait::async_trait;
use capykeys_domain::{
    model::Timestamp,
    ports::{PepperRegistry, PepperUse, Rehash, ReplicaId, Unavailable},
    secret::{PepperCheck, PepperId, RecordedPepper},
};
use capykeys_storage::{Columns, Values, operation};

use crate::{line::answer, rows, statement::Statement, store::PostgresStore};

/// What is recorded in this statement its own snapshot does not show. What somebody else records at the
/// same time is in neither: whoever misses one of theirs asks again.
///
/// Those that are there are locked where they are to be held, which is a commit of this statement's own: who recorded
/// them may have been told that they are on no standby yet, and asks again.
static ANNOUNCE: LazyLock<Statement> = LazyLock::new(|| {
    let recorded = Columns::of::<RecordedPepper>("");
    let query = format!(
        "SELECT true AS found, {} FROM peppers WHERE id NOT IN (SELECT id FROM held) \
         UNION ALL SELECT true, {} FROM held UNION ALL SELECT true, {} FROM recorded",
        recorded.from("peppers"),
        recorded.from("held"),
        recorded.from("recorded")
    );
    Statement::new(
        operation::ANNOUNCE_PEPPERS,
        &format!(
            ", recorded AS (\
                 INSERT INTO peppers (id, check_value) \
                 SELECT own.id, own.check_value FROM line, unnest($ids, $values) AS own (id, check_value) \
                 ON CONFLICT DO NOTHING RETURNING id, check_value, turn\
             ), held AS (\
                 SELECT peppers.id, check_value, turn FROM peppers, line \
                 WHERE $hold AND peppers.id = ANY ($ids) FOR KEY SHARE OF peppers\
             ), announced AS (\
                 UPDATE replicas SET peppers = $ids FROM line \
                 WHERE replicas.id = $replica AND replicas.peppers <> $ids\
             ){}",
            answer(&recorded, &query)
        ),
    )
    .kept()
});

/// How many peppers may be given their turn at the same moment.
const MOST_AT_ONCE: usize = 64;

static TAKE_TURN: LazyLock<Statement> = LazyLock::new(|| {
    Statement::of_value(
        operation::TAKE_TURN,
        ", taken AS (\
             UPDATE peppers SET turn = (SELECT COALESCE(max(turn), 0) + 1 FROM peppers) FROM line \
             WHERE peppers.id = $pepper \
                 AND NOT EXISTS (SELECT FROM replicas r WHERE r.id <> $replica AND $pepper <> ALL (r.peppers)) \
             RETURNING 1\
         )",
        "EXISTS (SELECT FROM taken)",
    )
    .kept()
});

static USES: LazyLock<Statement> = LazyLock::new(|| {
    let query = "SELECT true AS found, pepper_id, count(*) AS active_keys FROM (\
            SELECT pepper_id, revoked_at, expires_at FROM api_keys UNION ALL \
            SELECT previous_pepper_id, revoked_at, LEAST(expires_at, previous_expires_at) FROM api_keys \
            WHERE previous_pepper_id <> pepper_id\
        ) AS needed \
        WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $at) GROUP BY pepper_id";
    Statement::new(operation::COUNT_PEPPER_USES, &answer(&Columns::of::<PepperUse>(""), query))
});

/// It waits for no lock, as the recording of uses does not.
static REHASH: LazyLock<Statement> = LazyLock::new(|| {
    Statement::of_change(
        operation::REHASH_KEYS,
        "WITH target AS (\
             SELECT k.id, moved.pepper, moved.digest \
             FROM line, unnest($ids, $old, $peppers, $new) AS moved (id, old, pepper, digest) \
             JOIN api_keys k ON k.id = moved.id AND k.digest = moved.old AND k.revoked_at IS NULL \
             ORDER BY k.id FOR UPDATE OF k SKIP LOCKED\
         ) UPDATE api_keys k SET pepper_id = target.pepper, digest = target.digest FROM target WHERE k.id = target.id",
    )
    .kept()
});

#[async_trait]
impl PepperRegistry for PostgresStore {
    async fn announce_peppers(
        &self,
        replica: ReplicaId,
        peppers: Vec<PepperCheck>,
    ) -> Result<Vec<RecordedPepper>, Unavailable> {
        let (ids, checks): (Vec<_>, Vec<_>) =
            peppers.into_iter().map(|pepper| (pepper.id, pepper.value)).unzip();
        // Asked every other second: once a commit of this process's own was told, it need only look.
        let announced = || self.announced.lock().unwrap_or_else(PoisonError::into_inner);
        let hold = announced().take().as_ref() != Some(&ids);
        let values =
            Values::of("replica", &replica).and("ids", &ids).and("values", &checks).and("hold", &hold);
        let recorded = self.pool.run(&ANNOUNCE, values, rows::all).await?;
        *announced() = Some(ids);
        Ok(recorded)
    }

    async fn take_turn(&self, replica: ReplicaId, pepper: PepperId) -> Result<bool, Unavailable> {
        let values = Values::of("replica", &replica).and("pepper", &pepper);
        let mut answer = self.pool.rows(&TAKE_TURN, &values).await;
        // Another pepper was given this turn meanwhile: each time that one is, there are fewer to come.
        for _ in 0..MOST_AT_ONCE {
            match answer {
                Err(failure) if failure.is_constraint() => answer = self.pool.rows(&TAKE_TURN, &values).await,
                _ => break,
            }
        }
        let given = answer.and_then(|rows| rows::value(&rows));
        given.map_err(|failure| failure.during(TAKE_TURN.operation))
    }

    async fn count_pepper_uses(&self, at: Timestamp) -> Result<Vec<PepperUse>, Unavailable> {
        self.pool.run(&USES, Values::of("at", &at), rows::all).await
    }

    async fn rehash_keys(&self, keys: Vec<Rehash>) -> Result<(), Unavailable> {
        let ids: Vec<_> = keys.iter().map(|key| key.key).collect();
        let old: Vec<_> = keys.iter().map(|key| *key.from.as_bytes()).collect();
        let peppers: Vec<_> = keys.iter().map(|key| key.to.pepper_id().clone()).collect();
        let new: Vec<_> = keys.iter().map(|key| *key.to.as_bytes()).collect();
        let values = Values::of("ids", &ids).and("old", &old).and("peppers", &peppers).and("new", &new);
        self.pool.run(&REHASH, values, |_| Ok(())).await
    }
}
