//! Faults that the tests plant, to see that they would be found. Outside of tests there are
//! none, and every question for one is answered by the compiler.

#[cfg(test)]
use std::collections::HashMap;

use capykeys_domain::model::KeyId;

/// A mistake in the rules, or in the shell around them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bug {
    /// The lease runs from when the answer came, not from when the poll was sent.
    LeaseFromReceipt,
    /// The lease runs on before what the poll told is applied.
    LeaseBeforeApplying,
    /// An answer that was cut off extends the lease as well.
    LeaseFromIncompletePoll,
    /// A read goes into the cache whatever was applied meanwhile.
    NoFence,
    /// A read from before the cache was emptied goes into it.
    FillAfterRestart,
    /// A read's own verdict is given however long it took.
    NoAgeOfReads,
    /// A feed that is not the one read so far changes nothing.
    DivergenceIgnored,
    /// What is cached for a key's id is given for every digest that the key ever had.
    FoundById,
    /// The lease is not looked at.
    NoLease,
    /// The lease is taken where nobody is told of it.
    LeaseUnregistered,
    /// A change is confirmed while somebody may act on a verdict from before it.
    KeptNotWaitedFor,
    /// The shell tells the machine of a read once the answer is there.
    FencedFromAnswer,
    /// A read can be joined by who asks without a lease.
    JoinedWithoutLease,
    /// A read can be joined until its answer is in the cache.
    JoinedWhenOver,
    /// A verdict is given without a look at the clock after everything else.
    NoLastLook,
    /// Everybody reads for themselves.
    NeverShared,
    /// The machine is not told of reads that were given up.
    NeverAbandoned,
}

/// The one that is planted.
#[derive(Debug, Default)]
#[cfg_attr(test, derive(Clone))]
pub(crate) struct Planted {
    #[cfg(test)]
    bug: Option<Bug>,
    #[cfg(test)]
    ids: HashMap<[u8; 32], KeyId>,
}

#[cfg(not(test))]
#[expect(clippy::unused_self, reason = "the same questions as in tests")]
impl Planted {
    pub(crate) const fn new(_: Option<Bug>) -> Self {
        Self {}
    }

    pub(crate) const fn is(&self, _: Bug) -> bool {
        false
    }

    pub(crate) const fn id_of(&self, _: &[u8; 32]) -> Option<KeyId> {
        None
    }

    pub(crate) const fn remember(&mut self, _: &[u8; 32], _: KeyId) {}
}

#[cfg(test)]
impl Planted {
    pub(crate) fn new(bug: Option<Bug>) -> Self {
        Self { bug, ids: HashMap::new() }
    }

    pub(crate) fn is(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    pub(crate) fn id_of(&self, digest: &[u8; 32]) -> Option<KeyId> {
        self.ids.get(digest).copied()
    }

    pub(crate) fn remember(&mut self, digest: &[u8; 32], id: KeyId) {
        if self.is(Bug::FoundById) {
            self.ids.insert(*digest, id);
        }
    }
}
