//! A store is copied into another: whatever cuts the copy off, it is the same in the end, and nothing else is taken for a
//! copy.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use capykeys_tests::{
    Created, Installation, Output, Server, Tenant, on_one_store, postgres, secrets, settings, sqlite, wait,
};
use rusqlite::Connection;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::{backups::on_a_small_disk, disk::DatabaseOnDisk};

on_one_store![
    postgresql:
    a_copy_that_is_killed_at_any_moment_is_gone_on_with_and_equal_there_and_back,
    keys_are_used_made_and_revoked_on_a_copy_as_before,
    no_server_uses_a_copy_before_its_end,
    a_target_that_is_no_beginning_of_the_copy_is_refused_and_unchanged,
    a_target_with_another_pepper_or_prefix_is_refused,
    a_source_that_is_not_there_or_empty_is_refused_and_not_made,
    a_source_that_is_written_meanwhile_is_refused_and_one_that_is_read_only_is_not,
    a_disk_that_is_full_at_either_end_is_told_and_the_copy_gone_on_with,
];

const LIMIT: Duration = Duration::from_secs(30);

/// An embedded store that was in use.
struct Source {
    installation: Arc<Installation>,
    organization: String,
    admin: String,
    admin_id: String,
    revoked: String,
    /// Both are good.
    rotated: [String; 2],
}

impl Source {
    /// With some keys that were made, used and revoked by requests, and `more` that nobody has.
    fn new(more: usize) -> Self {
        let installation = Arc::new(on_sqlite("source"));
        let server = Server::start(&installation);
        let acme = Tenant::new(&server);
        let revoked = acme.key_with(&["*"]);
        acme.revoke(revoked.id());
        let old = acme.key_with(&["jobs:read"]);
        acme.listing(&old.plaintext).send().error(403);
        let new = Created::from_body(&acme.rotation(&acme.admin, old.id()).send().expect(200));
        stop(&server);
        let database = Connection::open(file(&installation, "source")).unwrap();
        database.execute_batch(&MORE.replace("{more}", &more.to_string())).unwrap();
        let (organization, admin, admin_id) = (acme.id.clone(), acme.admin.clone(), acme.admin_id.clone());
        let rotated = [old.plaintext, new.plaintext];
        Self { installation, organization, admin, admin_id, revoked: revoked.plaintext, rotated }
    }

    fn place(&self) -> String {
        place(&self.installation, "source")
    }

    /// The tenant at another server.
    fn at<'s>(&self, server: &'s Server) -> Tenant<'s> {
        let (id, admin, admin_id) = (self.organization.clone(), self.admin.clone(), self.admin_id.clone());
        Tenant { server, id, admin, admin_id }
    }

    fn copy(&self, from: &str, to: &str) -> Output {
        self.installation.run(&["copy", "--from", from, "--to", to])
    }

    #[track_caller]
    fn refused(&self, to: &str) -> String {
        self.copy(&self.place(), to).expect_failure().to_owned()
    }
}

/// Every column is used, and the log's numbers have gaps.
const MORE: &str = "
    CREATE TEMP TABLE n AS WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {more})
        SELECT i FROM n WHERE {more} > 0;
    CREATE TEMP TABLE one AS SELECT * FROM api_keys ORDER BY id DESC LIMIT 1;
    INSERT INTO api_keys (id, organization_id, name, key_prefix, scopes, source, created_at, created_by_user_id,
            device_name, expires_at, last_used_at, project_id, revoked_at, pepper_id, digest, rotated_at,
            previous_key_prefix, previous_expires_at, previous_last_used_at, finish_when_idle, previous_pepper_id,
            previous_digest, expiry_noticed_until)
        SELECT unhex(hex(substr(id, 1, 12)) || printf('%08x', i)), organization_id, 'Schlüssel ' || i, key_prefix,
            'jobs:read schema:read', 'import', created_at + i, 'user_' || i, iif(i % 2, NULL, ' dev ' || i),
            iif(i % 3, NULL, created_at + 1000000 * i), iif(i % 5, NULL, created_at + i), iif(i % 4, NULL, 'p-' || i),
            iif(i % 7, NULL, created_at + 2 * i), pepper_id, randomblob(32),
            iif(i % 3, NULL, created_at + 3 * i), iif(i % 3, NULL, 'capy_live_' || i), iif(i % 3, NULL, created_at + 4 * i),
            iif(i % 6, NULL, created_at + i), iif(i % 6, NULL, i), iif(i % 9, NULL, pepper_id),
            iif(i % 9, NULL, randomblob(32)), iif(i % 6, NULL, created_at + i)
        FROM n, one;
    INSERT INTO audit_events (sequence, at, action, outcome, actor_kind, actor_id, organization_id, key_id, request_id,
            peer, occurrences, project_id, details)
        SELECT 1000 + 2 * i, created_at + i, 'api_key.created', 'done', 'user', 'user_' || i, organization_id,
            unhex(hex(substr(id, 1, 12)) || printf('%08x', i)), 'request-' || i, '192.0.2.1', i, iif(i % 4, NULL, 'p-' || i),
            '{\"name\":\"n\"}'
        FROM n, one;";

