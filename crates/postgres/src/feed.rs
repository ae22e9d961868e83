//! The change feed.

use std::sync::LazyLock;

use async_trait::async_trait;
use capykeys_domain::ports::{ChangeFeed, FeedHead, FeedPosition, FeedQuery, Poll, ReplicaId, Unavailable};
use capykeys_storage::{Columns, Event, Row as _, Values, operation};
use tokio_postgres::Row;

use crate::{
    failure::Failure,
    line::{LINE_ID, answer},
    rows::Answer,
    statement::Statement,
    store::PostgresStore,
};

/// What the head `h` says to `$reader`. The server's time is no earlier than the snapshot.
const HEAD_COLUMNS: &str = "SELECT true AS found, h.sequence, h.mark, clock_timestamp() AS now, \
    EXISTS (SELECT FROM replicas WHERE id = $reader AND NOT retired) AS registered, \
    EXISTS (SELECT FROM brought_secrets) AS brought";

fn head_columns() -> Columns {
    Columns::named(&["sequence", "mark", "now", "registered", "brought"])
}

static HEAD: LazyLock<Statement> = LazyLock::new(|| {
    let query = format!("{HEAD_COLUMNS} FROM changes h ORDER BY h.sequence DESC LIMIT 1");
    Statement::new(operation::FEED_HEAD, &answer(&head_columns(), &query))
});

/// The head, and beside it the reader's own event and those after it. One snapshot shows both.
static POLL: LazyLock<Statement> = LazyLock::new(|| {
    let event = Columns::of::<Event>("event_");
    let query = format!(
        "{HEAD_COLUMNS}, {} \
         FROM (SELECT sequence, mark FROM changes ORDER BY sequence DESC LIMIT 1) h LEFT JOIN (\
             SELECT {} FROM changes WHERE sequence >= $sequence ORDER BY sequence LIMIT $limit\
         ) c ON true",
        event.from("c"),
        event.names()
    );
    let columns = head_columns().with(event);
    Statement::new(operation::POLL_CHANGES, &(answer(&columns, &query) + " ORDER BY answer.event_sequence"))
});

static BEGIN: LazyLock<Statement> = LazyLock::new(|| Statement::of_value("feed_end", "", "feed_end()"));

#[async_trait]
impl ChangeFeed for PostgresStore {
    /// A feed that a restore has left empty begins anew.
    async fn feed_head(&self, reader: ReplicaId) -> Result<FeedHead, Unavailable> {
        let head = || {
            self.pool
                .run(&HEAD, Values::of("reader", &reader), |rows| rows.first().map(read_head).transpose())
        };
        if let Some(head) = head().await? {
            return Ok(head);
        }
        self.pool.run(&BEGIN, Values::default(), |_| Ok(())).await?;
        head().await?.ok_or_else(|| Failure::UnreadableRow.during(HEAD.operation))
    }

    async fn poll_changes(&self, query: FeedQuery) -> Result<Poll, Unavailable> {
        let FeedQuery { reader, after, limit } = query;
        // One more, for the reader's own event.
        let limit = i64::from(limit.get()) + 1;
        let values = Values::of("reader", &reader).and("sequence", &after.sequence).and("limit", &limit);
        match self.pool.run(&POLL, values, |rows| read_poll(rows, &after)).await? {
            Some(poll) => Ok(poll),
            None => self.feed_head(reader).await.map(Poll::Diverged),
        }
    }
}

fn read_head(row: &Row) -> Result<FeedHead, Failure> {
    let row = Answer(row);
    Ok(capykeys_storage::head(&row, row.field(LINE_ID)?)?)
}

/// `None` where the feed is empty.
fn read_poll(rows: &[Row], asked: &FeedPosition) -> Result<Option<Poll>, Failure> {
    let Some(head) = rows.first().map(read_head).transpose()? else { return Ok(None) };
    let events = rows.iter().map(|row| Answer(row).record::<Option<Event>>("event_"));
    let events: Vec<Event> = events.filter_map(Result::transpose).collect::<Result<_, _>>()?;
    Ok(Some(capykeys_storage::poll(asked, head, &events)))
}
