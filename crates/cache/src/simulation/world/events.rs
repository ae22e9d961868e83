//! What can happen.

use capykeys_domain::ports::{FeedHead, FoundKey, Poll};

use super::{Micros, Mutation, Secret};
use crate::machine::Reading;

pub(super) enum Told {
    Head(FeedHead),
    Poll(Poll),
}

pub(super) enum Step {
    Ask,
    ReadAtStore(u64),
    ReadAnswered(u64, Option<Box<FoundKey>>),
    ReadGivenUp(u64),
    Conclude(Secret, Reading, u32),
    Tick,
    PollAtStore(u64),
    PollAnswered(u64, Told),
    PollGivenUp(u64),
    Mutated(Mutation, Micros),
    DeleteAnswered(usize, Micros),
    NewWeather,
    Freeze,
    SetWallClock,
}

pub(super) enum Event {
    /// At a replica, or later where it stands still.
    At(usize, Step),
    /// On the way to the store: replicas that stand still do not stop it.
    Arrives(usize, Step),
    Begin,
    Commit {
        replica: usize,
        mutation: Mutation,
        number: i64,
        timeline: u64,
    },
    Fail,
    Promote,
}
