//! What the libraries remember, and for how long.

use std::{thread, time::Duration};

use capykeys_tests::wait;

use crate::{
    guarded::{Guarded, Settings},
    stand_in::{KEY, Reply, StandIn},
};

const LONG: Duration = Duration::from_mins(1);
const BRIEF: Duration = Duration::from_millis(400);

/// Good once, and revoked from then on.
fn once(max_age: Duration) -> StandIn {
    StandIn::start(move |question| match question.number {
        0 => Reply::good(max_age),
        _ => Reply::refused("revoked", Duration::ZERO),
    })
}

pub(crate) fn a_verdict_is_kept_as_long_as_it_says_and_no_longer(name: &'static str) {
    let kept = once(LONG);
    let guarded = Guarded::start(name, kept.address, Settings::default());
    for _ in 0..20 {
        assert_eq!(guarded.ask(KEY).status, 200);
    }
    assert_eq!((kept.questions().len(), guarded.kept()), (1, 1), "{name}");

    let brief = once(BRIEF);
    let guarded = Guarded::start(name, brief.address, Settings::default());
    assert_eq!(guarded.ask(KEY).status, 200);
    thread::sleep(BRIEF);
    guarded.ask(KEY).expect_unauthorized();
}

/// The answer takes longer than it is good for.
pub(crate) fn the_age_counts_from_when_it_was_asked(name: &'static str) {
    let service = StandIn::start(|question| match question.number {
        0 => {
            thread::sleep(BRIEF);
            Reply::good(BRIEF)
        }
        _ => Reply::refused("revoked", Duration::ZERO),
    });
    let guarded = Guarded::start(name, service.address, Settings::default());
    assert_eq!(guarded.ask(KEY).status, 200);
    guarded.ask(KEY).expect_unauthorized();
}

/// A service that grants more has not understood the question.
pub(crate) fn a_verdict_is_kept_no_longer_than_was_asked_for(name: &'static str) {
    let service = once(LONG);
    let guarded = Guarded::start(name, service.address, Settings { max_age: BRIEF, ..Settings::default() });
    assert_eq!(guarded.ask(KEY).status, 200);
    let refused = || (guarded.ask(KEY).status == 401).then_some(());
    wait::until("it asks again", LONG / 2, refused);
}

pub(crate) fn no_more_verdicts_are_kept_than_there_is_room_for(name: &'static str) {
    let service = StandIn::start(|_| Reply::good(LONG));
    let guarded = Guarded::start(name, service.address, Settings { capacity: 50, ..Settings::default() });
    for number in 0..200 {
        assert_eq!(guarded.ask(&format!("{KEY}{number}")).status, 200);
        // It is used all the time, and stays.
        assert_eq!(guarded.ask(KEY).status, 200);
    }
    assert_eq!(guarded.kept(), 50, "{name}");
    assert_eq!(service.questions().len(), 201, "{name} forgets what is used");
    // What can be no key is not asked for at all.
    guarded.ask(&"x".repeat(4_000)).expect_unauthorized();
    assert_eq!(service.questions().len(), 201, "{name}");
}

pub(crate) fn a_refusal_is_kept_as_well(name: &'static str) {
    let service = StandIn::start(|_| Reply::refused("not_found", LONG));
    let guarded = Guarded::start(name, service.address, Settings::default());
    for _ in 0..10 {
        guarded.ask(KEY).expect_unauthorized();
    }
    assert_eq!(service.questions().len(), 1, "{name}");
}
