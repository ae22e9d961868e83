//! One read per key in flight.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError},
};

use capykeys_domain::secret::KeyDigest;
use futures_util::future::{BoxFuture, Shared, WeakShared};

use crate::{
    machine::Reading,
    sync::{Mutex, MutexGuard},
};

/// A read, or why there is none.
pub(crate) type Outcome = Result<Reading, Arc<str>>;
/// A read that everybody drives who waits for it: whoever gives up stops nobody else, and when all
/// have, it stops.
pub(crate) type Flight = Shared<BoxFuture<'static, Outcome>>;

/// All candidates: two lists that share one digest are not the same question.
type Digests = Vec<[u8; 32]>;

/// The reads in flight.
#[derive(Default)]
pub(crate) struct Flights(Mutex<State>);

#[derive(Default)]
struct State {
    next: u64,
    /// Held weakly, so that only those who wait keep a read going.
    flying: HashMap<Digests, (u64, WeakShared<BoxFuture<'static, Outcome>>)>,
}

/// Ends a flight: from then on nobody can join it.
pub(crate) struct Landing {
    flights: Arc<Flights>,
    digests: Digests,
    number: u64,
}

impl Flights {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The flight for `digests`: the one that is on its way, or the one that `start` makes. What it
    /// makes must drop the landing before the read's answer is made use of, so that nobody joins a
    /// read that is over.
    pub(crate) fn join_or_start(
        self: &Arc<Self>,
        digests: &[KeyDigest],
        start: impl FnOnce(Landing) -> Flight,
    ) -> Flight {
        let digests: Digests = digests.iter().map(|digest| *digest.as_bytes()).collect();
        let mut state = self.state();
        if let Some(flight) = state.flying.get(&digests).and_then(|(_, flight)| flight.upgrade()) {
            return flight;
        }
        let number = state.next;
        state.next += 1;
        let landing = Landing { flights: Arc::clone(self), digests: digests.clone(), number };
        let flight = start(landing);
        if let Some(weak) = flight.downgrade() {
            state.flying.insert(digests, (number, weak));
        }
        flight
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.state().flying.len()
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        let mut state = self.flights.state();
        // Another one may have taken its place, when everybody had given up on this one.
        if state.flying.get(&self.digests).is_some_and(|(number, _)| *number == self.number) {
            state.flying.remove(&self.digests);
        }
    }
}
