//! The store's own time, which verdicts that depend on time are given by.

use std::time::{Duration, Instant};

use capykeys_domain::{
    model::Timestamp,
    ports::{FeedPosition, FeedQuery, Limit, Poll},
};

use super::support::READER;
use crate::{Store, fixtures};

/// How long a clock may stand still before it does so for ever.
const PATIENCE: Duration = Duration::from_secs(5);
/// How far a server's clock may be from that of the machine which tests it, in microseconds.
const APART: i64 = 60_000_000;
const HOUR: i64 = 3_600_000_000;

impl Store {
    /// The time that it tells with the head, with changes, and with a divergence, in this order.
    async fn times(&self) -> [Timestamp; 3] {
        let head = self.feed.feed_head(READER).await.unwrap();
        let elsewhere = FeedPosition { mark: head.position.mark.map(|byte| !byte), ..head.position };
        let poll = async |after| match self
            .feed
            .poll_changes(FeedQuery { reader: READER, after, limit: Limit::MAX })
            .await
            .unwrap()
        {
            Poll::Changes { store_time, .. } => store_time,
            Poll::Diverged(head) => head.store_time,
        };
        [head.store_time, poll(head.position).await, poll(elsewhere).await]
    }
}

/// That of the clock that it was handed, whenever it is asked; or else of a server whose clock goes right. A key
/// whose end has come is refused by it.
pub async fn the_stores_time_is_its_clocks(store: &Store) {
    if let Some(clock) = &store.clock {
        for micros in [0, 1_000, HOUR, 30 * 24 * HOUR] {
            clock.advance(micros);
            let now = capykeys_domain::ports::Clock::now(clock.as_ref());
            assert_eq!(
                store.times().await,
                [now; 3],
                "it goes by another clock than the one that it was handed"
            );
        }
        return;
    }
    let machine = fixtures::machine();
    for time in store.times().await {
        let apart = time.unix_micros() - machine.clock.now().unix_micros();
        assert!(
            apart.abs() < APART,
            "the store's time is {apart} microseconds from this machine's; one that was handed a clock \
             says so: Store::driven_by"
        );
    }
}

/// Or a key that has expired would be good for ever, or good again.
pub async fn the_stores_time_goes_on_and_never_back(store: &Store) {
    let begun = Instant::now();
    let first = store.times().await;
    assert!(first.is_sorted(), "its time goes back: {first:?}");
    let mut last = first[2];
    while last == first[0] {
        if let Some(clock) = &store.clock {
            clock.advance(1_000);
        }
        let times = store.times().await;
        assert!(last <= times[0] && times.is_sorted(), "its time goes back: {last:?}, {times:?}");
        last = times[2];
        assert!(begun.elapsed() < PATIENCE, "its time stands still");
        tokio::task::yield_now().await;
    }
}
