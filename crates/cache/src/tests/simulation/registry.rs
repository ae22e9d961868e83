//! The replicas as a server of the store knows them.

use std::collections::BTreeMap;

use capykeys_domain::ports::{RegisteredReplica, Registry, ReplicaId};

use super::{
    messages::Request,
    store::{Server, Store, StoreBug},
};

#[derive(Clone)]
struct Registered {
    known: RegisteredReplica,
    retired: bool,
}

#[derive(Clone, Default)]
pub(super) struct Replicas(BTreeMap<[u8; 16], Registered>);

impl Replicas {
    pub(super) fn is_registered(&self, id: ReplicaId) -> bool {
        self.0.get(&id.0).is_some_and(|replica| !replica.retired)
    }

    pub(super) fn all(&self) -> Vec<RegisteredReplica> {
        self.0.values().map(|replica| replica.known.clone()).collect()
    }

    pub(super) fn lose_confirmations(&mut self) {
        self.0.values_mut().for_each(|replica| replica.known.confirmed = None);
    }

    /// Whether the write has changed anything.
    pub(super) fn write(&mut self, from: ReplicaId, request: &Request) -> bool {
        match *request {
            Request::Register(lease) => {
                let known = RegisteredReplica { id: from, lease, confirmed: None, renewals: 0 };
                let replica = self.0.entry(from.0).or_insert(Registered { known, retired: false });
                replica.retired = false;
                replica.known.renewals += 1;
                true
            }
            Request::Confirm(progress) => self.0.get_mut(&from.0).is_some_and(|replica| {
                replica.known.confirmed = Some(progress);
                replica.known.renewals += 1;
                true
            }),
            Request::Retire(id, renewals) => {
                let replica = self.0.get_mut(&id.0).filter(|replica| replica.known.renewals == renewals);
                replica.map(|replica| replica.retired = true).is_some()
            }
            Request::Forget(id, renewals) => {
                let gone = |one: &Registered| one.retired && one.known.renewals == renewals;
                self.0.get(&id.0).is_some_and(gone) && self.0.remove(&id.0).is_some()
            }
            Request::Read(_) | Request::Head | Request::Poll(_) | Request::Registry => false,
        }
    }
}

impl Store {
    pub(super) fn registry(&self, server: &Server) -> Registry {
        let last = server.history.iter().max_by_key(|event| event.sequence);
        let head = self.position(server, last).into();
        let mut replicas = server.replicas.all();
        if self.bug == Some(StoreBug::NumbersOfAnyLine) {
            for confirmed in replicas.iter_mut().filter_map(|replica| replica.confirmed.as_mut()) {
                confirmed.epoch = server.line.id;
            }
        }
        Registry { head, replicas }
    }
}
