//! The change feed.

use std::num::NonZeroU32;

use async_trait::async_trait;
use capykeys_domain::{
    model::{KeyId, OrganizationId},
    ports::{Change, ChangeFeed, FeedHead, FeedPosition, Poll, ReplicaId, Unavailable},
};
use tokio_postgres::{Row, types::Type};

use uuid::Uuid;

use crate::{failure::Failure, line::answer, pool::Param, rows::Reader, store::PostgresStore};

/// What the head says, with `$1` for the reader. The server's time is no earlier than the snapshot.
macro_rules! head_columns {
    () => {
        "SELECT true AS found, h.sequence, h.mark, clock_timestamp() AS now, \
             EXISTS (SELECT FROM replicas WHERE id = $1 AND NOT retired) AS registered"
    };
}

const HEAD: &str = answer!(head_columns!(), " FROM changes h ORDER BY h.sequence DESC LIMIT 1");

/// The head, and beside it the reader's own event and those after it. One snapshot shows both.
const POLL: &str = concat!(
    answer!(
        head_columns!(),
        ", c.sequence AS event, c.mark, c.kind, c.key_id, c.organization_id \
         FROM (SELECT sequence, mark FROM changes ORDER BY sequence DESC LIMIT 1) h LEFT JOIN (\
             SELECT sequence, mark, kind, key_id, organization_id FROM changes \
             WHERE sequence >= $2 ORDER BY sequence LIMIT $3\
         ) c ON true"
    ),
    " ORDER BY answer.event"
);

const BEGIN: &str = answer!("SELECT true AS found, feed_end()");

#[async_trait]
impl ChangeFeed for PostgresStore {
    async fn head(&self, reader: ReplicaId) -> Result<FeedHead, Unavailable> {
        self.feed_head(reader).await.map_err(|failure| failure.during("find the feed's head"))
    }

    async fn poll(
        &self,
        reader: ReplicaId,
        position: &FeedPosition,
        limit: NonZeroU32,
    ) -> Result<Poll, Unavailable> {
        // One more, for the reader's own event.
        let id = reader;
        let (reader, limit) = (Uuid::from_bytes(reader.0), i64::from(limit.get()) + 1);
        let params: [Param<'_>; 3] =
            [(&reader, Type::UUID), (&position.sequence, Type::INT8), (&limit, Type::INT8)];
        let poll = async {
            let rows = self.pool.run(POLL, &params).await?;
            if rows.is_empty() {
                return self.feed_head(id).await.map(Poll::Diverged);
            }
            read_poll(&rows, position)
        };
        poll.await.map_err(|failure| failure.during("poll the feed"))
    }
}

impl PostgresStore {
    /// A feed that a restore has left empty begins anew.
    async fn feed_head(&self, reader: ReplicaId) -> Result<FeedHead, Failure> {
        let reader = Uuid::from_bytes(reader.0);
        let params: [Param<'_>; 1] = [(&reader, Type::UUID)];
        let mut rows = self.pool.run(HEAD, &params).await?;
        if rows.is_empty() {
            self.pool.run(BEGIN, &[]).await?;
            rows = self.pool.run(HEAD, &params).await?;
        }
        read_head(&mut first(&rows)?)
    }
}

fn first(rows: &[Row]) -> Result<Reader<'_>, Failure> {
    rows.first().map(Reader::new).ok_or(Failure::UnreadableRow)
}

fn read_head(reader: &mut Reader<'_>) -> Result<FeedHead, Failure> {
    let history = reader.line()?;
    let position = FeedPosition { sequence: reader.value()?, mark: reader.mark()?, history };
    Ok(FeedHead { position, store_time: reader.time()?, registered: reader.value()? })
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
    let FeedHead { store_time, registered, .. } = head;
    Ok(Poll::Changes { changes, position, complete, store_time, registered })
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
