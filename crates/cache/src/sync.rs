//! Locks and limits of time: the standard library's and tokio's. In this crate's own tests shuttle's
//! are in their place, and whatever uses them has to be run by it: see `schedules`.

use std::time::Duration;

#[cfg(test)]
pub(crate) use shuttle::sync::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};
#[cfg(not(test))]
pub(crate) use std::sync::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// What `work` comes to; `None` where it takes longer than `limit`.
#[cfg(not(test))]
pub(crate) async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(limit, work).await.ok()
}

/// The same without a clock: whenever it has to wait, that may have been too long.
#[cfg(test)]
pub(crate) async fn within<T>(_: Duration, work: impl Future<Output = T>) -> Option<T> {
    use std::task::Poll;
    let mut work = std::pin::pin!(work);
    std::future::poll_fn(|context| match work.as_mut().poll(context) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending if crate::schedules::one_in(16) => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    })
    .await
}
