//! A small store: keys that are revoked, their feed, and the replicas.

use std::collections::BTreeMap;

use capykeys_conformance::fixtures;
use capykeys_domain::ports::{
    Change, Epoch, FeedHead, FeedPosition, FeedProgress, FoundKey, Poll, RegisteredReplica, Registry,
    ReplicaId,
};

use super::ShellBug;

/// The keys of a run, which differ in nothing but their state.
pub(super) struct Keys(pub(super) Vec<FoundKey>);

impl Keys {
    pub(super) fn new(count: usize) -> Self {
        let organization = fixtures::organization(fixtures::at(0));
        let key = |_| {
            let new = fixtures::key(organization.id, fixtures::at(0));
            FoundKey {
                digest: new.digest,
                previous_digest: None,
                key: new.key,
                organization: organization.clone(),
            }
        };
        Self((0..count).map(key).collect())
    }
}

/// A server, on its line of history.
#[derive(Clone, Debug)]
pub(super) struct Server {
    pub(super) line: i64,
    /// The keys that were revoked, in that order.
    pub(super) revoked: Vec<usize>,
    pub(super) replicas: BTreeMap<u8, Registered>,
}

#[derive(Clone, Debug)]
pub(super) struct Registered {
    pub(super) lease: std::time::Duration,
    pub(super) confirmed: Option<(i64, i64)>,
    pub(super) renewals: i64,
    pub(super) retired: bool,
}

pub(super) fn line(number: i64) -> Epoch {
    Epoch { number, id: id_of(number) }
}

fn id_of(number: i64) -> [u8; 16] {
    u128::from(number.cast_unsigned()).to_be_bytes()
}

impl Server {
    pub(super) fn find(&self, keys: &Keys, key: usize) -> FoundKey {
        let mut found = keys.0[key].clone();
        found.key.revoked_at = self.revoked.contains(&key).then(|| fixtures::at(1));
        found
    }

    /// The mark of an event is the key that it revokes: with two lines, an event can be another one.
    fn position(&self, count: usize) -> FeedPosition {
        let last = count.checked_sub(1).map_or(0, |last| self.revoked[last] + 1);
        let mark = id_of(i64::try_from(last).unwrap());
        FeedPosition {
            sequence: fixtures::sequence(i64::try_from(count).unwrap()),
            mark,
            epoch: id_of(self.line),
        }
    }

    pub(super) fn head(&self, reader: u8, bug: Option<ShellBug>) -> FeedHead {
        let retired_too = bug == Some(ShellBug::RetiredStillRegistered);
        let registered = self.replicas.get(&reader).is_some_and(|one| !one.retired || retired_too);
        FeedHead { position: self.position(self.revoked.len()), store_time: fixtures::at(0), registered }
    }

    pub(super) fn poll(&self, keys: &Keys, reader: u8, from: &FeedPosition, bug: Option<ShellBug>) -> Poll {
        let head = self.head(reader, bug);
        let read = usize::try_from(from.sequence.get()).unwrap();
        if read > self.revoked.len() || self.position(read) != *from {
            return Poll::Diverged(head);
        }
        Poll::Changes {
            changes: self.revoked[read..].iter().map(|key| Change::Key(keys.0[*key].key.id)).collect(),
            position: head.position,
            complete: true,
            store_time: head.store_time,
            registered: head.registered,
        }
    }

    pub(super) fn registry(&self, bug: Option<ShellBug>) -> Registry {
        let head: FeedProgress = self.position(self.revoked.len()).into();
        let any_line = bug == Some(ShellBug::NumbersOfAnyLine);
        let mut replicas: Vec<_> = self.replicas.iter().map(|(id, one)| one.known(*id)).collect();
        for confirmed in replicas.iter_mut().filter_map(|one| one.confirmed.as_mut()).filter(|_| any_line) {
            confirmed.epoch = head.epoch;
        }
        Registry { head, replicas }
    }
}

impl Registered {
    pub(super) fn known(&self, id: u8) -> RegisteredReplica {
        let progress =
            |(sequence, line)| FeedProgress { sequence: fixtures::sequence(sequence), epoch: id_of(line) };
        RegisteredReplica {
            id: ReplicaId([id; 16]),
            lease: self.lease,
            confirmed: self.confirmed.map(progress),
            renewals: self.renewals,
        }
    }
}
