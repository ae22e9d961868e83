//! The change feed.

use std::num::NonZeroU32;

use async_trait::async_trait;
use capykeys_domain::{
    model::{KeyId, OrganizationId},
    ports::{Change, ChangeFeed, FeedHead, FeedPosition, Poll, Unavailable},
};
use tokio_postgres::{Row, types::Type};

use crate::{failure::Failure, rows::Reader, store::PostgresStore};

/// The last event and the line of history; that is `NULL` on a standby.
///
/// Commits can be lost where another server takes over, or where one crashes or gets its files from
/// a copy: each was started at a time of its own. A feed that was restored from a dump, or copied
/// with its database, is in another file.
macro_rules! head {
    () => {
        "SELECT sequence, mark, CASE WHEN NOT pg_is_in_recovery() THEN \
             substring(sha256(convert_to(concat_ws('/', \
                 extract(epoch FROM pg_postmaster_start_time()), \
                 pg_relation_filepath('changes')), 'UTF8')) for 16) END AS history \
         FROM changes ORDER BY sequence DESC LIMIT 1"
    };
}

/// The server's time is last: it is taken no earlier than the snapshot.
const HEAD: &str = concat!("SELECT h.history, h.sequence, h.mark, clock_timestamp() FROM (", head!(), ") h");

/// The head, and beside it the reader's own event and those after it. One snapshot shows both.
const POLL: &str = concat!(
    "SELECT h.history, h.sequence, h.mark, clock_timestamp(), \
         c.sequence, c.mark, c.kind, c.key_id, c.organization_id \
     FROM (",
    head!(),
    ") h LEFT JOIN (\
         SELECT sequence, mark, kind, key_id, organization_id FROM changes \
         WHERE sequence >= $1 ORDER BY sequence LIMIT $2\
     ) c ON true ORDER BY c.sequence"
);

#[async_trait]
impl ChangeFeed for PostgresStore {
    async fn head(&self) -> Result<FeedHead, Unavailable> {
        let rows = self.pool.run(HEAD, &[]).await;
        rows.and_then(|rows| read_head(&mut first(&rows)?))
            .map_err(|failure| failure.during("find the feed's head"))
    }

    async fn poll(&self, position: &FeedPosition, limit: NonZeroU32) -> Result<Poll, Unavailable> {
        // One more, for the reader's own event.
        let limit = i64::from(limit.get()) + 1;
        let rows = self.pool.run(POLL, &[(&position.sequence, Type::INT8), (&limit, Type::INT8)]).await;
        rows.and_then(|rows| read_poll(&rows, position)).map_err(|failure| failure.during("poll the feed"))
    }
}

fn first(rows: &[Row]) -> Result<Reader<'_>, Failure> {
    rows.first().map(Reader::new).ok_or(Failure::UnreadableRow)
}

/// A standby may be behind, or cut off from the primary for good.
fn read_head(reader: &mut Reader<'_>) -> Result<FeedHead, Failure> {
    let history = reader.optional_mark()?.ok_or(Failure::Standby)?;
    let position = FeedPosition { sequence: reader.value()?, mark: reader.mark()?, history };
    Ok(FeedHead { position, store_time: reader.time()? })
}

fn read_poll(rows: &[Row], asked: &FeedPosition) -> Result<Poll, Failure> {
    let mut reader = first(rows)?;
    let head = read_head(&mut reader)?;
    let known = match reader.value()? {
        Some(sequence) => Some(FeedPosition { sequence, mark: reader.mark()?, ..head.position }),
        None => None,
    };
    if known != Some(*asked) {
        return Ok(Poll::Diverged(head));
    }
    let mut changes = Vec::with_capacity(rows.len() - 1);
    let mut position = *asked;
    for row in &rows[1..] {
        let mut reader = Reader::new(row);
        let _ = read_head(&mut reader)?;
        position = FeedPosition { sequence: reader.value()?, mark: reader.mark()?, ..head.position };
        changes.push(read_change(&mut reader)?);
    }
    let complete = position == head.position;
    Ok(Poll::Changes { changes, position, complete, store_time: head.store_time })
}

fn read_change(reader: &mut Reader<'_>) -> Result<Change, Failure> {
    let kind: &str = reader.value()?;
    let (key, organization) = (reader.value::<Option<_>>()?, reader.value::<Option<_>>()?);
    match (kind, key, organization) {
        ("key", Some(id), _) => Ok(Change::Key(KeyId::from_uuid(id))),
        ("organization", _, Some(id)) => Ok(Change::Organization(OrganizationId::from_uuid(id))),
        _ => Err(Failure::UnreadableRow),
    }
}
