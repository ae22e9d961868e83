//! A key is made and its answer lost: whoever sends the request again gets the key, and there is one.

use std::{sync::Arc, thread, time::Duration};

use capykeys_testkit::{Proxy, shared};
use capykeys_tests::{
    Answer, Call, Created, Installation, Server, Store, Tables, Tenant, on_every_store, on_one_store,
    secrets, settings, wait,
};
use rustix::process::Signal;
use serde_json::{Value, json};

on_every_store![
    a_secret_is_told_again_while_its_pepper_is_there_and_never_a_wrong_one,
    a_store_that_was_set_back_makes_the_key_again,
];
on_one_store![
    postgresql: a_kill_between_the_commit_and_the_answer_leaves_one_usable_key;
    sqlite: a_kill_as_soon_as_the_key_is_there_leaves_one_usable_key,
];

const LIMIT: Duration = Duration::from_secs(30);
const NEW_PEPPER: &str = "2222222222222222222222222222222222222222222222222222222222222222";

fn creation<'a>(acme: &Tenant<'a>, name: &str) -> Call<'a> {
    let body = json!({"name": name, "scopes": ["jobs:read"]});
    acme.creation(&acme.admin, &body).header("idempotency-key", format!("\"{name}\""))
}

fn at<'s>(acme: &Tenant<'_>, server: &'s Server) -> Tenant<'s> {
    let (id, admin, admin_id) = (acme.id.clone(), acme.admin.clone(), acme.admin_id.clone());
    Tenant { server, id, admin, admin_id }
}

/// Sends the request, kills its server as soon as the key is there, and gives back the answer, if there was one.
fn killed(acme: &Tenant<'_>, name: &str, is_there: impl Fn() -> bool) -> Option<Answer> {
    thread::scope(|scope| {
        let client = scope.spawn(|| creation(acme, name).try_send().ok());
        // It may be answered on a busy machine that the store is not there.
        while !is_there() && !client.is_finished() {}
        acme.server.kill();
        client.join().unwrap()
    })
}

/// Sends the request until it is told something else than to send it again.
fn answered<'a>(call: impl Fn() -> Call<'a>) -> Answer {
    wait::until("there is an answer", LIMIT, || {
        let answer = call().send();
        answer.header("retry-after").is_none().then_some(answer)
    })
}

/// Sends the request again, twice: it is answered the same, with a secret that is good, of the one key of its name.
fn sends_again(acme: &Tenant<'_>, name: &str, lost: Option<&Answer>) {
    let again = answered(|| creation(acme, name));
    let created = Created::from_body(&again.expect(201));
    let me = answered(|| acme.server.get("/v1/me").bearer(&created.plaintext));
    assert_eq!(me.status, 200, "the secret of {name} is no good");
    assert_eq!(answered(|| creation(acme, name)).body, again.body);
    assert!(lost.is_none_or(|lost| lost.status == 503 || lost.body == again.body));
    let query = format!("{}?name={name}", acme.keys_path());
    let listed = answered(|| acme.server.get(&query).bearer(&acme.admin)).expect(200);
    let ids: Vec<&Value> = listed["api_keys"].as_array().unwrap().iter().map(|key| &key["id"]).collect();
    assert_eq!(ids, [created.id()], "{name}");
}

/// Answers of the database are late, so that the server cannot have given one when the key is there.
fn a_kill_between_the_commit_and_the_answer_leaves_one_usable_key() {
    let database = shared().create_database();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let proxy = runtime.block_on(Proxy::start(shared().address()));
    let b = Server::start(&Arc::new(Installation::on_postgres(&shared().url(&database))));
    let acme = Tenant::new(&b);
    let by_proxy = format!("postgres://postgres@{}/{database}", proxy.address());
    let installation = Arc::new(b.installation().beside().by_way_of(&by_proxy));
    let (mut unanswered, mut round) = (0, 0);
    while unanswered < settings::kill_rounds() {
        let a = Server::start(&installation);
        let (through_a, name) = (at(&acme, &a), format!("round-{round}"));
        answered(|| a.get("/v1/me").bearer(&acme.admin)).expect(200);
        let before = installation.rows("idempotency_keys").len();
        proxy.delay_answers(Duration::from_millis(350), "");
        let answer = killed(&through_a, &name, || installation.rows("idempotency_keys").len() > before);
        proxy.heal();
        // A busy machine may be late to see the key: such a round does not count.
        unanswered += usize::from(answer.is_none());
        sends_again(&acme, &name, answer.as_ref());
        round += 1;
        assert!(round < 10 * settings::kill_rounds(), "{unanswered} answers of {round} were lost");
    }
    assert_eq!(acme.list().len(), round + 1);
}

