//! What is read again while a server runs, as Kubernetes changes it: a link above the file is swapped.

use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use capykeys_testkit::Cluster;
use capykeys_tests::{
    Authority, Installation, Server, Store, Tenant,
    clerk::{self, Session},
    on_one_store, postgres, wait,
};
use reqwest::{Certificate, blocking::Client};
use rustix::process::Signal;
use serde_json::json;

on_one_store![postgresql: the_database_s_password_is_read_again_where_it_was_changed];

const LIMIT: Duration = Duration::from_secs(20);

/// Leads everything in `directory` to a new folder with these files.
fn swap(directory: &Path, time: &str, files: &[(&str, &str)]) {
    let folder = directory.join(format!("..{time}"));
    fs::create_dir_all(&folder).unwrap();
    for (name, text) in files {
        fs::write(folder.join(name), text).unwrap();
        let link = directory.join(name);
        if !link.is_symlink() {
            symlink(Path::new("..data").join(name), link).unwrap();
        }
    }
    let new = directory.join("..data_tmp");
    symlink(folder.file_name().unwrap(), &new).unwrap();
    fs::rename(new, directory.join("..data")).unwrap();
}

/// A client that makes a connection for each request.
fn client(authorities: &[&Authority]) -> Client {
    let trusted = authorities.iter().map(|one| Certificate::from_pem(one.pem().as_bytes()).unwrap());
    Client::builder().tls_certs_only(trusted).no_proxy().pool_max_idle_per_host(0).build().unwrap()
}

