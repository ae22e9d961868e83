//! Peppers are rotated server by server, and a wrong one is noticed before a key is refused for it.

use std::{os::unix::fs::PermissionsExt, sync::Arc, time::Duration};

use capykeys_tests::{Created, Installation, Server, Store, Tenant, on_every_store, secrets, wait};
use rustix::process::Signal;
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(30);
const NEW: &str = "2222222222222222222222222222222222222222222222222222222222222222";

on_every_store! {
    a_pepper_of_a_known_name_with_other_bytes_makes_nobody_ready,
    a_server_without_the_pepper_that_makes_the_keys_calls_none_of_them_unknown,
    a_key_is_rehashed_when_it_is_used_and_its_old_pepper_can_be_dropped,
    a_secret_that_was_replaced_needs_its_pepper_until_its_grace_ends,
    keys_of_a_pepper_that_is_dropped_too_early_are_told_of;
    replicas: a_new_pepper_is_rolled_out_server_by_server_and_no_key_is_refused_meanwhile,
}

/// Installations on one store.
struct Shared {
    first: Arc<Installation>,
}

impl Shared {
    fn new(store: Store) -> Self {
        Self { first: Arc::new(Installation::new(store).set("USAGE__FLUSH_INTERVAL", "50ms")) }
    }

    fn another(&self) -> Installation {
        self.first.beside().set("USAGE__FLUSH_INTERVAL", "50ms")
    }

    /// With a new pepper, and the one from before.
    fn rotated(&self) -> Installation {
        self.dropped().set("KEYS__OLDER_PEPPERS__1__SECRET", secrets::PEPPER)
    }

    /// With the new pepper alone.
    fn dropped(&self) -> Installation {
        self.another().set("KEYS__PEPPER_ID", "2").set("KEYS__PEPPER", NEW)
    }
}

fn start(installation: Installation) -> Server {
    Server::start(&Arc::new(installation))
}

fn stop(server: &Server) {
    server.signal(Signal::TERM);
    assert!(server.wait_for_exit(LIMIT).success());
}

/// How many active keys there are under each pepper, and whether new ones are made with it.
fn listed(installation: &Installation) -> Vec<(String, bool, u64)> {
    let list = installation.json(&["peppers", "list"]);
    let one = |one: &Value| {
        let id = one["id"].as_str().unwrap().to_owned();
        (id, one["makes_new_keys"].as_bool().unwrap(), one["active_keys"].as_u64().unwrap())
    };
    list["peppers"].as_array().unwrap().iter().map(one).collect()
}

