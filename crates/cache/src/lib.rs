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
//! - Whatever is **unexpected in the feed** empties the cache, and no read from before may go in.
//! - Every replica is **registered** in the store with its lease before it takes one, and **confirms**
//!   what it has obeyed. A change is acknowledged when all who were registered after its commit have
//!   confirmed it, or their leases have run out since. One that is gone is forgotten in two steps.
//! - A caller that **keeps** a verdict says for how long. It is noted with the cached key, and what
//!   touches that key is confirmed only when the time is over.
//! - The clock is one that goes on while the machine sleeps ([`BootClock`]). No two clocks need to
//!   agree.
//!
//! The rules are a state machine without time, I/O or concurrency (`machine`), which a seeded
//! simulation of two replicas and a store runs through (`simulation`); around it is a thin shell,
//! which is run under random schedules (`schedules`).
//!
//! Memory: see [`CacheSettings::keys`].

mod absent;
mod acknowledgement;
mod answer;
mod boot_clock;
mod cache;
mod fence;
mod flights;
mod leaving;
mod live;
mod machine;
mod monotonic_clock;
mod organization_cache;
mod organizations;
mod planted;
mod poller;
mod propagation;
mod reaper;
mod settings;
mod store_clock;
mod store_time;
mod sync;

#[cfg(test)]
mod exhaustive;
#[cfg(test)]
mod schedules;
#[cfg(test)]
mod simulation;

pub use answer::Answer;
pub use boot_clock::{BootClock, BootTime, SystemBootClock};
pub use cache::{CacheStatus, CachedStore, VerificationCache};
pub use monotonic_clock::MonotonicClock;
pub use organization_cache::OrganizationCache;
pub use poller::Polling;
pub use propagation::Propagation;
pub use settings::{CacheSettings, LONGEST_LEASE};
pub use store_clock::StoreClock;

/// Names this crate in errors.
const DEPENDENCY: &str = "cache";