const KEPT: [&str; 5] = ["organizations", "api_keys", "audit_events", "audit_retention", "peppers"];

/// An installation on a folder of its own; the pepper is that of all.
fn on_sqlite(folder: &str) -> Installation {
    Installation::bare().set("KEYS__PEPPER", secrets::PEPPER).set("SQLITE__DIRECTORY", folder)
}

fn place(installation: &Installation, folder: &str) -> String {
    format!("sqlite:{}", installation.directory().join(folder).display())
}

fn file(installation: &Installation, folder: &str) -> PathBuf {
    installation.directory().join(folder).join("capykeys.db")
}

fn kept(file: &Path) -> Vec<Vec<String>> {
    let sorted = |table| {
        let mut rows = sqlite::rows(file, table);
        rows.sort_unstable();
        rows
    };
    KEPT.map(sorted).into()
}

fn stop(server: &Server) {
    server.signal(Signal::TERM);
    assert!(server.wait_for_exit(LIMIT).success());
}

/// Copies from `from` into what `next` gives, and again wherever it has come to its end, until it was killed so often.
/// The moments are spread over the time that a copy takes.
fn copied_under_kills(source: &Source, from: &str, kills: usize, next: &mut dyn FnMut() -> String) -> String {
    let begun = Instant::now();
    let mut to = next();
    let _ = source.copy(from, &to).expect_success();
    let whole = begun.elapsed();
    to = next();
    for kill in 0..u32::try_from(kills).unwrap() {
        let mut command = source.installation.command(&["copy", "--from", from, "--to", &to]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // The order of the moments is not that of the copy.
        thread::sleep(whole * (kill * 7 % 10 * 10 + kill % 10) / 100);
        let _ = child.kill();
        if child.wait().unwrap().success() {
            to = next();
        }
    }
    let _ = source.copy(from, &to).expect_success();
    to
}

fn a_copy_that_is_killed_at_any_moment_is_gone_on_with_and_equal_there_and_back() {
    let source = Source::new(settings::number("CAPYKEYS_TEST_COPY_KEYS", 5_000));
    let kills = settings::kill_rounds().div_ceil(2);
    let there = copied_under_kills(&source, &source.place(), kills, &mut postgres::database_url);
    let mut folders = (0..).map(|number| format!("back{number}"));
    let mut next = || place(&source.installation, &folders.next().unwrap());
    let back = copied_under_kills(&source, &there, kills, &mut next);
    let back = Path::new(back.strip_prefix("sqlite:").unwrap()).join("capykeys.db");
    let before = kept(&file(&source.installation, "source"));
    assert!(kept(&back) == before, "the rows are others than they were");
    // One that has come to its end is told so again.
    let again = source.copy(&source.place(), &there).expect_success();
    assert!(again.stdout.contains("Copied and compared: 2 organizations"), "{}", again.stdout);
}

fn keys_are_used_made_and_revoked_on_a_copy_as_before() {
    let source = Source::new(10);
    let there = postgres::database_url();
    let _ = source.copy(&source.place(), &there).expect_success();
    let on_postgres = Installation::on_database(&there);
    let _ = source.copy(&there, &place(&source.installation, "back")).expect_success();
    let back = source.installation.directory().join("back");
    let on_sqlite = on_sqlite(back.to_str().unwrap());
    for installation in [on_postgres, on_sqlite] {
        let server = Server::start(&Arc::new(installation));
        server.get("/readyz").send().expect(200);
        let acme = source.at(&server);
        assert!(acme.accepts(&acme.admin) && !acme.accepts(&source.revoked));
        assert!(source.rotated.iter().all(|secret| acme.accepts(secret)));
        assert_eq!(acme.list().len(), 13);
        let created = acme.key_with(&["jobs:read"]);
        assert!(acme.accepts(&created.plaintext));
        acme.revoke(created.id());
        assert!(!acme.accepts(&created.plaintext));
        stop(&server);
    }
    let numbers = sqlite::rows(&back.join("capykeys.db"), "(SELECT max(sequence) FROM audit_events)");
    assert_eq!(numbers, ["Integer(1022)"]);
}

/// It would call keys unknown that are not there yet. One that runs already goes on without a restart.
fn no_server_uses_a_copy_before_its_end() {
    let source = Source::new(5_000);
    let there = postgres::database_url();
    // It polls seldom, so that it is not the feed that tells it of the end.
    let target = Installation::on_postgres(&there).set("CACHE__LEASE", "5000ms");
    let server = Server::start(&Arc::new(target));
    wait_until_ready(&server);
    let acme = source.at(&server);
    // It remembers that the key is nobody's.
    assert!(!acme.accepts(&acme.admin));
    let mut command = source.installation.command(&["copy", "--from", &source.place(), "--to", &there]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let target = Arc::clone(server.installation());
    wait::until("the copy has begun", LIMIT, || {
        target.rows("peppers").iter().any(|one| one.contains("unfinished-import")).then_some(())
    });
    kill_process(Pid::from_child(&child), Signal::STOP).unwrap();
    wait::until("the server is not ready", LIMIT, || {
        (server.get("/readyz").send().status == 503).then_some(())
    });
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success(), "it had ended before");
    assert_ne!(server.get("/v1/me").bearer(&acme.admin).send().status, 401);
    let _ = source.copy(&source.place(), &there).expect_success();
    wait_until_ready(&server);
    assert!(acme.accepts(&acme.admin) && !acme.accepts(&source.revoked));
}

fn wait_until_ready(server: &Server) {
    wait::until("the server takes the copy", LIMIT, || {
        (server.get("/readyz").send().status == 200).then_some(())
    });
}

fn a_target_that_is_no_beginning_of_the_copy_is_refused_and_unchanged() {
    let source = Source::new(10);
    let target = on_sqlite("target");
    target.json(&["organizations", "create", "--name", "Own"]);
    let before = kept(&file(&target, "target"));
    let said = source.refused(&place(&target, "target"));
    assert!(said.contains("the target is not empty") && said.contains("was left as it is"), "{said}");
    assert_eq!(kept(&file(&target, "target")), before);

    // A copy that was used since is none any more.
    let _ = source.copy(&source.place(), &place(&target, "used")).expect_success();
    let used = target.set("SQLITE__DIRECTORY", "used");
    used.json(&["organizations", "create", "--name", "Own"]);
    assert!(source.refused(&place(&used, "used")).contains("the target is not empty"));
}

fn a_target_with_another_pepper_or_prefix_is_refused() {
    let source = Source::new(10);
    let other = on_sqlite("other").set("KEYS__PEPPER", &"2".repeat(64));
    let _ = other.run(&["peppers", "list"]).expect_success();
    let said = source.refused(&place(&other, "other"));
    assert!(said.contains("a pepper of the target has the name of one"), "{said}");

    let configuration = |name: &str, more: &str| {
        let path = source.installation.directory().join(format!("{name}.toml"));
        fs::write(&path, format!("[sqlite]\ndirectory = 'empty'\n{more}")).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let prefix = configuration("prefix", "[keys]\nprefix = 'other_'\n");
    assert!(source.refused(&prefix).contains("keys.prefix"));
    // What the environment says goes before the file, but for where the store is.
    let missing = configuration("missing", "[keys]\npepper_id = '2'\n");
    let said = source.refused(&missing);
    assert!(said.contains("does not have the pepper 1 of the source"), "{said}");
    let good = configuration("good", "");
    let _ = source.copy(&source.place(), &good).expect_success();
}

fn a_source_that_is_not_there_or_empty_is_refused_and_not_made() {
    let installation = on_sqlite("target");
    let run = |from: &str| {
        let to = place(&installation, "target");
        installation.run(&["copy", "--from", from, "--to", &to]).expect_failure().to_owned()
    };
    assert!(run(&place(&installation, "nowhere")).contains("there is no store in"));
    assert!(!installation.directory().join("nowhere").exists());
    let _ = installation.run(&["organizations", "list"]).expect_success();
    assert!(run(&place(&installation, "target")).contains("the source is empty"));
}

fn a_source_that_is_written_meanwhile_is_refused_and_one_that_is_read_only_is_not() {
    let source = Source::new(2_000);
    let server = Server::start(&source.installation);
    let (acme, to, ended) = (source.at(&server), postgres::database_url(), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                acme.key_with(&["jobs:read"]);
            }
        });
        let said = source.refused(&to);
        ended.store(true, Ordering::Relaxed);
        assert!(
            said.contains("was written while it was copied") && said.contains("server.read_only"),
            "{said}"
        );
    });
    // What was begun is no beginning any more.
    let imported = acme.list().into_iter().find(|key| key["source"] == "import" && key["is_active"] == true);
    acme.revoke(imported.unwrap()["id"].as_str().unwrap());
    let said = source.refused(&to);
    assert!(said.contains("empty the target, and copy again"), "{said}");
    let on_target = Server::start(&Arc::new(Installation::on_database(&to)));
    on_target.get("/readyz").send().error(503);
    assert_ne!(on_target.get("/v1/me").bearer(&acme.admin).send().status, 401);
    stop(&server);

    let server = Server::start(&Arc::new(beside(&source).set("SERVER__READ_ONLY", "true")));
    let (acme, to, ended) = (source.at(&server), postgres::database_url(), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                assert!(acme.accepts(&acme.admin));
                acme.creation(&acme.admin, &json!({"name": "n", "scopes": ["*"]})).send().error(503);
            }
        });
        let copied = source.copy(&source.place(), &to);
        ended.store(true, Ordering::Relaxed);
        let _ = copied.expect_success();
    });
}

