//! That the suite would see a mistake in this adapter: each is planted in a copy of it, and then a case has to fail.
//!
//! `cargo test -p capykeys-sqlite --test mutants -- --ignored`. Each mutant is compiled, one at a time.

use capykeys_testkit::mutants::{DIFFERS, Edit, FALSE, in_embedded_suite, in_library, in_suite};

const KEYS: &str = "src/key_store.rs";
const LOOKUP: &str = "src/key_lookup.rs";
const LOG: &str = "src/audit_log.rs";
const FEED: &str = "src/change_feed.rs";
const ORGANIZATIONS: &str = "src/organizations.rs";
const REGISTRY: &str = "src/registry.rs";
const PEPPERS: &str = "src/peppers.rs";
const TRIGGERS: &str = "migrations/V3__changes_by_statement.sql";
/// The last one that tells of keys.
const KEY_TRIGGER: &str = "migrations/V11__rotation.sql";
/// The one that numbers what is told.
const NUMBERS: &str = "migrations/V6__operators.sql";

/// Revocations are not told by the triggers.
const UNTOLD: [Edit; 2] = [
    (KEY_TRIGGER, "OLD.project_id,\n    OLD.revoked_at, OLD.pepper_id", "OLD.project_id,\n    OLD.pepper_id"),
    (KEY_TRIGGER, "NEW.project_id,\n    NEW.revoked_at, NEW.pepper_id", "NEW.project_id,\n    NEW.pepper_id"),
];
const REVOKES: &str = "self.write(operation::REVOKE_KEY, move |connection| {";
const REVOKED: &str = "sql::first(connection, REVOKED, &values)\n        })\n        .await";

