//! The change feed.

use std::{num::NonZeroU32, sync::LazyLock};

use async_trait::async_trait;
use capykeys_domain::ports::{ChangeFeed, FeedHead, FeedPosition, Poll, ReplicaId, Unavailable};
use capykeys_storage::{Columns, Event, Row as _, Values};

use crate::{SqliteStore, error::Failure, sql};

/// A file is on one line of history for as long as it is open: it has no standbys, and loses nothing
/// that a reader in this process has seen.
pub(crate) const HISTORY: [u8; 16] = [0; 16];

/// The head, and beside it the machine's time in microseconds, of which SQLite knows the
/// milliseconds, and whether `$reader` is registered.
const HEAD_COLUMNS: &str = "SELECT h.sequence AS sequence, h.mark AS mark, \
    CAST(round(unixepoch('now', 'subsec') * 1000) AS INTEGER) * 1000 AS now, \
    EXISTS (SELECT 1 FROM replicas WHERE id = $reader AND NOT retired) AS registered";

static HEAD: LazyLock<String> =
    LazyLock::new(|| format!("{HEAD_COLUMNS} FROM changes AS h ORDER BY h.sequence DESC LIMIT 1"));

/// The head, and beside it the reader's own event and those after it. One snapshot shows both.
static POLL: LazyLock<String> = LazyLock::new(|| {
    let event = Columns::of::<Event>("event_");
    format!(
        "{HEAD_COLUMNS}, {} \
         FROM (SELECT sequence, mark FROM changes ORDER BY sequence DESC LIMIT 1) AS h LEFT JOIN (\
             SELECT {} FROM changes WHERE sequence >= $sequence ORDER BY sequence LIMIT $limit\
         ) AS c ORDER BY c.sequence",
        event.from("c"),
        event.names()
    )
});

#[async_trait]
impl ChangeFeed for SqliteStore {
    async fn head(&self, reader: ReplicaId) -> Result<FeedHead, Unavailable> {
        self.read("find the feed's head", |connection| {
            let heads = sql::each(connection, &HEAD, &Values::of("reader", &reader), |head| {
                capykeys_storage::head(head, HISTORY)
            })?;
            heads.first().copied().ok_or(Failure::CorruptRow("sequence"))
        })
    }

    async fn poll(
        &self,
        reader: ReplicaId,
        position: &FeedPosition,
        limit: NonZeroU32,
    ) -> Result<Poll, Unavailable> {
        let asked = *position;
        self.read_many("poll the feed", move |connection| {
            // One more, for the reader's own event.
            let limit = i64::from(limit.get()) + 1;
            let values = Values::of("reader", &reader).and("sequence", &asked.sequence).and("limit", &limit);
            let rows = sql::each(connection, &POLL, &values, |row| {
                Ok((capykeys_storage::head(row, HISTORY)?, row.record::<Option<Event>>("event_")?))
            })?;
            let head = rows.first().ok_or(Failure::CorruptRow("sequence"))?.0;
            let events: Vec<Event> = rows.into_iter().filter_map(|(_, event)| event).collect();
            Ok(capykeys_storage::poll(&asked, head, &events))
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_poll_reads_no_event_before_its_position() {
        let plan = crate::schema::plan(&POLL);
        assert!(plan.contains(&"SEARCH changes USING INTEGER PRIMARY KEY (rowid>?)".to_owned()), "{plan:?}");
    }
}
