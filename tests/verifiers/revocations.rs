//! Keys that are revoked while a library remembers them.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use capykeys_tests::{settings, wait};

use crate::{
    guarded::{Guarded, Settings},
    replicas::{USUAL, Way, guarded, replicas},
};

const LIMIT: Duration = Duration::from_mins(1);

/// So many clients ask all the time.
const CLIENTS: usize = 4;

pub(crate) fn a_server_that_is_down_lets_nobody_through(name: &'static str) {
    let way = Way::new();
    let (guarded, acme) = (Guarded::start(name, way.proxy.address(), USUAL), replicas().tenant());
    wait::until("it is let through", LIMIT, || (guarded.ask(&acme.admin).status == 200).then_some(()));
    way.proxy.refuse();
    wait::until("it is refused", LIMIT, || (guarded.ask(&acme.admin).status == 503).then_some(()));
    for _ in 0..5 {
        guarded.ask(&acme.admin).expect_unavailable("the server is down");
    }
    way.proxy.heal();
    wait::until("it is let through again", LIMIT, || (guarded.ask(&acme.admin).status == 200).then_some(()));
}

pub(crate) fn whoever_is_cut_off_refuses_once_the_kept_age_is_over(name: &'static str) {
    let way = Way::new();
    let brief = Settings { timeout: Duration::from_millis(500), ..USUAL };
    let (guarded, acme) = (Guarded::start(name, way.proxy.address(), brief), replicas().tenant());
    let key = acme.key_with(&["jobs:read"]);
    wait::until("it is let through", LIMIT, || (guarded.ask(&key.plaintext).status == 200).then_some(()));
    way.proxy.swallow(true);
    // Answered when the kept age is over.
    acme.revoke(key.id());
    for key in [&key.plaintext, &acme.admin, &key.plaintext] {
        guarded.ask(key).expect_unavailable("it is cut off");
    }
    way.proxy.swallow(false);
    wait::until("it hears of it", LIMIT, || {
        let status = guarded.ask(&key.plaintext).status;
        assert!([401, 503].contains(&status), "{name}: {status}");
        (status == 401).then_some(())
    });
    wait::until("others are let through", LIMIT, || (guarded.ask(&acme.admin).status == 200).then_some(()));
}

/// What was seen of one key.
#[derive(Default)]
struct Seen {
    /// When the last question that was accepted was sent.
    last: Option<Instant>,
    /// When each that was refused was sent.
    refused: Vec<Instant>,
}

pub(crate) fn no_revoked_key_is_let_through_after_delete_has_answered(name: &'static str) {
    let (guarded, acme) = (guarded(name), replicas().tenant());
    let count = settings::number("CAPYKEYS_TEST_REVOCATIONS", 5);
    let (mut accepted, mut after, mut waited) = (0, 0, Vec::new());
    for _ in 0..count {
        let key = acme.key_with(&["jobs:read"]);
        let ended = AtomicBool::new(false);
        let so_far = AtomicUsize::new(0);
        let (seen, sent, answered) = thread::scope(|scope| {
            // Also where something fails below: the scope waits for them.
            let end = Ending(&ended);
            let ask = || ask_until(&ended, &so_far, &guarded, &key.plaintext);
            let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(ask)).collect();
            let let_through = || (so_far.load(Ordering::SeqCst) > 0).then_some(());
            wait::until("this key is let through, and so remembered", LIMIT, let_through);
            let sent = Instant::now();
            acme.revoke(key.id());
            let answered = Instant::now();
            // Until each has asked afterwards.
            thread::sleep(USUAL.max_age);
            drop(end);
            let seen: Vec<_> = clients.into_iter().map(|one| one.join().expect("a client")).collect();
            (seen, sent, answered)
        });
        let so_far = so_far.into_inner();
        assert!(so_far > 0, "{name}: nobody was let through before the key was revoked");
        accepted += so_far;
        for one in seen {
            after += one.refused.iter().filter(|&&refused| refused > answered).count();
            let late = one.last.filter(|&last| last > answered);
            assert!(
                late.is_none(),
                "{name}: let through {:?} after DELETE had answered",
                late.map(|at| at - answered)
            );
        }
        waited.push(answered - sent);
    }
    waited.sort_unstable();
    println!(
        "{name}: {count} keys revoked, {accepted} requests let through before, {after} asked after DELETE had \
         answered, 0 of them let through; DELETE took {:?} in the middle, {:?} at most",
        waited[waited.len() / 2],
        waited[waited.len() - 1],
    );
    assert!(after > 0, "{name}: nobody asked after DELETE had answered");
}

/// Ends the clients when it is dropped.
struct Ending<'a>(&'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

fn ask_until(ended: &AtomicBool, let_through: &AtomicUsize, guarded: &Guarded, key: &str) -> Seen {
    let mut seen = Seen::default();
    // Once more after the end, so that each has asked.
    loop {
        let is_last = ended.load(Ordering::SeqCst);
        let sent = Instant::now();
        match guarded.ask(key).status {
            200 => {
                let_through.fetch_add(1, Ordering::SeqCst);
                seen.last = Some(sent);
            }
            401 => seen.refused.push(sent),
            // A replica on a machine that is busy may have no verdict for a moment.
            503 => {}
            status => panic!("neither let through nor refused: {status}"),
        }
        if is_last {
            return seen;
        }
    }
}
