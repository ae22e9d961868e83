//! The store: keys, organizations and a feed, with the whole history, so that a standby can be
//! promoted that has seen only a part of it.

use capykeys_conformance::fixtures;
use capykeys_domain::{
    model::{ApiKey, Organization, Suspension, Timestamp},
    ports::{Change, FeedHead, FeedPosition, FoundKey, Poll},
    secret::KeyDigest,
};

use super::Micros;

pub(super) const KEYS: usize = 4;
pub(super) const ORGANIZATIONS: usize = 2;
/// A key has this many secrets, one after the other; the last in the list is never given out.
pub(super) const SECRETS: usize = 4;

/// What a client presents: a key's first, second, … secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Secret {
    pub(super) key: usize,
    pub(super) number: usize,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Mutation {
    Revoke(usize),
    Rotate(usize),
    Suspend(usize),
    Resume(usize),
}

/// A mistake in how a store gives its feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StoreBug {
    /// A number is taken when a transaction begins, and the cursor goes by it.
    CursorBySequence,
    /// The reader's mark and history are not looked at.
    NoMarks,
    /// Marks are compared, but a promoted standby names no other line of history.
    MarksOfEventsAlone,
}

#[derive(Clone, Copy)]
struct State {
    revoked: [bool; KEYS],
    secret: [usize; KEYS],
    suspended: [bool; ORGANIZATIONS],
}

struct Event {
    sequence: i64,
    mark: u64,
    change: Change,
    after: State,
}

pub(super) struct Store {
    bug: Option<StoreBug>,
    state: State,
    history: Vec<Event>,
    pub(super) timeline: u64,
    next_sequence: i64,
    keys: Vec<ApiKey>,
    organizations: Vec<Organization>,
    digests: Vec<KeyDigest>,
}

const START: State = State { revoked: [false; KEYS], secret: [0; KEYS], suspended: [false; ORGANIZATIONS] };

/// The organization of a key.
const fn owner(key: usize) -> usize {
    key % ORGANIZATIONS
}

fn bytes(number: u64) -> [u8; 16] {
    u128::from(number).to_be_bytes()
}

impl Store {
    pub(super) fn new(bug: Option<StoreBug>) -> Self {
        let at = fixtures::at(0);
        let organizations: Vec<_> = (0..ORGANIZATIONS).map(|_| fixtures::organization(at)).collect();
        let key = |number| fixtures::key(organizations[owner(number)].id, at).key;
        let digest = |number| {
            let mut bytes = [0; 32];
            bytes[0] = u8::try_from(number).unwrap();
            fixtures::digest(bytes)
        };
        Self {
            bug,
            state: START,
            history: Vec::new(),
            timeline: 0,
            next_sequence: 0,
            keys: (0..KEYS).map(key).collect(),
            organizations,
            digests: (0..KEYS * SECRETS).map(digest).collect(),
        }
    }

    pub(super) fn digest(&self, secret: Secret) -> &KeyDigest {
        &self.digests[secret.key * SECRETS + secret.number]
    }

    pub(super) fn change(&self, mutation: Mutation) -> Change {
        match mutation {
            Mutation::Revoke(key) | Mutation::Rotate(key) => Change::Key(self.keys[key].id),
            Mutation::Suspend(one) | Mutation::Resume(one) => {
                Change::Organization(self.organizations[one].id)
            }
        }
    }

    /// Whether the secret is good.
    pub(super) const fn accepts(&self, secret: Secret) -> bool {
        let state = &self.state;
        state.secret[secret.key] == secret.number
            && !state.revoked[secret.key]
            && !state.suspended[owner(secret.key)]
    }

    /// The authoritative read.
    pub(super) fn find(&self, secret: Secret) -> Option<FoundKey> {
        if self.state.secret[secret.key] != secret.number {
            return None;
        }
        let at = fixtures::at(1);
        let mut key = self.keys[secret.key].clone();
        key.revoked_at = self.state.revoked[secret.key].then_some(at);
        let mut organization = self.organizations[owner(secret.key)].clone();
        if self.state.suspended[owner(secret.key)] {
            organization.suspension = Some(Suspension { at, reason: None });
        }
        Some(FoundKey { digest: self.digest(secret).clone(), key, organization })
    }

    /// A transaction begins: the number that a store with a sequence would take now.
    pub(super) const fn take_number(&mut self) -> i64 {
        self.next_sequence += 1;
        self.next_sequence
    }

    /// It commits. Whether it has changed anything.
    pub(super) fn commit(&mut self, mutation: Mutation, taken: i64, mark: u64) -> bool {
        let state = &mut self.state;
        let changed = match mutation {
            Mutation::Revoke(key) => !std::mem::replace(&mut state.revoked[key], true),
            Mutation::Rotate(key) if state.secret[key] + 2 < SECRETS => {
                state.secret[key] += 1;
                true
            }
            Mutation::Rotate(_) => false,
            Mutation::Suspend(one) => !std::mem::replace(&mut state.suspended[one], true),
            Mutation::Resume(one) => std::mem::replace(&mut state.suspended[one], false),
        };
        if changed {
            let in_order = self.history.last().map_or(0, |last| last.sequence) + 1;
            let sequence = if self.bug == Some(StoreBug::CursorBySequence) { taken } else { in_order };
            let (change, after) = (self.change(mutation), self.state);
            self.history.push(Event { sequence, mark, change, after });
        }
        changed
    }

    /// A standby takes over that has not seen the last `lost` events.
    pub(super) fn promote(&mut self, lost: usize) {
        self.history.truncate(self.history.len().saturating_sub(lost));
        self.state = self.history.last().map_or(START, |last| last.after);
        self.timeline += 1;
    }

    fn position(&self, event: Option<&Event>) -> FeedPosition {
        let told = self.bug != Some(StoreBug::MarksOfEventsAlone);
        FeedPosition {
            sequence: event.map_or(0, |event| event.sequence),
            mark: bytes(event.map_or(0, |event| event.mark)),
            history: bytes(if told { self.timeline } else { 0 }),
        }
    }

    fn time(now: Micros) -> Timestamp {
        fixtures::at(i64::try_from(now).unwrap())
    }

    pub(super) fn head(&self, now: Micros) -> FeedHead {
        let last = self.history.iter().max_by_key(|event| event.sequence);
        FeedHead { position: self.position(last), store_time: Self::time(now), registered: true }
    }

    pub(super) fn poll(&self, reader: &FeedPosition, limit: usize, now: Micros) -> Poll {
        let known = self.history.iter().find(|event| event.sequence == reader.sequence);
        let missing = known.is_none() && reader.sequence != 0;
        let checked = !matches!(self.bug, Some(StoreBug::NoMarks | StoreBug::CursorBySequence));
        if checked && (missing || self.position(known) != *reader) {
            return Poll::Diverged(self.head(now));
        }
        let mut later: Vec<_> =
            self.history.iter().filter(|event| event.sequence > reader.sequence).collect();
        later.sort_by_key(|event| event.sequence);
        let complete = later.len() <= limit;
        later.truncate(limit);
        let position = later.last().map_or(*reader, |last| self.position(Some(last)));
        let changes = later.iter().map(|event| event.change).collect();
        Poll::Changes { changes, position, complete, store_time: Self::time(now), registered: true }
    }
}
