//! What can happen.

use super::{Message, Micros, Mutation, Question, Reply};
use crate::machine::Reading;

pub(super) enum Step {
    Ask,
    Conclude(Question, Reading),
    Tick,
    Renew,
    Answered(u64, Box<Reply>),
    GivenUp(u64),
    /// Its own mutation was committed at this time.
    Mutated(Mutation, Micros),
    /// Whether a change may be acknowledged by now.
    LookAtClock(u64),
    ReadRegistry(u64),
    Crash,
}

pub(super) enum Event {
    /// At a replica's process, or later where it stands still; not where it is another by now.
    At(usize, u64, Step),
    /// On the way to the store: replicas that stand still do not stop it.
    Arrives {
        replica: usize,
        incarnation: u64,
        number: u64,
        message: Message,
    },
    NewWeather(usize),
    Freeze(usize),
    SetWallClock(usize),
    Start(usize),
    /// The last moment at which somebody acts on a verdict that they were told they may keep.
    Act(usize, Question, Micros),
    Begin,
    Commit {
        replica: usize,
        incarnation: u64,
        mutation: Mutation,
        number: i64,
        timeline: i64,
    },
    Fail,
    Promote,
    PauseStandby,
    SetStoreClock,
}
