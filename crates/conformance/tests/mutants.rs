//! That the suite sees what is wrong with a store: mistakes are planted in a copy of the reference model, one at a
//! time, and a case has to fail for each.
//!
//! `cargo test -p capykeys-conformance --test mutants -- --ignored`. The tables of the adapters stand in their own
//! `tests/mutants.rs`. Here is what a database would not let anybody do, and what needs a moment in between that
//! a database keeps short.

use capykeys_testkit::mutants::{Caught, DIFFERS};

const MODEL: &str = "src/model.rs";
const ORGANIZATIONS: &str = "src/model/organizations.rs";
const FEED: &str = "src/model/feed.rs";
const LOG: &str = "src/model/audit.rs";
const ONCE: &str = "src/model/once.rs";
const WHOLE: &str = "src/model/whole.rs";

/// A case, and what it says.
const fn case(test: &'static str, says: &'static str) -> Caught {
    Caught { target: "model", test, says }
}

const REVOCATION: &str = "let RevokeKey { organization, id, at, event } = revoke;";
const REVOKES: &str =
    "let RevokeKey { organization, id, at, event } = revoke;\n        let mut state = self.state();";
const IN_ONE: &str = "let RevokeKey { organization, id, at, event } = revoke;
        let outcome: Result<Option<Revocation>, Unavailable> = (|| {
        let mut state = self.state();";
const TOLD: &str =
    "        state.feed.tell(Change::Key(id));\n        Ok(Some(Revocation { revoked_at: at, newly: true }))";
const LOGGED: &str =
    "        state.log.push(AuditEvent { project_id, ..event });\n        state.feed.tell(Change::Key(id));";
const SUSPENDED: &str =
    "            state.log.push(event);\n            state.feed.tell(Change::Organization(id));";

capykeys_testkit::mutants! {
    a_change_that_is_told_before_it_is_made_is_caught:
        [case("a_revocation_is_seen_as_a_whole", "a change is told before it can be seen")], [
        (MODEL, REVOCATION, "let RevokeKey { organization, id, at, event } = revoke;
        self.state().feed.tell(Change::Key(id));
        std::thread::sleep(std::time::Duration::from_millis(1));"),
        (MODEL, TOLD, "        Ok(Some(Revocation { revoked_at: at, newly: true }))"),
    ];
    a_change_that_is_told_in_a_later_transaction_is_caught:
        [case("a_revocation_is_seen_as_a_whole", "a change can be seen before it is told")], [
        (MODEL, TOLD, "        drop(state);
        std::thread::sleep(std::time::Duration::from_millis(1));
        self.state().feed.tell(Change::Key(id));
        Ok(Some(Revocation { revoked_at: at, newly: true }))"),
    ];
    a_change_that_is_lost_with_its_request_is_caught:
        [case("a_dropped_revocation_is_whole_or_absent", "a change is told if and only if it was made")], [
        (MODEL, REVOKES, IN_ONE),
        (MODEL, TOLD, "        Ok(Some(Revocation { revoked_at: at, newly: true }))
        })();
        tokio::task::yield_now().await;
        if matches!(outcome, Ok(Some(Revocation { newly: true, .. }))) {
            self.state().feed.tell(Change::Key(id));
        }
        outcome"),
    ];
    a_brought_key_that_is_not_told_is_caught: [
        case("a_brought_key_is_told_when_it_is_stored_and_kept_as_one", "what was remembered as absent stays so"),
    ], [
        (MODEL, "            state.feed.tell(Change::Brought(organization));\n", "            let _ = organization;\n"),
    ];
    a_brought_key_that_nobody_looks_for_is_caught: [
        case("a_brought_key_is_told_when_it_is_stored_and_kept_as_one", "nobody would look for a brought key"),
    ], [
        (FEED, "let brought = self.has_brought();", "let brought = false;"),
    ];
    an_event_that_is_lost_with_its_request_is_caught:
        [case("a_dropped_revocation_is_whole_or_absent", "a change and its event are there together")], [
        (MODEL, REVOKES, IN_ONE),
        (MODEL, LOGGED, "        let _ = project_id;\n        state.feed.tell(Change::Key(id));"),
        (MODEL, "        Ok(Some(Revocation { revoked_at: at, newly: true }))", "        Ok(Some(Revocation { revoked_at: at, newly: true }))
        })();
        tokio::task::yield_now().await;
        if matches!(outcome, Ok(Some(Revocation { newly: true, .. }))) {
            self.state().log.push(event);
        }
        outcome"),
    ];
    an_event_in_a_later_transaction_is_caught:
        [case("a_revocation_is_seen_as_a_whole", "a change can be seen before its event is there")], [
        (MODEL, LOGGED, "        state.feed.tell(Change::Key(id));
        drop(state);
        std::thread::sleep(std::time::Duration::from_millis(1));
        self.state().log.push(AuditEvent { project_id, ..event });"),
    ];
    an_event_in_an_earlier_transaction_is_caught:
        [case("a_revocation_is_seen_as_a_whole", "an event is there before what it tells of")], [
        (MODEL, REVOCATION, "let RevokeKey { organization, id, at, event } = revoke;
        self.state().log.push(event);
        std::thread::sleep(std::time::Duration::from_millis(1));"),
        (MODEL, LOGGED, "        let _ = project_id;\n        state.feed.tell(Change::Key(id));"),
    ];
    a_suspensions_event_in_a_second_transaction_is_caught: [
        case("a_suspension_is_seen_as_a_whole", "a change can be seen before its event is there"),
    ], [
        (ORGANIZATIONS, SUSPENDED, "            state.feed.tell(Change::Organization(id));
            std::mem::drop(state);
            std::thread::sleep(std::time::Duration::from_millis(1));
            self.state().log.push(event);"),
    ];
    a_creator_that_is_judged_in_an_earlier_transaction_is_caught: [
        case("of_a_revocation_and_creations_at_once_none_is_created_after_it", "a key was created after"),
        case("of_a_suspension_and_creations_at_once_none_is_created_after_it", "a key was created after"),
    ], [
        (MODEL, "        let taken = |old: &StoredKey|", "        drop(state);
        std::thread::sleep(std::time::Duration::from_millis(1));
        let mut state = self.state();
        let taken = |old: &StoredKey|"),
    ];
    an_organization_that_is_looked_for_in_an_earlier_transaction_is_caught:
        [case("ten_creations_at_once_for_one_at_clerk_make_one", "org_2same")], [
        (ORGANIZATIONS, "        if state.organizations.contains_key(&organization.id) {", "        drop(state);
        std::thread::sleep(std::time::Duration::from_millis(1));
        let mut state = self.state();
        if state.organizations.contains_key(&organization.id) {"),
    ];
    a_number_that_is_drawn_before_the_transaction_is_caught:
        [case("every_reader_is_told_every_event_once_and_in_one_order", "a reader was told something else")], [
        (LOG, "        self.state().log.push(event);\n        Ok(())", "        let sequence = {
            let log = &mut self.state().log;
            log.newest = log.newest.next().unwrap_or_default();
            log.newest
        };
        std::thread::sleep(std::time::Duration::from_millis(1));
        let log = &mut self.state().log;
        log.records.push(AuditRecord { sequence, event });
        log.records.sort_by_key(|one| one.sequence);
        Ok(())"),
    ];
    a_revocation_that_is_undone_by_a_use_is_caught: [case("revoked_expired_and_suspended_keys_are_recorded_too", DIFFERS)], [
        (MODEL, "stored.used(one);", "stored.key.revoked_at = None;
                stored.used(one);"),
    ];
    uses_beyond_256_that_are_ignored_are_caught: [case("many_keys_are_recorded_at_once", DIFFERS)], [
        (MODEL, "for one in uses {", "for one in uses.into_iter().take(256) {"),
    ];
    keys_that_cannot_be_read_and_are_left_out_are_caught:
        [case("a_row_that_cannot_be_read_is_an_error_and_not_shown", "list_keys has not noticed a row")], [
        ("src/model/many.rs", "own.take(query.limit.get().into()).map(|stored| self.read(stored)).collect()",
            "Ok(own.filter_map(|stored| self.read(stored).ok()).take(query.limit.get().into()).collect())"),
    ];
    a_key_that_cannot_be_read_and_is_unknown_is_caught:
        [case("a_row_that_cannot_be_read_is_an_error_and_not_shown", "find_key_by_digest has not noticed a row")], [
        (MODEL, "let (StoredKey { digest, previous_digest, .. }, key) = (stored.clone(), state.read(stored)?);",
            "let Ok(key) = state.read(stored) else { return Ok(None) };
        let StoredKey { digest, previous_digest, .. } = stored.clone();"),
    ];
    a_time_that_stands_still_is_caught: [
        case("the_stores_time_goes_on_and_never_back", "its time stands still"),
        case("the_stores_time_is_its_clocks", "it goes by another clock"),
    ], [
        (FEED, "store_time: self.feed.clock.now()", "store_time: fixtures::at(0)"),
    ];
    a_time_that_is_an_hour_ahead_is_caught: [case("the_stores_time_is_its_clocks", "it goes by another clock")], [
        (FEED, "store_time: self.feed.clock.now()",
            "store_time: fixtures::at(3_600_000_000 + self.feed.clock.now().unix_micros() - fixtures::at(0).unix_micros())"),
    ];
    a_time_that_goes_back_is_caught: [case("the_stores_time_goes_on_and_never_back", "its time goes back")], [
        (FEED, "store_time: self.feed.clock.now()",
            "store_time: fixtures::at(fixtures::at(0).unix_micros() - self.feed.clock.now().unix_micros())"),
    ];
    marks_that_are_counted_are_caught: [case("marks_are_random", "are not random")], [
        (FEED, "        self.marks.push(mark());", "        self.marks.push((self.marks.len() as u128).to_be_bytes());"),
    ];
    a_page_that_always_says_that_it_is_the_last_is_caught: [case("pages_are_complete_and_say_when_they_end", DIFFERS)], [
        (FEED, "complete: end == state.feed.changes.len(),", "complete: true,"),
    ];
    a_position_of_another_mark_that_is_taken_is_caught: [case("a_position_with_another_mark_diverges", "Changes")], [
        (FEED, "state.feed.position(read) == query.after", "state.feed.position(read).epoch == query.after.epoch"),
    ];
    a_position_of_another_epoch_that_is_taken_is_caught: [case("a_position_of_another_history_diverges", "Changes")], [
        (FEED, "state.feed.position(read) == query.after", "state.feed.position(read).mark == query.after.mark"),
    ];
    a_change_that_is_left_out_is_caught: [case("every_change_is_told_once_and_in_its_order", DIFFERS)], [
        (ORGANIZATIONS, SUSPENDED, "            state.log.push(event);"),
    ];
    a_store_that_sees_nothing_new_is_caught: [case("a_revoked_key_is_seen_as_revoked_at_once", DIFFERS)], [
        (MODEL, "Ok(Some(FoundKey { digest, previous_digest, key, organization }))", "Ok(Some(FoundKey { digest, previous_digest, key: ApiKey { revoked_at: None, ..key }, organization }))"),
    ];
    names_that_are_trimmed_are_caught: [case("names_are_kept_byte_for_byte", DIFFERS)], [
        (MODEL, "        let NewKey { key, digest, .. } = new;", "        let NewKey { mut key, digest, .. } = new;
        key.name = capykeys_domain::model::KeyName::parse(key.name.as_str().trim()).unwrap_or(key.name);"),
    ];

    // Requests that are done once.
    a_request_that_is_remembered_for_too_long_is_caught: [case("a_request_is_forgotten_after_a_day", DIFFERS)], [
        (ONCE, "one.record.id == record.id && one.at > forgotten", "one.record.id == record.id && one.at >= forgotten"),
    ];
    a_request_that_was_not_done_and_is_remembered_is_caught:
        [case("a_request_that_was_not_done_is_not_remembered", DIFFERS)], [
        (MODEL, "            return Ok(Insertion::Duplicate);", "            if let Some(record) = new.idempotency.clone() {
                state.remember(record, new.key.clone(), event.at);
            }
            return Ok(Insertion::Duplicate);"),
    ];
    a_repetition_that_is_answered_with_the_key_as_it_is_now_is_caught:
        [case("a_repeated_request_is_told_the_key_as_it_was_and_as_it_is", DIFFERS)], [
        (ONCE, "answered: answered.clone(), present", "answered: present.key.clone(), present"),
    ];
    a_request_that_is_looked_for_in_an_earlier_transaction_is_caught:
        [case("of_many_requests_of_one_id_at_once_one_is_done", "requests were done")], [
        (MODEL, "        let created_with = match &new.creator {", "        let before = new.idempotency.as_ref().and_then(|it| state.repeated(it, event.at));
        drop(state);
        std::thread::sleep(std::time::Duration::from_millis(1));
        let mut state = self.state();
        let created_with = match &new.creator {"),
        (MODEL, "        if let Some(before) = new.idempotency.as_ref().and_then(|it| state.repeated(it, event.at)) {",
            "        if let Some(before) = before {"),
    ];

    // A whole store.
    an_import_into_a_store_with_a_row_is_caught:
        [case("a_store_that_holds_anything_is_not_filled", "assertion failed")], [
        (WHOLE, "!head.is_unfinished() && head.counts != RowCounts::default()", "head.counts.keys > u64::MAX - 1"),
    ];
    an_import_without_its_mark_is_caught:
        [case("until_its_end_no_key_is_made_or_called_unknown", "assertion failed")], [
        (WHOLE, "state.peppers.insert(mark.check.id.clone(), mark);", "state.peppers.insert(mark.check.id.clone(), RecordedPepper { turn: None, ..mark });"),
    ];
    an_import_whose_end_is_not_told_is_caught:
        [case("readers_of_the_feed_begin_anew_after_an_import", "as if nothing had changed")], [
        (WHOLE, "        state.feed.restart();\n", ""),
        (FEED, "    pub(super) fn restart(", "    pub(super) fn _restart("),
    ];
    a_row_that_is_left_out_of_a_snapshot_is_caught:
        [case("a_row_that_cannot_be_read_is_not_left_out_of_a_snapshot", "has not noticed")], [
        (WHOLE, "later.take(limit).map(|(_, key)| key.clone()).collect::<Result<_, _>>()?", "later.take(limit).filter_map(|(_, key)| key.clone().ok()).collect()"),
    ];
    an_import_that_begins_with_another_store_is_caught:
        [case("what_is_not_the_same_is_refused_as_a_whole", DIFFERS)], [
        (WHOLE, "if missing.iter().any(|row| refused(row)) {", "if missing.iter().all(|row| refused(row)) {"),
    ];
}
