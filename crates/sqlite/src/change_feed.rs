//! The change feed.

use std::num::NonZeroU32;

use async_trait::async_trait;
use capykeys_domain::{
    model::{KeyId, OrganizationId},
    ports::{Change, ChangeFeed, FeedHead, FeedPosition, Poll, ReplicaId, Unavailable},
};
use rusqlite::{Connection, params};

use crate::{
    SqliteStore,
    error::Failure,
    sql::{self, Columns},
};

/// A file is on one line of history for as long as it is open: it has no standbys, and loses nothing
/// that a reader in this process has seen.
pub(crate) const HISTORY: [u8; 16] = [0; 16];

/// The head, and beside it the machine's time in microseconds, of which SQLite knows the
/// milliseconds, and whether the reader `?1` is registered.
macro_rules! head_columns {
    () => {
        "h.sequence, h.mark, CAST(round(unixepoch('now', 'subsec') * 1000) AS INTEGER) * 1000, \
         EXISTS (SELECT 1 FROM replicas WHERE id = ?1 AND NOT retired)"
    };
}

const HEAD: &str = concat!("SELECT ", head_columns!(), " FROM changes AS h ORDER BY h.sequence DESC LIMIT 1");

/// The head, and beside it the reader's own event and those after it. One snapshot shows both.
const POLL: &str = concat!(
    "SELECT ",
    head_columns!(),
    ", c.sequence, c.mark, c.kind, c.key_id, c.organization_id \
     FROM (SELECT sequence, mark FROM changes ORDER BY sequence DESC LIMIT 1) AS h LEFT JOIN (\
         SELECT sequence, mark, kind, key_id, organization_id FROM changes \
         WHERE sequence >= ?2 ORDER BY sequence LIMIT ?3\
     ) AS c ORDER BY c.sequence"
);

/// One row of the answer to [`POLL`]: the head and the event beside it, if there is one.
type Line = (FeedHead, Option<(FeedPosition, Option<Change>)>);

#[async_trait]
impl ChangeFeed for SqliteStore {
    async fn head(&self, reader: ReplicaId) -> Result<FeedHead, Unavailable> {
        self.read("find the feed's head", |connection| {
            sql::first(connection, HEAD, params![reader.0], head)?.ok_or(Failure::CorruptRow("sequence"))
        })
    }

    async fn poll(
        &self,
        reader: ReplicaId,
        position: &FeedPosition,
        limit: NonZeroU32,
    ) -> Result<Poll, Unavailable> {
        let position = *position;
        self.read_many("poll the feed", move |connection| poll(connection, reader, position, limit)).await
    }
}

fn poll(
    connection: &Connection,
    reader: ReplicaId,
    asked: FeedPosition,
    limit: NonZeroU32,
) -> Result<Poll, Failure> {
    // One more, for the reader's own event.
    let parameters = params![reader.0, asked.sequence, i64::from(limit.get()) + 1];
    let mut lines = sql::all(connection, POLL, parameters, line)?.into_iter();
    let (head, own) = lines.next().ok_or(Failure::CorruptRow("sequence"))?;
    if own.map(|(position, _)| position) != Some(asked) {
        return Ok(Poll::Diverged(head));
    }
    let mut changes = Vec::with_capacity(lines.len());
    let mut last = asked;
    for (position, change) in lines.filter_map(|(_, event)| event) {
        changes.push(change.ok_or(Failure::CorruptRow("kind"))?);
        last = position;
    }
    let complete = last == head.position;
    let FeedHead { store_time, registered, .. } = head;
    Ok(Poll::Changes { changes, position: last, complete, store_time, registered })
}

fn head(columns: &mut Columns<'_>) -> Result<FeedHead, Failure> {
    let sequence = columns.integer("sequence")?;
    let position = FeedPosition { sequence, mark: columns.bytes("mark")?, history: HISTORY };
    Ok(FeedHead {
        position,
        store_time: columns.time("now")?,
        registered: columns.integer("registered")? != 0,
    })
}

fn line(columns: &mut Columns<'_>) -> Result<Line, Failure> {
    let head = head(columns)?;
    let Some(sequence) = columns.optional_integer("sequence")? else { return Ok((head, None)) };
    let position = FeedPosition { sequence, mark: columns.bytes("mark")?, history: HISTORY };
    Ok((head, Some((position, change(columns)?))))
}

/// `None` for the feed's start, which is no change.
fn change(columns: &mut Columns<'_>) -> Result<Option<Change>, Failure> {
    let kind = columns.text("kind", |kind| Some(kind.to_owned()))?;
    let key = columns.optional_id("key_id", KeyId::from_uuid)?;
    let organization = columns.optional_id("organization_id", OrganizationId::from_uuid)?;
    match (kind.as_str(), key, organization) {
        ("start", ..) => Ok(None),
        ("key", Some(id), _) => Ok(Some(Change::Key(id))),
        ("organization", _, Some(id)) => Ok(Some(Change::Organization(id))),
        _ => Err(Failure::CorruptRow("kind")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_poll_reads_no_event_before_its_position() {
        let plan = crate::schema::plan(POLL);
        assert!(plan.contains(&"SEARCH changes USING INTEGER PRIMARY KEY (rowid>?)".to_owned()), "{plan:?}");
    }
}
