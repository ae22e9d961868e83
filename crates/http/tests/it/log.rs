//! What the log says about requests. The log is the process's, so this finds its own lines in it.

use std::time::Duration;

use capykeys_conformance::service::Mood;
use capykeys_testkit::{AccessLog, Authority};
use serde_json::Value;

use crate::{
    cluster::{GOOD, asking_for_tokens},
    pages,
    support::{Connection, Site},
    tls::{CLIENT, with_certificates},
};

#[tokio::test(flavor = "multi_thread")]
async fn every_request_has_one_line_that_names_the_caller_and_no_secret() {
    let log = AccessLog::capture();
    let site = Site::new().await;
    let key = site.key(&["*"]).await;
    let secret = key.plaintext.expose();
    let send = |method: &str, path: &str, id: &str, name: &str| {
        let path = format!("{path}?token={secret}");
        let headers = [("x-api-key", secret), ("x-request-id", id), ("content-type", "application/json")];
        site.send(method, &path, &headers, &format!(r#"{{"name":"{name}","scopes":["*"]}}"#))
    };

    assert_eq!(send("POST", &site.keys_path(), "created", "CI").status, 201);
    let line = log.line("created");
    assert_eq!((&line["method"], &line["status"]), (&"POST".into(), &201.into()));
    assert_eq!(line["route"], "/v1/organizations/{orgID}/api-keys");
    assert_eq!(line["caller"], "api_key");
    assert_eq!(line["key_id"], key.key.id.to_string());
    assert_eq!(line["organization_id"], site.organization.id.to_string());
    assert!(line["duration_us"].is_u64());

    send("POST", &site.keys_path(), "misplaced", secret).error(400);
    assert_eq!(log.line("misplaced")["reason"], "`name` must not contain an API key.");
    let answer = send("GET", "/v1/me", secret, "");
    assert_ne!(answer.header("x-request-id"), Some(secret));

    send(secret, &format!("/{secret}"), "unknown", "").error(404);
    let line = log.line("unknown");
    assert_eq!((&line["method"], &line["route"]), (&"OTHER".into(), &"-".into()));

    site.send("GET", "/v1/me", &[("authorization", "Basic x"), ("x-request-id", "refused")], "").error(401);
    assert_eq!(log.line("refused")["reason"], "not a bearer token");

    site.service.mood.send_replace(Mood::Unavailable);
    send("GET", "/v1/me", "down", "").error(503);
    assert_eq!(log.line("down")["reason"], "moody: lookup: 57P01");

    let malformed = site.connect().finish(format!("{secret}\r\n\r\n").as_bytes());
    malformed.error(400);
    assert_eq!(log.line(malformed.header("x-request-id").unwrap())["status"], 400);

    workloads_are_named(&log).await;
    pages::are_logged_by_their_templates(&site, &log);

    let text = log.text();
    assert!(!text.contains(&secret[14..]), "a secret is in the log");
    assert!(!text.contains(GOOD), "a token is in the log");
}

/// By their token, or by their certificate.
async fn workloads_are_named(log: &AccessLog) {
    let site = asking_for_tokens().await;
    let ask = |id: &str, token: &str| {
        let headers = [("x-capy-cluster-token", token), ("x-request-id", id)];
        site.send("GET", "/authorize/forward-auth", &headers, "").error(401);
        log.line(id)
    };
    let line = ask("proved", GOOD);
    assert_eq!(line["workload"], "system:serviceaccount:gateway:envoy");
    assert_eq!(line["reason"], "no credential");
    // Nobody asks for the end of an answer that has no body.
    let (key, id) = (site.key(&["*"]).await, "let-through");
    let headers =
        [("x-capy-cluster-token", GOOD), ("x-request-id", id), ("x-api-key", key.plaintext.expose())];
    assert_eq!(site.send("GET", "/authorize/forward-auth", &headers, "").status, 200);
    let line = log.line(id);
    assert_eq!((&line["status"], &line["complete"]), (&200.into(), &true.into()));
    let line = ask("unproved", "bad.cluster.token");
    assert_eq!((&line["workload"], &line["reason"]), (&Value::Null, &"expired cluster token".into()));

    let authority = Authority::default();
    let site = with_certificates(&authority).await;
    let request =
        b"GET /livez HTTP/1.1\r\nhost: test\r\nconnection: close\r\nx-request-id: certified\r\n\r\n";
    let config = authority.client(Some(&authority), CLIENT);
    assert_eq!(Connection::open_tls(site.address, config).finish(request).status, 200);
    assert_eq!(log.line("certified")["workload"], CLIENT);
    let mut stranger = Connection::open_tls(site.address, authority.client(None, CLIENT));
    stranger.try_send(request);
    stranger.read_to_end();
    let logged = async {
        while !log.text().contains("the client has shown no certificate") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), logged).await.unwrap();
}
