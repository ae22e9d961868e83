//! Many keys at once.

use std::sync::LazyLock;

use capykeys_domain::{
    model::ApiKey,
    ports::{KeyQuery, Limit, RevokeKey, RevokeKeys, Unavailable},
};
use capykeys_storage::{Columns, KeyPage, Row as _, Values, operation};
use futures_util::future::OptionFuture;
use tokio::time::timeout;
use tokio_postgres::Row;

use crate::{
    audit::{GIVEN_DETAILS, WRITTEN, insert_event_of},
    failure::Failure,
    line::answer,
    rows::Answer,
    statement::Statement,
    store::PostgresStore,
};

/// A page of a list.
pub(super) fn page(query: &KeyQuery) -> KeyPage<'_> {
    KeyPage::of(query, "$scope = ANY (k.scopes)", "k.id = ANY ($ids)")
}

/// Where others' searches are waited for, who searches has this for as long as it does.
pub(super) async fn place_to_search<'s>(
    store: &'s PostgresStore,
    query: &KeyQuery,
    operation: &'static str,
) -> Result<impl Sized + use<'s>, Unavailable> {
    let searching = query.filter.is_a_search().then(|| store.searches.acquire());
    // No longer than for a connection.
    let place = timeout(store.pool.deadline() / 3, OptionFuture::from(searching)).await;
    place.map_err(|_| Failure::Timeout.during(operation))
}

/// Made for each question, as a list is.
///
/// The organization's row is locked first, which whoever creates or changes a key by another's right holds too: two that
/// lock more than one key of it never wait for each other. And it makes the commit one that waits for standbys, where nothing
/// is left to be revoked. The keys are found again by the array of their ids, and not by a join, whose plan would be one for
/// as many rows as the server guesses.
fn revoke_all(page: &str) -> Statement {
    let key = Columns::of::<ApiKey>("");
    let page = page.replacen("WHERE ", "WHERE EXISTS (SELECT FROM locked) AND ", 1);
    let insert_event = insert_event_of("id", "project_id", GIVEN_DETAILS);
    let answer = answer(
        &key.clone().with(Columns::named(&[WRITTEN])),
        // From the lock, so that it is taken where there is nothing to revoke.
        &format!(
            "SELECT true AS found, {}, revoked.id IS NOT NULL AS {WRITTEN} \
             FROM locked LEFT JOIN revoked ON true",
            key.from("revoked")
        ),
    );
    Statement::new(
        operation::REVOKE_KEYS,
        &format!(
            ", locked AS (\
                 SELECT o.id FROM organizations o, line WHERE o.id = $organization_id FOR NO KEY UPDATE OF o\
             ), target AS (SELECT k.id FROM api_keys k {page} FOR NO KEY UPDATE OF k), revoked AS (\
                 UPDATE api_keys k SET revoked_at = $at \
                 WHERE k.id = ANY (ARRAY (SELECT id FROM target)) AND k.revoked_at IS NULL RETURNING {returned}\
             ), logged AS ({insert_event} FROM revoked){answer} ORDER BY answer.id DESC",
            returned = key.from("k"),
        ),
    )
    .kept()
}

pub(super) async fn revoke(store: &PostgresStore, revoke: RevokeKeys) -> Result<Vec<ApiKey>, Unavailable> {
    let RevokeKeys { query, at, event } = &revoke;
    let _place = place_to_search(store, query, operation::REVOKE_KEYS).await?;
    let page = page(query);
    let values = page.values.and("at", at).record("event_", event);
    store.pool.run(&revoke_all(&page.text), values, read_revoked).await
}

/// The key, with nothing in its columns where it was revoked already, and what was revoked. The function is called with what
/// only the right server has.
static REVOKE_LINEAGE: LazyLock<Statement> = LazyLock::new(|| {
    let key = Columns::of::<ApiKey>("");
    let insert_event = insert_event_of("id", "project_id", GIVEN_DETAILS);
    let answer = answer(
        &key.clone().with(Columns::named(&[WRITTEN])),
        &format!(
            "SELECT true AS found, {}, revoked.id IS NOT NULL AS {WRITTEN} FROM api_keys root \
             LEFT JOIN revoked ON true WHERE root.organization_id = $organization_id AND root.id = $id",
            key.from("revoked")
        ),
    );
    Statement::new(
        operation::REVOKE_LINEAGE,
        &format!(
            ", revoked AS (\
                 SELECT {} FROM line, revoke_lineage(\
                     CASE WHEN line.id IS NOT NULL THEN $organization_id END, $id, $at, $limit\
                 ) made\
             ), logged AS ({insert_event} FROM revoked){answer}",
            key.from("made"),
        ),
    )
    .kept()
});

pub(super) async fn revoke_lineage(
    store: &PostgresStore,
    revoke: &RevokeKey,
    limit: Limit,
) -> Result<Option<Vec<ApiKey>>, Unavailable> {
    let RevokeKey { organization, id, at, event } = revoke;
    let values = Values::of("organization_id", organization).and("id", id).and("at", at).and("limit", &limit);
    let read = |rows: &[Row]| if rows.is_empty() { Ok(None) } else { read_revoked(rows).map(Some) };
    store.pool.run(&REVOKE_LINEAGE, values.record("event_", event), read).await
}

/// What was revoked: where nothing was, there is a row with nothing in it.
fn read_revoked(rows: &[Row]) -> Result<Vec<ApiKey>, Failure> {
    let revoked = rows.iter().map(|row| Ok(Answer(row).record::<Option<ApiKey>>("")?));
    revoked.filter_map(Result::transpose).collect()
}
