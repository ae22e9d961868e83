//! Somebody keeps a verdict for as long as they were told that they may: a change of the key is
//! acknowledged after that, and no other change waits.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use capykeys_tests::{Created, Installation, Server, Store, Tenant, on_every_store, on_one_store, wait};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::scene::{On, Route, Scene, Settings};

on_one_store![
    postgresql:
    what_another_replica_has_granted_is_waited_for,
    what_a_replica_has_granted_that_was_killed_is_waited_for,
    what_a_replica_has_granted_that_leaves_is_waited_for,
    what_another_replica_has_granted_for_another_key_is_not_waited_for,
];

on_every_store![
    a_change_is_acknowledged_when_nobody_may_act_any_more_on_what_was_before_it,
    a_change_waits_for_nobody_who_keeps_a_verdict_on_another_key,
    a_server_that_was_killed_is_waited_for_with_what_it_has_granted,
];

const LIMIT: Duration = Duration::from_mins(1);
const LEASE: &str = "CACHE__LEASE";
/// Of each key; the first is asked for.
pub(crate) const SCOPES: &[&str] = &["jobs:read", "schema:read"];

/// How a key is made worthless.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Delete,
    Revoke,
    Suspend,
    Disable,
    /// Of what is asked for.
    Narrow,
    /// Its secret, by another one at once.
    Replace,
    /// Its secret, which was replaced before.
    Finish,
}

const WAYS: [Way; 7] =
    [Way::Delete, Way::Revoke, Way::Suspend, Way::Disable, Way::Narrow, Way::Replace, Way::Finish];

impl Way {
    /// A key that can be made worthless so.
    pub(crate) fn prepared(self, tenant: &Tenant<'_>) -> Created {
        let key = tenant.key_with(SCOPES);
        if self == Self::Finish {
            tenant.rotation(&tenant.admin, key.id()).send().expect(200);
        }
        key
    }

    /// Comes back when it is acknowledged.
    pub(crate) fn go(self, tenant: &Tenant<'_>, key: &Created) {
        let commands = tenant.server.installation();
        match self {
            Self::Delete => tenant.revoke(key.id()),
            Self::Revoke => {
                drop(commands.json(&["keys", "revoke", "--organization", &tenant.id, key.id()]));
            }
            Self::Suspend => drop(commands.json(&["organizations", "suspend", &tenant.id])),
            Self::Disable => drop(tenant.disabling(&tenant.admin, key.id()).send().expect(200)),
            Self::Narrow => {
                let fewer = json!({"scopes": ["schema:read"]});
                drop(tenant.update(&tenant.admin, key.id(), &fewer).send().expect(200));
            }
            Self::Replace => {
                let at_once = json!({"grace_seconds": 0});
                drop(tenant.rotation(&tenant.admin, key.id()).json(&at_once).send().expect(200));
            }
            Self::Finish => drop(tenant.finishing(&tenant.admin, key.id()).send().expect(200)),
        }
    }
}

pub(crate) fn question(plaintext: &str, max_age_ms: u32) -> Value {
    json!({"api_key": plaintext, "scopes": [SCOPES[0]], "max_age_ms": max_age_ms})
}

/// A verdict that may be kept, by the clock of who keeps it.
#[derive(Clone, Copy, Debug)]
struct Grant {
    asked: Instant,
    max_age: Duration,
}

impl Grant {
    /// Asks until one is given for this long.
    fn ask(server: &Server, key: &Created, at_least: Duration) -> Self {
        wait::until("a verdict may be kept", LIMIT, || {
            let asked = Instant::now();
            let verdict = server.verify(&question(&key.plaintext, 60_000));
            assert_eq!(verdict["valid"], true, "{verdict}");
            let max_age = Duration::from_millis(verdict["max_age_ms"].as_u64().expect("milliseconds"));
            (max_age >= at_least).then_some(Self { asked, max_age })
        })
    }

    fn is_over(&self) -> bool {
        self.asked.elapsed() >= self.max_age
    }
}

/// With this lease.
fn installation(store: Store, lease: &str) -> Installation {
    Installation::new(store).set(LEASE, lease)
}

