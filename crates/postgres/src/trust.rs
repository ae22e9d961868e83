//! Which connections are still believed in.

use std::{
    sync::{Mutex, PoisonError},
    time::Instant,
};

/// From when on connections are trusted: those last used before it may lead nowhere.
///
/// When the network or the server has silently gone, every connection of the pool is dead at once.
/// The first that shows it condemns the others, so that they are not tried one after the other.
#[derive(Default)]
pub(crate) struct Trust(Mutex<Option<Instant>>);

impl Trust {
    pub(crate) fn end_before(&self, time: Instant) {
        let mut since = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *since = (*since).max(Some(time));
    }

    pub(crate) fn includes(&self, last_used: Instant) -> bool {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) <= Some(last_used)
    }
}
