//! What was locked out since.

use capykeys_domain::{
    model::{ApiKey, Disabling},
    secret::{KeyDigest, PepperId},
};

use super::*;

fn revocations(text: &str) -> Result<Revocations, BackupError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("list");
    fs::write(&path, text).unwrap();
    Revocations::read(&path, &KeyFormat::default())
}

#[test]
fn revocations_are_read_from_ids_and_from_events() {
    let (one, two, organization) = (key(1).key.id, key(2).key.id, organization().id);
    let ids = revocations(&format!("# a list\n\n{one}\n  {two}\r\n")).unwrap();
    assert_eq!(ids.keys, [(one, None), (two, None)].into());
    let revoked = format!(
        r#"{{"action":"api_key.revoked","outcome":"done","at":"{}","key_id":"{one}","more":1}}"#,
        at(200)
    );
    let denied = format!(r#"{{"action":"api_key.revoke","outcome":"denied","key_id":"{two}"}}"#);
    let suspended = format!(
        r#"{{"action":"organization.suspended","at":"{}","organization_id":"{organization}"}}"#,
        at(201)
    );
    let events = revocations(&[revoked.as_str(), &denied, &suspended].join("\n")).unwrap();
    assert_eq!(events.keys, [(one, Some(at(200)))].into());
    assert_eq!(events.organizations[&organization].at, at(201));
}

#[test]
fn the_last_event_of_an_organization_counts_wherever_it_stands() {
    let event = |action: &str, time: i64| {
        let (at, organization) = (at(time), organization().id);
        format!(r#"{{"action":"organization.{action}","at":"{at}","organization_id":"{organization}"}}"#)
    };
    let is_suspended = |first: String, second: String| {
        !revocations(&[first, second].join("\n")).unwrap().organizations.is_empty()
    };
    assert!(!is_suspended(event("suspended", 201), event("resumed", 202)));
    assert!(!is_suspended(event("resumed", 202), event("suspended", 201)));
    assert!(is_suspended(event("suspended", 203), event("resumed", 202)));
}

#[test]
fn what_names_nothing_or_locks_out_in_an_unknown_way_is_refused() {
    assert!(matches!(revocations("# an export that failed\n\n").unwrap_err(), BackupError::Empty(_)));
    let unknown = format!(r#"{{"action":"api_key.paused","key_id":"{}"}}"#, key(1).key.id);
    assert!(revocations(&unknown).unwrap_err().to_string().starts_with("line 1 of"));
}

#[test]
fn a_pipe_is_refused_since_it_is_read_twice() {
    let refused = Revocations::read(std::path::Path::new("/dev/null"), &KeyFormat::default());
    assert!(matches!(refused.unwrap_err(), BackupError::Pipe(_)));
}

#[test]
fn what_is_no_revocation_is_refused_by_its_line_and_not_repeated() {
    for wrong in [
        "capy_live_hush",
        "hush",
        "{\"hush\":1}",
        "{hush",
        "{\"action\":\"api_key.revoked\",\"key_id\":\"hush\"}",
    ] {
        let error = revocations(&format!("{}\n{wrong}\n", key(1).key.id)).unwrap_err().to_string();
        assert!(error.starts_with("line 2 of") && !error.contains("hush"), "{error}");
    }
}

#[tokio::test]
async fn what_was_revoked_since_is_restored_as_revoked_with_an_event_each() {
    let (_folder, path, _) = written(&rows());
    let backup = || BackupReader::open(&path).unwrap();
    let (one, two, unknown) = (key(1).key.id, key(2).key.id, key(9).key.id);
    let since = Revocations {
        keys: [(one, None), (two, Some(at(300))), (unknown, None)].into(),
        ..Revocations::default()
    };
    let scan = Scan::of(backup(), &since).unwrap();
    assert_eq!(scan.counts(), (2, 0, 0));
    let source = BackupSource::new(backup(), &scan);
    assert_eq!(source.head().counts.events, 7);
    let restored = all(source, 100).await;
    let StoredRows::Keys(keys) = &restored[1] else { panic!("{restored:?}") };
    let revoked: Vec<_> = keys.iter().map(|row| row.key.revoked_at).collect();
    assert_eq!(revoked, [Some(at(100)), Some(at(300)), None]);
    let StoredRows::Events(events) = &restored[2] else { panic!("{restored:?}") };
    let told: Vec<_> = events[5..].iter().map(|one| (one.sequence.get(), one.event.key_id)).collect();
    assert_eq!(told, [(10, Some(one)), (11, Some(two))]);
    // A run that goes on where another was killed finds the same.
    let again = Scan::of(backup(), &since).unwrap();
    assert_eq!(all(BackupSource::new(backup(), &again), 100).await, restored);
}

#[tokio::test]
async fn a_newer_backup_tells_what_was_revoked_and_suspended_since() {
    let (_folder, path, _) = written(&rows());
    let [_, _, events] = rows();
    let suspension = capykeys_domain::model::Suspension { at: at(400), reason: None };
    let mut revoked = key(3);
    revoked.key.revoked_at = Some(at(401));
    let (_newer_folder, newer, _) = written(&[
        StoredRows::Organizations(vec![Organization {
            suspension: Some(suspension.clone()),
            ..organization()
        }]),
        StoredRows::Keys(vec![key(1), key(2), revoked.clone()]),
        events,
    ]);
    let since = Revocations::read(&newer, &KeyFormat::default()).unwrap();
    let scan = Scan::of(BackupReader::open(&path).unwrap(), &since).unwrap();
    assert_eq!(scan.counts(), (1, 1, 0));
    let restored = all(BackupSource::new(BackupReader::open(&path).unwrap(), &scan), 100).await;
    let StoredRows::Organizations(organizations) = &restored[0] else { panic!("{restored:?}") };
    assert_eq!(organizations[0].suspension, Some(suspension));
    assert_eq!(restored[1], StoredRows::Keys(vec![key(1), key(2), revoked]));
}

/// With the scopes that the fixtures give a key, and others.
fn event_of(action: &str, time: i64, details: &str) -> String {
    let (key, at) = (key(3).key.id, at(time));
    format!(r#"{{"action":"api_key.{action}","at":"{at}","key_id":"{key}","details":{details}}}"#)
}

#[test]
fn a_key_is_as_the_last_events_leave_it_where_that_is_stricter() {
    let stored = ApiKey { scopes: fixtures::scopes(&["jobs:read", "schema:read"]), ..key(3).key };
    let left = |events: &[String]| revocations(&events.join("\n")).unwrap().stricter(&stored);
    let (disabled, enabled) = (event_of("disabled", 203, "{}"), event_of("enabled", 202, "{}"));
    let narrowed =
        event_of("updated", 204, r#"{"scopes":"jobs:read","previous_scopes":"jobs:read schema:read"}"#);
    let ended = event_of("updated", 205, &format!(r#"{{"expires_at":"{}"}}"#, at(900)));
    let (time, all) = left(&[ended.clone(), narrowed.clone(), enabled.clone(), disabled.clone()]).unwrap();
    let disabling = Disabling { at: at(203), reason: None };
    assert_eq!((time, all.disabled), (at(205), Some(disabling)));
    assert_eq!((all.scopes, all.expires_at), (fixtures::scopes(&["jobs:read"]), Some(at(900))));
    for nothing in [
        vec![event_of("disabled", 201, "{}"), enabled],
        vec![ended, event_of("updated", 206, &format!(r#"{{"previous_expires_at":"{}"}}"#, at(900)))],
        vec![event_of("updated", 204, r#"{"name":"other","previous_name":"CI"}"#)],
        vec![narrowed, event_of("updated", 205, r#"{"scopes":"jobs:read schema:read *"}"#)],
    ] {
        assert_eq!(left(&nothing), None);
    }
    for wrong in [r#"{"scopes":"hush hush"}"#, r#"{"expires_at":"hush"}"#] {
        let error = revocations(&event_of("updated", 204, wrong)).unwrap_err().to_string();
        assert!(error.starts_with("line 1 of") && !error.contains("hush"), "{error}");
    }
}

/// Of what happened between, a file may lack something, and what makes a key good again can be done again.
#[test]
fn nothing_makes_a_key_that_is_narrowed_reach_further_in_another_way() {
    let stored = ApiKey {
        scopes: fixtures::scopes(&["jobs:read", "schema:read"]),
        expires_at: Some(at(800)),
        ..fixtures::disabled(&key(3).key, at(100))
    };
    let events = [
        event_of("enabled", 202, "{}"),
        event_of("updated", 203, &format!(r#"{{"scopes":"jobs:read","expires_at":"{}"}}"#, at(900))),
    ];
    let (_, left) = revocations(&events.join("\n")).unwrap().stricter(&stored).unwrap();
    assert_eq!(left, ApiKey { scopes: fixtures::scopes(&["jobs:read"]), ..stored });
}

/// Of its events none says so: those of changes may have been deleted by their age.
#[tokio::test]
async fn a_newer_backup_tells_which_keys_were_disabled_or_made_stricter_since() {
    let (_folder, path, _) = written(&rows());
    let [organizations, keys, events] = rows();
    let StoredRows::Keys(mut keys) = keys else { panic!("{keys:?}") };
    let before = keys[2].clone();
    keys[2].key.expires_at = Some(at(900));
    keys[2].key.disabled = fixtures::disabled(&before.key, at(401)).disabled;
    let expected = keys.clone();
    let (_newer_folder, newer, _) = written(&[organizations, StoredRows::Keys(keys), events]);
    let since = Revocations::read(&newer, &KeyFormat::default()).unwrap();
    let scan = Scan::of(BackupReader::open(&path).unwrap(), &since).unwrap();
    assert_eq!(scan.counts(), (0, 0, 1));
    let restored = all(BackupSource::new(BackupReader::open(&path).unwrap(), &scan), 100).await;
    assert_eq!(restored[1], StoredRows::Keys(expected));
    let StoredRows::Events(told) = &restored[2] else { panic!("{restored:?}") };
    let told: Vec<_> = told.iter().map(|one| one.event.action.clone()).rev().take(2).collect();
    assert_eq!(told, [AuditAction::UpdateKey, AuditAction::DisableKey]);
}

/// Nobody has said of a secret that was replaced that it is still good, and the one that is has come after the backup.
#[tokio::test]
async fn a_key_that_was_rotated_since_is_restored_as_revoked() {
    let (_folder, path, _) = written(&rows());
    let since =
        revocations(&[event_of("rotated", 299, "{}"), event_of("rotated", 300, "{}")].join("\n")).unwrap();
    let scan = Scan::of(BackupReader::open(&path).unwrap(), &since).unwrap();
    assert_eq!(scan.counts(), (1, 0, 0));
    let restored = all(BackupSource::new(BackupReader::open(&path).unwrap(), &scan), 100).await;
    let StoredRows::Keys(keys) = &restored[1] else { panic!("{restored:?}") };
    assert_eq!(keys[2].key.revoked_at, Some(at(300)));
    let rotated = fixtures::rotate(&key(3).key, &key(9).digest, at(300), at(400)).after;
    assert_eq!(since.rotated(&rotated), None, "what is in the backup has its newest secret");
}

#[test]
fn a_secret_that_was_ended_since_is_restored_as_ended() {
    let rotated = fixtures::rotate(&key(3).key, &key(9).digest, at(300), at(400)).after;
    let since = revocations(&event_of("rotation_finished", 350, "{}")).unwrap();
    let (time, left) = since.stricter(&rotated).unwrap();
    assert_eq!((time, left.grace_ends_at()), (at(350), Some(at(350))));
    assert_eq!(since.stricter(&key(3).key), None);
}

/// A log goes back to before the backup.
#[test]
fn a_rotation_goes_on_after_an_earlier_one_was_ended() {
    let rotated = fixtures::rotate(&key(3).key, &key(9).digest, at(300), at(400)).after;
    let finished = |micros, end| {
        event_of("rotation_finished", micros, &format!(r#"{{"previous_grace_ends_at":"{}"}}"#, at(end)))
    };
    let events = [finished(250, 280), event_of("rotated", 300, "{}")];
    let since = revocations(&events.join("\n")).unwrap();
    assert_eq!((since.rotated(&rotated), since.stricter(&rotated)), (None, None));
    // Told by a clock that is behind.
    let since = revocations(&finished(299, 400)).unwrap();
    assert_eq!(since.stricter(&rotated).unwrap().1.grace_ends_at(), Some(at(299)));
}

/// A pepper that nobody needs any more may have been thrown away.
#[test]
fn a_secret_whose_grace_is_over_needs_no_pepper() {
    let [organizations, keys, events] = rows();
    let StoredRows::Keys(mut keys) = keys else { panic!("{keys:?}") };
    let older = KeyDigest::from_stored(PepperId::parse("older").unwrap(), [9; 32]);
    let needs_older = |until: i64, keys: &mut Vec<StoredKey>| {
        keys[2].key = fixtures::rotate(&key(3).key, &key(9).digest, at(1), at(until)).after;
        keys[2].previous_digest = Some(older.clone());
        let (_folder, path, _) =
            written(&[organizations.clone(), StoredRows::Keys(keys.clone()), events.clone()]);
        let scan = Scan::of(BackupReader::open(&path).unwrap(), &Revocations::default()).unwrap();
        scan.peppers.contains(older.pepper_id())
    };
    assert!(needs_older(i64::from(i32::MAX) * 1_000_000, &mut keys));
    assert!(!needs_older(2, &mut keys));
}

/// Of its events none says so.
#[tokio::test]
async fn a_newer_backup_tells_which_secrets_were_ended_since() {
    let [organizations, keys, events] = rows();
    let StoredRows::Keys(mut keys) = keys else { panic!("{keys:?}") };
    keys[2].key = fixtures::rotate(&keys[2].key, &key(9).digest, at(300), at(400)).after;
    keys[2].previous_digest = Some(key(9).digest);
    let of = |keys: &Vec<StoredKey>| {
        written(&[organizations.clone(), StoredRows::Keys(keys.clone()), events.clone()])
    };
    let (_folder, path, _) = of(&keys);
    keys[2].key = keys[2].key.finished(at(350));
    let (_newer_folder, newer, _) = of(&keys);
    let since = Revocations::read(&newer, &KeyFormat::default()).unwrap();
    let scan = Scan::of(BackupReader::open(&path).unwrap(), &since).unwrap();
    assert_eq!(scan.counts(), (0, 0, 1));
    let restored = all(BackupSource::new(BackupReader::open(&path).unwrap(), &scan), 100).await;
    assert_eq!(restored[1], StoredRows::Keys(keys));
    let StoredRows::Events(told) = &restored[2] else { panic!("{restored:?}") };
    assert_eq!(told.last().unwrap().event.action, AuditAction::FinishRotation);
}
