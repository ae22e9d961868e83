//! The keys of an organization.

mod insert;
mod many;

use std::sync::LazyLock;

use async_trait::async_trait;
use capykeys_domain::{
    model::{ApiKey, AuditEvent, KeyId, OrganizationId},
    ports::{
        EndingKey, EndingKeys, ExpiryNotice, IdleRotations, Insertion, KeyChange, KeyChanged, KeyQuery,
        KeyStore, KeyUse, Limit, NewKey, NewSecret, Revocation, RevokeKey, RevokeKeys, Unavailable,
    },
};
use capykeys_storage::{CHANGING, Columns, Row as _, Values, operation, set_aside, wherever_stored};
use tokio_postgres::Row;

use self::insert::{INSERT, INSERT_ONCE, read_insertion};
use crate::{
    audit::{GIVEN_DETAILS, WRITTEN, insert_event},
    creator::{By, read_obstacle, verdict},
    failure::Failure,
    line::answer,
    once::Once,
    rows,
    statement::Statement,
    store::PostgresStore,
};

static FIND: LazyLock<Statement> = LazyLock::new(|| {
    let key = Columns::of::<ApiKey>("");
    let query = format!(
        "SELECT true AS found, {} FROM api_keys k WHERE k.organization_id = $organization_id AND k.id = $id",
        key.from("k")
    );
    Statement::new(operation::FIND_KEY, &answer(&key, &query))
});

/// Made for each question: it has those pieces that are asked for.
fn list(page: &str) -> Statement {
    let key = Columns::of::<ApiKey>("");
    let query = format!("SELECT true AS found, {} FROM api_keys k {page}", key.from("k"));
    Statement::new(operation::LIST_KEYS, &(answer(&key, &query) + " ORDER BY answer.id DESC"))
}

/// The row is locked before it is looked at: of two at once, the second waits for the first and
/// then reads what the first committed, which the snapshot of its own statement does not show.
static REVOKE: LazyLock<Statement> = LazyLock::new(|| {
    let insert_event = insert_event("project_id", GIVEN_DETAILS);
    let answer = answer(
        &Columns::of::<Revocation>("").with(Columns::named(&[WRITTEN])),
        "SELECT true AS found, COALESCE(target.revoked_at, revoked.revoked_at) AS revoked_at, \
             target.revoked_at IS NULL AS newly, target.revoked_at IS NULL AS written FROM target LEFT JOIN revoked ON true",
    );
    Statement::new(
        operation::REVOKE_KEY,
        &format!(
            ", target AS (\
                 SELECT k.id, k.revoked_at FROM api_keys k, line \
                 WHERE k.organization_id = $organization_id AND k.id = $id FOR NO KEY UPDATE OF k\
             ), revoked AS (\
                 UPDATE api_keys k SET revoked_at = $at FROM target \
                 WHERE k.id = target.id AND target.revoked_at IS NULL RETURNING k.revoked_at, k.project_id\
             ), logged AS ({insert_event} FROM revoked){answer}"
        ),
    )
    .kept()
});

/// [`capykeys_storage::set_aside`].
const ASIDE: &str = "set_byte(k.digest, 0, 255 - get_byte(k.digest, 0))";

