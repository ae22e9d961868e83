//! One list of the cases, and the macro that makes tests of them.

/// Every case, once: calls the macro in the brackets with `$arguments` and the list.
///
/// The compiler does not notice a case that is missing here, for all are public: so
/// `tests/complete.rs` compares this list with the functions in `src/cases`.
#[doc(hidden)]
#[macro_export]
macro_rules! for_each_case {
    ([$($callback:tt)*], $($arguments:tt)*) => {
        $($callback)*! {
            ($($arguments)*)
            insert: a_key_is_found_once_it_is_inserted;
            insert: a_digest_is_unique_over_all_organizations;
            insert: an_id_is_unique;
            insert: a_key_needs_its_organization;
            insert: a_suspended_organization_gets_no_key;
            insert: a_key_creates_none_once_it_is_revoked_or_expired;
            insert: a_key_creates_none_that_reaches_further_than_itself;
            insert: a_session_creates_keys_in_the_organization_of_its_own_alone;
            insert: of_a_revocation_and_creations_at_once_none_is_created_after_it;
            insert: of_a_suspension_and_creations_at_once_none_is_created_after_it;
            insert: a_key_is_there_if_and_only_if_its_event_is;
            insert: of_many_inserts_of_one_digest_at_once_one_succeeds;
            idempotency: a_request_is_done_once;
            idempotency: a_repeated_request_is_told_the_key_as_it_was_and_as_it_is;
            idempotency: of_many_requests_of_one_id_at_once_one_is_done;
            idempotency: a_dropped_request_is_whole_or_absent;
            idempotency: a_request_that_was_not_done_is_not_remembered;
            idempotency: what_bounds_a_key_is_looked_at_before_a_repetition;
            idempotency: a_request_is_forgotten_after_a_day;
            exact: names_are_kept_byte_for_byte;
            exact: texts_that_show_as_nothing_are_read_back;
            exact: scopes_are_kept_in_their_order;
            exact: times_are_kept_to_the_microsecond;
            exact: every_optional_field_is_kept_or_absent;
            scoped: lookups_never_leave_the_organization;
            scoped: another_organizations_key_cannot_be_revoked;
            revoke: revoking_again_keeps_the_first_time_and_adds_no_event;
            revoke: of_many_revocations_at_once_one_wins;
            revoke: an_unknown_key_cannot_be_revoked;
            revoke: a_revoked_key_is_seen_as_revoked_at_once;
            many: keys_are_revoked_in_batches_of_the_newest_each_with_its_event;
            many: keys_are_revoked_by_their_ids_and_none_of_another_organization;
            many: of_revocations_of_the_same_keys_at_once_each_key_is_revoked_once;
            many: a_key_that_is_not_asked_for_any_more_is_not_revoked;
            lineage: a_key_falls_with_all_that_were_made_with_it;
            lineage: a_large_lineage_falls_in_batches;
            lineage: no_key_that_is_made_meanwhile_slips_through;
            change: a_key_is_changed_where_it_is_as_it_was_read;
            change: what_is_so_already_stays_and_adds_no_event;
            change: of_many_changes_at_once_of_what_was_read_once_one_is_done;
            change: a_key_that_was_revoked_meanwhile_is_not_changed;
            change: no_change_undoes_a_revocation_at_the_same_time;
            change: a_disabled_key_is_found_and_is_as_before_once_it_is_enabled;
            change: a_disabled_key_can_be_revoked;
            change: a_disabled_key_is_seen_as_disabled_at_once;
            change: a_change_that_reaches_further_is_judged_as_a_creation;
            change: another_organizations_key_cannot_be_changed;
            brought: a_brought_key_is_told_when_it_is_stored_and_kept_as_one;
            brought: a_brought_key_obeys_as_every_other_and_stays_one;
            brought: a_brought_key_that_is_refused_is_not_told;
            brought: a_brought_key_is_there_when_it_is_told;
            brought: a_store_that_is_filled_with_a_brought_key_has_one;
            rotate: a_rotated_key_is_found_by_both_of_its_secrets;
            rotate: a_secret_that_was_ended_is_unknown;
            rotate: the_newest_secret_can_be_replaced_and_the_one_before_stays;
            rotate: uses_of_the_secret_before_are_stored_apart;
            rotate: a_secret_that_a_key_has_or_had_before_is_refused;
            rotate: of_many_rotations_at_once_of_what_was_read_once_one_is_done;
            rotate: both_secrets_of_a_disabled_key_are_found_as_disabled;
            secrets: the_pepper_of_the_secret_before_is_needed_while_that_is_good;
            secrets: a_secret_that_was_replaced_creates_no_key;
            secrets: secrets_that_were_not_used_for_as_long_as_was_asked_are_found;
            secrets: exactly_the_secrets_that_should_be_good_are;
            expiry: the_end_of_a_key_is_said_once_for_each_time;
            expiry: of_many_notices_at_once_one_is_stored;
            expiry: the_end_of_a_revoked_or_disabled_key_is_not_said;
            expiry: a_key_with_another_end_is_found_by_that;
            expiry: keys_that_end_come_in_the_order_of_their_ends;
            list: keys_come_newest_first_and_complete;
            list: paging_is_stable_under_inserts;
            list: an_empty_organization_has_an_empty_list;
            filters: whatever_is_asked_for_the_pages_are_those_of_the_model;
            lookup: a_key_is_found_under_any_of_several_digests;
            lookup: a_key_comes_with_its_organization_as_it_is_now;
            organizations: an_organization_is_kept_as_given;
            organizations: ten_creations_at_once_for_one_at_clerk_make_one;
            organizations: an_organizations_id_is_unique;
            organizations: suspension_keeps_its_first_time_and_reason;
            organizations: a_renamed_organization_keeps_what_was_not_given;
            organizations: organizations_are_listed_oldest_first;
            audit: events_are_kept_as_given_in_ascending_order;
            audit: a_closed_range_of_events_never_changes;
            audit: events_name_the_project_and_what_changed;
            audit: an_event_of_another_version_is_shown_as_it_is;
            follow: every_reader_is_told_every_event_once_and_in_one_order;
            follow: a_reader_goes_on_where_it_was_and_learns_how_far_it_is_behind;
            follow: a_reader_is_told_that_events_were_taken_out_before_it_read_them;
            follow: a_reader_of_another_history_is_told_where_to_go_on;
            cancel: a_dropped_insert_is_whole_or_absent;
            cancel: a_dropped_revocation_is_whole_or_absent;
            cancel: a_dropped_revocation_of_many_is_whole_or_absent;
            cancel: a_dropped_disabling_is_whole_or_absent;
            cancel: a_dropped_rotation_is_whole_or_absent;
            cancel: a_dropped_rehash_is_whole_or_absent;
            cancel: a_dropped_suspension_is_whole_or_absent;
            cancel: a_dropped_renaming_is_whole_or_absent;
            whole: a_creation_is_seen_as_a_whole;
            whole: a_revocation_is_seen_as_a_whole;
            whole: a_revocation_of_many_is_seen_as_a_whole;
            whole: a_disabling_is_seen_as_a_whole;
            whole: a_rotation_is_seen_as_a_whole;
            whole: a_rehash_is_seen_as_a_whole;
            whole: a_suspension_is_seen_as_a_whole;
            whole: a_renaming_is_seen_as_a_whole;
            feed: every_change_is_told_once_and_in_its_order;
            feed: what_changes_no_verdict_is_not_told;
            feed: a_suspension_is_one_event_however_many_the_keys;
            feed: pages_are_complete_and_say_when_they_end;
            feed: what_was_told_once_is_told_again_from_the_same_position;
            feed: a_position_with_another_mark_diverges;
            feed: marks_are_random;
            feed: a_position_of_another_history_diverges;
            feed: a_position_that_does_not_exist_diverges;
            feed: what_was_committed_before_a_poll_is_in_it;
            uses: the_latest_use_stays_whatever_the_order;
            uses: a_use_of_a_key_that_is_not_there_is_ignored;
            uses: times_of_use_are_kept_to_the_microsecond;
            uses: many_keys_are_recorded_at_once;
            uses: revoked_expired_and_suspended_keys_are_recorded_too;
            uses: a_use_is_neither_in_the_feed_nor_in_the_audit_log;
            uses: of_many_records_at_once_the_latest_use_stays;
            random: random_sequences_agree_with_the_model;
            registry: only_who_is_registered_is_told_so;
            registry: a_replica_is_kept_as_it_was_registered;
            registry: registering_again_and_confirming_renew;
            registry: what_was_confirmed_stays_until_more_is_also_where_it_registers_again;
            registry: a_replica_is_removed_in_two_steps;
            registry: a_replica_that_registers_again_is_not_retired_any_more;
            registry: a_replica_that_has_renewed_since_is_neither_retired_nor_forgotten;
            registry: a_replica_that_is_not_retired_is_not_forgotten;
            registry: a_replica_that_registers_anew_is_not_taken_for_what_it_was;
            registry: of_a_replica_that_is_not_registered_nothing_is_stored;
            registry: the_registry_shows_what_was_committed_before_it_was_read;
            registry: many_replicas_at_once_lose_nothing_of_each_other;
            registry: a_replica_that_comes_back_while_it_is_removed_is_there_or_is_told;
            registry: a_dropped_registration_or_confirmation_is_whole_or_absent;
            peppers: a_pepper_is_recorded_once_and_never_changes;
            peppers: of_many_announcements_of_a_pepper_at_once_one_is_recorded;
            peppers: a_pepper_has_its_turn_when_every_other_replica_has_it;
            peppers: only_a_registered_replica_is_noted_to_have_peppers;
            peppers: the_last_turn_is_the_highest;
            peppers: of_many_turns_at_once_each_is_given;
            peppers: keys_are_counted_by_pepper_while_they_are_good;
            peppers: a_rehashed_key_is_found_under_its_new_digest_alone;
            peppers: a_key_that_is_not_as_it_was_or_is_revoked_is_not_rehashed;
            peppers: of_a_rehash_and_a_revocation_at_once_the_revocation_stays;
            time: the_stores_time_is_its_clocks;
            time: the_stores_time_goes_on_and_never_back;
            readable: a_row_that_cannot_be_read_is_an_error_and_not_shown;
            reads: a_lookup_and_a_page_read_no_more_where_more_is_stored;
            snapshot: a_snapshot_is_all_that_the_store_holds;
            snapshot: a_snapshot_shows_one_moment_whatever_is_written_meanwhile;
            snapshot: a_row_that_cannot_be_read_is_not_left_out_of_a_snapshot;
            import: what_was_imported_is_there_as_it_was;
            import: a_store_that_holds_anything_is_not_filled;
            import: until_its_end_no_key_is_made_or_called_unknown;
            import: an_import_goes_on_where_another_has_ended;
            import: what_is_not_the_same_is_refused_as_a_whole;
            import: an_import_that_lacks_a_row_does_not_end;
            import: the_numbers_of_events_go_on_after_those_that_were_imported;
            import: readers_of_the_feed_begin_anew_after_an_import;
            import: the_peppers_have_the_turns_that_they_had;
            ready: a_fresh_store_is_ready;
        }
    };
}

/// Makes a test of every case. `$fresh` is an `async fn() -> capykeys_conformance::Store`, called
/// once for each.
///
/// The including crate needs `tokio` with its macros among its dev-dependencies.
#[macro_export]
macro_rules! conformance_suite {
    ($fresh:path) => {
        $crate::for_each_case!([$crate::__tests], $fresh);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __tests {
    (($fresh:path) $($group:ident: $case:ident;)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $case() {
                $crate::cases::$group::$case(&$fresh().await).await;
            }
        )*
    };
}
