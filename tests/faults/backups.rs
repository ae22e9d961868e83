//! Backups and restores, with the real program: beside traffic, between kinds of store, killed, and with what is wrong.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use capykeys_testkit::shared;
use capykeys_tests::{
    Created, Installation, Output, Server, Store, Tables, Tenant, clock, on_every_store, on_one_store, wait,
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::disk::DatabaseOnDisk;

on_every_store![
    what_was_backed_up_beside_writers_is_restored_and_served,
    a_store_that_holds_a_row_is_refused_and_left_as_it_is,
    what_was_revoked_since_is_told_or_never_good_again,
    a_backup_that_is_wrong_is_refused_with_one_sentence_and_nothing_is_stored,
    a_restore_that_was_killed_leaves_nothing_that_is_served_and_is_gone_on_with,
    a_backup_in_whose_place_another_file_is_put_is_restored_to_its_end,
    a_backup_that_was_killed_leaves_the_one_before,
    a_full_disk_is_told_in_one_sentence_and_leaves_no_backup,
];
on_one_store![
    postgresql:
    a_store_goes_into_the_other_kind_and_back_unchanged,
    servers_that_run_notice_a_restore,
    a_role_that_does_not_own_the_tables_backs_up_and_does_not_restore,
    a_database_on_a_full_disk_is_restored_into_once_there_is_room_and_backed_up_without;
    sqlite: a_disk_that_is_full_during_a_restore_is_told_and_the_next_run_ends_it
];

const LIMIT: Duration = Duration::from_mins(1);
/// So many that a restore takes long enough to be killed.
const MANY: u32 = 20_000;

fn file(installation: &Installation, name: &str) -> PathBuf {
    installation.directory().join(name)
}

fn back_up(installation: &Installation, name: &str) -> PathBuf {
    let file = file(installation, name);
    let _ = installation.run(&["backup", file.to_str().unwrap()]).expect_success();
    file
}

fn restore(installation: &Installation, backup: &Path) -> Output {
    installation.run(&["restore", backup.to_str().unwrap()])
}

/// All lines but the header, which has the time in it, and the checksum.
fn rows(backup: &Path) -> Vec<String> {
    let text = fs::read_to_string(backup).unwrap();
    let lines: Vec<_> = text.lines().map(ToOwned::to_owned).collect();
    lines[1..lines.len() - 1].to_vec()
}

fn content(installation: &Installation) -> Vec<String> {
    rows(&back_up(installation, "content.backup"))
}

/// A store that was in use, with the keys that were made in it.
struct Used {
    installation: Arc<Installation>,
    organization: String,
    admin: Created,
    revoked: Created,
    /// Both of its secrets are good.
    rotated: [Created; 2],
}

impl Used {
    fn new(store: Store) -> Self {
        let installation = Arc::new(Installation::new(store));
        let server = Server::start(&installation);
        let acme = Tenant::new(&server);
        let (admin, revoked) = (acme.key_with(&["*"]), acme.key_with(&["jobs:read"]));
        acme.revoke(revoked.id());
        let old = acme.key_with(&["jobs:read"]);
        let new = acme.rotation(&acme.admin, old.id()).send().expect(200);
        let rotated = [old, Created::from_body(&new)];
        let organization = acme.id.clone();
        Self { installation, organization, admin, revoked, rotated }
    }

    /// Its organization, as `server` knows it.
    fn on<'s>(&self, server: &'s Server) -> Tenant<'s> {
        let (id, admin) = (self.organization.clone(), self.admin.plaintext.clone());
        Tenant { server, id, admin, admin_id: self.admin.id().to_owned() }
    }

    /// That everything works on a server there.
    #[track_caller]
    fn works_on(&self, installation: Installation) {
        let server = Server::start(&Arc::new(installation));
        let ready = || (server.get("/readyz").send().status == 200).then_some(());
        wait::until("it is ready", LIMIT, ready);
        let acme = self.on(&server);
        assert!(acme.accepts(&self.admin.plaintext) && !acme.accepts(&self.revoked.plaintext));
        let [old, new] = &self.rotated;
        assert!(acme.accepts(&old.plaintext) && acme.accepts(&new.plaintext));
        acme.finishing(&acme.admin, old.id()).send().expect(200);
        assert!(!acme.accepts(&old.plaintext) && acme.accepts(&new.plaintext));
        let created = acme.key_with(&["jobs:read"]);
        assert!(acme.accepts(&created.plaintext));
        acme.revoke(created.id());
        assert!(!acme.accepts(&created.plaintext));
    }
}

