//! That the suite would see a mistake in this adapter: each is planted in a copy of it, and then a case has to fail.
//!
//! `cargo test -p capykeys-postgres --test mutants -- --ignored`, with a PostgreSQL as for the other tests. Each
//! mutant is compiled, one at a time.

use capykeys_testkit::mutants::{Caught, DIFFERS, FALSE, in_suite};

const KEYS: &str = "src/keys.rs";
const CREATOR: &str = "src/creator.rs";
const FEED: &str = "src/feed.rs";
const ORGANIZATIONS: &str = "src/organizations.rs";
const LINEAGE: &str = "migrations/V15__lineage.sql";
const TRIGGERS: &str = "migrations/V3__changes_by_statement.sql";

/// A test of the adapter's own.
const fn in_adapter(test: &'static str, says: &'static str) -> Caught {
    Caught { target: "adapter", test, says }
}

capykeys_testkit::mutants! {
    // Locks, without which what is judged is not what is there when it counts.
    an_organization_that_is_judged_without_a_lock_is_caught:
        [in_suite("of_a_suspension_and_creations_at_once_none_is_created_after_it", "a key was created after")], [
        (CREATOR, "WHERE organizations.id = $organization_id FOR SHARE OF organizations", "WHERE organizations.id = $organization_id AND pg_sleep(0.002) IS NOT NULL"),
    ];
    a_creator_that_is_judged_without_a_lock_is_caught:
        [in_suite("of_a_revocation_and_creations_at_once_none_is_created_after_it", "a key was created after")], [
        (CREATOR, "previous_expires_at > $event_at) FOR SHARE", "previous_expires_at > $event_at) AND pg_sleep(0.002) IS NOT NULL"),
    ];
    a_revocation_that_is_made_by_two_is_caught: [in_suite("of_many_revocations_at_once_one_wins", DIFFERS)], [
        (KEYS, "WHERE k.organization_id = $organization_id AND k.id = $id FOR NO KEY UPDATE OF k", "WHERE k.organization_id = $organization_id AND k.id = $id"),
    ];
    a_lineage_that_is_looked_for_beside_creations_is_caught:
        [in_suite("no_key_that_is_made_meanwhile_slips_through", "a key slipped through")], [
        (LINEAGE, "    PERFORM FROM organizations WHERE id = of_organization FOR NO KEY UPDATE;\n", ""),
    ];
    a_number_in_the_feed_without_a_lock_is_caught: [in_suite("what_was_committed_before_a_poll_is_in_it", "SQLSTATE 23505")], [
        (TRIGGERS, "    PERFORM pg_advisory_xact_lock(x'006368616e676573'::bigint);\n", ""),
    ];
    events_that_are_passed_while_they_may_still_come_are_caught:
        [in_suite("every_reader_is_told_every_event_once_and_in_one_order", "a reader was told something else")], [
        ("src/event_log/gaps.rs", "let settled = if known.epoch", "let settled = if true { Sequence::MAX } else if known.epoch"),
    ];

    // What is told, and when.
    a_revocation_that_is_not_told_is_caught: [
        in_suite("a_revocation_is_seen_as_a_whole", "a change can be seen before it is told"),
        in_suite("a_dropped_revocation_is_whole_or_absent", "a change is told if and only if it was made"),
    ], [
        (TRIGGERS, "SELECT id, organization_id, scopes, created_by_user_id, expires_at, project_id, revoked_at, pepper_id,
                digest FROM old_rows", "SELECT id, organization_id, scopes, created_by_user_id, expires_at, project_id, pepper_id,
                digest FROM old_rows"),
        (TRIGGERS, "SELECT id, organization_id, scopes, created_by_user_id, expires_at, project_id, revoked_at, pepper_id,
                digest FROM new_rows", "SELECT id, organization_id, scopes, created_by_user_id, expires_at, project_id, pepper_id,
                digest FROM new_rows"),
    ];
    a_suspension_that_is_not_told_is_caught:
        [in_suite("a_suspension_is_seen_as_a_whole", "a change can be seen before it is told")], [
        (TRIGGERS, "SELECT id, clerk_organization_id, suspended_at FROM old_rows", "SELECT id, clerk_organization_id FROM old_rows"),
        (TRIGGERS, "SELECT id, clerk_organization_id, suspended_at FROM new_rows", "SELECT id, clerk_organization_id FROM new_rows"),
    ];
    marks_that_are_counted_are_caught: [in_suite("marks_are_random", "are not random")], [
        (TRIGGERS, "SELECT last + place, uuid_send(gen_random_uuid()),", "SELECT last + place, int8send(0) || int8send(last + place),"),
    ];
    a_time_that_stands_still_is_caught: [
        in_suite("the_stores_time_goes_on_and_never_back", "its time stands still"),
        in_suite("the_stores_time_is_its_clocks", "microseconds from this machine's"),
    ], [
        (FEED, "clock_timestamp() AS now", "'2026-01-01T00:00:00Z'::timestamptz AS now"),
    ];
    a_time_that_is_an_hour_ahead_is_caught:
        [in_suite("the_stores_time_is_its_clocks", "microseconds from this machine's")], [
        (FEED, "clock_timestamp() AS now", "clock_timestamp() + interval '1 hour' AS now"),
    ];
    an_event_that_is_left_out_of_a_suspension_is_caught: [
        in_suite("a_suspension_is_seen_as_a_whole", "a change can be seen before its event is there"),
        in_suite("a_dropped_suspension_is_whole_or_absent", "a change and its event are there together"),
    ], [
        (ORGANIZATIONS, "logged AS ({insert_event} FROM changed, target)", "logged AS ({insert_event} FROM changed, target WHERE false)"),
    ];

    // Keys.
    a_revocation_that_is_made_again_is_caught:
        [in_suite("revoking_again_keeps_the_first_time_and_adds_no_event", DIFFERS)], [
        (KEYS, "WHERE k.id = target.id AND target.revoked_at IS NULL RETURNING", "WHERE k.id = target.id RETURNING"),
    ];
    keys_of_another_organization_are_caught: [in_suite("lookups_never_leave_the_organization", DIFFERS)], [
        (KEYS, "WHERE k.organization_id = $organization_id AND k.id = $id\",", "WHERE $organization_id IS NOT NULL AND k.id = $id\","),
    ];
    a_page_that_begins_with_the_last_is_caught: [in_suite("paging_is_stable_under_inserts", "a page ")], [
        (KEYS, "list(&page.text)", "list(&page.text.replace(\"k.id < \", \"k.id <= \"))"),
    ];
    rows_that_are_left_out_of_lists_are_caught:
        [in_suite("a_row_that_cannot_be_read_is_an_error_and_not_shown", "has not noticed a row")], [
        ("src/rows.rs", "rows.iter().map(|row| Ok(Answer(row).record(\"\")?)).collect()", "Ok(rows.iter().filter_map(|row| Answer(row).record(\"\").ok()).collect())"),
    ];
    an_error_that_shows_a_row_is_caught:
        [in_suite("a_row_that_cannot_be_read_is_an_error_and_not_shown", "shows what is in a row")], [
        ("src/rows.rs", "rows.iter().map(|row| Ok(Answer(row).record(\"\")?)).collect()",
            "rows.iter().map(|row| Answer(row).record(\"\").map_err(|_| {
            let texts = row.columns().iter().filter_map(|own| row.try_get::<_, Vec<String>>(own.name()).ok());
            Failure::Connection(texts.flatten().collect())
        })).collect()"),
    ];
    a_lookup_that_does_not_look_at_the_pepper_is_caught: [in_suite("a_key_is_found_under_any_of_several_digests", DIFFERS)], [
        ("src/lookup.rs", "Ok(found.into_iter().find(|key| key.is_under(digests) || key.was_under(digests)))", "Ok(found.into_iter().next())"),
    ];
    uses_beyond_256_that_are_ignored_are_caught: [in_suite("many_keys_are_recorded_at_once", DIFFERS)], [
        (KEYS, "uses.iter().map(|one| (one.key, one.at)).unzip();", "uses.iter().take(256).map(|one| (one.key, one.at)).unzip();"),
    ];
    an_earlier_use_that_replaces_a_later_one_is_caught: [in_suite("the_latest_use_stays_whatever_the_order", DIFFERS)], [
        (KEYS, "HAVING k.last_used_at IS NULL", "HAVING true"),
        (KEYS, "WHERE k.last_used_at IS NULL OR k.last_used_at < late.at \\", "WHERE true \\"),
        (KEYS, "last_used_at = GREATEST(k.last_used_at, target.at)", "last_used_at = target.at"),
    ];
    a_scope_that_is_found_in_the_name_of_another_is_caught: [in_suite("whatever_is_asked_for_the_pages_are_those_of_the_model", "jobs:rea")], [
        ("src/keys/many.rs", "$scope = ANY (k.scopes)", "array_to_string(k.scopes, ' ') LIKE '%' || $scope || '%'"),
    ];
    a_digest_that_two_keys_have_is_caught: [in_suite("a_digest_is_unique_over_all_organizations", DIFFERS)], [
        ("migrations/V1__initial.sql", "digest bytea NOT NULL UNIQUE", "digest bytea NOT NULL"),
    ];

    // What reads more than it has to.
    a_lookup_that_reads_all_keys_is_caught: [in_adapter("plans::what_is_asked_on_every_request_is_read_off_an_index", "api_keys_digest_key is not used")], [
        ("migrations/V1__initial.sql", "digest bytea NOT NULL UNIQUE", "digest bytea NOT NULL"),
    ];
    a_page_that_reads_all_keys_is_caught: [in_adapter("plans::what_is_asked_on_every_request_is_read_off_an_index", "api_keys_of_organization is not used")], [
        ("migrations/V1__initial.sql", "CREATE INDEX api_keys_of_organization ON api_keys (organization_id, id DESC);", ""),
    ];
    a_page_that_reads_all_events_is_caught: [in_adapter("plans::what_is_asked_on_every_request_is_read_off_an_index", "audit_events_of_organization is not used")], [
        ("migrations/V1__initial.sql", "CREATE INDEX audit_events_of_organization ON audit_events (organization_id, sequence);", ""),
    ];

    // What only the adapter's own tests can see, which have the server in their hands.
    readiness_that_always_says_yes_is_caught:
        [in_adapter("fitness::a_running_store_is_not_ready_once_something_is_missing", "unwrap_err")], [
        ("src/store.rs", "Err(error) => Err(Unavailable::new(\"postgres\", error)),", "Err(_) => Ok(()),"),
    ];
    a_call_without_a_deadline_is_caught: [in_adapter("faults::a_network_that_swallows_everything", "refused after")], [
        ("src/pool.rs", "let end = tokio::time::Instant::now() + self.settings.deadline;", "let end = tokio::time::Instant::now() + self.settings.deadline * 10;"),
    ];
    a_line_that_is_followed_as_soon_as_it_is_seen_is_caught: [in_adapter("standbys::a_line_that_no_standby_has_is_not_followed", "unwrap_err")], [
        ("src/line.rs", "if !is_kept && newest.epoch() == asked", "if false && newest.epoch() == asked"),
    ];
    a_line_that_is_followed_after_a_commit_of_nothing_is_caught: [in_adapter("standbys::a_line_that_no_standby_has_is_not_followed", "unwrap_err")], [
        ("src/line.rs", "\"pg_logical_emit_message(true, 'capykeys', '') IS NOT NULL\"", "\"true\""),
    ];
    a_commit_that_waits_as_the_database_is_set_is_caught:
        [in_adapter("standbys::what_has_to_stay_waits_for_a_standby_whatever_the_database_is_set_to", "register")], [
        ("src/line.rs", "WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END", "WHEN 'remote_apply' THEN 'remote_apply' ELSE current_setting('synchronous_commit') END"),
    ];

    // A whole store.
    a_snapshot_that_shows_what_is_written_later_is_caught:
        [in_suite("a_snapshot_shows_one_moment_whatever_is_written_meanwhile", DIFFERS)], [
        ("src/snapshot.rs", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY"),
    ];
    an_import_into_a_store_with_a_row_is_caught: [in_suite("a_store_that_holds_anything_is_not_filled", FALSE)], [
        ("src/import.rs", "WHERE NOT EXISTS (SELECT FROM organizations) AND NOT", "WHERE true OR NOT"),
    ];
    an_import_that_ends_without_its_rows_is_caught: [in_suite("an_import_that_lacks_a_row_does_not_end", DIFFERS)], [
        ("src/import.rs", "found.counts != head.counts || !", "!"),
    ];
    an_import_whose_end_is_not_told_is_caught:
        [in_suite("readers_of_the_feed_begin_anew_after_an_import", "as if nothing had changed")], [
        ("src/import.rs", "    client.batch_execute(FEED).await?;\n", "    let _ = FEED;\n"),
    ];
    numbers_that_begin_below_those_taken_out_are_caught:
        [in_suite("the_numbers_of_events_go_on_after_those_that_were_imported", FALSE)], [
        ("src/import.rs", "    for (table, column) in NUMBERS {", "    for (table, column) in &NUMBERS[..1] {"),
    ];
}
