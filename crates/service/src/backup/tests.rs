mod revocations;

use std::{fs, io::Cursor, path::PathBuf, sync::LazyLock};

use capykeys_conformance::fixtures::{self, at};
use capykeys_domain::{
    model::{AuditAction, AuditRecord, Organization, Sequence},
    ports::{Limit, RowCounts, StoreHead, StoredKey, StoredRows},
    secret::{KeyFormat, PepperCheck, PepperId, RecordedPepper},
};
use capykeys_storage::Record;

use super::{format::FORMAT, *};
use crate::transfer::RowSource;

/// The same in every call.
fn organization() -> Organization {
    static ONE: LazyLock<Organization> = LazyLock::new(|| fixtures::organization(at(0)));
    ONE.clone()
}

/// The one of this number, from 1 to 9.
fn key(number: usize) -> StoredKey {
    static ALL: LazyLock<Vec<StoredKey>> = LazyLock::new(|| {
        let new = (1..10).map(|micros| fixtures::key(organization().id, at(micros)));
        new.map(|new| StoredKey {
            key: new.key,
            digest: new.digest,
            previous_digest: None,
            expiry_noticed_until: None,
        })
        .collect()
    });
    ALL[number - 1].clone()
}

fn event(number: i64) -> AuditRecord {
    let event = fixtures::event(AuditAction::CreateKey, at(number), organization().id, Some(key(1).key.id));
    AuditRecord { sequence: fixtures::sequence(number), event }
}

fn rows() -> [StoredRows; 3] {
    [
        StoredRows::Organizations(vec![organization()]),
        StoredRows::Keys((1..=3).map(key).collect()),
        StoredRows::Events((5..=9).map(event).collect()),
    ]
}

fn header() -> Header {
    let check = PepperCheck { id: PepperId::parse("1").unwrap(), value: [9; 32] };
    let head = StoreHead {
        counts: RowCounts { organizations: 1, keys: 3, events: 5 },
        peppers: vec![RecordedPepper { check, turn: Some(1) }],
        expired_through: Sequence::new(4).unwrap(),
    };
    Header::new("SQLite", "capy_live_", at(100), head)
}

/// A backup in a folder of its own, and its bytes.
fn written(rows: &[StoredRows]) -> (tempfile::TempDir, PathBuf, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("backup");
    let mut writer = BackupWriter::create(Some(&path), &header()).unwrap();
    for some in rows {
        writer.write_rows(some).unwrap();
    }
    assert!(!path.exists(), "it has its name before it is whole");
    writer.finish().unwrap();
    let bytes = fs::read(&path).unwrap();
    (folder, path, bytes)
}

fn scan(bytes: &[u8]) -> Result<Scan, BackupError> {
    let backup = BackupReader::new("the file".to_owned(), Box::new(Cursor::new(bytes.to_vec())))?;
    Scan::of(backup, &Revocations::default())
}

async fn all(mut source: BackupSource<'_>, limit: u16) -> Vec<StoredRows> {
    let mut all = Vec::new();
    while let Some(rows) = source.next(Limit::new(limit).unwrap()).await.unwrap() {
        all.push(rows);
    }
    all
}

#[tokio::test]
async fn what_was_written_is_read() {
    let (_folder, path, _) = written(&rows());
    let backup = || BackupReader::open(&path).unwrap();
    assert_eq!(*backup().header(), header());
    let scan = Scan::of(backup(), &Revocations::default()).unwrap();
    assert_eq!(all(BackupSource::new(backup(), &scan), 100).await, rows());
    let counts: Vec<_> =
        all(BackupSource::new(backup(), &scan), 2).await.iter().map(StoredRows::len).collect();
    assert_eq!(counts, [1, 2, 1, 2, 2, 1], "pages end where another kind of rows begins");
}