/// As `docs/operations/run.md` says.
fn a_new_pepper_is_rolled_out_server_by_server_and_no_key_is_refused_meanwhile(store: Store) {
    let shared = Shared::new(store);
    let (one, other) = (Server::start(&shared.first), start(shared.another()));
    let acme = Tenant::new(&one);
    let (before, at_other) = (acme.key_with(&["jobs:read"]), Tenant { server: &other, ..acme.clone() });
    assert!(at_other.accepts(&before.plaintext));
    stop(&one);

    let one = start(shared.rotated());
    let acme = Tenant { server: &one, ..acme };
    one.get("/readyz").send().expect(200);
    let between = acme.key_with(&["jobs:read"]);
    one.says(LIMIT, "an older pepper makes new keys until every server has the newest");
    assert!(at_other.accepts(&between.plaintext) && acme.accepts(&before.plaintext));
    stop(&other);

    let other = start(shared.rotated());
    let at_other = Tenant { server: &other, ..acme.clone() };
    other.says(LIMIT, r#""pepper":"2""#);
    one.says(LIMIT, r#""pepper":"2""#);
    let after = acme.key_with(&["jobs:read"]);
    for key in [&before, &between, &after] {
        assert!(acme.accepts(&key.plaintext) && at_other.accepts(&key.plaintext));
    }
    assert!(listed(&shared.rotated()).iter().any(|(id, new, keys)| id == "2" && *new && *keys > 0));
}

fn a_pepper_of_a_known_name_with_other_bytes_makes_nobody_ready(store: Store) {
    let shared = Shared::new(store);
    let server = Server::start(&shared.first);
    let acme = Tenant::new(&server);
    stop(&server);
    let server = start(shared.another().set("KEYS__PEPPER", NEW));
    server.says(LIMIT, "the pepper 1 has other bytes than before");
    server.get("/readyz").send().error(503);
    server.get("/v1/me").bearer(&acme.admin).send().error(503);
    stop(&server);
    let server = Server::start(&shared.first);
    server.get("/v1/me").bearer(&acme.admin).send().expect(200);
}

fn a_server_without_the_pepper_that_makes_the_keys_calls_none_of_them_unknown(store: Store) {
    let shared = Shared::new(store);
    let server = Server::start(&shared.first);
    let acme = Tenant::new(&server);
    let unused = acme.key_with(&["jobs:read"]);
    stop(&server);
    let server = start(shared.rotated());
    server.says(LIMIT, r#""pepper":"2""#);
    let new = Tenant { server: &server, ..acme.clone() }.key_with(&["jobs:read"]);
    stop(&server);
    let server = Server::start(&shared.first);
    server.says(LIMIT, "keys are made with the pepper 2, which is not configured");
    server.get("/readyz").send().error(503);
    server.get("/v1/me").bearer(&new.plaintext).send().error(503);
    server.get("/v1/me").bearer(&unused.plaintext).send().expect(200);
}

fn a_key_is_rehashed_when_it_is_used_and_its_old_pepper_can_be_dropped(store: Store) {
    let shared = Shared::new(store);
    let server = Server::start(&shared.first);
    let acme = Tenant::new(&server);
    stop(&server);
    let rotated = Arc::new(shared.rotated());
    let server = Server::start(&rotated);
    server.says(LIMIT, r#""pepper":"2""#);
    wait::until("the key is rehashed", LIMIT, || {
        server.get("/v1/me").bearer(&acme.admin).send().expect(200);
        listed(&rotated).contains(&("2".to_owned(), true, 1)).then_some(())
    });
    server.get("/v1/me").bearer(&acme.admin).send().expect(200);
    stop(&server);
    let server = start(shared.dropped());
    server.get("/readyz").send().expect(200);
    server.get("/v1/me").bearer(&acme.admin).send().expect(200);
}

fn a_secret_that_was_replaced_needs_its_pepper_until_its_grace_ends(store: Store) {
    let shared = Shared::new(store);
    let server = Server::start(&shared.first);
    let acme = Tenant::new(&server);
    let old = acme.key_with(&["jobs:read"]);
    stop(&server);
    let rotated = Arc::new(shared.rotated());
    let server = Server::start(&rotated);
    server.says(LIMIT, r#""pepper":"2""#);
    let acme = Tenant { server: &server, ..acme };
    let needing =
        |pepper: &str| listed(&rotated).iter().find(|(id, ..)| id == pepper).map_or(0, |&(.., keys)| keys);
    let new = Created::from_body(&acme.rotation(&acme.admin, old.id()).send().expect(200));
    wait::until("the other key is rehashed", LIMIT, || {
        server.get("/v1/me").bearer(&acme.admin).send().expect(200);
        (needing("2") == 2).then_some(())
    });
    // That of the secret before is not moved to the other, however often it is used.
    for secret in [&old.plaintext, &new.plaintext, &old.plaintext] {
        server.get("/v1/me").bearer(secret).send().expect(200);
    }
    let needing_it = needing("1");
    acme.finishing(&acme.admin, old.id()).send().expect(200);
    assert_eq!((needing("1") + 1, needing("2")), (needing_it, 2));
    stop(&server);
    let server = start(shared.dropped());
    server.get("/v1/me").bearer(&new.plaintext).send().expect(200);
    server.get("/v1/me").bearer(&old.plaintext).send().error(401);
}

fn keys_of_a_pepper_that_is_dropped_too_early_are_told_of(store: Store) {
    let shared = Shared::new(store);
    let server = Server::start(&shared.first);
    let _acme = Tenant::new(&server);
    stop(&server);
    let server = start(shared.rotated());
    server.says(LIMIT, r#""pepper":"2""#);
    let missing = listed(&shared.rotated()).iter().find(|(id, ..)| id == "1").map_or(0, |&(.., keys)| keys);
    assert!(missing >= 1, "no key is left under the old pepper");
    stop(&server);
    let server = start(shared.dropped());
    server.says(LIMIT, "active keys are refused: their pepper is not configured");
    server.get("/readyz").send().expect(200);
    let metrics = server.call_internal(reqwest::Method::GET, "/metrics").send();
    let metrics = String::from_utf8(metrics.body).unwrap();
    assert!(metrics.contains(&format!("capykeys_keys_of_missing_peppers {missing}\n")), "{metrics}");
}

#[test]
fn a_file_with_a_pepper_that_everybody_can_read_is_told_of() {
    let installation = Installation::bare();
    let file = installation.directory().join("pepper");
    std::fs::write(&file, NEW).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let server = start(installation.set("KEYS__PEPPER_FILE", &file.to_string_lossy()));
    server.says(LIMIT, "open to everybody");
}
