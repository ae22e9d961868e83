//! The store: keys, organizations and a feed, with the whole history, so that a standby can be
//! promoted that has seen only a part of it.

mod feed;

use capykeys_conformance::fixtures;
use capykeys_domain::{
    model::{ApiKey, Organization, Sequence, Suspension, Timestamp},
    ports::{Change, Epoch, FeedHead, FeedPosition, FoundKey, Poll, ReplicaId},
    secret::KeyDigest,
};

use super::{
    Micros, ShellBug,
    messages::{Message, Reply, Request, To, Told},
    registry::Replicas,
};

const POLL_LIMIT: usize = 2;

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
    /// What a replica has confirmed is a number, of whichever line of history.
    NumbersOfAnyLine,
    /// A server answers also where it has not seen the line that is asked for.
    LineNotLookedFor,
    /// Marks are compared, but a promoted standby names no other line of history.
    MarksOfEventsAlone,
}

#[derive(Clone, Copy)]
struct State {
    revoked: [bool; KEYS],
    secret: [usize; KEYS],
    suspended: [bool; ORGANIZATIONS],
}

#[derive(Clone, Copy)]
pub(super) struct Event {
    pub(super) sequence: i64,
    mark: u64,
    change: Change,
    after: State,
}

/// What one server has: the primary, a standby that has stopped to replay, or a primary that was
/// replaced.
#[derive(Clone)]
pub(super) struct Server {
    pub(super) line: Epoch,
    past: Vec<Epoch>,
    recovering: bool,
    state: State,
    pub(super) history: Vec<Event>,
    pub(super) replicas: Replicas,
}

pub(super) struct Store {
    pub(super) bug: Option<StoreBug>,
    pub(super) primary: Server,
    pub(super) standby: Option<Server>,
    pub(super) replaced: Option<Server>,
    next_sequence: i64,
    /// What its clock was set to show, compared with the time of the run.
    pub(super) clock_ahead: i64,
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
        let digest = |number| fixtures::digest([u8::try_from(number).unwrap(); 32]);
        let line = Epoch { number: 1, id: bytes(1) };
        let primary = Server {
            line,
            past: vec![line],
            recovering: false,
            state: START,
            history: Vec::new(),
            replicas: Replicas::default(),
        };
        Self {
            bug,
            primary,
            standby: None,
            replaced: None,
            next_sequence: 0,
            clock_ahead: 0,
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

    /// The organization's number.
    pub(super) const fn owner(key: usize) -> usize {
        owner(key)
    }

    /// Whether the secret is good.
    pub(super) const fn accepts(&self, secret: Secret) -> bool {
        let state = &self.primary.state;
        state.secret[secret.key] == secret.number
            && !state.revoked[secret.key]
            && !state.suspended[owner(secret.key)]
    }

    /// A transaction begins: the number that a store with a sequence would take now.
    pub(super) const fn take_number(&mut self) -> i64 {
        self.next_sequence += 1;
        self.next_sequence
    }

    /// It commits. Whether it has changed anything.
    pub(super) fn commit(&mut self, mutation: Mutation, taken: i64, mark: u64) -> bool {
        let change = self.change(mutation);
        let primary = &mut self.primary;
        let state = &mut primary.state;
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
            let in_order = primary.history.last().map_or(0, |last| last.sequence) + 1;
            let sequence = if self.bug == Some(StoreBug::CursorBySequence) { taken } else { in_order };
            primary.history.push(Event { sequence, mark, change, after: primary.state });
        }
        changed
    }

    /// A standby stops to replay here.
    pub(super) fn pause_standby(&mut self) {
        self.standby = Some(Server { recovering: true, ..self.primary.clone() });
    }