capykeys_testkit::mutants! {
    // What is told, and when.
    a_revocation_that_is_not_told_is_caught:
        [in_suite("a_revocation_is_seen_as_a_whole", "a change can be seen before it is told"),
         in_suite("a_dropped_revocation_is_whole_or_absent", "a change is told if and only if it was made"),
         in_embedded_suite("what_was_acknowledged_survives_a_kill", "and what is told of it")], [
        (KEY_TRIGGER, "OLD.project_id,\n    OLD.revoked_at, OLD.pepper_id", "OLD.project_id,\n    OLD.pepper_id"),
        (KEY_TRIGGER, "NEW.project_id,\n    NEW.revoked_at, NEW.pepper_id", "NEW.project_id,\n    NEW.pepper_id"),
    ];
    a_rehash_that_is_not_told_is_caught: [in_suite("a_rehash_is_seen_as_a_whole", "a change can be seen before it is told")], [
        (KEY_TRIGGER, "OLD.pepper_id, OLD.digest, ", ""),
        (KEY_TRIGGER, "NEW.pepper_id, NEW.digest, ", ""),
    ];
    a_suspension_that_is_not_told_is_caught: [in_suite("a_suspension_is_seen_as_a_whole", "a change can be seen before it is told")], [
        (TRIGGERS, "WHEN (OLD.id, OLD.clerk_organization_id, OLD.suspended_at)", "WHEN (OLD.id, OLD.clerk_organization_id)"),
        (TRIGGERS, "IS NOT (NEW.id, NEW.clerk_organization_id, NEW.suspended_at)", "IS NOT (NEW.id, NEW.clerk_organization_id)"),
    ];
    a_change_that_is_told_and_was_not_made_is_caught: [in_suite("a_use_is_neither_in_the_feed_nor_in_the_audit_log", DIFFERS)], [
        (KEY_TRIGGER, "AFTER UPDATE ON api_keys\nWHEN (OLD.id,", "AFTER UPDATE ON api_keys\nWHEN (OLD.id, random(),"),
        (KEY_TRIGGER, "IS NOT (NEW.id, NEW.organization_id, NEW.scopes,", "IS NOT (NEW.id, random(), NEW.organization_id, NEW.scopes,"),
    ];
    a_number_that_is_left_out_of_the_feed_is_caught: [in_suite("every_change_is_told_once_and_in_its_order", "the numbers have no gaps")], [
        (NUMBERS, "SELECT max(sequence) + 1, randomblob(16), iif", "SELECT max(sequence) + 2, randomblob(16), iif"),
    ];
    one_mark_for_all_is_caught: [in_suite("a_position_with_another_mark_diverges", "every event has a mark of its own"), in_suite("marks_are_random", "are not random")], [
        (NUMBERS, "SELECT max(sequence) + 1, randomblob(16), iif", "SELECT max(sequence) + 1, zeroblob(16), iif"),
    ];
    marks_that_are_counted_are_caught: [in_suite("marks_are_random", "are not random"), in_embedded_suite("no_two_stores_have_a_mark_in_common", "not random")], [
        (NUMBERS, "SELECT max(sequence) + 1, randomblob(16), iif", "SELECT max(sequence) + 1, CAST(printf('%016d', max(sequence)) AS BLOB), iif"),
    ];
    a_feed_that_forgets_at_once_is_caught: [in_suite("pages_are_complete_and_say_when_they_end", "diverged")], [
        ("migrations/V2__change_feed.sql", "NEW.sequence - 100000", "NEW.sequence - 2"),
    ];
    a_page_that_lacks_its_last_change_is_caught: [in_suite("pages_are_complete_and_say_when_they_end", DIFFERS)], [
        (FEED, "i64::from(query.limit.get()) + 1", "i64::from(query.limit.get())"),
    ];
    a_retired_replica_that_is_told_that_it_is_registered_is_caught: [in_suite("a_replica_is_removed_in_two_steps", FALSE)], [
        (FEED, "WHERE id = $reader AND NOT retired", "WHERE id = $reader"),
    ];

    // What is one transaction and is made two.
    a_change_that_is_told_before_it_is_made_is_caught:
        [in_suite("a_revocation_is_seen_as_a_whole", "a change is told before it can be seen")], [
        UNTOLD[0],
        UNTOLD[1],
        (KEYS, REVOKES, r#"let RevokeKey { organization, id, .. } = revoke.clone();
        self.write("tell", move |connection| {
            let values = Values::of("organization_id", &organization).and("id", &id);
            let tell = "INSERT INTO change SELECT id, organization_id FROM api_keys \
                 WHERE id = $id AND organization_id = $organization_id AND revoked_at IS NULL";
            sql::execute(connection, tell, &values).map(drop)
        })
        .await?;
        self.write(operation::REVOKE_KEY, move |connection| {"#),
    ];
    a_change_that_is_told_in_a_later_transaction_is_caught: [
        in_suite("a_revocation_is_seen_as_a_whole", "a change can be seen before it is told"),
        in_suite("a_dropped_revocation_is_whole_or_absent", "a change is told if and only if it was made"),
    ], [
        UNTOLD[0],
        UNTOLD[1],
        (KEYS, REVOKES, "let RevokeKey { organization, id, .. } = revoke.clone();
        let revocation: Option<Revocation> = self.write(operation::REVOKE_KEY, move |connection| {"),
        (KEYS, REVOKED, r#"sql::first(connection, REVOKED, &values)
        })
        .await?;
        if revocation.is_some_and(|one| one.newly) {
            self.write("tell", move |connection| {
                let values = Values::of("organization_id", &organization).and("id", &id);
                sql::execute(connection, "INSERT INTO change VALUES ($id, $organization_id)", &values).map(drop)
            })
            .await?;
        }
        Ok(revocation)"#),
    ];
    an_event_in_a_later_transaction_is_caught: [
        in_suite("a_revocation_is_seen_as_a_whole", "a change can be seen before its event is there"),
        in_suite("a_dropped_revocation_is_whole_or_absent", "a change and its event are there together"),
        in_embedded_suite("what_was_acknowledged_survives_a_kill", "so are a revocation and its event"),
    ], [
        (KEYS, REVOKES, "let logged = revoke.event.clone();
        let revocation: Option<Revocation> = self.write(operation::REVOKE_KEY, move |connection| {"),
        (KEYS, "if let Some(project_id) = revoked.into_iter().next() {
                record(connection, &AuditEvent { project_id, ..event })?;",
            "let _ = event;
            if revoked.into_iter().next().map(|_: Option<capykeys_domain::model::ProjectId>| ()).is_some() {"),
        (KEYS, REVOKED, r#"sql::first(connection, REVOKED, &values)
        })
        .await?;
        if revocation.is_some_and(|one| one.newly) {
            self.write("log", move |connection| record(connection, &logged)).await?;
        }
        Ok(revocation)"#),
    ];
    an_event_in_an_earlier_transaction_is_caught:
        [in_suite("a_revocation_is_seen_as_a_whole", "an event is there before what it tells of")], [
        (KEYS, REVOKES, r#"let logged = revoke.event.clone();
        self.write("log", move |connection| record(connection, &logged)).await?;
        self.write(operation::REVOKE_KEY, move |connection| {"#),
        (KEYS, "                record(connection, &AuditEvent { project_id, ..event })?;
                return", "                let (_, _): (Option<capykeys_domain::model::ProjectId>, _) = (project_id, event);
                return"),
    ];
    a_suspensions_event_in_a_second_transaction_is_caught: [
        in_suite("a_suspension_is_seen_as_a_whole", "a change can be seen before its event is there"),
        in_suite("a_dropped_suspension_is_whole_or_absent", "a change and its event are there together"),
    ], [
        (ORGANIZATIONS, "        self.write(operation::SET_SUSPENSION, move |connection| {
            let SetSuspension { id, suspension, at, event } = set;", "        let (logged, at) = (set.event.clone(), set.at);
        let outcome: Option<Organization> = self.write(operation::SET_SUSPENSION, move |connection| {
            let SetSuspension { id, suspension, at, event: _ } = set;"),
        (ORGANIZATIONS, "            record(connection, &event)?;
            Ok(Some(suspended))
        })
        .await", "            Ok(Some(suspended))
        })
        .await?;
        if outcome.as_ref().is_some_and(|one| one.updated_at == at) {
            self.write(\"log\", move |connection| record(connection, &logged)).await?;
        }
        Ok(outcome)"),
    ];
    a_creator_that_is_judged_in_an_earlier_transaction_is_caught: [
        in_suite("of_a_revocation_and_creations_at_once_none_is_created_after_it", "a key was created after"),
        in_suite("of_a_suspension_and_creations_at_once_none_is_created_after_it", "a key was created after"),
    ], [
        (KEYS, "        self.write(operation::INSERT_KEY, move |connection| {", "        let judged = new.clone();
        if let Some(obstacle) = self.write(\"judge\", move |connection| obstacle(connection, &judged)).await? {
            return Ok(obstacle);
        }
        self.write(operation::INSERT_KEY, move |connection| {"),
        (KEYS, "    if let Some(obstacle) = obstacle(connection, new)? {
        return Ok(obstacle);
    }
", ""),
    ];
    a_number_that_is_drawn_before_the_transaction_is_caught:
        [in_suite("every_reader_is_told_every_event_once_and_in_one_order", "a reader was told something else")], [
        (LOG, "        self.write(operation::APPEND_EVENT, move |connection| record(connection, &event)).await", "        let drawn = self
            .write(\"draw\", |connection| {
                let draw = \"UPDATE sqlite_sequence SET seq = seq + 1 WHERE name = 'audit_events' RETURNING seq\";
                Ok(connection.query_row(draw, [], |row| row.get::<_, i64>(0))?)
            })
            .await?;
        self.write(operation::APPEND_EVENT, move |connection| {
            record(connection, &event)?;
            let place = \"UPDATE audit_events SET sequence = ?1 WHERE sequence = last_insert_rowid()\";
            Ok(connection.execute(place, [drawn]).map(drop)?)
        })
        .await"),
    ];

    // Time.
    a_time_that_stands_still_is_caught: [
        in_suite("the_stores_time_goes_on_and_never_back", "its time stands still"),
        in_suite("the_stores_time_is_its_clocks", "it goes by another clock"),
    ], [
        (FEED, "let now = self.host().clock.now();\n        self.read(", "let now = capykeys_domain::model::Timestamp::MIN;\n        self.read("),
        (FEED, "let now = self.host().clock.now();\n        self.read_many(", "let now = capykeys_domain::model::Timestamp::MIN;\n        self.read_many("),
    ];
    a_time_that_is_an_hour_ahead_is_caught: [in_suite("the_stores_time_is_its_clocks", "it goes by another clock")], [
        (FEED, "let now = self.host().clock.now();\n        self.read_many(", "let now = self.host().clock.now().unix_micros() + 3_600_000_000;
        let now = capykeys_domain::model::Timestamp::from_unix_micros(now).unwrap_or(capykeys_domain::model::Timestamp::MAX);
        self.read_many("),
    ];

    // Keys.
    a_revocation_that_is_made_again_is_caught: [in_suite("revoking_again_keeps_the_first_time_and_adds_no_event", DIFFERS)], [
        (KEYS, "AND revoked_at IS NULL RETURNING project_id", "RETURNING project_id"),
    ];
    a_revocation_from_another_organization_is_caught: [in_suite("another_organizations_key_cannot_be_revoked", DIFFERS)], [
        (KEYS, "WHERE id = $id AND organization_id = $organization_id AND revoked_at IS NULL", "WHERE id = $id AND $organization_id IS NOT NULL AND revoked_at IS NULL"),
    ];
    keys_of_another_organization_are_caught: [in_suite("lookups_never_leave_the_organization", DIFFERS)], [
        (KEYS, "WHERE k.organization_id = $organization_id AND {condition}", "WHERE $organization_id IS NOT NULL AND {condition}"),
    ];
    a_page_that_begins_with_the_last_is_caught: [in_suite("paging_is_stable_under_inserts", "a page ")], [
        (KEYS, "from::<ApiKey>(), page.text)", "from::<ApiKey>(), page.text.replace(\"k.id < \", \"k.id <= \"))"),
    ];
    keys_that_come_oldest_first_are_caught: [in_suite("keys_come_newest_first_and_complete", DIFFERS)], [
        (KEYS, "from::<ApiKey>(), page.text)", "from::<ApiKey>(), page.text.replace(\"k.id DESC\", \"k.id\"))"),
    ];
    a_page_without_a_limit_is_caught: [in_suite("paging_is_stable_under_inserts", "a page ")], [
        (KEYS, "from::<ApiKey>(), page.text)", "from::<ApiKey>(), page.text.replace(\"LIMIT $limit\", \"LIMIT max($limit, 100)\"))"),
    ];
    rows_that_are_left_out_of_lists_are_caught: [in_suite("a_row_that_cannot_be_read_is_an_error_and_not_shown", "has not noticed a row")], [
        ("src/sql.rs", "all.push(read(&Columns::of(row))?);", "all.extend(read(&Columns::of(row)));"),
    ];
    an_error_that_shows_a_row_is_caught: [in_suite("a_row_that_cannot_be_read_is_an_error_and_not_shown", "shows what is in a row")], [
        ("src/sql.rs", "all.push(read(&Columns::of(row))?);", "all.push(read(&Columns::of(row)).map_err(|_| Failure::Shown((0..row.as_ref().column_count()).filter_map(|column| row.get::<_, String>(column).ok()).collect()))?);"),
        ("src/error.rs", "    Code(i32),\n", "    Code(i32),\n    Shown(String),\n"),
        ("src/error.rs", "            Self::CorruptValue => f.", "            Self::Shown(row) => f.write_str(row),\n            Self::CorruptValue => f."),
    ];
    a_lookup_that_does_not_look_at_the_pepper_is_caught: [in_suite("a_key_is_found_under_any_of_several_digests", DIFFERS)], [
        (LOOKUP, ".find(|found| found.is_under(digests) || found.was_under(digests))", ".next()"),
    ];
    an_earlier_use_that_replaces_a_later_one_is_caught: [in_suite("the_latest_use_stays_whatever_the_order", DIFFERS)], [
        (KEYS, "WHERE id = $id AND (last_used_at IS NULL OR last_used_at < $at", "WHERE id = $id AND (true"),
        (KEYS, "last_used_at = max($at, coalesce(last_used_at, $at))", "last_used_at = $at"),
    ];
    uses_beyond_256_that_are_ignored_are_caught: [in_suite("many_keys_are_recorded_at_once", DIFFERS)], [
        (KEYS, "for KeyUse { key, at, with_previous } in &uses {", "for KeyUse { key, at, with_previous } in uses.iter().take(256) {"),
    ];
    names_that_are_trimmed_are_caught: [in_suite("names_are_kept_byte_for_byte", DIFFERS)], [
        ("src/sql.rs", "ValueRef::Text(text.as_bytes())", "ValueRef::Text(text.trim().as_bytes())"),
    ];
    times_to_the_millisecond_are_caught: [in_suite("times_are_kept_to_the_microsecond", DIFFERS)], [
        ("src/sql.rs", "ValueRef::Integer(time.unix_micros())", "ValueRef::Integer(time.unix_micros() / 1000 * 1000)"),
    ];
    scopes_that_are_sorted_are_caught: [in_suite("scopes_are_kept_in_their_order", DIFFERS)], [
        ("src/sql.rs", "return Ok(texts.collect::<Result<Vec<_>, _>>()?.join(\" \").into());", "let mut texts = texts.collect::<Result<Vec<_>, _>>()?; texts.sort_unstable(); return Ok(texts.join(\" \").into());"),
    ];
    a_scope_that_is_found_in_the_name_of_another_is_caught: [in_suite("whatever_is_asked_for_the_pages_are_those_of_the_model", "jobs:rea")], [
        ("src/key_store.rs", "instr(' ' || k.scopes || ' ', ' ' || $scope || ' ') > 0", "instr(k.scopes, $scope) > 0"),
    ];
    a_digest_that_two_keys_have_is_caught: [in_suite("a_digest_is_unique_over_all_organizations", DIFFERS), in_suite("of_many_inserts_of_one_digest_at_once_one_succeeds", DIFFERS)], [
        ("migrations/V1__initial.sql", "digest BLOB NOT NULL UNIQUE", "digest BLOB NOT NULL"),
    ];
    a_lookup_that_reads_all_keys_is_caught: [in_library("key_lookup::tests::a_lookup_reads_two_indexes", DIFFERS)], [
        ("migrations/V1__initial.sql", "digest BLOB NOT NULL UNIQUE", "digest BLOB NOT NULL"),
    ];
    a_page_that_reads_all_keys_is_caught: [in_library("key_store::tests::a_page_is_read_off_the_index_without_sorting", DIFFERS)], [
        ("migrations/V1__initial.sql", "CREATE INDEX api_keys_of_organization ON api_keys (organization_id, id DESC);", ""),
    ];
    a_page_that_reads_all_events_is_caught: [in_library("audit_log::tests::a_page_is_read_off_the_index_without_sorting", DIFFERS)], [
        ("migrations/V1__initial.sql", "CREATE INDEX audit_events_of_organization ON audit_events (organization_id, sequence);", ""),
    ];
    a_poll_that_reads_the_whole_feed_is_caught: [in_library("change_feed::tests::a_poll_reads_no_event_before_its_position", "SCAN changes")], [
        (FEED, "WHERE sequence >= $sequence ORDER BY sequence", "WHERE sequence + 0 >= $sequence ORDER BY sequence"),
    ];

    // Organizations.
    an_organization_that_is_created_twice_is_caught: [in_suite("ten_creations_at_once_for_one_at_clerk_make_one", "org_2same")], [
        (ORGANIZATIONS, "Some(clerk) => find_by_clerk_id(connection, &clerk.id)?,", "Some(_) => None,"),
    ];
    a_suspension_that_is_replaced_is_caught: [in_suite("suspension_keeps_its_first_time_and_reason", DIFFERS)], [
        (ORGANIZATIONS, "if known.is_suspended() == suspension.is_some() {", "if !known.is_suspended() && suspension.is_none() {"),
    ];
    organizations_that_are_given_twice_are_caught: [in_suite("organizations_are_listed_oldest_first", DIFFERS)], [
        (ORGANIZATIONS, "o.id > coalesce($after", "o.id >= coalesce($after"),
    ];

    // The log.
    an_event_that_is_given_twice_is_caught: [in_suite("a_closed_range_of_events_never_changes", DIFFERS)], [
        (LOG, "AND e.sequence > $after ORDER BY", "AND e.sequence >= $after ORDER BY"),
    ];
    events_of_another_organization_are_caught: [in_suite("lookups_never_leave_the_organization", FALSE)], [
        (LOG, "WHERE e.organization_id = $organization_id AND e.sequence", "WHERE $organization_id IS NOT NULL AND e.sequence"),
    ];
    the_newest_events_that_are_taken_out_are_caught: [in_suite("a_reader_is_told_that_events_were_taken_out_before_it_read_them", DIFFERS)], [
        (LOG, "SELECT sequence FROM audit_events ORDER BY sequence LIMIT $at_most", "SELECT sequence FROM audit_events ORDER BY sequence DESC LIMIT $at_most"),
    ];
    a_reader_that_is_not_told_what_it_has_missed_is_caught: [in_suite("a_reader_is_told_that_events_were_taken_out_before_it_read_them", DIFFERS)], [
        ("migrations/V8__events.sql", "VALUES (1, OLD.sequence)", "VALUES (1, 0)"),
        ("migrations/V8__events.sql", "max(expired_through, excluded.expired_through)", "0"),
    ];

    // Replicas and peppers.
    a_registration_that_stays_retired_is_caught: [in_suite("a_replica_that_registers_again_is_not_retired_any_more", FALSE)], [
        (REGISTRY, "DO UPDATE SET renewals = renewals + 1, retired = 0", "DO UPDATE SET renewals = renewals + 1"),
    ];
    a_registration_that_renews_nothing_is_caught: [in_suite("registering_again_and_confirming_renew", "cases/registry.rs")], [
        (REGISTRY, "DO UPDATE SET renewals = renewals + 1, retired = 0", "DO UPDATE SET retired = 0"),
    ];
    a_registration_that_is_taken_for_an_older_one_is_caught: [in_suite("a_replica_that_registers_anew_is_not_taken_for_what_it_was", FALSE)], [
        (REGISTRY, "VALUES ($id, $lease, $renewals, 0)", "VALUES ($id, $lease, 0 * $renewals, 0)"),
    ];
    a_replica_that_is_retired_too_late_is_caught: [in_suite("a_replica_that_has_renewed_since_is_neither_retired_nor_forgotten", FALSE)], [
        (REGISTRY, "SET retired = 1 WHERE id = $id AND renewals = $renewals", "SET retired = 1 WHERE id = $id AND $renewals IS NOT NULL"),
    ];
    a_replica_that_is_forgotten_in_one_step_is_caught: [in_suite("a_replica_that_is_not_retired_is_not_forgotten", FALSE)], [
        (REGISTRY, "AND renewals = $renewals AND retired", "AND renewals = $renewals"),
    ];
    a_pepper_that_is_overwritten_is_caught: [in_suite("a_pepper_is_recorded_once_and_never_changes", DIFFERS)], [
        (PEPPERS, "ON CONFLICT DO NOTHING", "ON CONFLICT DO UPDATE SET check_value = excluded.check_value"),
    ];
    a_turn_before_a_retired_replica_has_the_pepper_is_caught: [in_suite("a_pepper_has_its_turn_when_every_other_replica_has_it", "it is retired and not forgotten")], [
        (PEPPERS, "WHERE id <> $replica AND instr", "WHERE id <> $replica AND NOT retired AND instr"),
    ];
    a_rehash_of_what_was_moved_before_is_caught: [in_suite("a_key_that_is_not_as_it_was_or_is_revoked_is_not_rehashed", DIFFERS)], [
        (PEPPERS, "WHERE id = $id AND digest = $from AND revoked_at IS NULL", "WHERE id = $id AND $from IS NOT NULL AND revoked_at IS NULL"),
    ];
    revoked_keys_that_are_counted_are_caught: [in_suite("keys_are_counted_by_pepper_while_they_are_good", DIFFERS)], [
        (PEPPERS, "WHERE revoked_at IS NULL AND (expires_at IS NULL OR", "WHERE (expires_at IS NULL OR"),
    ];

    // Processes and the disk.
    commits_that_are_not_synced_are_caught: [
        in_embedded_suite("nothing_is_acknowledged_that_the_disk_has_refused", "acknowledged and not on the disk"),
        in_embedded_suite("on_a_disk_that_hangs_every_call_comes_back_and_no_write_is_acknowledged", "acknowledged and not on the disk")], [
        ("src/schema.rs", "\"synchronous\", \"FULL\"", "\"synchronous\", \"NORMAL\""),
    ];
    a_write_without_a_deadline_is_caught: [in_embedded_suite("on_a_disk_that_hangs_every_call_comes_back_and_no_write_is_acknowledged", "it has no deadline")], [
        ("src/writer.rs", "timeout(deadline, committed)", "timeout(deadline * 1000, committed)"),
    ];
    readiness_that_always_says_yes_is_caught: [in_embedded_suite("on_a_disk_that_hangs_every_call_comes_back_and_no_write_is_acknowledged", "says that it is ready")], [
        ("src/readiness.rs", "self.write(operation::CHECK_READINESS, |_| Ok(())).await", "Ok(())"),
    ];
    a_folder_that_others_can_read_is_caught: [in_embedded_suite("everything_is_made_for_its_owner_alone", DIFFERS)], [
        ("src/directory.rs", "DirBuilder::new().mode(0o700)", "DirBuilder::new().mode(0o755)"),
    ];
    files_that_others_can_read_are_caught: [in_embedded_suite("everything_is_made_for_its_owner_alone", DIFFERS)], [
        ("src/directory.rs", "create_new(true).write(true).mode(0o600)", "create_new(true).write(true).mode(0o644)"),
    ];
    a_write_that_is_acknowledged_before_its_commit_is_caught: [
        in_embedded_suite("what_was_acknowledged_survives_a_kill", "is lost"),
        in_suite("a_revoked_key_is_seen_as_revoked_at_once", "on a `None` value"),
    ], [
        ("src/writer.rs", "    let committed = run(connection, batch).map_err(Failure::from);", "    let committed = if true { Ok(()) } else { run(connection, batch).map_err(Failure::from) };
    if let Ok(mut transaction) = connection.transaction_with_behavior(TransactionBehavior::Immediate) {
        for job in batch.iter_mut() {
            let Ok(mut savepoint) = transaction.savepoint() else { continue };
            if !job.run(&savepoint) {
                let _ = savepoint.rollback();
            }
            let _ = savepoint.commit();
        }
        batch.drain(..).for_each(|job| job.answer(Ok(&())));
        std::thread::sleep(Duration::from_millis(5));
        let _ = transaction.commit();
    }"),
    ];
    a_commit_that_fails_and_is_acknowledged_is_caught: [
        in_embedded_suite("nothing_is_acknowledged_that_the_disk_has_refused", "acknowledged and not on the disk"),
        in_library("writer::tests::nothing_is_acknowledged_where_the_commit_fails", DIFFERS),
    ], [
        ("src/writer.rs", "(Ok(()), Some(Ok(value))) => Ok(value),", "(_, Some(Ok(value))) => Ok(value),"),
    ];
    a_write_that_fails_and_is_kept_by_half_is_caught:
        [in_library("writer::tests::an_operation_that_fails_halfway_is_undone_and_its_neighbours_are_committed", DIFFERS)], [
        ("src/writer.rs", "savepoint.rollback()?;", "let _ = &savepoint;"),
    ];
    a_store_that_another_process_cannot_open_is_caught:
        [in_embedded_suite("a_second_process_can_work_beside_the_first", "refused ")], [
        ("src/store.rs", "        let file = directory.join(DATABASE_FILE);", "        let file = directory.join(DATABASE_FILE);
        let lock = std::fs::File::create(directory.join(\"only\")).map_err(OpenError::Writer)?;
        if lock.try_lock().is_err() {
            return Err(OpenError::Database { operation: \"locking\", code: \"it\".to_owned() });
        }
        std::mem::forget(lock);"),
    ];

    // A whole store.
    a_snapshot_that_shows_what_is_written_later_is_caught:
        [in_suite("a_snapshot_shows_one_moment_whatever_is_written_meanwhile", DIFFERS)], [
        ("src/snapshot.rs", "let connection = schema::open_reader(&copy.path)?;", "let connection = schema::open_reader(database)?;"),
    ];
    an_import_into_a_store_with_a_row_is_caught: [in_suite("a_store_that_holds_anything_is_not_filled", FALSE)], [
        ("src/import.rs", "WHERE NOT EXISTS (SELECT 1 FROM organizations) AND NOT EXISTS (SELECT 1 FROM api_keys) \\\n         AND NOT EXISTS (SELECT 1 FROM audit_events) ON", "WHERE true ON"),
    ];
    rows_that_are_stored_before_one_is_refused_are_caught:
        [in_suite("what_is_not_the_same_is_refused_as_a_whole", "nothing of it is stored")], [
        ("src/import.rs", "        connection.execute_batch(\"ROLLBACK TO import\")?;\n", ""),
    ];
    an_import_that_ends_without_its_rows_is_caught: [in_suite("an_import_that_lacks_a_row_does_not_end", DIFFERS)], [
        ("src/import.rs", "found.counts != head.counts || !", "!"),
    ];
    an_import_whose_end_is_not_told_is_caught:
        [in_suite("readers_of_the_feed_begin_anew_after_an_import", "as if nothing had changed")], [
        ("src/import.rs", "            for statement in FEED {", "            for statement in &FEED[..0] {"),
    ];
    numbers_that_begin_below_those_taken_out_are_caught:
        [in_suite("the_numbers_of_events_go_on_after_those_that_were_imported", FALSE)], [
        ("src/import.rs", "for statement in [EXPIRED, NUMBERED, NUMBERS] {", "for statement in [EXPIRED, NUMBERED] {"),
    ];
}
