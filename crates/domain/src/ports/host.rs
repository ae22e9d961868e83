//! What a store takes from the machine that it runs on.

use alloc::sync::Arc;
use core::fmt;

use super::{Clock, Entropy};

/// The machine's clock and randomness, handed to a store when it is opened.
///
/// A store that goes by this machine's time takes it from here, and so it does with what has to be random: then
/// tests can set both. A store with a server of its own goes by that server's, which is the same for all replicas.
#[derive(Clone)]
pub struct Host {
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Randomness that nobody can foresee.
    pub entropy: Arc<dyn Entropy>,
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Host")
    }
}
