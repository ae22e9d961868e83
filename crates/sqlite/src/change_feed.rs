//! The change feed.

use std::sync::LazyLock;

use async_trait::async_trait;
use capykeys_domain::ports::{ChangeFeed, FeedHead, FeedQuery, Poll, ReplicaId, Unavailable};
use capykeys_storage::{Columns, Event, Row as _, Values, operation};

use crate::{SqliteStore, error::Failure, sql};

/// A file is in one epoch for as long as it is open: it has no standbys, and loses nothing
/// that a reader in this process has seen.
pub(crate) const EPOCH: [u8; 16] = [0; 16];

/// The head, and beside it the time and whether `$reader` is registered.
const HEAD_COLUMNS: &str = "SELECT h.sequence AS sequence, h.mark AS mark, $now AS now, \
    EXISTS (SELECT 1 FROM replicas WHERE id = $reader AND NOT retired) AS registered, \
    EXISTS (SELECT 1 FROM brought_secrets) AS brought";

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
    async fn feed_head(&self, reader: ReplicaId) -> Result<FeedHead, Unavailable> {
        let now = self.host().clock.now();
        self.read(operation::FEED_HEAD, |connection| {
            let values = Values::of("reader", &reader).and("now", &now);
            let heads = sql::each(connection, &HEAD, &values, |head| capykeys_storage::head(head, EPOCH))?;
            heads.first().copied().ok_or(Failure::CorruptRow("sequence"))
        })
    }

    async fn poll_changes(&self, query: FeedQuery) -> Result<Poll, Unavailable> {
        let now = self.host().clock.now();
        self.read_many(operation::POLL_CHANGES, move |connection| {
            // One more, for the reader's own event.
            let (asked, limit) = (query.after, i64::from(query.limit.get()) + 1);
            let asks = Values::of("reader", &query.reader).and("now", &now);
            let values = asks.and("sequence", &asked.sequence).and("limit", &limit);
            let rows = sql::each(connection, &POLL, &values, |row| {
                Ok((capykeys_storage::head(row, EPOCH)?, row.record::<Option<Event>>("event_")?))
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
