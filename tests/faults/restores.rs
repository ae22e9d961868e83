//! What operators restore, and what they forget: either it works, or it is not served and says why.

use std::{fs, path::PathBuf, sync::Arc};

use capykeys_testkit::shared;
use capykeys_tests::{Created, Installation, Server, Store, Tables, Tenant, on_one_store};

on_one_store![
    postgresql:
    a_dump_that_is_restored_into_a_new_database_is_served,
    tables_that_hold_nothing_for_good_may_be_left_out_of_a_restore,
    a_database_without_its_organizations_is_not_served_and_says_so,
    a_database_without_the_record_of_its_migrations_is_not_served_and_says_so,
    rows_that_are_restored_into_a_migrated_database_are_served,
    an_audit_log_that_is_restored_by_its_rows_alone_is_gone_on_with_after_a_migration,
    a_database_whose_restore_was_cut_off_with_its_triggers_disabled_is_not_served,
    a_feed_that_is_emptied_under_a_running_service_begins_anew;
    sqlite:
    a_backup_beside_the_log_of_another_database_is_not_served_until_that_is_removed,
    a_store_that_was_killed_is_served_with_its_own_log,
    an_embedded_store_without_the_rows_of_one_table_works_or_says_why,
];

/// A service that was in use, and what is left of it when it is gone.
struct Before {
    organization: String,
    admin: Created,
    revoked: Created,
    /// The installation that it ran on.
    installation: Arc<Installation>,
}

impl Before {
    /// Uses the service, takes a copy of its store with `copy`, and ends it as a power failure would.
    fn new<T>(installation: Installation, copy: impl FnOnce(&Server) -> T) -> (Self, T) {
        let installation = Arc::new(installation);
        let server = Server::start(&installation);
        let acme = Tenant::new(&server);
        let (admin, revoked) = (acme.key_with(&["*"]), acme.key_with(&["*"]));
        acme.revoke(revoked.id());
        let copied = copy(&server);
        // What comes after is not in the copy.
        let later = acme.key_with(&["jobs:read"]);
        acme.revoke(later.id());
        server.kill();
        let organization = acme.id.clone();
        drop(server);
        (Self { organization, admin, revoked, installation }, copied)
    }

    /// That everything works on `server`, with what was there before.
    #[track_caller]
    fn works_on(&self, server: &Server) {
        server.get("/readyz").send().expect(200);
        let acme = Tenant {
            server,
            id: self.organization.clone(),
            admin: self.admin.plaintext.clone(),
            admin_id: self.admin.id().to_owned(),
        };
        assert!(acme.accepts(&self.admin.plaintext) && !acme.accepts(&self.revoked.plaintext));
        let created = acme.key_with(&["jobs:read"]);
        // Remembered, so that the revocation has to be told.
        assert!(acme.accepts(&created.plaintext) && acme.accepts(&created.plaintext));
        acme.revoke(created.id());
        assert!(!acme.accepts(&created.plaintext));
        assert!(acme.list().iter().any(|key| key["id"] == *self.admin.id()));
    }
}

/// A database that was in use, and its dump with these arguments.
fn dumped(arguments: &[&str]) -> (Before, String) {
    let database = shared().create_database();
    let installation = Installation::on_postgres(&shared().url(&database));
    Before::new(installation, |_| shared().dump(&database, arguments))
}

/// An installation on `database` as it is.
fn on(database: &str) -> Installation {
    Installation::on_database(&shared().url(database))
}

/// The dump of everything but the rows of `table`, restored into a new database.
fn restored_without(table: &str) -> (Before, Installation) {
    let (before, dump) = dumped(&[&format!("--exclude-table-data={table}")]);
    let database = shared().create_database();
    shared().psql(&database, &[], &dump);
    (before, on(&database))
}

/// As `docs/operations/backup.md` says.
fn a_dump_that_is_restored_into_a_new_database_is_served() {
    let (before, dump) = dumped(&[]);
    let database = shared().create_database();
    assert!(shared().psql(&database, &["--single-transaction", "-v", "ON_ERROR_STOP=1"], &dump));
    let installation = on(&database);
    let _ = installation.run(&["migrate"]).expect_success();
    before.works_on(&Server::start(&Arc::new(installation)));
}

fn tables_that_hold_nothing_for_good_may_be_left_out_of_a_restore() {
    for table in ["changes", "history_lines", "replicas", "audit_events", "peppers"] {
        let (before, installation) = restored_without(table);
        before.works_on(&Server::start(&Arc::new(installation)));
    }
}

fn a_database_without_its_organizations_is_not_served_and_says_so() {
    let (_, installation) = restored_without("organizations");
    let output = installation.run_briefly(&["serve"]);
    assert!(output.expect_failure().contains("restore"), "{}", output.stderr);
}

fn a_database_without_the_record_of_its_migrations_is_not_served_and_says_so() {
    for table in ["refinery_schema_history", "capykeys_schema"] {
        let (_, installation) = restored_without(table);
        let output = installation.run_briefly(&["serve"]);
        assert!(output.expect_failure().contains("run `capykeys migrate`"), "{}", output.stderr);
        let output = installation.run_briefly(&["migrate"]);
        assert!(output.expect_failure().contains(table), "{}", output.stderr);
    }
}

fn rows_that_are_restored_into_a_migrated_database_are_served() {
    let (before, dump) = dumped(&["--data-only"]);
    let database = shared().create_database();
    let installation = Installation::on_postgres(&shared().url(&database));
    shared().psql(&database, &[], &dump);
    before.works_on(&Server::start(&Arc::new(installation)));
}

