//! The system's clock and random source, behind the domain's ports.

use std::sync::Arc;

use capykeys_cache::MonotonicClock;
use capykeys_domain::{
    model::{RequestContext, RequestId, Timestamp},
    ports::{Clock, Entropy, Host, Unavailable},
};
use rand::Rng;

/// The system's clock.
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the system's clock")]
    fn now(&self) -> Timestamp {
        let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        // A clock before 1970 is a clock that was never set: the epoch, so that nothing expires.
        let micros = since_epoch.map_or(0, |time| time.as_micros());
        i64::try_from(micros).ok().and_then(Timestamp::from_unix_micros).unwrap_or(Timestamp::MAX)
    }
}

/// The operating system's random source.
pub(crate) struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the system's random source")]
    fn fill(&self, buffer: &mut [u8]) -> Result<(), Unavailable> {
        getrandom::fill(buffer).map_err(|error| Unavailable::new("entropy", error))
    }

    /// Without a system call: from a generator of this thread (`ChaCha12`) that the system seeds, and again
    /// every 64 KiB. This process never forks.
    #[expect(clippy::disallowed_methods, reason = "this is the Entropy port")]
    fn fill_request_id(&self, buffer: &mut [u8]) -> Result<(), Unavailable> {
        rand::rng().fill_bytes(buffer);
        Ok(())
    }
}

/// This machine, for a store that goes by its clock.
pub(crate) fn host() -> Host {
    let clock = MonotonicClock::new(Arc::new(SystemClock));
    Host { clock: Arc::new(clock), entropy: Arc::new(SystemEntropy) }
}

/// Random bytes for an id.
pub(crate) fn random() -> Result<[u8; 16], Unavailable> {
    let mut random = [0; 16];
    SystemEntropy.fill(&mut random)?;
    Ok(random)
}

/// For what a command does on the store: it comes from no address.
pub(crate) fn command_context() -> Result<RequestContext, Unavailable> {
    Ok(RequestContext { request_id: RequestId::from_random(random()?), peer: None })
}
