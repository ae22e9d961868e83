//! A verification cache that keeps a promise, over any store.
//!
//! [`VerificationCache`] is a [`KeyResolver`](capykeys_domain::ports::KeyResolver) over a
//! [`KeyLookup`](capykeys_domain::ports::KeyLookup). The promise, with L being [`CacheSettings::lease`]:
//!
//! 1. A revoked key is accepted by no replica later than L after the revocation is committed,
//!    whatever is partitioned, slow, paused or restarted.
//! 2. Once DELETE has answered, no replica accepts the key any more, nor does anybody who was told
//!    that they may keep a verdict. [`Propagation`] lets DELETE wait for that.
//!
//! How it is kept:
//!
//! - What is cached may be used only while the **lease** runs. A poll of the
//!   [`ChangeFeed`](capykeys_domain::ports::ChangeFeed) notes the boot clock before it is sent; what
//!   it tells is applied; only then does the lease run to that reading + L. It is compared with the
//!   clock when the verdict is given. Without a lease every lookup is a read of the store.
//! - A read is **fenced**: it goes into the cache only if nothing that touches its key or its
//!   organization was applied since it began. Its own verdict is good for L after it began.
//! - There is a **single flight** for each key: one read under way, and one that waits for its end.
//!   Without a lease nobody is given a read that began before they asked.
//! - Whatever is **unexpected in the feed** empties the cache, and no read from before may go in.
//! - Every replica is **registered** in the store with its lease before it takes one, and **confirms**
//!   what it has applied. A change is acknowledged when all who were registered after its commit have
//!   confirmed it, or their leases have run out since. One that is gone is forgotten in two steps.
//! - A **registration runs out** ([`CacheSettings::registration`]) unless the store commits its renewal, and with it
//!   every verdict: a primary that was replaced still answers, and gets no commit past its standbys. In a new epoch
//!   a change is acknowledged when no registration of an older one can be good any more, or everybody is there.
//! - A caller that **keeps** a verdict says for how long. It is noted with the cached key, and what
//!   touches that key is confirmed only when the time is over.
//! - The clock is one that goes on while the machine sleeps ([`BootClock`]). No two clocks need to
//!   agree.
//!
//! The rules are a state machine without time, I/O or concurrency (`machine`); around it is a thin
//! shell.
//!
//! Memory: see [`CacheSettings::keys`].

mod acknowledgement;
mod answer;
mod boot_clock;
mod cache;
mod cached_keys;
mod cached_organizations;
mod fence;
mod leaving;
mod machine;
mod monotonic_clock;
mod negative_cache;
mod operation;
mod organization_cache;
mod poller;
mod propagation;
mod reaper;
mod registered_readiness;
mod settings;
mod single_flight;
mod store_clock;
mod store_time;
#[cfg(not(test))]
mod sync;
#[cfg(test)]
#[path = "tests/sync.rs"]
mod sync;
#[cfg(test)]
mod tests;

pub use answer::Answer;
pub use boot_clock::{BootClock, BootTime, SystemBootClock};
pub use cache::{CacheStatus, CachedStore, VerificationCache};
pub use monotonic_clock::MonotonicClock;
pub use organization_cache::OrganizationCache;
pub use poller::Polling;
pub use propagation::Propagation;
pub use registered_readiness::RegisteredReadiness;
pub use settings::{CacheSettings, LONGEST_LEASE, LONGEST_REGISTRATION};
pub use store_clock::StoreClock;

/// Names this crate in errors.
const DEPENDENCY: &str = "cache";