fn what_was_backed_up_beside_writers_is_restored_and_served(store: Store) {
    let used = Used::new(store);
    let server = Server::start(&used.installation);
    let (stop, written) = (AtomicBool::new(false), AtomicUsize::new(0));
    let mut backups = Vec::new();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let acme = used.on(&server);
                while !stop.load(Ordering::Relaxed) {
                    acme.revoke(acme.key_with(&["jobs:read"]).id());
                    written.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for round in 0..5 {
            let before = written.load(Ordering::Relaxed);
            wait::until("keys are written", LIMIT, || {
                (written.load(Ordering::Relaxed) > before).then_some(())
            });
            backups.push(back_up(&used.installation, &format!("{round}.backup")));
        }
        stop.store(true, Ordering::Relaxed);
    });
    for backup in &backups {
        let _ = used.installation.run(&["backup", "verify", backup.to_str().unwrap()]).expect_success();
        // Whoever sees a key sees the event of its creation: one moment, and no more.
        let rows = rows(backup);
        let count = |row: &str| rows.iter().filter(|line| line.contains(row)).count();
        assert_eq!(count(r#""row":"key""#), count(r#""action":"api_key.created""#));
        assert_eq!(count(r#""revoked_at""#), count(r#""action":"api_key.revoked""#));
    }
    let target = Installation::new(store);
    let _ = restore(&target, backups.last().unwrap()).expect_success();
    assert_eq!(content(&target), rows(backups.last().unwrap()));
    used.works_on(target);
}

fn a_store_goes_into_the_other_kind_and_back_unchanged() {
    let [sqlite, postgresql] = [Tables::Sqlite(()), Tables::Postgresql(())].map(Store::with);
    let used = Used::new(sqlite);
    let first = back_up(&used.installation, "first.backup");
    let (there, back) = (Installation::new(postgresql), Installation::new(sqlite));
    let _ = restore(&there, &first).expect_success();
    let second = back_up(&there, "second.backup");
    assert_eq!(rows(&second), rows(&first));
    let _ = restore(&back, &second).expect_success();
    assert_eq!(content(&back), rows(&first));
    used.works_on(there);
    used.works_on(back);
}

fn a_store_that_holds_a_row_is_refused_and_left_as_it_is(store: Store) {
    let used = Used::new(store);
    let backup = back_up(&used.installation, "backup");
    let target = Installation::new(store);
    let _ = target.run(&["organizations", "create", "--name", "Other"]).expect_success();
    let before = content(&target);
    let refused = restore(&target, &backup);
    assert!(refused.expect_failure().contains("the store is not empty"), "{}", refused.stderr);
    assert_eq!(content(&target), before);
    // One that holds the backup already, as where a run was killed at its very end, is whole.
    let again = Installation::new(store);
    let _ = restore(&again, &backup).expect_success();
    let _ = restore(&again, &backup).expect_success();
    assert_eq!(content(&again), rows(&backup));
}

fn what_was_revoked_since_is_told_or_never_good_again(store: Store) {
    let used = Used::new(store);
    let server = Server::start(&used.installation);
    let [disabled, leaked] = [(); 2].map(|()| used.on(&server).key_with(&["jobs:read"]));
    drop(server);
    let backup = back_up(&used.installation, "backup");
    let server = Server::start(&used.installation);
    used.on(&server).disabling(&used.admin.plaintext, disabled.id()).send().expect(200);
    used.on(&server).finishing(&used.admin.plaintext, used.rotated[0].id()).send().expect(200);
    used.on(&server).rotation(&used.admin.plaintext, leaked.id()).send().expect(200);
    used.on(&server).revoke(used.admin.id());
    drop(server);
    let newer = back_up(&used.installation, "newer.backup");

    let told = restore(&Installation::new(store), &backup).expect_success();
    let verified = used.installation.json(&["backup", "verify", backup.to_str().unwrap()]);
    assert!(told.stderr.contains(verified["taken_at"].as_str().unwrap()), "{}", told.stderr);
    assert!(told.stderr.contains("is good again"), "{}", told.stderr);

    let list = file(&used.installation, "revoked");
    fs::write(&list, format!("# since\n{}\n", used.admin.id())).unwrap();
    let event = file(&used.installation, "events");
    let id = used.admin.id();
    let now = clock::ahead(Duration::ZERO);
    let finished = used.rotated[0].id();
    let since = [
        ("revoked", id),
        ("disabled", disabled.id()),
        ("rotation_finished", finished),
        ("rotated", leaked.id()),
    ];
    let events =
        since.map(|(action, id)| format!(r#"{{"action":"api_key.{action}","key_id":"{id}","at":"{now}"}}"#));
    fs::write(&event, events.join("\n")).unwrap();
    for (since, revoked, stricter) in [(list, 1, 0), (event, 2, 2), (newer, 2, 2)] {
        let target = Installation::new(store);
        let arguments = ["restore", backup.to_str().unwrap(), "--revoke-from", since.to_str().unwrap()];
        let restored: Value = target.json(&arguments);
        assert_eq!(
            (&restored["revoked_since"], &restored["made_stricter_since"]),
            (&revoked.into(), &stricter.into())
        );
        let server = Server::start(&Arc::new(target));
        assert!(!used.on(&server).accepts(&used.admin.plaintext));
        for one in [&disabled, &leaked, &used.rotated[0]] {
            assert_eq!(used.on(&server).accepts(&one.plaintext), stricter == 0);
        }
        assert!(used.on(&server).accepts(&used.rotated[1].plaintext));
    }
}

fn a_backup_that_is_wrong_is_refused_with_one_sentence_and_nothing_is_stored(store: Store) {
    let used = Used::new(store);
    let backup = fs::read_to_string(back_up(&used.installation, "backup")).unwrap();
    let target = Installation::new(store);
    let altered = backup.replacen("\"name\":\"admin\"", "\"name\":\"Admin\"", 1);
    assert_ne!(altered, backup);
    for (wrong, says) in [
        (backup[..backup.len() / 2].to_owned(), "cut short"),
        (altered, "damaged"),
        (backup.replacen("\"format\":3", "\"format\":4", 1), "newer than this program"),
        ("capykeys".to_owned(), "is no backup"),
    ] {
        let path = file(&target, "wrong.backup");
        fs::write(&path, wrong).unwrap();
        for command in [&["restore", "wrong.backup"][..], &["backup", "verify", "wrong.backup"]] {
            let refused = target.run(command);
            assert!(refused.expect_failure().contains(says), "{}", refused.stderr);
            let errors = refused.stderr.lines().filter(|line| line.starts_with("error: ")).count();
            assert_eq!(errors, 1, "{}", refused.stderr);
        }
    }
    fs::write(file(&target, "good.backup"), &backup).unwrap();
    let other_prefix = target.beside().set("KEYS__PREFIX", "other_");
    let other_pepper = target.beside().set("KEYS__PEPPER", &"5".repeat(64));
    let other_name = target.beside().set("KEYS__PEPPER_ID", "2");
    let good = file(&target, "good.backup");
    for (installation, says) in [
        (&other_prefix, "`keys.prefix` is `other_`"),
        (&other_pepper, "need their pepper 1"),
        (&other_name, "need their pepper 1"),
    ] {
        let refused = restore(installation, &good);
        assert!(refused.expect_failure().contains(says), "{}", refused.stderr);
    }
    // Nothing of all that is there.
    let _ = restore(&target, &good).expect_success();
    used.works_on(target);
}

/// A backup of many keys, in a folder that lives as long as the installation.
fn of_many() -> (Installation, PathBuf) {
    const KEYS: &str = "INSERT INTO api_keys (id, organization_id, name, key_prefix, scopes, source, created_at, pepper_id, \
            digest) \
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) \
        SELECT randomblob(16), (SELECT id FROM organizations LIMIT 1), 'key ' || i, 'capy_live_0000', 'jobs:read', 'api', i, \
            '1', randomblob(32) FROM n";
    let installation = Installation::new(Store::with(Tables::Sqlite(())));
    let _ = installation.run(&["organizations", "create", "--name", "Many"]).expect_success();
    let database = rusqlite::Connection::open(installation.data().join("capykeys.db")).unwrap();
    assert_eq!(database.execute(KEYS, [MANY]).unwrap(), usize::try_from(MANY).unwrap());
    let backup = back_up(&installation, "many.backup");
    (installation, backup)
}

/// Kills the command once `is_time`; whether it was still there.
fn killed(mut command: Command, is_time: impl Fn() -> bool) -> bool {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let runs = wait::until("it is time", LIMIT, || match child.try_wait().unwrap() {
        Some(_) => Some(false),
        None => is_time().then_some(true),
    });
    let _ = child.kill();
    child.wait().unwrap();
    runs
}

/// At any moment.
fn killed_after(command: Command, time: Duration) -> bool {
    let begun = Instant::now();
    killed(command, || begun.elapsed() >= time)
}

fn a_restore_that_was_killed_leaves_nothing_that_is_served_and_is_gone_on_with(store: Store) {
    let (_source, backup) = of_many();
    let target = Arc::new(Installation::new(store));
    let restoring = || target.command(&["restore", backup.to_str().unwrap()]);
    // Its first rows are there.
    let is_begun = || target.run(&["organizations", "list"]).stdout.contains("Many");
    assert!(killed(restoring(), is_begun), "it was not killed in the middle");
    let backed_up = target.run(&["backup", "half.backup"]);
    assert!(backed_up.expect_failure().contains("the beginning of a restore"), "{}", backed_up.stderr);
    let server = Server::start(&target);
    server.says(LIMIT, "the store is being filled");
    server.get("/readyz").send().expect(503);
    drop(server);

    for round in 1..=8 {
        if !killed_after(restoring(), Duration::from_millis(300 * round)) {
            break;
        }
    }
    let _ = restore(&target, &backup).expect_success();
    assert_eq!(content(&target), rows(&backup));
    let server = Server::start(&target);
    wait::until("it is ready", LIMIT, || (server.get("/readyz").send().status == 200).then_some(()));
}

/// As where a schedule puts the next one there.
fn a_backup_in_whose_place_another_file_is_put_is_restored_to_its_end(store: Store) {
    let (_source, backup) = of_many();
    let before = rows(&backup);
    let target = Installation::new(store);
    let mut command = target.command(&["restore", backup.to_str().unwrap()]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait::until("its first rows are there", LIMIT, || {
        target.run(&["organizations", "list"]).stdout.contains("Many").then_some(())
    });
    kill_process(Pid::from_child(&child), Signal::STOP).unwrap();
    assert!(child.try_wait().unwrap().is_none(), "it was over before");
    let other = backup.with_extension("new");
    fs::write(&other, "no backup").unwrap();
    fs::rename(other, &backup).unwrap();
    kill_process(Pid::from_child(&child), Signal::CONT).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(content(&target), before);
}

fn a_backup_that_was_killed_leaves_the_one_before(store: Store) {
    let (_source, many) = of_many();
    let installation = Installation::new(store);
    let _ = restore(&installation, &many).expect_success();
    back_up(&installation, "backup");
    for round in 0..8 {
        killed_after(installation.command(&["backup", "backup"]), Duration::from_millis(20 * round));
        let _ = installation.run(&["backup", "verify", "backup"]).expect_success();
    }
    assert_eq!(rows(&back_up(&installation, "backup")), rows(&many), "and the next one is made");
}

/// The command where no file may be larger than so many blocks of 512 bytes, as on a full disk.
pub(crate) fn on_a_small_disk(installation: &Installation, blocks: u32, arguments: &[&str]) -> Output {
    let command = installation.command(arguments);
    let mut limited = Command::new("sh");
    limited.args(["-c", r#"trap '' XFSZ; ulimit -f "$0"; exec "$@""#]).arg(blocks.to_string());
    limited
        .arg(command.get_program())
        .args(command.get_args())
        .current_dir(installation.directory())
        .env_clear();
    limited.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = limited.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Output { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
}

fn a_full_disk_is_told_in_one_sentence_and_leaves_no_backup(store: Store) {
    let (_source, many) = of_many();
    let installation = Installation::new(store);
    let _ = restore(&installation, &many).expect_success();
    let full =
        installation.command(&["backup", "-"]).stdout(File::create("/dev/full").unwrap()).output().unwrap();
    let said = String::from_utf8_lossy(&full.stderr).into_owned();
    assert!(!full.status.success() && said.contains("cannot be written: No space left"), "{said}");
    let failed = on_a_small_disk(&installation, 1000, &["backup", "small.backup"]);
    assert!(failed.expect_failure().starts_with("error: "), "{}", failed.stderr);
    let names: Vec<_> =
        fs::read_dir(installation.directory()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    let left = names.iter().filter(|name| name.to_string_lossy().contains("backup"));
    assert_eq!(left.count(), 0, "{names:?}");
    back_up(&installation, "small.backup");
}

fn a_disk_that_is_full_during_a_restore_is_told_and_the_next_run_ends_it() {
    let (_source, many) = of_many();
    let target = Installation::new(Store::with(Tables::Sqlite(())));
    let failed = on_a_small_disk(&target, 4000, &["restore", many.to_str().unwrap()]);
    assert!(failed.expect_failure().contains("disk"), "{}", failed.stderr);
    let _ = restore(&target, &many).expect_success();
    assert_eq!(content(&target), rows(&many));
}

fn a_database_on_a_full_disk_is_restored_into_once_there_is_room_and_backed_up_without() {
    let Some(database) = DatabaseOnDisk::new() else { return };
    let (_source, many) = of_many();
    let target = Installation::on_postgres(&database.url);
    let filler = database.disk.fill_but(1024 * 1024);
    let failed = restore(&target, &many);
    assert!(failed.expect_failure().contains("the disk of the server is full"), "{}", failed.stderr);
    assert!(target.run(&["backup", "half.backup"]).expect_failure().contains("the beginning of a restore"));
    fs::remove_file(filler).unwrap();
    let _ = restore(&target, &many).expect_success();
    database.disk.fill();
    assert_eq!(content(&target), rows(&many));
}

/// Two, which know the database empty and have asked for the key.
fn servers_that_run_notice_a_restore() {
    let used = Used::new(Store::with(Tables::Sqlite(())));
    let backup = back_up(&used.installation, "backup");
    let target = Arc::new(Installation::new(Store::with(Tables::Postgresql(()))));
    let servers = [Server::start(&target), Server::start(&target)];
    for server in &servers {
        assert!(!used.on(server).accepts(&used.admin.plaintext));
    }
    let _ = restore(&target, &backup).expect_success();
    for server in &servers {
        // 503 for as long as it takes the store for unfinished.
        let status = |plaintext: &str| server.get("/v1/me").bearer(plaintext).send().status;
        wait::until("the key is accepted", LIMIT, || (status(&used.admin.plaintext) == 200).then_some(()));
        assert!(!used.on(server).accepts(&used.revoked.plaintext));
    }
    used.on(&servers[0]).revoke(used.admin.id());
    assert!(!used.on(&servers[1]).accepts(&used.admin.plaintext));
}

fn a_role_that_does_not_own_the_tables_backs_up_and_does_not_restore() {
    let (full, empty) = (shared().create_database(), shared().create_database());
    let used = Used::new(Store::with(Tables::Sqlite(())));
    let backup = back_up(&used.installation, "backup");
    let installation = Installation::on_postgres(&shared().url(&full));
    let _ = restore(&installation, &backup).expect_success();
    let role = format!("reads_{full}");
    shared().execute(
        &full,
        &format!("CREATE ROLE {role} LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"),
    );
    let _ = Installation::on_postgres(&shared().url(&empty));
    shared().execute(&empty, &format!("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"));
    let by_role = |database: &str| shared().url(database).replacen("postgres@", &format!("{role}@"), 1);
    assert_eq!(content(&Installation::on_database(&by_role(&full))), rows(&backup));
    let refused = restore(&Installation::on_database(&by_role(&empty)), &backup);
    assert!(!refused.stderr.is_empty() && refused.code == Some(1), "{refused:?}");
}
