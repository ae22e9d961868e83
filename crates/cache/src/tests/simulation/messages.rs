//! What goes between replicas and the store.

use std::time::Duration;

use capykeys_domain::ports::{Epoch, FeedPosition, FeedProgress, FoundKey, Poll, Registry, ReplicaId};

use super::store::Secret;

/// Whom a message was sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum To {
    /// The server that is on this line of history, whether it is the primary still or not.
    Line(Epoch),
    Standby,
}

#[derive(Clone, Debug)]
pub(super) enum Request {
    Read(Secret),
    Head,
    Poll(FeedPosition),
    Register(Duration),
    Confirm(FeedProgress),
    Registry,
    Retire(ReplicaId, i64),
    Forget(ReplicaId, i64),
}

#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) to: To,
    pub(super) from: ReplicaId,
    /// The newest line that the sender has heard of.
    pub(super) asked: Option<Epoch>,
    pub(super) request: Request,
}

#[derive(Debug)]
pub(super) enum Told {
    Found(Option<Box<FoundKey>>),
    Poll(Poll),
    Registry(Registry),
    /// Written, and whether it has changed anything.
    Done(bool),
}

#[derive(Debug)]
pub(super) struct Reply {
    pub(super) line: Epoch,
    /// Whether it is a standby's.
    pub(super) recovering: bool,
    pub(super) told: Told,
}
