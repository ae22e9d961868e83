//! Storing a new key.

use std::sync::LazyLock;

use capykeys_domain::{model::ApiKey, ports::Insertion, secret::KeyDigest};
use capykeys_storage::{Columns, Row as _, operation};
use tokio_postgres::Row;

use crate::{
    audit::{GIVEN_DETAILS, WRITTEN, insert_event},
    creator::{read_obstacle, verdict},
    failure::Failure,
    line::answer,
    once, rows,
    statement::Statement,
};

/// What stood in the way, if anything did, and whether the key was stored. A conflict is not made an error:
/// the server would log the error with the digest in it.
pub(super) static INSERT: LazyLock<Statement> =
    LazyLock::new(|| insert("", "verdict WHERE obstacle IS NULL", "obstacle"));

/// The same of a request that is to be done once.
pub(super) static INSERT_ONCE: LazyLock<Statement> =
    LazyLock::new(|| insert(&once::remember(), "remembered WHERE true", once::OBSTACLE));

fn insert(remember: &str, admitted: &str, obstacle: &str) -> Statement {
    let key = Columns::of::<ApiKey>("").with(Columns::of::<KeyDigest>(""));
    let (names, parameters) = (key.names(), key.parameters());
    let insert_event = insert_event("$project_id", GIVEN_DETAILS);
    let verdict = verdict("NULL");
    let answer = answer(
        &Columns::named(&["obstacle", WRITTEN, "scope"]),
        &format!(
            "SELECT true AS found, {obstacle} AS obstacle, EXISTS (SELECT FROM inserted) AS written, \
                 (SELECT scope FROM refused_scope) AS scope FROM verdict"
        ),
    );
    Statement::new(
        operation::INSERT_KEY,
        &format!(
            "{verdict}{remember}, inserted AS (\
                 INSERT INTO api_keys ({names}) SELECT {parameters} FROM {admitted} \
                     AND NOT EXISTS (SELECT FROM api_keys WHERE previous_digest = $digest OR digest = $aside) \
                 ON CONFLICT DO NOTHING RETURNING id\
             ), logged AS ({insert_event} FROM inserted){answer}"
        ),
    )
    .kept()
}

pub(super) fn read_insertion(rows: &[Row]) -> Result<Insertion, Failure> {
    let row = rows::only(rows)?;
    let stored = if row.field(WRITTEN)? { Insertion::Inserted } else { Insertion::Duplicate };
    Ok(read_obstacle(&row)?.unwrap_or(stored))
}