/// Changes a row that is as it was read. It is locked where nothing is to be changed, too: the lock makes the
/// commit wait as a change's does, and thereby for that of whoever has changed it before. The digest of a key that
/// is disabled or enabled is [`capykeys_storage::set_aside`]. As [`StoredKey::changed`].
///
/// [`StoredKey::changed`]: capykeys_domain::ports::StoredKey::changed
static CHANGE: LazyLock<Statement> = LazyLock::new(|| {
    let [changing, before] = ["", "before_"].map(|prefix| Columns::of::<ApiKey>(prefix).only(&CHANGING));
    let (names, values) = (changing.names(), changing.parameters());
    let (verdict, insert_event) = (verdict("$unjudged"), insert_event("project_id", GIVEN_DETAILS));
    let answer = answer(
        &Columns::named(&["obstacle", WRITTEN, "scope", "is_as_before", "is_taken"]),
        "SELECT true AS found, obstacle, EXISTS (SELECT FROM changed) AS written, \
             (SELECT scope FROM refused_scope) AS scope, \
             COALESCE((SELECT is_as_before FROM target), false) AS is_as_before, is_taken FROM verdict, taken",
    );
    Statement::new(
        operation::CHANGE_KEY,
        &format!(
            "{verdict}, taken AS (\
                 SELECT $rotates AND EXISTS (\
                     SELECT FROM api_keys WHERE digest = ANY ($taken) OR previous_digest = ANY ($taken)\
                 ) AS is_taken FROM line\
             ), target AS (\
                 SELECT k.id, ({now}, k.revoked_at) IS NOT DISTINCT FROM ({before}, $before_revoked_at) AS is_as_before \
                 FROM api_keys k, verdict \
                 WHERE k.organization_id = $organization_id AND k.id = $id AND obstacle IS NULL FOR UPDATE OF k\
             ), changed AS (\
                 UPDATE api_keys k SET ({names}) = ROW ({values}), \
                     pepper_id = COALESCE($pepper_id, k.pepper_id), \
                     digest = CASE WHEN $rotates THEN $digest WHEN $toggles THEN {ASIDE} ELSE k.digest END, \
                     previous_pepper_id = CASE WHEN $ends_previous THEN NULL \
                         WHEN $replaces_previous THEN k.pepper_id ELSE k.previous_pepper_id END, \
                     previous_digest = CASE WHEN $ends_previous THEN NULL \
                         WHEN NOT $replaces_previous THEN k.previous_digest \
                         WHEN k.disabled_at IS NULL THEN k.digest ELSE {ASIDE} END, \
                     previous_last_used_at = CASE WHEN $replaces_previous THEN k.last_used_at \
                         ELSE k.previous_last_used_at END \
                 FROM target, taken WHERE k.id = target.id AND is_as_before AND $is_any AND NOT is_taken \
                 RETURNING k.project_id\
             ), logged AS ({insert_event} FROM changed){answer}",
            now = changing.again("k"),
            before = before.parameters(),
        ),
    )
    .kept()
});

static IDLE: LazyLock<Statement> = LazyLock::new(|| {
    let key = Columns::of::<ApiKey>("");
    let query = format!(
        "SELECT true AS found, {} FROM api_keys k \
         WHERE k.finish_when_idle IS NOT NULL AND k.previous_digest IS NOT NULL AND k.previous_expires_at > $at \
             AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > $at) \
             AND GREATEST(k.rotated_at, k.previous_last_used_at) + k.finish_when_idle * interval '1 microsecond' <= $at \
         LIMIT $limit",
        key.from("k")
    );
    Statement::new(operation::FIND_IDLE_ROTATIONS, &answer(&key, &query))
});

/// How many of the keys are left because somebody else has locked them.
///
/// It takes the locks in the order of the ids and waits for none: a statement that holds a thousand keys
/// and waits for one more would hold up the revocations of the thousand, and two such statements
/// could wait for each other. A key with a later time is not written, so nothing is where nothing is new.
static RECORD_USES: LazyLock<Statement> = LazyLock::new(|| {
    Statement::of_value(
        operation::RECORD_USES,
        ", late AS (\
             SELECT k.id, max(used.at) AS at, max(used.at) FILTER (\
                 WHERE k.rotated_at IS NOT NULL AND (with_previous OR used.at <= k.rotated_at)\
             ) AS previous_at \
             FROM line, unnest($ids, $times, $with_previous) AS used (id, at, with_previous) \
             JOIN api_keys k USING (id) GROUP BY k.id \
             HAVING k.last_used_at IS NULL OR k.last_used_at < max(used.at) OR max(used.at) FILTER (\
                 WHERE k.rotated_at IS NOT NULL AND (with_previous OR used.at <= k.rotated_at)\
             ) > COALESCE(k.previous_last_used_at, '-infinity')\
         ), target AS (\
             SELECT k.id, late.at, late.previous_at FROM api_keys k JOIN late USING (id) \
             WHERE k.last_used_at IS NULL OR k.last_used_at < late.at \
                 OR late.previous_at > COALESCE(k.previous_last_used_at, '-infinity') \
             ORDER BY k.id FOR NO KEY UPDATE OF k SKIP LOCKED\
         ), recorded AS (\
             UPDATE api_keys k SET last_used_at = GREATEST(k.last_used_at, target.at), \
                 previous_last_used_at = GREATEST(k.previous_last_used_at, target.previous_at) \
             FROM target WHERE k.id = target.id RETURNING k.id\
         )",
        "(SELECT count(*) FROM late) - (SELECT count(*) FROM recorded)",
    )
});

#[async_trait]
impl KeyStore for PostgresStore {
    async fn insert_key(&self, new: NewKey, event: AuditEvent) -> Result<Insertion, Unavailable> {
        let by = By::of(Some(&new.creator));
        let aside = *set_aside(&new.digest).as_bytes();
        let values = by
            .values()
            .and("aside", &aside)
            .record("", &new.key)
            .record("", &new.digest)
            .record("event_", &event);
        match &new.idempotency {
            None => self.pool.run(&INSERT, values, read_insertion).await,
            Some(record) => {
                let once = Once { record, key: &new.key, at: event.at };
                once.run(&self.pool, &INSERT_ONCE, values, read_insertion).await
            }
        }
    }