fn a_change_is_acknowledged_when_nobody_may_act_any_more_on_what_was_before_it(store: Store) {
    let server = Server::start(&Arc::new(installation(store, "1500ms")));
    for way in WAYS {
        let acme = Tenant::new(&server);
        let key = way.prepared(&acme);
        let grant = Grant::ask(&server, &key, Duration::from_millis(800));
        way.go(&acme, &key);
        assert!(grant.is_over(), "{way:?}: {grant:?} was not waited for");
        assert_eq!(server.verify(&question(&key.plaintext, 0))["valid"], false, "{way:?}");
    }
}

fn a_change_waits_for_nobody_who_keeps_a_verdict_on_another_key(store: Store) {
    let server = Server::start(&Arc::new(installation(store, "5000ms")));
    for way in WAYS {
        let (acme, other) = (Tenant::new(&server), Tenant::new(&server));
        let (key, kept) = (way.prepared(&acme), other.key_with(SCOPES));
        // Asked for, and not kept.
        assert_eq!(server.verify(&question(&key.plaintext, 0))["valid"], true);
        let grant = Grant::ask(&server, &kept, Duration::from_millis(3_900));
        way.go(&acme, &key);
        assert!(!grant.is_over(), "{way:?}: {grant:?} was waited for");
    }
}

/// The server that is started in its place takes a shorter lease, and knows of no grant.
fn a_server_that_was_killed_is_waited_for_with_what_it_has_granted(store: Store) {
    let mut installation = installation(store, "2500ms");
    for (way, lease) in WAYS.into_iter().zip(["500ms", "2500ms"].into_iter().cycle()) {
        installation = installation.set(LEASE, "2500ms");
        let shared = Arc::new(installation);
        let server = Server::start(&shared);
        let acme = Tenant::new(&server);
        let (key, Tenant { id, admin, admin_id, .. }) = (way.prepared(&acme), acme);
        let grant = Grant::ask(&server, &key, Duration::from_secs(2));
        server.kill();
        drop(server);
        let shared = Arc::new(owned(shared).set(LEASE, lease));
        let server = Server::start(&shared);
        way.go(&Tenant { server: &server, id, admin, admin_id }, &key);
        assert!(grant.is_over(), "{way:?}: {grant:?} was not waited for");
        drop(server);
        installation = owned(shared);
    }
}

fn owned(shared: Arc<Installation>) -> Installation {
    Arc::into_inner(shared).expect("nobody else has it")
}

const LONG: Settings<'_> = &[(LEASE, "2500ms")];

fn what_another_replica_has_granted_is_waited_for() {
    let scene = Scene::with(Route::Direct, On::Shared, &[], LONG);
    for way in WAYS {
        let acme = Tenant::new(&scene.a);
        let key = way.prepared(&acme);
        let grant = Grant::ask(&scene.b, &key, Duration::from_millis(1_500));
        way.go(&acme, &key);
        assert!(grant.is_over(), "{way:?}: {grant:?} was not waited for");
    }
}

fn what_a_replica_has_granted_that_ends_is_waited_for(end: impl Fn(&Server)) {
    let mut scene = Scene::with(Route::Direct, On::Shared, &[], LONG);
    for way in WAYS {
        let acme = Tenant::new(&scene.a);
        let key = way.prepared(&acme);
        let grant = Grant::ask(&scene.b, &key, Duration::from_secs(2));
        end(&scene.b);
        way.go(&acme, &key);
        assert!(grant.is_over(), "{way:?}: {grant:?} was not waited for");
        scene.restart_b();
    }
}

fn what_a_replica_has_granted_that_was_killed_is_waited_for() {
    what_a_replica_has_granted_that_ends_is_waited_for(Server::kill);
}

/// It asks the others to wait for it no more only once that is over.
fn what_a_replica_has_granted_that_leaves_is_waited_for() {
    what_a_replica_has_granted_that_ends_is_waited_for(|server| server.signal(Signal::TERM));
}

fn what_another_replica_has_granted_for_another_key_is_not_waited_for() {
    let scene = Scene::with(Route::Direct, On::Shared, &[], &[(LEASE, "5000ms")]);
    for way in WAYS {
        let (acme, other) = (Tenant::new(&scene.a), Tenant::new(&scene.a));
        let (key, kept) = (way.prepared(&acme), other.key_with(SCOPES));
        let grant = Grant::ask(&scene.b, &kept, Duration::from_millis(3_900));
        way.go(&acme, &key);
        assert!(!grant.is_over(), "{way:?}: {grant:?} was waited for");
    }
}
