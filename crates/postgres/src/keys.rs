//! The keys of an organization.

mod many;

use std::sync::LazyLock;

use async_trait::async_trait;
use capykeys_domain::{
    model::{ApiKey, AuditEvent, Creator, ExternalOrganizationId, KeyId, OrganizationId, Scope},
    policy::{Denial, Forbidden},
    ports::{
        Insertion, KeyChange, KeyChanged, KeyQuery, KeyStore, KeyUse, Limit, NewKey, Revocation, RevokeKey,
        RevokeKeys, Unavailable,
    },
    secret::KeyDigest,
};
use capykeys_storage::{CHANGING, Columns, KeyPage, Row as _, Values, operation, set_aside};
use futures_util::future::OptionFuture;
use tokio::time::timeout;
use tokio_postgres::Row;

use crate::{
    audit::{GIVEN_DETAILS, WRITTEN, insert_event},
    failure::Failure,
    line::answer,
    rows::{self, Answer},
    statement::Statement,
    store::PostgresStore,
};

/// `verdict`: what stands in the way of such a key, as [`NewKey::obstacle`] says it, with `$created_with` for the key and
/// `$signed_in_to` for the session by whose right it is to be, unless it is `unjudged`.
///
/// The rows of the organization and of the creating key are locked before they are looked at, as
/// in [`REVOKE`]: a change of either comes before this or after it.
fn verdict(unjudged: &str) -> String {
    format!(
        ", organization AS (\
                 SELECT clerk_organization_id, suspended_at FROM organizations, line \
                 WHERE organizations.id = $organization_id FOR SHARE OF organizations\
             ), creator AS (\
                 SELECT scopes, expires_at, project_id, revoked_at, disabled_at FROM api_keys \
                 WHERE organization_id = $organization_id AND id = $created_with FOR SHARE\
             ), refused_scope AS (\
                 SELECT scope FROM creator, unnest($scopes) WITH ORDINALITY AS asked (scope, place) \
                 WHERE NOT scopes && ARRAY[scope, '*'] ORDER BY place LIMIT 1\
             ), verdict AS (\
                 SELECT CASE \
                     WHEN {unjudged} THEN NULL \
                     WHEN NOT EXISTS (SELECT FROM organization) THEN 'no organization' \
                     WHEN $signed_in_to <> COALESCE((SELECT clerk_organization_id FROM organization), '') \
                         THEN 'not its own' \
                     WHEN (SELECT suspended_at FROM organization) IS NOT NULL THEN 'suspended' \
                     WHEN $created_with IS NULL THEN NULL \
                     WHEN NOT EXISTS (SELECT FROM creator WHERE revoked_at IS NULL AND disabled_at IS NULL \
                         AND (expires_at IS NULL OR expires_at > $event_at)) THEN 'inactive' \
                     WHEN (SELECT project_id FROM creator) IS NOT NULL THEN 'project' \
                     WHEN (SELECT NOT scopes && ARRAY['api_keys:write', '*'] FROM creator) THEN 'no right' \
                     WHEN EXISTS (SELECT FROM refused_scope) THEN 'scope' \
                     WHEN (SELECT expires_at < COALESCE($expires_at, 'infinity') FROM creator) THEN 'outlives' \
                 END AS obstacle FROM line\
             )"
    )
}

/// What stood in the way, if anything did, and whether the key was stored. A conflict is not made an error:
/// the server would log the error with the digest in it.
static INSERT: LazyLock<Statement> = LazyLock::new(|| {
    let key = Columns::of::<ApiKey>("").with(Columns::of::<KeyDigest>(""));
    let (names, parameters) = (key.names(), key.parameters());
    let insert_event = insert_event("$project_id", GIVEN_DETAILS);
    let verdict = verdict("NULL");
    let answer = answer(
        &Columns::named(&["obstacle", WRITTEN, "scope"]),
        "SELECT true AS found, obstacle, EXISTS (SELECT FROM inserted) AS written, \
             (SELECT scope FROM refused_scope) AS scope FROM verdict",
    );
    Statement::new(
        operation::INSERT_KEY,
        &format!(
            "{verdict}, inserted AS (\
                 INSERT INTO api_keys ({names}) SELECT {parameters} FROM verdict WHERE obstacle IS NULL \
                     AND NOT EXISTS (SELECT FROM api_keys WHERE digest = $aside) \
                 ON CONFLICT DO NOTHING RETURNING id\
             ), logged AS ({insert_event} FROM inserted){answer}"
        ),
    )
    .kept()
});

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

