//! That the searches in `src/tests` would see a mistake in the crate itself. Each is made in a copy of the
//! crate, as a change of its text, so that the crate knows nothing of it; then a search has to fail.
//!
//! `cargo test -p capykeys-cache --test mutants -- --ignored`. Each mutant is compiled, one at a time.
use capykeys_testkit::mutants::{Caught, in_library};

const SIMULATED: Caught = in_library(
    "tests::simulation::no_replica_accepts_a_revoked_key_later_than_promised",
    "CAPYKEYS_TEST_SEED=",
);
/// Where nobody registers nobody has a verdict either.
const SIMULATED_IDLE: Caught = in_library(
    "tests::simulation::no_replica_accepts_a_revoked_key_later_than_promised",
    "hits has happened too seldom",
);
const FOUND: Caught = in_library("tests::exhaustive::no_order_of_events_breaks_the_promise", "Accepted");
const FOUND_IF_KEPT: Caught =
    in_library("tests::exhaustive::no_order_of_events_breaks_it_where_verdicts_are_kept", "KeptAfterDelete");
const FOUND_IF_SLOW: Caught =
    in_library("tests::exhaustive::no_order_of_events_breaks_it_where_reads_are_slow", "Accepted");
const FOUND_IN_A_FAILOVER: Caught =
    in_library("tests::exhaustive::no_order_of_events_breaks_it_in_a_failover_with_slow_reads", "Accepted");
const FOUND_AFTER_A_FAILOVER: Caught =
    in_library("tests::exhaustive::no_order_of_events_breaks_it_in_a_failover", "Accepted");
const SCHEDULED_AFTER_TOLD: Caught =
    in_library("tests::schedules::no_schedule_breaks_the_promise", ": AcceptedAfterTold");
const SCHEDULED_TOO_LATE: Caught =
    in_library("tests::schedules::no_schedule_breaks_the_promise", ": AcceptedTooLate");
const SCHEDULED_LEFT_BEHIND: Caught =
    in_library("tests::schedules::no_schedule_breaks_the_promise", ": LeftBehind");
const CROWDED: Caught =
    in_library("tests::schedules::crowd::those_who_ask_at_once_share_one_read", "reads: [");

