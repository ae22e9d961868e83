//! What the libraries ask, and how often.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use capykeys_tests::driver::locked;

use crate::{
    guarded::{Guarded, Settings, TOKEN},
    stand_in::{KEY, Reply, StandIn},
};

const LONG: Duration = Duration::from_mins(1);
const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

pub(crate) fn a_question_says_the_age_that_is_used_and_carries_trace_and_token(name: &'static str) {
    let service = StandIn::start(|_| Reply::good(LONG));
    let settings = Settings { max_age: Duration::from_millis(1_234), ..Settings::default() };
    let guarded = Guarded::start(name, service.address, settings);
    let headers =
        [("authorization", "Bearer capy_live_stand_in"), ("traceparent", TRACE), ("tracestate", "a=1")];
    assert_eq!(guarded.ask_with("/jobs", &headers).status, 200);
    let asked = service.questions();
    let [question] = &asked[..] else { panic!("{asked:?}") };
    assert_eq!(question.body, serde_json::json!({"api_key": KEY, "max_age_ms": 1234}));
    assert_eq!(question.header("content-type"), ["application/json"]);
    assert_eq!(question.header("authorization"), [format!("Bearer {TOKEN}")]);
    assert_eq!((question.header("traceparent"), question.header("tracestate")), (vec![TRACE], vec!["a=1"]));
}

/// What anybody sends with a good key is no reason to refuse it.
pub(crate) fn a_trace_that_is_not_ascii_refuses_nobody(name: &'static str) {
    let service = StandIn::start(|_| Reply::good(LONG));
    let guarded = Guarded::start(name, service.address, Settings::default());
    if guarded.speaks_grpc() {
        return;
    }
    let headers =
        [("authorization", "Bearer capy_live_stand_in"), ("traceparent", TRACE), ("tracestate", "a=\u{43a}")];
    assert_eq!(guarded.ask_with("/jobs", &headers).status, 200, "{name}");
    assert_eq!(service.questions()[0].header("traceparent"), [TRACE], "{name}");
}

pub(crate) fn connections_are_kept(name: &'static str) {
    let service = StandIn::start(|_| Reply::good(LONG));
    let guarded = Guarded::start(name, service.address, Settings::default());
    for number in 0..20 {
        assert_eq!(guarded.ask(&format!("{KEY}{number}")).status, 200);
    }
    let asked = service.questions();
    assert_eq!(asked.len(), 20);
    assert!(asked.iter().all(|question| question.connection == 0), "{name} opens a connection for each");
}

/// A server that ends idle connections does not say so before the next question is on its way.
pub(crate) fn a_kept_connection_that_was_closed_refuses_nobody(name: &'static str) {
    let used = Mutex::new(BTreeSet::new());
    let service = StandIn::start(move |question| {
        let is_new = locked(&used).insert(question.connection);
        if is_new { Reply::good(LONG) } else { Reply::raw("") }
    });
    let guarded = Guarded::start(name, service.address, Settings::default());
    for number in 0..10 {
        assert_eq!(guarded.ask(&format!("{KEY}{number}")).status, 200, "{name}");
    }
    assert!(service.questions().len() > 10, "{name}: no connection was kept");
}

/// Holds its answers until it is told to go on.
fn held(open: &Arc<AtomicBool>, reply: impl Fn() -> Reply + Send + Sync + 'static) -> StandIn {
    let open = Arc::clone(open);
    StandIn::start(move |question| {
        let reply = reply();
        while question.number == 0 && !open.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(5));
        }
        reply
    })
}

/// Until more than one is surely there, where nothing can be seen of them.
const GATHER: Duration = Duration::from_millis(400);

pub(crate) fn questions_for_one_key_are_joined(name: &'static str) {
    let open = Arc::default();
    let service = held(&open, || Reply::good(LONG));
    let guarded = Guarded::start(name, service.address, Settings::default());
    thread::scope(|scope| {
        let all: Vec<_> = (0..50).map(|_| scope.spawn(|| guarded.ask(KEY).status)).collect();
        service.wait_for(1);
        thread::sleep(GATHER);
        open.store(true, Ordering::SeqCst);
        assert!(all.into_iter().all(|one| one.join().expect("an answer") == 200));
    });
    assert_eq!(service.questions().len(), 1, "{name}");
}

/// The key is revoked while the answer to the first question is on its way, and it may not be kept. A request
/// that comes afterwards finds this question under way.
pub(crate) fn whoever_joins_relies_on_no_verdict_from_before(name: &'static str) {
    let (open, revoked) = (Arc::default(), Arc::new(Mutex::new(false)));
    let seen = Arc::clone(&revoked);
    let service = held(&open, move || {
        if *locked(&seen) { Reply::refused("revoked", LONG) } else { Reply::good(Duration::ZERO) }
    });
    let guarded = Guarded::start(name, service.address, Settings::default());
    thread::scope(|scope| {
        let first = scope.spawn(|| guarded.ask(KEY));
        service.wait_for(1);
        *locked(&revoked) = true;
        let later: Vec<_> = (0..5).map(|_| scope.spawn(|| guarded.ask(KEY))).collect();
        thread::sleep(GATHER);
        open.store(true, Ordering::SeqCst);
        assert_eq!(first.join().expect("an answer").status, 200, "{name}: it came before the revocation");
        for one in later {
            one.join().expect("an answer").expect_unauthorized();
        }
    });
    assert!(service.questions().len() < 6, "{name}: those that came later were not joined");
}

pub(crate) fn where_nothing_may_be_kept_nothing_is(name: &'static str) {
    let service = StandIn::start(|_| Reply::good(LONG));
    let guarded =
        Guarded::start(name, service.address, Settings { max_age: Duration::ZERO, ..Settings::default() });
    for _ in 0..5 {
        assert_eq!(guarded.ask(KEY).status, 200);
    }
    let asked = service.questions();
    assert_eq!(asked.len(), 5, "{name}");
    assert!(asked.iter().all(|question| question.body["max_age_ms"] == 0), "{name}: {asked:?}");
    assert_eq!(guarded.kept(), 0);
}

/// So many questions are under way at once, unless a library is set up otherwise.
const ROOM: usize = 256;

/// Anybody can make up keys.
pub(crate) fn no_more_is_asked_at_once_than_there_is_room_for(name: &'static str) {
    // Python's ask over a hundred connections at a time, and the others wait for one of these.
    if ["fastapi", "django"].contains(&name) {
        return;
    }
    let open = Arc::new(AtomicBool::new(false));
    let shown = Arc::clone(&open);
    let service = StandIn::start(move |_| {
        while !shown.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(5));
        }
        Reply::good(LONG)
    });
    let guarded = Guarded::start(name, service.address, Settings { timeout: LONG, ..Settings::default() });
    thread::scope(|scope| {
        let guarded = &guarded;
        let ask = |number| move || guarded.ask(&format!("{KEY}{number}")).status;
        let all: Vec<_> = (0..ROOM).map(|number| scope.spawn(ask(number))).collect();
        service.wait_for(ROOM);
        guarded.ask(KEY).expect_unavailable("there is no room");
        open.store(true, Ordering::SeqCst);
        assert!(all.into_iter().all(|one| one.join().expect("an answer") == 200), "{name}");
    });
    assert_eq!(service.questions().len(), ROOM, "{name}");
    assert_eq!(guarded.ask(KEY).status, 200, "{name}: there is room again");
}
