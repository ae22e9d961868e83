//! A key is rotated while it is used: its previous secret is good through every interface of every server until its grace
//! ends and not after, and its present one always, whether a server had seen either before or not.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use capykeys_tests::{Created, Installation, Server, Store, Tenant, clock, on_every_store, wait};
use serde_json::json;
use time::OffsetDateTime;

use crate::{
    interfaces::{INTERFACES, Interface, server},
    kept::SCOPES,
};

on_every_store![
    the_previous_secret_is_good_until_its_grace_ends_and_no_longer;
    replicas:
    the_previous_secret_is_good_on_all_servers_until_its_grace_ends_and_no_longer,
];

const LIMIT: Duration = Duration::from_mins(1);
const GRACE: u64 = 3;
/// By how much the clocks of who asks and of a server that goes by its store's may differ.
const APART: Duration = Duration::from_millis(100);
/// How often each interface accepts or refuses what it is to.
const ENOUGH: usize = 5;

/// When a server is asked for the key for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum First {
    BeforeTheRotation,
    InTheGrace,
    AfterTheGrace,
}

fn the_previous_secret_is_good_until_its_grace_ends_and_no_longer(store: Store) {
    holds(&[server(Installation::new(store))]);
}

fn the_previous_secret_is_good_on_all_servers_until_its_grace_ends_and_no_longer(store: Store) {
    let installation = Installation::new(store);
    let other = server(installation.beside());
    holds(&[server(installation), other]);
}

fn holds(servers: &[Server]) {
    let acme = Tenant::new(&servers[0]);
    for first in [First::BeforeTheRotation, First::InTheGrace, First::AfterTheGrace] {
        rotated(&acme, servers, first);
    }
}

/// What there is to know of a rotation once it is answered.
struct Rotation {
    new: Created,
    end: OffsetDateTime,
}

/// What was seen of an interface.
#[derive(Default)]
struct Seen {
    accepted: AtomicUsize,
    refused: AtomicUsize,
    new_accepted: AtomicUsize,
}

fn rotated(acme: &Tenant<'_>, servers: &[Server], first: First) {
    let old = acme.key_with(SCOPES);
    let (start, over, rotation) = (AtomicBool::new(false), AtomicBool::new(false), OnceLock::new());
    let askers: Vec<(&Server, Interface, Seen)> = servers
        .iter()
        .flat_map(|server| INTERFACES.map(|interface| (server, interface, Seen::default())))
        .collect();
    let all = |enough: &dyn Fn(&Seen) -> &AtomicUsize| {
        wait::until("every interface has said it often enough", LIMIT, || {
            let all = askers.iter().all(|(_, _, seen)| enough(seen).load(Ordering::SeqCst) >= ENOUGH);
            all.then_some(())
        });
    };
    thread::scope(|scope| {
        for (server, interface, seen) in &askers {
            let (old, start, over, rotation) = (&old.plaintext, &start, &over, &rotation);
            scope.spawn(move || {
                let ask = interface.of(server);
                // Where the test fails meanwhile, nobody says that it is over.
                let begun = Instant::now();
                while !over.load(Ordering::SeqCst) && begun.elapsed() < LIMIT * 2 {
                    if !start.load(Ordering::SeqCst) {
                        thread::yield_now();
                        continue;
                    }
                    let context = format!("{interface:?}, first {first:?}");
                    ask_old(&ask, old, rotation, seen, &context);
                    if let Some(Rotation { new, .. }) = rotation.get() {
                        let status = ask(&new.plaintext);
                        assert!(status == 200 || status == 503, "{context}: the new secret is {status}");
                        seen.new_accepted.fetch_add(usize::from(status == 200), Ordering::SeqCst);
                    }
                }
            });
        }
        let begin = || start.store(true, Ordering::SeqCst);
        if first == First::BeforeTheRotation {
            begin();
            all(&|seen| &seen.accepted);
        }
        let body = json!({"grace_seconds": GRACE});
        let new = Created::from_body(&acme.rotation(&acme.admin, old.id()).json(&body).send().expect(200));
        let end = clock::parse(new.key["previous_expires_at"].as_str().expect("a time"));
        let _: Result<(), Rotation> = rotation.set(Rotation { new, end });
        if first == First::InTheGrace {
            begin();
            all(&|seen| &seen.accepted);
        }
        if first == First::AfterTheGrace {
            wait::until("the grace is over", LIMIT, || (clock::now() > end + APART).then_some(()));
            begin();
        }
        all(&|seen| &seen.refused);
        all(&|seen| &seen.new_accepted);
        over.store(true, Ordering::SeqCst);
    });
}

fn ask_old(ask: &dyn Fn(&str) -> u16, old: &str, rotation: &OnceLock<Rotation>, seen: &Seen, context: &str) {
    let sent = clock::now();
    let status = ask(old);
    let answered = clock::now();
    // Where the rotation is not answered yet, its grace has not ended.
    let end = rotation.get().map(|rotation| rotation.end);
    match status {
        200 => {
            let is_late = end.is_some_and(|end| sent > end + APART);
            assert!(!is_late, "{context}: the previous secret is accepted after its grace");
            seen.accepted.fetch_add(1, Ordering::SeqCst);
        }
        401 => {
            let is_early = end.is_none_or(|end| answered + APART < end);
            assert!(!is_early, "{context}: the previous secret is refused in its grace");
            seen.refused.fetch_add(1, Ordering::SeqCst);
        }
        // Neither accepted nor refused, on a busy machine.
        503 => {}
        other => panic!("{context}: {other}"),
    }
}
