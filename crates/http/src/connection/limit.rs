//! A limit of time.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep};

/// A limit that begins anew all the time and hardly ever runs out. Its timer is not moved each time, which costs more
/// than to look at it: only where it would ring late, or has rung early.
#[derive(Debug)]
pub(crate) struct TimeLimit {
    end: Instant,
    timer: Pin<Box<Sleep>>,
}

impl TimeLimit {
    /// It ends this much later than now.
    pub(crate) fn new(limit: Duration) -> Self {
        Self { end: Instant::now() + limit, timer: Box::pin(sleep(limit)) }
    }

    /// Begins anew.
    pub(crate) fn restart(&mut self, limit: Duration) {
        self.end = Instant::now() + limit;
        if self.timer.deadline() > self.end {
            self.timer.as_mut().reset(self.end);
        }
    }

    /// Ready when it has ended.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.timer.as_mut().poll(cx).is_ready() {
            if self.timer.deadline() >= self.end {
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(self.end);
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    const SHORT: Duration = Duration::from_millis(1);
    const LONG: Duration = Duration::from_hours(1);

    async fn end(limit: &mut TimeLimit) {
        poll_fn(|cx| limit.poll(cx)).await;
    }

    async fn has_ended(limit: &mut TimeLimit) -> bool {
        poll_fn(|cx| Poll::Ready(limit.poll(cx).is_ready())).await
    }

    #[tokio::test]
    async fn it_ends_when_it_was_last_told_to_whatever_it_was_told_before() {
        let mut limit = TimeLimit::new(LONG);
        assert!(!has_ended(&mut limit).await);
        limit.restart(SHORT);
        end(&mut limit).await;
        limit.restart(LONG);
        sleep(SHORT * 2).await;
        assert!(!has_ended(&mut limit).await);
        limit.restart(SHORT);
        limit.restart(LONG);
        sleep(SHORT * 2).await;
        assert!(!has_ended(&mut limit).await);
        limit.restart(SHORT);
        end(&mut limit).await;
    }
}
