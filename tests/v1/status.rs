//! `GET /status`.

use std::sync::Arc;

use capykeys_tests::{Installation, Server, Store, clock, on_both_stores};
use serde_json::json;

on_both_stores![everybody_is_told_how_the_service_is];

fn everybody_is_told_how_the_service_is(store: Store) {
    let status = store.server().get("/status").send().expect(200);
    assert_eq!(status["status"], "operational");
    assert_eq!(status["components"], json!([{"name": "store", "status": "operational"}]));
    clock::parse(status["updated_at"].as_str().unwrap());
    let told = store.server().get("/status").bearer("nonsense").send().expect(200);
    assert_eq!(told["service"], status["service"]);
}

/// Not which store it is, nor where, nor what is wrong with it.
#[test]
fn that_the_store_is_away_is_told_without_why() {
    let installation =
        Installation::new(Store::Postgres).set("POSTGRES__URL", "postgres://u@127.0.0.1:1/secret");
    let server = Server::start(&Arc::new(installation));
    server.get("/readyz").send().error(503);
    let status = server.get("/status").send().expect(200);
    assert_eq!(status["status"], "degraded");
    assert_eq!(status["components"][0]["status"], "unavailable");
    let text = status.to_string().to_lowercase();
    for word in ["postgres", "127.0.0.1", "refused", "secret"] {
        assert!(!text.contains(word), "{text}");
    }
}
