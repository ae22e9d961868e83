//! The clock of PostgreSQL is set back by an hour.

use std::{sync::Arc, time::Duration};

use capykeys_testkit::Cluster;
use capykeys_tests::{Installation, Server, Tenant, clock, on_one_store, postgres, settings, wait};
use serde_json::json;

on_one_store![postgresql: a_key_that_has_expired_stays_expired_where_the_clock_is_set_back];

const HOUR: u32 = 3_600;
const LIMIT: Duration = Duration::from_mins(1);
/// How often each key is asked for afterwards.
const TIMES: usize = 10;

fn a_key_that_has_expired_stays_expired_where_the_clock_is_set_back() {
    let cluster = Cluster::start_with_clock(&settings::faketime());
    let server = Server::start(&Arc::new(Installation::on_postgres(&postgres::database_of(&cluster))));
    let acme = Tenant::new(&server);
    let soon = clock::ahead(Duration::from_secs(2));
    let brief = || acme.create(&json!({"name": "brief", "scopes": ["jobs:read"], "expires_at": soon}));
    // One is not asked for before the clock is set back.
    let [asked, other] = [(); 2].map(|()| brief());
    let code = |plaintext: &str| server.verify(&json!({"api_key": plaintext}))["code"].clone();
    wait::until("the key has expired", LIMIT, || (code(&asked.plaintext) == "expired").then_some(()));

    cluster.set_clock_back(HOUR);
    server.says(LIMIT, "the store's clock went back");
    for _ in 0..TIMES {
        assert_eq!((code(&asked.plaintext), code(&other.plaintext)), (json!("expired"), json!("expired")));
        assert!(!acme.accepts(&asked.plaintext) && !acme.accepts(&other.plaintext));
    }
    // Nor is what is made from now on older than what was made before.
    let later = acme.key_with(&["jobs:read"]);
    let created = |key: &serde_json::Value| clock::parse(key["created_at"].as_str().unwrap());
    assert!(created(&later.key) >= created(&asked.key));
    assert!(acme.accepts(&later.plaintext));
}