capykeys_testkit::mutants! {
    a_lease_from_the_time_of_receipt_is_caught: [SIMULATED, FOUND, SCHEDULED_TOO_LATE], [(
        "src/machine.rs",
        "        match answer {",
        "        let sent = &SentPoll { until: self.until(now), ..sent.clone() };
        match answer {",
    )];
    a_lease_extended_before_applying_is_caught: [SIMULATED, FOUND, SCHEDULED_AFTER_TOLD], [
        (
            "src/machine.rs",
            "self.apply(changes);",
            "let late = std::mem::replace(&mut self.late, changes.clone());
                self.apply(&late);",
        ),
        (
            "src/machine.rs",
            "organizations: CachedOrganizations,",
            "organizations: CachedOrganizations, late: Vec<capykeys_domain::ports::Change>,",
        ),
        (
            "src/machine.rs",
            "organizations: CachedOrganizations::default(),",
            "organizations: CachedOrganizations::default(), late: Vec::new(),",
        ),
        (
            "src/machine/tests.rs",
            "organizations: self.organizations.clone(),",
            "organizations: self.organizations.clone(), late: self.late.clone(),",
        ),
        ("src/machine/tests.rs", "self.keys.fingerprint(now))", "self.keys.fingerprint(now), self.late.clone())"),
    ];
    a_lease_from_an_incomplete_poll_is_caught: [SIMULATED], [
        ("src/machine.rs", "if !complete {", "if false {"),
    ];
    fills_without_a_fence_are_caught: [SIMULATED, FOUND_IF_SLOW, SCHEDULED_AFTER_TOLD], [
        ("src/machine.rs", "if !same || !untouched {", "if !same {"),
    ];
    a_fill_from_before_a_restart_is_caught: [SIMULATED, FOUND_IN_A_FAILOVER], [
        ("src/machine.rs", "if !same || !untouched {", "if !untouched {"),
    ];
    reads_of_any_age_are_caught: [SIMULATED, FOUND_IF_SLOW], [
        ("src/machine.rs", "let until = sent.until;", "let until = BootTime::new(Duration::MAX);"),
    ];
    a_divergence_that_is_ignored_is_caught: [SIMULATED], [(
        "src/machine.rs",
        "self.clear();
                self.move_to(head.position, now);",
        "if sent.position.is_none() { self.clear(); }
                self.move_to(head.position, now);",
    )];
    an_entry_that_is_found_by_its_id_alone_is_caught: [SIMULATED], [
        ("src/cached_keys.rs", "    hand: usize,", "    hand: usize, ids: HashMap<[u8; 32], KeyId>,"),
        ("src/cached_keys.rs", "            hand: 0,", "            hand: 0, ids: HashMap::new(),"),
        ("src/cached_keys.rs", "by_key, hand }", "by_key, hand, ids }"),
        ("src/cached_keys.rs", "hand: *hand,", "hand: *hand, ids: ids.clone(),"),
        (
            "src/cached_keys.rs",
            "self.by_digest.get(digest.as_bytes())?",
            "self.by_key.get(self.ids.get(digest.as_bytes())?)?",
        ),
        ("src/cached_keys.rs", ".filter(|slot| digests_of(&slot.found).any(|own| own == digest))", ""),
        (
            "src/cached_keys.rs",
            "self.by_key.insert(found.key.id, place);",
            "self.by_key.insert(found.key.id, place);
        self.ids.insert(*found.digest.as_bytes(), found.key.id);",
        ),
    ];
    a_cache_without_a_lease_is_caught: [SIMULATED, FOUND], [
        ("src/machine.rs", "let until = self.lease_until;", "let until = BootTime::new(Duration::MAX);"),
    ];
    a_registration_that_is_never_asked_for_is_caught: [SIMULATED_IDLE], [
        ("src/machine/apply.rs", "if !registered {", "if false {"),
    ];
    a_verdict_without_a_registration_is_caught: [SIMULATED, FOUND_AFTER_A_FAILOVER], [
        ("src/machine.rs", "now.after(self.lease).min(self.registered_until)", "now.after(self.lease)"),
    ];
    a_renewal_that_counts_for_what_was_told_before_it_is_caught: [FOUND_AFTER_A_FAILOVER], [
        ("src/machine/apply.rs", "self.lease_until = sent.until;", "self.lease_until = sent.sent.after(self.lease);"),
        (
            "src/machine.rs",
            "let until = self.lease_until;",
            "let until = self.lease_until.min(self.registered_until);",
        ),
    ];
    an_epoch_in_which_nobody_waits_for_registrations_of_an_older_one_is_caught: [FOUND_AFTER_A_FAILOVER], [
        ("src/acknowledgement.rs", "if replica.here {", "if true {"),
    ];
    a_confirmation_that_waits_for_nobody_who_keeps_a_verdict_is_caught: [SIMULATED, FOUND_IF_KEPT], [
        ("src/machine/apply.rs", "(new && now >= self.kept_until).then_some", "new.then_some"),
    ];
    a_read_that_is_fenced_from_its_answer_on_is_caught: [SCHEDULED_AFTER_TOLD], [(
        "src/cache.rs",
        "drop(landing);",
        "drop(read);
        let read = self.begin_read(now);
        drop(landing);",
    )];
    a_read_that_is_joined_once_it_is_over_is_caught: [SCHEDULED_AFTER_TOLD], [
        ("src/cache.rs", "drop(landing);", "let _landing = landing;"),
    ];
    a_read_that_is_joined_without_a_lease_is_caught: [SCHEDULED_AFTER_TOLD], [
        ("src/cache.rs", "let any = self.lease_remaining().is_some();", "let any = true;"),
    ];
    a_read_that_is_joined_as_if_it_waited_still_is_caught: [SCHEDULED_AFTER_TOLD], [
        ("src/single_flight.rs", "landing.take_off();", ""),
    ];
    a_verdict_without_a_last_look_at_the_clock_is_caught: [SCHEDULED_TOO_LATE], [
        ("src/cache.rs", "if answer.remaining(now).is_some() {", "if true {"),
    ];
    reads_that_are_given_up_and_not_ended_are_caught: [SCHEDULED_LEFT_BEHIND], [
        ("src/cache.rs", "self.write().abandon_read(&read)", "drop(read)"),
    ];
    a_crowd_that_shares_nothing_is_caught: [CROWDED], [
        ("src/cache.rs", "self.0.flights.join_or_start(", "Arc::<SingleFlight>::default().join_or_start("),
    ];
}
