//! `GET /status`.

use std::sync::Arc;

use capykeys_tests::{Installation, Server, Store, clock, on_every_store};
use serde_json::json;

on_every_store![
    everybody_is_told_how_the_service_is;
    unreachable: that_the_store_is_away_is_told_without_why,
];

fn everybody_is_told_how_the_service_is(store: Store) {
    let status = store.server().get("/status").send().expect(200);
    assert_eq!(status["status"], "operational");
    assert_eq!(status["components"], json!([{"name": "store", "status": "operational"}]));
    clock::parse(status["updated_at"].as_str().unwrap());
    let told = store.server().get("/status").bearer("nonsense").send().expect(200);
    assert_eq!(told["service"], status["service"]);
}

/// Not which store it is, nor where, nor what is wrong with it.
fn that_the_store_is_away_is_told_without_why(store: Store) {
    let server = Server::start(&Arc::new(Installation::new(store).cut_off()));
    server.get("/readyz").send().error(503);
    let status = server.get("/status").send().expect(200);
    assert_eq!(status["status"], "degraded");
    assert_eq!(status["components"][0]["status"], "unavailable");
    let text = status.to_string().to_lowercase();
    for word in [store.name(), "postgres", "127.0.0.1", "refused", "secret"] {
        assert!(!text.contains(word), "{text}");
    }
}