/// Changes a row that is as it was read. It is locked where nothing is to be changed, too: the lock makes the
/// commit wait as a change's does, and thereby for that of whoever has changed it before. The digest of a key that
/// is disabled or enabled is [`capykeys_storage::set_aside`].
static CHANGE: LazyLock<Statement> = LazyLock::new(|| {
    let [changing, before] = ["", "before_"].map(|prefix| Columns::of::<ApiKey>(prefix).only(&CHANGING));
    let (names, values) = (changing.names(), changing.parameters());
    let (verdict, insert_event) = (verdict("$unjudged"), insert_event("project_id", GIVEN_DETAILS));
    let answer = answer(
        &Columns::named(&["obstacle", WRITTEN, "scope", "is_as_before"]),
        "SELECT true AS found, obstacle, EXISTS (SELECT FROM changed) AS written, \
             (SELECT scope FROM refused_scope) AS scope, \
             COALESCE((SELECT is_as_before FROM target), false) AS is_as_before FROM verdict",
    );
    Statement::new(
        operation::CHANGE_KEY,
        &format!(
            "{verdict}, target AS (\
                 SELECT k.id, ({now}, k.revoked_at) IS NOT DISTINCT FROM ({before}, $before_revoked_at) AS is_as_before \
                 FROM api_keys k, verdict \
                 WHERE k.organization_id = $organization_id AND k.id = $id AND obstacle IS NULL FOR UPDATE OF k\
             ), changed AS (\
                 UPDATE api_keys k SET ({names}) = ROW ({values}), digest = CASE WHEN $toggles \
                     THEN set_byte(k.digest, 0, 255 - get_byte(k.digest, 0)) ELSE k.digest END \
                 FROM target WHERE k.id = target.id AND is_as_before AND $is_any RETURNING k.project_id\
             ), logged AS ({insert_event} FROM changed){answer}",
            now = changing.again("k"),
            before = before.parameters(),
        ),
    )
    .kept()
});

/// How many of the keys are left because somebody else has locked them.
///
/// It takes the locks in the order of the ids and waits for none: a statement that holds a thousand keys
/// and waits for one more would hold up the revocations of the thousand, and two such statements
/// could wait for each other. A key with a later time is not written, so nothing is where nothing is new.
static RECORD_USES: LazyLock<Statement> = LazyLock::new(|| {
    Statement::of_value(
        operation::RECORD_USES,
        ", used AS (\
             SELECT used.id, max(at) AS at FROM line, unnest($ids, $times) AS used (id, at) GROUP BY used.id\
         ), late AS (\
             SELECT k.id, used.at FROM api_keys k JOIN used USING (id) \
             WHERE k.last_used_at IS NULL OR k.last_used_at < used.at\
         ), target AS (\
             SELECT k.id, late.at FROM api_keys k JOIN late USING (id) \
             WHERE k.last_used_at IS NULL OR k.last_used_at < late.at \
             ORDER BY k.id FOR NO KEY UPDATE OF k SKIP LOCKED\
         ), recorded AS (\
             UPDATE api_keys k SET last_used_at = target.at FROM target WHERE k.id = target.id RETURNING k.id\
         )",
        "(SELECT count(*) FROM late) - (SELECT count(*) FROM recorded)",
    )
});

#[async_trait]
impl KeyStore for PostgresStore {
    async fn insert_key(&self, new: NewKey, event: AuditEvent) -> Result<Insertion, Unavailable> {
        let (created_with, signed_in_to) = parts(&new.creator);
        let by = Values::of("created_with", &created_with).and("signed_in_to", &signed_in_to);
        let aside = *set_aside(&new.digest).as_bytes();
        let values =
            by.and("aside", &aside).record("", &new.key).record("", &new.digest).record("event_", &event);
        self.pool.run(&INSERT, values, read_insertion).await
    }