    async fn find_key(&self, organization: OrganizationId, id: KeyId) -> Result<Option<ApiKey>, Unavailable> {
        let values = Values::of("organization_id", &organization).and("id", &id);
        self.pool.run(&FIND, values, rows::first).await
    }

    async fn list_keys(&self, query: KeyQuery) -> Result<Vec<ApiKey>, Unavailable> {
        let _place = many::place_to_search(self, &query, operation::LIST_KEYS).await?;
        let page = many::page(&query);
        self.pool.run(&list(&page.text), page.values, rows::all).await
    }

    async fn revoke_key(&self, revoke: RevokeKey) -> Result<Option<Revocation>, Unavailable> {
        let RevokeKey { organization, id, at, event } = &revoke;
        let values = Values::of("organization_id", organization).and("id", id).and("at", at);
        self.pool.run(&REVOKE, values.record("event_", event), rows::first).await
    }

    async fn revoke_keys(&self, revoke: RevokeKeys) -> Result<Vec<ApiKey>, Unavailable> {
        many::revoke(self, revoke).await
    }

    async fn revoke_lineage(
        &self,
        revoke: RevokeKey,
        limit: Limit,
    ) -> Result<Option<Vec<ApiKey>>, Unavailable> {
        many::revoke_lineage(self, &revoke, limit).await
    }

    async fn change_key(&self, change: KeyChange) -> Result<KeyChanged, Unavailable> {
        let by = By::of(change.by.as_ref());
        let (is_any, unjudged) = (change.is_any(), change.by.is_none());
        let toggles = change.before.disabled.is_some() != change.after.disabled.is_some();
        let (rotates, ends_previous) = (change.secret.is_some(), change.ends_previous());
        let replaces_previous = change.secret.as_ref().is_some_and(|secret| !secret.keeps_previous);
        let stored_as = |secret: &NewSecret| match change.after.disabled {
            Some(_) => set_aside(&secret.digest),
            None => secret.digest.clone(),
        };
        let stored_as = change.secret.as_ref().map(stored_as);
        let taken = wherever_stored(stored_as.as_slice());
        let values = by
            .values()
            .and("rotates", &rotates)
            .and("ends_previous", &ends_previous)
            .and("replaces_previous", &replaces_previous)
            .and("taken", &taken)
            .record("", &stored_as)
            .and("is_any", &is_any)
            .and("unjudged", &unjudged)
            .and("toggles", &toggles)
            .record("", &change.after)
            .record("before_", &change.before)
            .record("event_", &change.event);
        self.pool.run(&CHANGE, values, read_change).await
    }

    async fn find_idle_rotations(&self, query: IdleRotations) -> Result<Vec<ApiKey>, Unavailable> {
        let IdleRotations { at, limit } = query;
        self.pool.run(&IDLE, Values::of("at", &at).and("limit", &limit), rows::all).await
    }

    async fn find_ending_keys(&self, query: EndingKeys) -> Result<Vec<EndingKey>, Unavailable> {
        self.ending_keys(query).await
    }

    async fn notice_expiry(&self, notice: ExpiryNotice) -> Result<bool, Unavailable> {
        self.notice(notice).await
    }

    async fn record_uses(&self, uses: Vec<KeyUse>) -> Result<(), Unavailable> {
        let (ids, times): (Vec<_>, Vec<_>) = uses.iter().map(|one| (one.key, one.at)).unzip();
        let with_previous: Vec<_> = uses.iter().map(|one| one.with_previous).collect();
        let values = Values::of("ids", &ids).and("times", &times).and("with_previous", &with_previous);
        match self.pool.run(&RECORD_USES, values, rows::value::<i64>).await? {
            0 => Ok(()),
            left => {
                let operation = RECORD_USES.operation;
                Err(Unavailable::new("postgres", format_args!("{operation}: {left} of the keys are locked")))
            }
        }
    }
}

fn read_change(rows: &[Row]) -> Result<KeyChanged, Failure> {
    let row = rows::only(rows)?;
    let found = match (row.field("is_as_before")?, row.field("is_taken")?) {
        (false, _) => KeyChanged::Stale,
        (true, true) => KeyChanged::Refused(Insertion::Duplicate),
        (true, false) => KeyChanged::Done,
    };
    Ok(read_obstacle(&row)?.map_or(found, KeyChanged::Refused))
}
