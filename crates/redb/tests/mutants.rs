//! That the suite would see a mistake in this adapter: each is planted in a copy of it, and then a case has to fail.
//! Copy this with the adapter: what is a duty for this engine is one for yours.
//!
//! `cargo test --test mutants -- --ignored` in this folder. Each mutant is compiled, one at a time.

use capykeys_testkit::mutants::{Caught, DIFFERS, FALSE, in_embedded_suite, in_library, in_suite};

const KEYS: &str = "src/keys.rs";
const KEY_LOOKUP: &str = "src/key_lookup.rs";
const ORGANIZATIONS: &str = "src/organizations.rs";
const FEED: &str = "src/change_feed.rs";
const LOG: &str = "src/audit_log.rs";
const DATABASE: &str = "src/database.rs";
const STORE: &str = "src/store.rs";

const REVOKES: &str = "self.write(operation::REVOKE_KEY, move |transaction| {";
const REVOKED: &str =
    "            record(transaction, AuditEvent { project_id: revoked.project_id, ..event })?;
            tell(transaction, &host, Change::Key(id))?;
            Ok(Some(Revocation { revoked_at: at, newly: true }))
        })
        .await";
const SUSPENDED: &str = "            record(transaction, event)?;
            tell(transaction, &host, Change::Organization(id))?;
            Ok(Some(changed))
        })
        .await";

/// A test of what the store owes beside all that.
const fn in_duties(test: &'static str, says: &'static str) -> Caught {
    Caught { target: "duties", test, says }
}

