//! Once it is answered that a key is revoked or disabled, or has lost a scope, every interface of every server
//! knows it, whether the server had seen the key before or not.

use std::{
    sync::{
        Arc, Barrier, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use capykeys_tests::{
    Call, Installation, Server, Store, Tenant,
    envoy::{Check, block_on, connect},
    on_every_store, wait,
};
use reqwest::Method;

use crate::kept::{Way, question};

on_every_store![
    a_change_holds_over_every_interface_once_it_is_answered;
    replicas:
    a_change_holds_over_every_interface_of_another_server_once_it_is_answered,
];

const LIMIT: Duration = Duration::from_mins(1);
const RULES: &str = "[[rules]]\npath = '/**'\nscopes = ['jobs:read']\n";
const WAYS: [Way; 5] = [Way::Delete, Way::Disable, Way::Narrow, Way::Replace, Way::Finish];
/// How often each interface is asked before the change, where it is, and after it.
const ENOUGH: usize = 5;

/// When a server is asked for the key for the first time: before the change, with it or after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum First {
    Before,
    With,
    After,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Interface {
    Verify,
    ForwardAuth,
    ExtAuthz,
    Grpc,
}

pub(crate) const INTERFACES: [Interface; 4] =
    [Interface::Verify, Interface::ForwardAuth, Interface::ExtAuthz, Interface::Grpc];

/// What a client with this key is answered, who needs the scope that every key begins with.
pub(crate) type Asker<'a> = Box<dyn Fn(&str) -> u16 + Send + 'a>;

impl Interface {
    pub(crate) fn of(self, server: &Server) -> Asker<'_> {
        let get = |path| server.call_internal(Method::GET, path);
        let status = |call: Call<'_>| call.try_send().expect("an answer").status;
        match self {
            Self::Verify => Box::new(|key| {
                let call = server.call_internal(Method::POST, "/v1/api-keys/verify").json(&question(key, 0));
                let answer = call.try_send().expect("an answer");
                match answer.json()["code"].as_str() {
                    None if answer.status == 200 => 200,
                    None => answer.status,
                    Some("insufficient_scope") => 403,
                    Some("revoked" | "disabled" | "not_found" | "expired") => 401,
                    Some(code) => panic!("the key is {code}"),
                }
            }),
            Self::ForwardAuth => Box::new(move |key| {
                let call = get("/authorize/forward-auth").header("x-forwarded-method", "GET");
                status(call.header("x-forwarded-uri", "/jobs").bearer(key))
            }),
            Self::ExtAuthz => Box::new(move |key| status(get("/authorize/ext-authz/jobs").bearer(key))),
            Self::Grpc => {
                let channel = block_on(connect(server.grpc_address()));
                Box::new(move |key| {
                    let status = Check::of("/jobs").bearer(key).try_on(&channel).expect("an answer");
                    u16::try_from(status).expect("a status")
                })
            }
        }
    }
}

pub(crate) fn server(installation: Installation) -> Server {
    // Thousands of questions are not worth a line each.
    let installation = installation.set("LOG__LEVEL", "info,capykeys::access=warn");
    Server::start(&Arc::new(installation.with_rules(RULES)))
}

fn a_change_holds_over_every_interface_once_it_is_answered(store: Store) {
    holds(&[server(Installation::new(store))]);
}

fn a_change_holds_over_every_interface_of_another_server_once_it_is_answered(store: Store) {
    let installation = Installation::new(store);
    let other = server(installation.beside());
    holds(&[server(installation), other]);
}

/// Keys are changed through the first of the servers, and asked for on all.
fn holds(servers: &[Server]) {
    let acme = Tenant::new(&servers[0]);
    for way in WAYS {
        for first in [First::Before, First::With, First::After] {
            changed(&acme, servers, way, first);
        }
    }
}

fn changed(acme: &Tenant<'_>, servers: &[Server], way: Way, first: First) {
    let key = way.prepared(acme);
    let askers: Vec<_> = servers
        .iter()
        .flat_map(|server| INTERFACES.map(|interface| (interface, interface.of(server))))
        .collect();
    let (start, answered) = (Barrier::new(askers.len() + 1), OnceLock::new());
    let accepted: Vec<_> = askers.iter().map(|_| AtomicUsize::new(0)).collect();
    thread::scope(|scope| {
        for ((interface, ask), accepted) in askers.into_iter().zip(&accepted) {
            let (key, start, answered) = (&key.plaintext, &start, &answered);
            scope.spawn(move || {
                start.wait();
                let mut refused = 0;
                while refused < ENOUGH {
                    let sent = Instant::now();
                    let status = ask(key);
                    let is_after = answered.get().is_some_and(|answered| sent > *answered);
                    let refusal = if way == Way::Narrow { 403 } else { 401 };
                    match status {
                        // Neither accepted nor refused, on a busy machine.
                        503 => {}
                        200 => {
                            assert!(!is_after, "{interface:?}: accepted after {way:?}, first {first:?}");
                            accepted.fetch_add(1, Ordering::SeqCst);
                        }
                        _ => {
                            assert_eq!(status, refusal, "{interface:?}: {way:?}");
                            refused += usize::from(is_after);
                        }
                    }
                }
            });
        }
        if first == First::Before {
            start.wait();
            wait::until("every interface accepts the key", LIMIT, || {
                accepted.iter().all(|count| count.load(Ordering::SeqCst) >= ENOUGH).then_some(())
            });
        }
        if first == First::With {
            start.wait();
        }
        way.go(acme, &key);
        let _: Result<(), Instant> = answered.set(Instant::now());
        if first == First::After {
            start.wait();
        }
    });
}
