//! Single flight: reads of one key at the same time are one read.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError},
};

use capykeys_domain::{ports::Unavailable, secret::KeyDigest};
use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared, WeakShared},
};

use crate::{
    machine::Reading,
    sync::{Mutex, MutexGuard},
};

/// A read, or why there is none.
pub(crate) type Outcome = Result<Reading, Unavailable>;
/// A read that is driven by all who wait for it: whoever gives up stops nobody else, and when all have
/// given up, it stops.
pub(crate) type Flight = Shared<BoxFuture<'static, Outcome>>;

/// All candidates: two lists that share one digest are not the same question.
type Digests = Vec<[u8; 32]>;

/// The reads of each key: one that is under way, and one that begins when that has ended.
#[derive(Default)]
pub(crate) struct SingleFlight(Mutex<State>);

#[derive(Default)]
struct State {
    next: u64,
    reads: HashMap<Digests, Reads>,
}

#[derive(Default)]
struct Reads {
    under_way: Option<Entry>,
    waiting: Option<Entry>,
}

/// Held weakly, so that only those who wait keep a read going.
struct Entry {
    number: u64,
    flight: WeakShared<BoxFuture<'static, Outcome>>,
}

/// Ends a flight when it is dropped: from then on nobody can join it.
pub(crate) struct Landing {
    flights: Arc<SingleFlight>,
    digests: Digests,
    number: u64,
}

impl SingleFlight {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A read of `digests` for somebody who asks now. Where `any` will do, that is the one that is under
    /// way, else one that begins after this call: the one that is waiting, or a new one.
    ///
    /// `read` makes a new one. It must drop the landing before the answer is made use of, so that nobody
    /// joins a read that is over.
    pub(crate) fn join_or_start<F>(
        self: &Arc<Self>,
        digests: &[KeyDigest],
        any: bool,
        read: impl FnOnce(Landing) -> F + Send + 'static,
    ) -> Flight
    where
        F: Future<Output = Outcome> + Send + 'static,
    {
        let digests: Digests = digests.iter().map(|digest| *digest.as_bytes()).collect();
        let mut state = self.state();
        let number = state.next;
        state.next += 1;
        let reads = state.reads.entry(digests.clone()).or_default();
        if any && let Some(flight) = joined(reads.under_way.as_ref()) {
            return flight;
        }
        if let Some(flight) = joined(reads.waiting.as_ref()) {
            return flight;
        }
        let landing = Landing { flights: Arc::clone(self), digests, number };
        let (flight, place) = match joined(reads.under_way.as_ref()) {
            Some(before) => {
                let after = async move {
                    // However it has ended.
                    let _ = before.await;
                    landing.take_off();
                    read(landing).await
                };
                (after.boxed().shared(), &mut reads.waiting)
            }
            None => (read(landing).boxed().shared(), &mut reads.under_way),
        };
        *place = flight.downgrade().map(|flight| Entry { number, flight });
        flight
    }
}

fn joined(entry: Option<&Entry>) -> Option<Flight> {
    entry?.flight.upgrade()
}

impl Landing {
    /// The read that was waiting begins.
    fn take_off(&self) {
        let mut state = self.flights.state();
        if let Some(reads) = state.reads.get_mut(&self.digests) {
            reads.under_way = reads.waiting.take();
        }
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        let mut state = self.flights.state();
        let Some(reads) = state.reads.get_mut(&self.digests) else { return };
        // Another one may have taken its place, when everybody had given up on this one.
        for place in [&mut reads.under_way, &mut reads.waiting] {
            drop(place.take_if(|entry| entry.number == self.number));
        }
        if reads.under_way.is_none() && reads.waiting.is_none() {
            state.reads.remove(&self.digests);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl SingleFlight {
        pub(crate) fn len(&self) -> usize {
            self.state().reads.len()
        }
    }
}