    async fn find_key(&self, organization: OrganizationId, id: KeyId) -> Result<Option<ApiKey>, Unavailable> {
        let values = Values::of("organization_id", &organization).and("id", &id);
        self.pool.run(&FIND, values, rows::first).await
    }

    async fn list_keys(&self, query: KeyQuery) -> Result<Vec<ApiKey>, Unavailable> {
        let _place = place_to_search(self, &query, operation::LIST_KEYS).await?;
        let page = page(&query);
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
        let (created_with, signed_in_to) = change.by.as_ref().map_or((None, None), parts);
        let (is_any, unjudged) = (change.is_any(), change.by.is_none());
        let toggles = change.before.disabled.is_some() != change.after.disabled.is_some();
        let values = Values::of("created_with", &created_with)
            .and("signed_in_to", &signed_in_to)
            .and("is_any", &is_any)
            .and("unjudged", &unjudged)
            .and("toggles", &toggles)
            .record("", &change.after)
            .record("before_", &change.before)
            .record("event_", &change.event);
        self.pool.run(&CHANGE, values, read_change).await
    }

    async fn record_uses(&self, uses: Vec<KeyUse>) -> Result<(), Unavailable> {
        let (ids, times): (Vec<_>, Vec<_>) = uses.iter().map(|one| (one.key, one.at)).unzip();
        let values = Values::of("ids", &ids).and("times", &times);
        match self.pool.run(&RECORD_USES, values, rows::value::<i64>).await? {
            0 => Ok(()),
            left => {
                let operation = RECORD_USES.operation;
                Err(Unavailable::new("postgres", format_args!("{operation}: {left} of the keys are locked")))
            }
        }
    }
}

/// A page of a list.
fn page(query: &KeyQuery) -> KeyPage<'_> {
    KeyPage::of(query, "$scope = ANY (k.scopes)", "k.id = ANY ($ids)")
}

/// Where others' searches are waited for, who searches has this for as long as it does.
async fn place_to_search<'s>(
    store: &'s PostgresStore,
    query: &KeyQuery,
    operation: &'static str,
) -> Result<impl Sized + use<'s>, Unavailable> {
    let searching = query.filter.is_a_search().then(|| store.searches.acquire());
    // No longer than for a connection.
    let place = timeout(store.pool.deadline() / 3, OptionFuture::from(searching)).await;
    place.map_err(|_| Failure::Timeout.during(operation))
}

/// The key or the session that it is.
fn parts(creator: &Creator) -> (Option<KeyId>, Option<ExternalOrganizationId>) {
    match creator {
        Creator::Key(id) => (Some(*id), None),
        Creator::Session(organization) => (None, Some(organization.clone())),
        Creator::Operator => (None, None),
    }
}

fn read_insertion(rows: &[Row]) -> Result<Insertion, Failure> {
    let row = rows::only(rows)?;
    let stored = if row.field(WRITTEN)? { Insertion::Inserted } else { Insertion::Duplicate };
    Ok(read_obstacle(&row)?.unwrap_or(stored))
}

fn read_change(rows: &[Row]) -> Result<KeyChanged, Failure> {
    let row = rows::only(rows)?;
    let found = if row.field("is_as_before")? { KeyChanged::Done } else { KeyChanged::Stale };
    Ok(read_obstacle(&row)?.map_or(found, KeyChanged::Refused))
}

fn read_obstacle(row: &Answer<'_>) -> Result<Option<Insertion>, Failure> {
    let Some(obstacle) = row.field::<Option<String>>("obstacle")? else { return Ok(None) };
    let forbidden = match obstacle.as_str() {
        "no organization" => return Ok(Some(Insertion::NoOrganization)),
        "not its own" => return Ok(Some(Insertion::Denied(Denial::AnotherOrganization))),
        "inactive" => return Ok(Some(Insertion::CreatorInactive)),
        "suspended" => Forbidden::OrganizationSuspended,
        "project" => Forbidden::ProjectKey,
        "no right" => Forbidden::MissingScope(Scope::API_KEYS_WRITE),
        "scope" => Forbidden::ScopeNotHeld(row.field("scope")?),
        "outlives" => Forbidden::OutlivesCreator,
        _ => return Err(Failure::UnreadableRow),
    };
    Ok(Some(Insertion::Denied(forbidden.into())))
}
