//! What was acknowledged survives, whoever is killed.

use std::{
    collections::HashMap,
    process::Stdio,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use capykeys_testkit::Cluster;
use capykeys_tests::{
    Call, Installation, Server, Store, Tenant, on_every_store, on_one_store, postgres, settings, wait,
};
use serde_json::{Value, json};

on_every_store![
    what_was_acknowledged_is_kept_when_the_service_is_killed;
    embedded: what_is_killed_while_it_makes_its_store_opens_it_again,
];
on_one_store![postgresql: postgresql_keeps_what_was_acknowledged_when_it_is_killed_itself];

const WRITERS: usize = 4;
const LIMIT: Duration = Duration::from_secs(30);

/// What the service has acknowledged.
#[derive(Default)]
struct Acknowledged {
    /// By id: the secret, and whether the revocation was acknowledged too.
    keys: HashMap<String, (String, bool)>,
    /// Revocations that were asked for: they may have happened even without an answer.
    asked: Vec<String>,
}

type Book = Mutex<Acknowledged>;

/// Creates keys and revokes every other one until told to stop or the server is gone.
fn write(server: &Server, acme: &Tenant<'_>, book: &Book, stop: &AtomicBool) {
    let body = json!({"name": "written under fire", "scopes": ["jobs:read"]});
    let mut revoke = false;
    while !stop.load(Ordering::Relaxed) {
        let Some(created) = acknowledged(server.post(&acme.keys_path()).bearer(&acme.admin).json(&body), 201)
        else {
            continue;
        };
        let id = created["api_key"]["id"].as_str().unwrap().to_owned();
        let plaintext = created["plaintext_api_key"].as_str().unwrap().to_owned();
        book.lock().unwrap().keys.insert(id.clone(), (plaintext, false));
        if revoke {
            book.lock().unwrap().asked.push(id.clone());
            if acknowledged(server.delete(&acme.key_path(&id)).bearer(&acme.admin), 200).is_some() {
                book.lock().unwrap().keys.get_mut(&id).unwrap().1 = true;
            }
        }
        revoke = !revoke;
    }
}

/// The body of a good answer; nothing where the connection broke or the store is away.
fn acknowledged(call: Call<'_>, status: u16) -> Option<Value> {
    let answer = call.try_send().ok()?;
    assert!(answer.status == status || answer.status == 503, "{answer:?}");
    (answer.status == status).then(|| answer.json())
}

/// Lets writers write, strikes in the middle of it, and ends them.
fn strike_while_writing(
    server: &Server,
    acme: &Tenant<'_>,
    book: &Book,
    round: usize,
    strike: impl FnOnce(),
) {
    let stop = AtomicBool::new(false);
    let before = book.lock().unwrap().keys.len();
    thread::scope(|scope| {
        for _ in 0..WRITERS {
            scope.spawn(|| write(server, acme, book, &stop));
        }
        wait::until("keys are written", LIMIT, || {
            (book.lock().unwrap().keys.len() >= before + 3 + round % 7).then_some(())
        });
        strike();
        stop.store(true, Ordering::Relaxed);
    });
}

fn check(server: &Server, acme: &Tenant<'_>, book: &Book) {
    let book = book.lock().unwrap();
    let acme = Tenant { server, ..acme.clone() };
    let listed: HashMap<String, Value> =
        acme.list().into_iter().map(|key| (key["id"].as_str().unwrap().to_owned(), key)).collect();
    for (id, (plaintext, revoked)) in &book.keys {
        let key = listed.get(id).unwrap_or_else(|| panic!("{id} was acknowledged and is lost"));
        if *revoked {
            assert_eq!(key["is_active"], false, "the revocation of {id} was acknowledged and is lost");
        } else if !book.asked.contains(id) {
            assert_eq!(key["is_active"], true, "{id} was never revoked");
        }
        assert_eq!(acme.accepts(plaintext), key["is_active"] == true, "{id} is shown and judged differently");
    }
}

fn what_was_acknowledged_is_kept_when_the_service_is_killed(store: Store) {
    let installation = &Arc::new(Installation::new(store).set("LOG__LEVEL", "info"));
    let rounds = settings::kill_rounds();
    let mut server = Server::start(installation);
    let first = Tenant::new(&server);
    let (id, admin, admin_id) = (first.id.clone(), first.admin.clone(), first.admin_id.clone());
    let book = Book::default();
    for round in 0..rounds {
        let acme =
            Tenant { server: &server, id: id.clone(), admin: admin.clone(), admin_id: admin_id.clone() };
        strike_while_writing(&server, &acme, &book, round, || server.kill());
        let next = Server::start(installation);
        check(&next, &acme, &book);
        server = next;
    }
    assert!(book.lock().unwrap().keys.len() >= 3 * rounds);
}

fn postgresql_keeps_what_was_acknowledged_when_it_is_killed_itself() {
    let cluster = Cluster::start(true);
    let installation = Installation::on_postgres(&postgres::database_of(&cluster)).set("LOG__LEVEL", "info");
    let server = Server::start(&Arc::new(installation));
    let acme = Tenant::new(&server);
    let book = Book::default();
    for round in 0..settings::kill_rounds().div_ceil(2) {
        strike_while_writing(&server, &acme, &book, round, || cluster.kill());
        cluster.start_again();
        wait::until("the service is ready again", LIMIT, || {
            (server.get("/readyz").send().status == 200).then_some(())
        });
        check(&server, &acme, &book);
    }
}

/// The data are there from the first acknowledged write on, even where the start itself is cut off.
fn what_is_killed_while_it_makes_its_store_opens_it_again(store: Store) {
    for delay in 0..settings::kill_rounds() as u64 {
        let installation = Installation::bare_on(store);
        let mut command = installation.command(&["serve"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        thread::sleep(Duration::from_millis(delay * 7));
        let _ = child.kill();
        let _ = child.wait();
        let server = Server::start(&Arc::new(installation));
        assert_eq!(server.get("/readyz").send().status, 200);
    }
}
