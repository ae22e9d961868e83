//! Many keys at once.

use capykeys_domain::{
    model::ApiKey,
    ports::{RevokeKeys, Unavailable},
};
use capykeys_storage::{Columns, operation};

use super::{page, place_to_search};
use crate::{
    audit::{GIVEN_DETAILS, WRITTEN, insert_event_of},
    line::answer,
    rows,
    statement::Statement,
    store::PostgresStore,
};

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
        &format!("SELECT true AS found, {}, true AS {WRITTEN} FROM revoked", key.names()),
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
    store.pool.run(&revoke_all(&page.text), values, rows::all).await
}
