//! shuttle's locks in the place of the standard library's: whatever uses them has to be run by it, see
//! `schedules`.

use std::{task::Poll, time::Duration};

pub(crate) use shuttle::sync::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// A limit of time without a clock: whenever `work` has to wait, that may have been too long.
pub(crate) async fn within<T>(_: Duration, work: impl Future<Output = T>) -> Option<T> {
    let mut work = std::pin::pin!(work);
    std::future::poll_fn(|context| match work.as_mut().poll(context) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending if crate::tests::one_in(16) => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    })
    .await
}