/// Somebody else who reads the file sees the key before the server can have answered much.
fn a_kill_as_soon_as_the_key_is_there_leaves_one_usable_key() {
    let installation = Arc::new(Installation::new(Store::with(Tables::Sqlite(()))));
    let mut server = Server::start(&installation);
    let acme = Tenant::new(&server);
    let acme_id = (acme.id.clone(), acme.admin.clone(), acme.admin_id.clone());
    let file = installation.data().join("capykeys.db");
    let (mut unanswered, mut round) = (0, 0);
    while unanswered < settings::kill_rounds() {
        let (id, admin, admin_id) = acme_id.clone();
        let acme = Tenant { server: &server, id, admin, admin_id };
        let name = format!("round-{round}");
        let database = rusqlite::Connection::open(&file).unwrap();
        let count = |database: &rusqlite::Connection| -> i64 {
            let mut statement = database.prepare_cached("SELECT count(*) FROM idempotency_keys").unwrap();
            statement.query_row([], |row| row.get(0)).unwrap()
        };
        let before = count(&database);
        let answer = killed(&acme, &name, || count(&database) > before);
        drop(database);
        let next = Server::start(&installation);
        unanswered += usize::from(answer.is_none());
        sends_again(&at(&acme, &next), &name, answer.as_ref());
        server = next;
        round += 1;
        assert!(round < 10 * settings::kill_rounds(), "{unanswered} answers of {round} were lost");
    }
    let (id, admin, admin_id) = acme_id;
    assert_eq!(Tenant { server: &server, id, admin, admin_id }.list().len(), round + 1);
}

fn stop(server: &Server) {
    server.signal(Signal::TERM);
    assert!(server.wait_for_exit(LIMIT).success());
}

fn a_secret_is_told_again_while_its_pepper_is_there_and_never_a_wrong_one(store: Store) {
    let installation = Arc::new(Installation::new(store));
    let server = Server::start(&installation);
    let acme = Tenant::new(&server);
    let first = creation(&acme, "a").send();
    let created = Created::from_body(&first.expect(201));
    stop(&server);

    let newer = || installation.beside().set("KEYS__PEPPER_ID", "2").set("KEYS__PEPPER", NEW_PEPPER);
    let both = newer().set("KEYS__OLDER_PEPPERS__1__SECRET", secrets::PEPPER);
    let server = Server::start(&Arc::new(both));
    let again = at(&acme, &server);
    assert_eq!(creation(&again, "a").send().body, first.body);
    // Both keys are used, and so moved to the newer pepper; the record is not.
    wait::until("the keys are rehashed", LIMIT, || {
        assert!(again.accepts(&created.plaintext) && again.accepts(&acme.admin));
        let peppers = server.installation().json(&["peppers", "list"]);
        let newer = peppers["peppers"].as_array().unwrap().iter().find(|one| one["id"] == "2")?.clone();
        (newer["active_keys"].as_u64() >= Some(2)).then_some(())
    });
    assert_eq!(creation(&again, "a").send().body, first.body);
    stop(&server);

    let server = Server::start(&Arc::new(newer()));
    let without = at(&acme, &server);
    assert!(without.accepts(&created.plaintext));
    let refused = creation(&without, "a").send();
    assert_eq!(
        refused.error(409),
        "The secret that was made with this idempotency key cannot be told again."
    );
    assert_eq!(refused.header("retry-after"), None);
    assert_eq!(without.list().len(), 2, "no second key was made");
    creation(&without, "b").send().expect(201);
}

/// The record is of the store that it was written in: what a restore has lost can be asked for again.
fn a_store_that_was_set_back_makes_the_key_again(store: Store) {
    let installation = Arc::new(Installation::new(store));
    let server = Server::start(&installation);
    let acme = Tenant::new(&server);
    let kept = Created::from_body(&creation(&acme, "before").send().expect(201));
    let backup = installation.directory().join("backup");
    let backup = backup.to_str().unwrap();
    let _ = installation.run(&["backup", backup]).expect_success();
    let lost = Created::from_body(&creation(&acme, "after").send().expect(201));
    stop(&server);

    let target = Arc::new(Installation::new(store));
    let _ = target.run(&["restore", backup]).expect_success();
    let server = Server::start(&target);
    let restored = at(&acme, &server);
    assert!(restored.accepts(&kept.plaintext) && !restored.accepts(&lost.plaintext));
    let again = Created::from_body(&creation(&restored, "after").send().expect(201));
    assert_ne!(again.plaintext, lost.plaintext);
    assert!(restored.accepts(&again.plaintext));
    // Records do not travel: a request from before the restore is a new one.
    let another = Created::from_body(&creation(&restored, "before").send().expect(201));
    assert_ne!(another.id(), kept.id());
}