/// The numbers of the audit log are not part of its rows.
fn an_audit_log_that_is_restored_by_its_rows_alone_is_gone_on_with_after_a_migration() {
    let (before, dump) = dumped(&["--data-only", "--table=organizations", "--table=api_keys"]);
    let (_, events) = dumped(&["--data-only", "--table=audit_events"]);
    let events = events.split("SELECT pg_catalog.setval").next().unwrap();
    let database = shared().create_database();
    let installation = Installation::on_postgres(&shared().url(&database));
    assert!(shared().psql(&database, &["-v", "ON_ERROR_STOP=1"], &[&dump, events].concat()));
    let output = installation.run_briefly(&["serve"]);
    assert!(output.expect_failure().contains("audit log's numbers"), "{}", output.stderr);
    let _ = installation.run(&["migrate"]).expect_success();
    before.works_on(&Server::start(&Arc::new(installation)));
}

/// The dump with --disable-triggers turns them off and on again around each table.
fn a_database_whose_restore_was_cut_off_with_its_triggers_disabled_is_not_served() {
    let (_, dump) =
        dumped(&["--data-only", "--disable-triggers", "--table=api_keys", "--table=organizations"]);
    let database = shared().create_database();
    let installation = Installation::on_postgres(&shared().url(&database));
    let cut = dump.replace("ENABLE TRIGGER ALL", "DISABLE TRIGGER ALL");
    assert!(shared().psql(&database, &["-v", "ON_ERROR_STOP=1"], &cut));
    let output = installation.run_briefly(&["serve"]);
    assert!(output.expect_failure().contains("triggers"), "{}", output.stderr);
}

/// A service that is running learns of it as well.
fn a_feed_that_is_emptied_under_a_running_service_begins_anew() {
    let database = shared().create_database();
    let server = Server::start(&Arc::new(Installation::on_postgres(&shared().url(&database))));
    let acme = Tenant::new(&server);
    let key = acme.key_with(&["jobs:read"]);
    assert!(acme.accepts(&key.plaintext));
    shared().execute(&database, "DELETE FROM changes");
    acme.revoke(key.id());
    assert!(!acme.accepts(&key.plaintext));
    server.get("/readyz").send().expect(200);
}

fn data(installation: &Installation, name: &str) -> PathBuf {
    installation.directory().join("capykeys-data").join(name)
}

/// The embedded store that was in use and killed, with an older copy of its database put over it.
fn copied_over() -> Before {
    const MUCH: &str = "INSERT INTO audit_events (at, action, outcome, actor_kind, request_id)
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
        SELECT 0, 'api_key.created', 'done', 'operator', 'r' || i FROM n";
    let (before, copy) = Before::new(Installation::new(Store::with(Tables::Sqlite(()))), |server| {
        let copy = server.installation().directory().join("copy.db");
        let database = rusqlite::Connection::open(data(server.installation(), "capykeys.db")).unwrap();
        database.execute("VACUUM INTO ?1", [copy.to_str().unwrap()]).unwrap();
        database.execute(MUCH, []).unwrap();
        // So that the log has not everything that the copy lacks.
        database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
        copy
    });
    assert!(fs::metadata(data(&before.installation, "capykeys.db-wal")).unwrap().len() > 0);
    fs::copy(copy, data(&before.installation, "capykeys.db")).unwrap();
    before
}

/// As `docs/operations/backup.md` says, and without what it says.
fn a_backup_beside_the_log_of_another_database_is_not_served_until_that_is_removed() {
    let before = copied_over();
    for command in [&["serve"][..], &["migrate"], &["organizations", "list"]] {
        let output = before.installation.run_briefly(command);
        assert!(output.expect_failure().contains("capykeys.db-wal"), "{}", output.stderr);
    }
    for name in ["capykeys.db-wal", "capykeys.db-shm"] {
        fs::remove_file(data(&before.installation, name)).unwrap();
    }
    before.works_on(&Server::start(&before.installation));
}

/// What is checked after a crash does not keep a store that is whole from being served.
fn a_store_that_was_killed_is_served_with_its_own_log() {
    let (before, ()) = Before::new(Installation::new(Store::with(Tables::Sqlite(()))), |_| ());
    before.works_on(&Server::start(&before.installation));
}

fn an_embedded_store_without_the_rows_of_one_table_works_or_says_why() {
    for (table, reason) in [
        ("changes", None),
        ("replicas", None),
        ("peppers", None),
        ("audit_events", None),
        ("audit_retention", None),
        ("capykeys_schema", Some("capykeys_schema")),
        ("organizations", Some("there are keys and no organizations")),
        ("refinery_schema_history", Some("refinery_schema_history")),
    ] {
        let (before, ()) = Before::new(Installation::new(Store::with(Tables::Sqlite(()))), |_| ());
        let database = rusqlite::Connection::open(data(&before.installation, "capykeys.db")).unwrap();
        let empty = format!(
            "PRAGMA foreign_keys = OFF; DROP TRIGGER IF EXISTS organizations_delete; DELETE FROM {table}"
        );
        database.execute_batch(&empty).unwrap();
        drop(database);
        match reason {
            None => before.works_on(&Server::start(&before.installation)),
            Some(reason) => {
                let output = before.installation.run_briefly(&["serve"]);
                assert!(output.expect_failure().contains(reason), "{table}: {}", output.stderr);
            }
        }
    }
}