fn a_disk_that_is_full_at_either_end_is_told_and_the_copy_gone_on_with() {
    let source = Source::new(5_000);
    let before = kept(&file(&source.installation, "source"));
    let (there, back) = (postgres::database_url(), place(&source.installation, "back"));
    let small = |from: &str, to: &str| {
        let failed = on_a_small_disk(&source.installation, 2000, &["copy", "--from", from, "--to", to]);
        failed.expect_failure().to_owned()
    };
    // It is copied beside itself to be read.
    let said = small(&source.place(), &there);
    assert!(said.contains("disk"), "{said}");
    let _ = source.copy(&source.place(), &there).expect_success();
    let said = small(&there, &back);
    assert!(said.contains("disk") && said.contains("the same command goes on"), "{said}");
    let _ = source.copy(&there, &back).expect_success();
    assert!(kept(&file(&source.installation, "back")) == before, "the rows are others than they were");

    let Some(database) = DatabaseOnDisk::new() else { return };
    let _ = Installation::on_postgres(&database.url);
    let filler = database.disk.fill_but(1024 * 1024);
    let said = source.refused(&database.url);
    assert!(
        said.contains("the disk of the server is full") && said.contains("the same command goes on"),
        "{said}"
    );
    fs::remove_file(filler).unwrap();
    let _ = source.copy(&source.place(), &database.url).expect_success();
    // It was in use: whoever is the first there begins a line of history.
    let _ = Installation::on_database(&database.url).run(&["peppers", "list"]).expect_success();
    database.disk.fill();
    let _ = source.copy(&database.url, &place(&source.installation, "again")).expect_success();
    assert!(kept(&file(&source.installation, "again")) == before, "the rows are others than they were");
}

fn beside(source: &Source) -> Installation {
    on_sqlite(source.installation.directory().join("source").to_str().unwrap())
}