    /// A standby takes over that has not seen the last `lost` events. Of the replicas it has seen
    /// everything, but perhaps not what they confirmed.
    pub(super) fn promote(&mut self, lost: usize, confirmations_too: bool) {
        self.standby = None;
        self.replaced = Some(self.primary.clone());
        let primary = &mut self.primary;
        primary.history.truncate(primary.history.len().saturating_sub(lost));
        primary.state = primary.history.last().map_or(START, |last| last.after);
        let number = primary.line.number + 1;
        primary.line = Epoch { number, id: bytes(number.cast_unsigned()) };
        primary.past.push(primary.line);
        if confirmations_too {
            primary.replicas.lose_confirmations();
        }
    }

    /// What the server that a message was sent to says to it; `None` where it is gone, or must not
    /// answer.
    pub(super) fn answer(
        &mut self,
        message: &Message,
        shell: Option<ShellBug>,
        now: Micros,
    ) -> Option<Reply> {
        let bug = self.bug;
        let is_primary = message.to == To::Line(self.primary.line);
        let server = match message.to {
            To::Standby => self.standby.as_ref()?,
            To::Line(_) if is_primary => &self.primary,
            To::Line(line) => self.replaced.as_ref().filter(|one| one.line == line)?,
        };
        let vouches = message.asked.is_none_or(|asked| server.past.contains(&asked));
        if !vouches && bug != Some(StoreBug::LineNotLookedFor) {
            return None;
        }
        let told = match &message.request {
            Request::Read(secret) => Told::Found(self.find(server, *secret).map(Box::new)),
            Request::Head => Told::Poll(Poll::Diverged(self.head(server, message.from, now))),
            Request::Poll(position) => Told::Poll(self.poll(server, message.from, position, now)),
            Request::Registry => Told::Registry(self.registry(server)),
            // It waits for no standby.
            write @ Request::Confirm(_) if !is_primary => {
                Told::Done(self.replaced.as_mut()?.replicas.write(message.from, write))
            }
            // A server that was replaced gets no commit through: its standby does not take it.
            _ if !is_primary && shell != Some(ShellBug::CancelledWaitTaken) => return None,
            write if !is_primary => Told::Done(self.replaced.as_mut()?.replicas.write(message.from, write)),
            write => Told::Done(self.primary.replicas.write(message.from, write)),
        };
        let server = match message.to {
            To::Standby => self.standby.as_ref()?,
            To::Line(_) if is_primary => &self.primary,
            To::Line(_) => self.replaced.as_ref()?,
        };
        Some(Reply { line: server.line, recovering: server.recovering, told })
    }

    /// The authoritative read.
    fn find(&self, server: &Server, secret: Secret) -> Option<FoundKey> {
        if server.state.secret[secret.key] != secret.number {
            return None;
        }
        let at = fixtures::at(1);
        let mut key = self.keys[secret.key].clone();
        key.revoked_at = server.state.revoked[secret.key].then_some(at);
        let mut organization = self.organizations[owner(secret.key)].clone();
        if server.state.suspended[owner(secret.key)] {
            organization.suspension = Some(Suspension { at, reason: None });
        }
        Some(FoundKey { digest: self.digest(secret).clone(), previous_digest: None, key, organization })
    }

    pub(super) fn position(&self, server: &Server, event: Option<&Event>) -> FeedPosition {
        let told = self.bug != Some(StoreBug::MarksOfEventsAlone);
        FeedPosition {
            sequence: fixtures::sequence(event.map_or(0, |event| event.sequence)),
            mark: bytes(event.map_or(0, |event| event.mark)),
            epoch: if told { server.line.id } else { bytes(0) },
        }
    }

    fn time(&self, now: Micros) -> Timestamp {
        fixtures::at(i64::try_from(now).unwrap() + self.clock_ahead)
    }

    fn head(&self, server: &Server, reader: ReplicaId, now: Micros) -> FeedHead {
        let last = server.history.iter().max_by_key(|event| event.sequence);
        FeedHead {
            position: self.position(server, last),
            store_time: self.time(now),
            registered: server.replicas.is_registered(reader),
        }
    }
}