#[test]
fn a_backup_is_for_its_owner_alone_and_takes_the_place_of_the_one_before() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, path, bytes) = written(&rows());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    drop(BackupWriter::create(Some(&path), &header()).unwrap());
    assert_eq!(fs::read(&path).unwrap(), bytes, "one that has failed changes nothing");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "and leaves nothing behind");
}

#[test]
fn what_a_backup_has_left_that_was_killed_goes_with_the_next_and_one_under_way_stays() {
    let folder = tempfile::tempdir().unwrap();
    let names = || {
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap())
    };
    let write = |name| BackupWriter::create(Some(&folder.path().join(name)), &header()).unwrap();
    fs::write(folder.path().join(".capykeys-backup-left"), "half").unwrap();
    let (first, second) = (write("first"), write("second"));
    assert!(names().count() == 2 && names().all(|name| name != ".capykeys-backup-left"));
    first.finish().unwrap();
    second.finish().unwrap();
    let mut names: Vec<_> = names().collect();
    names.sort_unstable();
    assert_eq!(names, ["first", "second"]);
}

#[test]
fn a_backup_that_is_cut_short_anywhere_is_refused() {
    let (.., bytes) = written(&rows());
    assert!(scan(&bytes).is_ok());
    for end in 0..bytes.len() {
        let error = scan(&bytes[..end]).err().unwrap_or_else(|| panic!("cut after {end} bytes"));
        let expected = matches!(error, BackupError::CutShort(_) | BackupError::NoBackup(_));
        assert!(expected, "{end}: {error}");
    }
}

#[test]
fn a_backup_with_one_byte_altered_is_refused() {
    let (.., bytes) = written(&rows());
    for place in 0..bytes.len() {
        for flip in [0x01, 0x20, 0x80] {
            let mut altered = bytes.clone();
            altered[place] ^= flip;
            assert!(scan(&altered).is_err(), "byte {place} with {flip:x}");
        }
    }
    for more in ["\n", "x", "{}\n"] {
        assert!(scan(&[&bytes, more.as_bytes()].concat()).is_err(), "with {more:?} after its end");
    }
}

#[test]
fn rows_that_are_missing_or_out_of_their_order_are_refused() {
    let [organizations, keys, events] = rows();
    for other in [
        &[organizations.clone(), keys.clone()][..],
        &[keys, organizations.clone(), events.clone()],
        &[organizations.clone(), StoredRows::Keys(vec![key(2), key(1), key(3)]), events.clone()],
        &[organizations, StoredRows::Keys(vec![key(1), key(1), key(2)]), events],
    ] {
        let (.., bytes) = written(other);
        assert!(matches!(scan(&bytes), Err(BackupError::Damaged(_))));
    }
}

#[test]
fn a_newer_format_another_prefix_and_another_file_are_told_apart() {
    let (_folder, path, bytes) = written(&rows());
    let text = String::from_utf8(bytes).unwrap();
    let newer = text.replacen(&format!("\"format\":{FORMAT}"), "\"format\":99", 1);
    let error = scan(newer.as_bytes()).err().unwrap().to_string();
    assert!(error.contains("format 99 is newer than this program"), "{error}");
    let error = BackupReader::open(&path).unwrap().check_prefix("other_").unwrap_err().to_string();
    assert!(error.contains("`capy_live_`") && error.contains("`other_`"), "{error}");
    for other in ["", "\n", "{}\n", "SQLite format 3\0", "{\"row\":\"key\"}\n", "[1]\n"] {
        assert!(matches!(scan(other.as_bytes()), Err(BackupError::NoBackup(_))), "{other:?}");
    }
}

/// An older program would leave out what it does not know.
#[test]
fn the_format_goes_up_with_every_column() {
    let columns: usize = [
        Organization::columns().len(),
        StoredKey::columns().len(),
        AuditRecord::columns().len(),
        RecordedPepper::columns().len(),
    ]
    .iter()
    .sum();
    assert_eq!((FORMAT, columns), (3, 9 + 27 + 14 + 3), "raise FORMAT together with this number");
}
