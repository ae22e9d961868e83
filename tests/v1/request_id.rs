//! `X-Request-Id`: the caller's own where it is fit, else a new one.

use std::time::Duration;

use capykeys_tests::{Store, on_every_store};
use serde_json::Value;

on_every_store![
    a_fit_request_id_comes_back,
    an_unfit_request_id_is_replaced,
    every_answer_has_an_id_of_its_own,
    the_log_names_the_same_id,
];

fn a_fit_request_id_comes_back(store: Store) {
    for id in ["a", "01J9-abc_DEF.~!", "{\"}\\'<>", &"x".repeat(128)] {
        for path in ["/v1/me", "/livez", "/nowhere", "/v1/openapi.json"] {
            let answer = store.server().get(path).header("x-request-id", id).send();
            assert_eq!(answer.header("x-request-id"), Some(id), "{path}");
        }
    }
}

fn an_unfit_request_id_is_replaced(store: Store) {
    for id in ["", "a b", "é", "\u{1F511}", "a\tb", &"x".repeat(129), &"x".repeat(2_000)] {
        let answer = store.server().get("/v1/me").header("x-request-id", id).send();
        let given = answer.header("x-request-id").unwrap();
        assert_ne!(given, id);
        assert!(!given.is_empty());
    }
}

fn every_answer_has_an_id_of_its_own(store: Store) {
    let id = || store.server().get("/livez").send().header("x-request-id").unwrap().to_owned();
    assert_ne!(id(), id());
}

fn the_log_names_the_same_id(store: Store) {
    let acme = store.tenant();
    let answer = acme.listing(&acme.admin).send();
    let id = answer.header("x-request-id").unwrap();
    let line = acme.server.log.wait_for(Duration::from_secs(5), |line| {
        line.contains(id).then(|| serde_json::from_str::<Value>(line).expect("the log is JSON"))
    });
    assert!(line.is_some(), "no line of the log names the request");
}