#[test]
fn a_new_certificate_is_shown_without_losing_a_request_and_a_wrong_one_never() {
    let (old, new) = (Authority::new(), Authority::new());
    let installation = Installation::new(Store::first()).unset("INTERNAL__GRPC_LISTEN");
    let mounted = installation.directory().join("tls");
    fs::create_dir(&mounted).unwrap();
    let put = |time: &str, certificate: &str, key: &str| {
        swap(&mounted, time, &[("server.pem", certificate), ("server.key", key)]);
    };
    let (certificate, key) = old.certificate("127.0.0.1");
    put("1", &certificate, &key);
    let installation = installation
        .set("INTERNAL__TLS__CERTIFICATE_FILE", "tls/server.pem")
        .set("INTERNAL__TLS__KEY_FILE", "tls/server.key");
    let server = Server::start(&Arc::new(installation));
    let url = format!("https://{}/readyz", server.internal_address());
    let answers = |client: &Client| client.get(&url).send().is_ok_and(|answer| answer.status() == 200);
    let (of_old, of_new) = (client(&[&old]), client(&[&new]));
    assert!(answers(&of_old) && !answers(&of_new));
    let metrics = format!("https://{}/metrics", server.internal_address());
    let ends = |client: &Client, seconds: &str| {
        let shown = client.get(&metrics).send().unwrap().text().unwrap();
        let name = "capykeys_tls_certificate_not_after_seconds{setting=\"certificate_file\"}";
        assert!(shown.contains(&format!("{name} {seconds}\n")), "{shown}");
    };
    ends(&of_old, "67090118400");

    let (ended, asked) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        let of_both = client(&[&old, &new]);
        let load = scope.spawn({
            let (ended, asked, answers) = (&ended, &asked, &answers);
            move || {
                while !ended.load(Ordering::Relaxed) {
                    assert!(answers(&of_both), "a request was lost");
                    asked.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        let (certificate, new_key) = new.certificate_until("127.0.0.1", 2100);
        // Not its key, half a file, nothing; each is told, and changes nothing.
        for (time, certificate, key, told) in [
            ("2", certificate.as_str(), key.as_str(), "is not the key of internal.tls.certificate_file"),
            ("3", &certificate[..certificate.len() / 2], &new_key, "must hold certificates in PEM"),
            ("4", &certificate, "", "must hold a private key in PEM"),
        ] {
            put(time, certificate, key);
            server.says(LIMIT, told);
            assert!(answers(&of_old) && !answers(&of_new), "{told}");
        }
        put("5", &certificate, &new_key);
        wait::until("the new certificate is shown", LIMIT, || answers(&of_new).then_some(()));
        assert!(!answers(&of_old));
        ended.store(true, Ordering::Relaxed);
        load.join().unwrap();
    });
    assert!(asked.load(Ordering::Relaxed) > 0);
    ends(&of_new, "4102444800");
    server.says(LIMIT, "read again");
}

#[test]
fn clients_of_an_authority_that_came_later_are_answered_and_those_of_one_that_is_gone_are_not() {
    let (old, new) = (Authority::new(), Authority::new());
    let installation = Installation::new(Store::first()).unset("INTERNAL__GRPC_LISTEN");
    old.equip(installation.directory());
    let authorities = installation.directory().join("ca.pem");
    let installation = installation
        .set("INTERNAL__CALLERS", "certificate")
        .set("INTERNAL__TLS__CERTIFICATE_FILE", "server.pem")
        .set("INTERNAL__TLS__KEY_FILE", "server.key")
        .set("INTERNAL__TLS__CLIENT_CA_FILE", "ca.pem");
    let server = Server::start(&Arc::new(installation));
    let url = format!("https://{}/readyz", server.internal_address());
    let answers = |signer: &Authority| {
        let client = old.client(signer, "gateway.example");
        client.get(&url).send().is_ok_and(|answer| answer.status() == 200)
    };
    assert!(answers(&old) && !answers(&new));
    fs::write(authorities, new.pem()).unwrap();
    wait::until("the new authority is believed", LIMIT, || answers(&new).then_some(()));
    assert!(!answers(&old));
}

#[test]
fn the_level_of_the_log_follows_the_file_and_a_wrong_one_changes_nothing() {
    let installation = Installation::new(Store::first()).unset("LOG__LEVEL");
    let file = installation.directory().join("capykeys.toml");
    let server = Server::start(&Arc::new(installation.with_file("[log]\nlevel = 'info'\n")));
    let is_debugging = || {
        server.call_internal(reqwest::Method::GET, "/livez").send().expect(200);
        server.log.text().contains("/livez").then_some(())
    };
    assert!(is_debugging().is_none());
    fs::write(&file, "[log]\nlevel = 'inof'\n").unwrap();
    server.says(LIMIT, "what was in force stays so");
    assert!(is_debugging().is_none());
    fs::write(&file, "[log]\nlevel = 'debug'\n").unwrap();
    wait::until("requests of the cluster are logged", LIMIT, is_debugging);
}

#[test]
fn an_issuer_s_key_is_read_again_and_of_a_wrong_one_it_is_told_and_counted() {
    for (setting, section) in [("clerk", "CLERK__INSTANCES__DEV"), ("oidc", "OIDC__DEV")] {
        let installation = Installation::new(Store::first())
            .unset("CLERK__INSTANCES__DEV__ISSUER")
            .unset("CLERK__INSTANCES__DEV__PEM_FILE");
        let mounted = installation.directory().join("issuer");
        fs::create_dir(&mounted).unwrap();
        let put = |time: &str, key: &str| swap(&mounted, time, &[("key.pem", key)]);
        put("1", clerk::public_key_pem());
        let mut installation = installation
            .set(&format!("{section}__ISSUER"), clerk::ISSUER)
            .set(&format!("{section}__PEM_FILE"), "issuer/key.pem");
        let mut session = Session::new();
        if setting == "oidc" {
            installation =
                installation.set("OIDC__DEV__AUDIENCES", "capykeys").set("OIDC__DEV__TYPES", "JWT");
            session = session.claim("aud", json!("capykeys"));
        }
        let server = Server::start(&Arc::new(installation));
        let status = |token: &str| server.get("/v1/me").bearer(token).send().status;
        let (old, new) = (session.sign(), session.sign_with_another_key());
        assert_eq!((status(&old), status(&new)), (200, 401), "{setting}: {}", server.log.text());
        let failures = format!("capykeys_reload_failures_total{{setting=\"{setting}.pem_file\"}}");
        assert_eq!(server.metric(&failures), Some(0.0));
        // No key, and the half that is nobody else's business.
        for (time, key, told) in [
            ("2", "hush", "must be an RSA public key"),
            ("3", "-----BEGIN PRIVATE KEY-----", "is a private key"),
        ] {
            put(time, key);
            server.says(LIMIT, told);
            assert_eq!((status(&old), status(&new)), (200, 401), "{setting}: {told}");
        }
        assert!(server.metric(&failures).is_some_and(|failures| failures >= 2.0));
        put("4", clerk::other_public_key_pem());
        wait::until("the new key is in force", LIMIT, || (status(&new) == 200).then_some(()));
        assert_eq!(status(&old), 401);
    }
}

#[test]
fn the_level_of_the_log_is_read_again_at_once_where_a_signal_asks_for_it() {
    let installation = Installation::new(Store::first()).unset("LOG__LEVEL").with_file("");
    let directory = installation.directory().to_owned();
    fs::remove_file(directory.join("capykeys.toml")).unwrap();
    let put = |time: &str, level: &str| {
        swap(&directory, time, &[("capykeys.toml", &format!("[log]\nlevel = '{level}'\n"))]);
    };
    put("1", "info");
    let server = Server::start(&Arc::new(installation));
    let is_debugging = || {
        server.call_internal(reqwest::Method::GET, "/livez").send().expect(200);
        server.log.text().contains("/livez").then_some(())
    };
    assert!(is_debugging().is_none());
    put("2", "inof");
    server.signal(Signal::HUP);
    server.says(LIMIT, "what was in force stays so");
    let failures = "capykeys_reload_failures_total{setting=\"log.level\"}";
    assert!(server.metric(failures).is_some_and(|failures| failures >= 1.0));
    put("3", "debug");
    server.signal(Signal::HUP);
    wait::until("requests of the cluster are logged", LIMIT, is_debugging);
}

fn the_database_s_password_is_read_again_where_it_was_changed() {
    let cluster = Cluster::start(false);
    let owner = postgres::database_of(&cluster);
    let _ = Installation::on_database(&owner).run(&["migrate"]).expect_success();
    let execute = |statement: &str| cluster.execute("postgres", statement);
    execute("CREATE ROLE rotated LOGIN PASSWORD 'old'");
    execute("GRANT pg_read_all_data, pg_write_all_data TO rotated");
    execute(
        "DO $$ BEGIN EXECUTE format(
             'COPY (VALUES (''host all rotated 127.0.0.1/32 scram-sha-256''), (''host all all 127.0.0.1/32 trust'')) TO %L',
             current_setting('hba_file')
         ); END $$",
    );
    execute("SELECT pg_reload_conf()");
    let database = owner.rsplit_once('/').unwrap().1;
    let url = |password: &str| format!("postgres://rotated:{password}@{}/{database}", cluster.address());
    let installation =
        Installation::on_database(&owner).unset("POSTGRES__URL").set("POSTGRES__URL_FILE", "db/url");
    let mounted = installation.directory().join("db");
    fs::create_dir(&mounted).unwrap();
    let put = |time: &str, url: &str| swap(&mounted, time, &[("url", url)]);
    put("1", &url("old"));
    let server = Server::start(&Arc::new(installation));
    let is_ready = || (server.get("/readyz").send().status == 200).then_some(());
    wait::until("the database is there", LIMIT, is_ready);
    let acme = Tenant::new(&server);

    put("2", "hush");
    execute("ALTER ROLE rotated PASSWORD 'new'");
    execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'rotated'");
    let failures = "capykeys_reload_failures_total{setting=\"postgres.url_file\"}";
    wait::until("the file cannot be read", LIMIT, || {
        server.get("/readyz").send();
        server.metric(failures).filter(|failures| *failures > 0.0)
    });
    put("3", &url("new"));
    wait::until("the new password is used", LIMIT, is_ready);
    server.get("/v1/me").bearer(&acme.admin).send().expect(200);
}