capykeys_testkit::mutants! {
    // What is one transaction and is made two.
    a_change_that_is_told_before_it_is_made_is_caught:
        [in_suite("a_revocation_is_seen_as_a_whole", "a change is told before it can be seen")], [
        (KEYS, REVOKES, "let (told, id) = (host.clone(), revoke.id);
        self.write(\"tell\", move |transaction| {
            let is_good = stored(transaction, id)?.is_some_and(|(_, key)| key.revoked_at.is_none());
            if is_good { tell(transaction, &told, Change::Key(id)) } else { Ok(()) }
        })
        .await?;
        self.write(operation::REVOKE_KEY, move |transaction| {"),
        (KEYS, "            tell(transaction, &host, Change::Key(id))?;\n", "            let _ = &host;\n"),
    ];
    a_change_that_is_told_in_a_later_transaction_is_caught: [
        in_suite("a_revocation_is_seen_as_a_whole", "a change can be seen before it is told"),
        in_suite("a_dropped_revocation_is_whole_or_absent", "a change is told if and only if it was made"),
    ], [
        (KEYS, REVOKES, "let id = revoke.id;
        let revocation: Option<Revocation> = self.write(operation::REVOKE_KEY, move |transaction| {"),
        (KEYS, REVOKED, "            record(transaction, AuditEvent { project_id: revoked.project_id, ..event })?;
            Ok(Some(Revocation { revoked_at: at, newly: true }))
        })
        .await?;
        if revocation.is_some_and(|one| one.newly) {
            self.write(\"tell\", move |transaction| tell(transaction, &host, Change::Key(id))).await?;
        }
        Ok(revocation)"),
    ];
    an_event_in_a_later_transaction_is_caught: [
        in_suite("a_revocation_is_seen_as_a_whole", "a change can be seen before its event is there"),
        in_suite("a_dropped_revocation_is_whole_or_absent", "a change and its event are there together"),
        in_embedded_suite("what_was_acknowledged_survives_a_kill", "so are a revocation and its event"),
    ], [
        (KEYS, REVOKES, "let logged = revoke.event.clone();
        let revocation: Option<Revocation> = self.write(operation::REVOKE_KEY, move |transaction| {"),
        (KEYS, REVOKED, "            let _ = (event, revoked.project_id);
            tell(transaction, &host, Change::Key(id))?;
            Ok(Some(Revocation { revoked_at: at, newly: true }))
        })
        .await?;
        if revocation.is_some_and(|one| one.newly) {
            self.write(\"log\", move |transaction| record(transaction, logged)).await?;
        }
        Ok(revocation)"),
    ];
    a_suspensions_event_in_a_second_transaction_is_caught: [
        in_suite("a_suspension_is_seen_as_a_whole", "a change can be seen before its event is there"),
        in_suite("a_dropped_suspension_is_whole_or_absent", "a change and its event are there together"),
    ], [
        (ORGANIZATIONS, "        self.write(operation::SET_SUSPENSION, move |transaction| {", "        let (logged, at) = (set.event.clone(), set.at);
        let outcome: Option<Organization> = self.write(operation::SET_SUSPENSION, move |transaction| {"),
        (ORGANIZATIONS, SUSPENDED, "            let _ = event;
            tell(transaction, &host, Change::Organization(id))?;
            Ok(Some(changed))
        })
        .await?;
        if outcome.as_ref().is_some_and(|one| one.updated_at == at) {
            self.write(\"log\", move |transaction| record(transaction, logged)).await?;
        }
        Ok(outcome)"),
    ];
    a_creator_that_is_judged_in_an_earlier_transaction_is_caught: [
        in_suite("of_a_revocation_and_creations_at_once_none_is_created_after_it", "a key was created after"),
        in_suite("of_a_suspension_and_creations_at_once_none_is_created_after_it", "a key was created after"),
    ], [
        (KEYS, "        self.write(operation::INSERT_KEY, move |transaction| {", "        let judged = new.clone();
        if let Some(obstacle) = self.write(\"judge\", move |transaction| obstacle(transaction, &judged)).await? {
            return Ok(obstacle);
        }
        self.write(operation::INSERT_KEY, move |transaction| {"),
        (KEYS, "let insertion = match obstacle(transaction, &new)? {", "let insertion = match None::<Insertion> {"),
    ];
    a_number_that_is_drawn_before_the_transaction_is_caught:
        [in_suite("every_reader_is_told_every_event_once_and_in_one_order", "a reader was told something else")], [
        (LOG, "        self.write(operation::APPEND_EVENT, move |transaction| record(transaction, event)).await", "        let drawn = self
            .write(\"draw\", |transaction| {
                let drawn = number(transaction, NEWEST_EVENT)? + 1;
                transaction.open_table(NUMBERS)?.insert(NEWEST_EVENT, drawn)?;
                Ok(drawn)
            })
            .await?;
        self.write(operation::APPEND_EVENT, move |transaction| {
            let newest = number(transaction, NEWEST_EVENT)?;
            transaction.open_table(NUMBERS)?.insert(NEWEST_EVENT, drawn - 1)?;
            record(transaction, event)?;
            transaction.open_table(NUMBERS)?.insert(NEWEST_EVENT, newest)?;
            Ok(())
        })
        .await"),
    ];

    // What is told.
    a_rehash_that_is_not_told_is_caught: [in_suite("a_rehash_is_seen_as_a_whole", "a change can be seen before it is told")], [
        ("src/peppers.rs", "    tell(transaction, host, Change::Key(*id))\n", "    let _ = (host, tell, Change::Key(*id));\n    Ok(())\n"),
    ];
    marks_that_are_counted_are_caught: [
        in_suite("marks_are_random", "are not random"),
        in_embedded_suite("no_two_stores_have_a_mark_in_common", "not random"),
    ], [
        (FEED, "Event::of(sequence, random(host)?, change)", "Event::of(sequence, (sequence.get() as u128 + random::<16>(host).map_or(0, |_| 0)).to_be_bytes(), change)"),
    ];
    a_feed_that_forgets_at_once_is_caught: [in_suite("pages_are_complete_and_say_when_they_end", "diverged")], [
        (FEED, "const KEPT: i64 = 100_000;", "const KEPT: i64 = 2;"),
    ];
    a_time_that_stands_still_is_caught: [
        in_suite("the_stores_time_goes_on_and_never_back", "its time stands still"),
        in_suite("the_stores_time_is_its_clocks", "it goes by another clock"),
    ], [
        (FEED, "Ok(FeedHead { position, store_time,", "let store_time = Timestamp::MIN.max(store_time.min(Timestamp::MIN));\n    Ok(FeedHead { position, store_time,"),
    ];
    a_time_that_is_an_hour_ahead_is_caught: [in_suite("the_stores_time_is_its_clocks", "it goes by another clock")], [
        (FEED, "Ok(FeedHead { position, store_time,", "let store_time = Timestamp::from_unix_micros(store_time.unix_micros() + 3_600_000_000).unwrap_or(store_time);\n    Ok(FeedHead { position, store_time,"),
    ];

    // Rows.
    keys_that_cannot_be_read_and_are_left_out_are_caught:
        [in_suite("a_row_that_cannot_be_read_is_an_error_and_not_shown", "list_keys has not noticed a row")], [
        (KEYS, "let key: ApiKey = expect(&keys, entry?.0.value().1, \"id\")?;", "let Ok(key) = expect::<_, ApiKey>(&keys, entry?.0.value().1, \"id\") else { continue };"),
    ];
    a_filter_that_is_applied_to_what_was_read_already_is_caught: [in_suite("whatever_is_asked_for_the_pages_are_those_of_the_model", "pages of")], [
        (KEYS, "page.extend(Some(key).filter(|key| query.filter.admits(key)));", "page.push(key);"),
        (KEYS, "    Ok(page)\n", "    page.retain(|key: &ApiKey| query.filter.admits(key));\n    Ok(page)\n"),
    ];
    uses_beyond_256_that_are_ignored_are_caught: [in_suite("many_keys_are_recorded_at_once", DIFFERS)], [
        (KEYS, "for one in uses {", "for one in uses.into_iter().take(256) {"),
    ];
    a_lookup_that_does_not_look_at_the_pepper_is_caught: [in_suite("a_key_is_found_under_any_of_several_digests", DIFFERS)], [
        (KEY_LOOKUP, "if digests.contains(&digest)", "if !digest.as_bytes().is_empty()"),
    ];
    a_key_of_another_organization_is_caught: [in_suite("lookups_never_leave_the_organization", DIFFERS)], [
        (KEYS, "Ok(key.filter(|key| key.organization_id == organization))", "Ok(key.filter(|_| organization == organization))"),
    ];

    // What reads more than it has to.
    a_lookup_that_reads_all_keys_is_caught: [in_suite("a_lookup_and_a_page_read_no_more_where_more_is_stored", "find_key_by_digest reads")], [
        (KEY_LOOKUP, "let Some(id) = by_digest.get(digest.as_bytes())? else { continue };", "let Some((_, id)) = by_digest.iter()?.flatten().filter(|(own, _)| own.value() == digest.as_bytes()).last() else { continue };"),
    ];
    a_page_that_reads_all_keys_is_caught: [in_suite("a_lookup_and_a_page_read_no_more_where_more_is_stored", "list_keys reads")], [
        (KEYS, "for entry in own.range((organization, 0)..(organization, end))?.rev() {",
            "let all: Vec<_> = own.iter()?.flatten().filter(|(own, _)| own.value().0 == organization && own.value().1 < end).collect();
            for entry in all.into_iter().rev().map(Ok::<_, redb::StorageError>) {"),
    ];

    // Processes and the disk.
    a_write_that_is_acknowledged_before_its_commit_is_caught: [
        in_embedded_suite("what_was_acknowledged_survives_a_kill", "is lost"),
        in_embedded_suite("nothing_is_acknowledged_that_the_disk_has_refused", "is lost"),
    ], [
        (DATABASE, "            transaction.commit()?;
            Ok(done)", "            std::thread::spawn(move || {
                sleep(Duration::from_millis(5));
                transaction.commit()
            });
            Ok(done)"),
    ];
    readiness_that_always_says_yes_is_caught: [in_embedded_suite(
        "on_a_disk_that_hangs_every_call_comes_back_and_no_write_is_acknowledged",
        "says that it is ready",
    )], [
        (STORE, "self.in_turn(operation::CHECK_READINESS, Shared::take_turn).await", "let _ = Shared::take_turn;\n        Ok(())"),
    ];
    a_write_without_a_deadline_is_caught:
        [in_embedded_suite("on_a_disk_that_hangs_every_call_comes_back_and_no_write_is_acknowledged", "it has no deadline")], [
        (STORE, "timeout_at(deadline.into(), work).await", "timeout_at((deadline + self.deadline * 1000).into(), work).await"),
    ];
    a_folder_that_others_can_read_is_caught: [in_embedded_suite("everything_is_made_for_its_owner_alone", DIFFERS)], [
        ("src/directory.rs", "0o700", "0o755"),
    ];
    a_database_that_others_can_read_is_caught: [
        in_embedded_suite("everything_is_made_for_its_owner_alone", "capykeys.redb"),
        in_duties("the_folder_and_its_files_are_open_to_nobody_else", "capykeys.redb"),
    ], [
        (DATABASE, "NamedTempFile::new_in(directory)", "NamedTempFile::new_in(directory).and_then(|made| {
            let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o644);
            std::fs::set_permissions(made.path(), everybody).map(|()| made)
        })"),
    ];
    commits_that_are_not_durable_are_caught: [
        in_embedded_suite("what_was_acknowledged_survives_a_kill", "is lost"),
        in_embedded_suite("nothing_is_acknowledged_that_the_disk_has_refused", "acknowledged and not on the disk"),
    ], [
        // Between processes the engine refuses such commits.
        (DATABASE, "set_concurrency_mode(ConcurrencyMode::MultiWriter)", "set_concurrency_mode(ConcurrencyMode::ExclusiveWriter)"),
        (DATABASE, "let transaction = begin_write(database, deadline)?;
            let done", "let mut transaction = begin_write(database, deadline)?;
            let _ = transaction.set_durability(redb::Durability::None);
            let done"),
    ];
    a_database_that_is_not_opened_again_is_caught: [
        in_embedded_suite("on_a_full_disk_nothing_is_lost_and_reads_go_on", "a full disk keeps nobody from reading"),
        in_embedded_suite(
            "nothing_is_acknowledged_that_the_disk_has_refused",
            "writes go on when the disk is well",
        ),
    ], [
        (DATABASE, "self.open_again(&database);", "let _ = Self::open_again;"),
    ];
    a_turn_that_is_waited_for_without_a_deadline_is_caught: [in_library(
        "database::tests::nobody_waits_for_another_process_that_writes_beyond_the_deadline",
        "it waits for ever",
    )], [
        (DATABASE, "if Instant::now() < deadline =>", "if deadline.elapsed() < Duration::MAX =>"),
    ];

    // Copies, and what newer programs write.
    an_epoch_that_is_always_the_same_is_caught:
        [in_duties("a_copy_begins_an_epoch_and_the_same_file_does_not", "assertion `left != right` failed")], [
        (DATABASE, "let id: [u8; 16] = random(host)?;", "let id = random::<16>(host).map(|_| [7; 16])?;"),
    ];
    a_copy_that_begins_no_epoch_is_caught:
        [in_duties("a_copy_begins_an_epoch_and_the_same_file_does_not", "assertion `left != right` failed")], [
        (DATABASE, "if on.as_deref() != Some(identity) {", "if on.is_none() {"),
    ];
    an_epoch_that_begins_with_every_opening_is_caught:
        [in_duties("a_copy_begins_an_epoch_and_the_same_file_does_not", DIFFERS)], [
        (DATABASE, "?.1.as_deref() == Some(identity) {", "?.1.is_some_and(|_| false) {"),
        (DATABASE, "if on.as_deref() != Some(identity) {", "if on.as_deref() != Some(identity) || last > 0 {"),
    ];
    an_epoch_that_does_not_say_where_it_began_is_caught:
        [in_duties("a_copy_begins_an_epoch_and_the_same_file_does_not", DIFFERS)], [
        (DATABASE, ".and(\"newest_event\", &newest)", ".and(\"newest_event\", &(newest + 1))"),
    ];
    a_file_that_took_the_databases_place_and_is_not_noticed_is_caught: [in_duties(
        "a_key_that_is_revoked_in_a_file_that_took_the_databases_place_is_not_good_in_the_old_one",
        "called `Result::unwrap_err()` on an `Ok` value",
    )], [
        (DATABASE, "self.check_file().and_then(|()| work(&database))", "work(&database)"),
    ];
    what_only_a_newer_server_knows_and_is_lost_is_caught:
        [in_duties("what_only_a_newer_server_knows_of_a_key_is_kept", "it is lost")], [
        (KEYS, "document.with(&noted)", "Document::of(&noted)"),
    ];
    a_format_that_is_not_looked_at_is_caught: [in_duties("what_cannot_be_worked_on_is_refused_in_one_sentence", FALSE)], [
        (DATABASE, "if found == KNOWN_FORMAT {", "if found >= KNOWN_FORMAT {"),
    ];
    an_error_in_the_engines_own_words_is_caught:
        [in_library("error::tests::a_failure_does_not_repeat_what_the_engine_says", DIFFERS)], [
        ("src/error.rs", "Self::Engine(error) => f.write_str(match error {", "Self::Engine(error @ Error::Corrupted(_)) => write!(f, \"{error}\"),
            Self::Engine(error) => f.write_str(match error {"),
    ];
    an_error_in_the_systems_own_words_is_caught:
        [in_library("error::tests::a_failure_does_not_repeat_what_the_engine_says", DIFFERS)], [
        ("src/error.rs", "failed ({})\", error.kind())", "failed ({})\", error)"),
    ];
    a_retired_replica_that_is_told_that_it_is_registered_is_caught: [in_suite("a_replica_is_removed_in_two_steps", FALSE)], [
        ("src/replicas.rs", "Some(document) => !document.field::<bool>(\"retired\")?,", "Some(document) => document.field::<bool>(\"retired\").is_ok(),"),
    ];

    // A whole store.
    a_snapshot_that_shows_what_is_written_later_is_caught:
        [in_suite("a_snapshot_shows_one_moment_whatever_is_written_meanwhile", DIFFERS)], [
        ("src/snapshot.rs", "self.store.read_held(operation::READ_ROWS, &self.held, read).await", "self.store.read(operation::READ_ROWS, read).await"),
    ];
    an_import_into_a_store_with_a_row_is_caught: [in_suite("a_store_that_holds_anything_is_not_filled", FALSE)], [
        ("src/import.rs", "!head.is_unfinished() && head.counts != StoreHead::default().counts", "head.is_unfinished() && head.counts != head.counts"),
    ];
    a_key_without_its_organization_is_caught:
        [in_suite("what_is_not_the_same_is_refused_as_a_whole", "their organizations are not there")], [
        ("src/import.rs", "            if organizations.get(organization)?.is_none() {\n", "            if organizations.get(organization)?.is_none() && false {\n"),
    ];
    an_import_that_ends_without_its_rows_is_caught: [in_suite("an_import_that_lacks_a_row_does_not_end", DIFFERS)], [
        ("src/import.rs", "found.counts != head.counts || !", "!"),
    ];
    an_import_whose_end_is_not_told_is_caught:
        [in_suite("readers_of_the_feed_begin_anew_after_an_import", "as if nothing had changed")], [
        ("src/import.rs", "            restart(transaction, &host)?;", "            let _ = (restart, &host);"),
    ];
    numbers_that_begin_below_those_taken_out_are_caught:
        [in_suite("the_numbers_of_events_go_on_after_those_that_were_imported", FALSE)], [
        ("src/import.rs", "number(transaction, NEWEST_EVENT)?.max(expired)", "number(transaction, NEWEST_EVENT)?.max(0)"),
    ];
    turns_that_others_keep_are_caught: [in_suite("the_peppers_have_the_turns_that_they_had", DIFFERS)], [
        ("src/import.rs", "RecordedPepper { turn: None, ..other.clone() }", "RecordedPepper { ..other.clone() }"),
    ];
}
