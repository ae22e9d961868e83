//! What the log says about requests. The log is the process's, so this finds its own lines in it.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
    time::Duration,
};

use crate::{
    cluster::{GOOD, asking_for_tokens},
    support::{Authority, Connection, Mood, Site},
    tls::{CLIENT, with_certificates},
};
use serde_json::Value;

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Captured {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// The line of this request.
    fn line(&self, request_id: &str) -> Value {
        let text = self.text();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let mut lines =
            lines.filter(|it| it["target"] == "capykeys::access" && it["fields"]["request_id"] == request_id);
        let line = lines.next().unwrap_or_else(|| panic!("no line for {request_id} in {text}"));
        assert!(lines.next().is_none(), "two lines for {request_id}");
        line["fields"].clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_has_one_line_that_names_the_caller_and_no_secret() {
    let captured = Captured::default();
    let writer = captured.clone();
    tracing_subscriber::fmt()
        .json()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .init();
    let site = Site::new().await;
    let key = site.key(&["*"]).await;
    let secret = key.plaintext.expose();
    let send = |method: &str, path: &str, id: &str, name: &str| {
        let path = format!("{path}?token={secret}");
        let headers = [("x-api-key", secret), ("x-request-id", id), ("content-type", "application/json")];
        site.send(method, &path, &headers, &format!(r#"{{"name":"{name}","scopes":["*"]}}"#))
    };

    assert_eq!(send("POST", &site.keys_path(), "created", "CI").status, 201);
    let line = captured.line("created");
    assert_eq!((&line["method"], &line["status"]), (&"POST".into(), &201.into()));
    assert_eq!(line["route"], "/v1/organizations/{orgID}/api-keys");
    assert_eq!(line["caller"], "api_key");
    assert_eq!(line["key_id"], key.key.id.to_string());
    assert_eq!(line["organization_id"], site.organization.id.to_string());
    assert!(line["duration_us"].is_u64());

    send("POST", &site.keys_path(), "misplaced", secret).error(400);
    assert_eq!(captured.line("misplaced")["reason"], "`name` must not contain an API key.");
    let answer = send("GET", "/v1/me", secret, "");
    assert_ne!(answer.header("x-request-id"), Some(secret));

    send(secret, &format!("/{secret}"), "unknown", "").error(404);
    let line = captured.line("unknown");
    assert_eq!((&line["method"], &line["route"]), (&"OTHER".into(), &"-".into()));

    site.send("GET", "/v1/me", &[("authorization", "Basic x"), ("x-request-id", "refused")], "").error(401);
    assert_eq!(captured.line("refused")["reason"], "not a bearer token");

    site.store.set(Mood::Unavailable);
    send("GET", "/v1/me", "down", "").error(503);
    assert_eq!(captured.line("down")["reason"], "moody: lookup: 57P01");

    let malformed = site.connect().finish(format!("{secret}\r\n\r\n").as_bytes());
    malformed.error(400);
    assert_eq!(captured.line(malformed.header("x-request-id").unwrap())["status"], 400);

    workloads_are_named(&captured).await;

    let text = captured.text();
    assert!(!text.contains(&secret[14..]), "a secret is in the log");
    assert!(!text.contains(GOOD), "a token is in the log");
}

/// By their token, or by their certificate.
async fn workloads_are_named(captured: &Captured) {
    let site = asking_for_tokens().await;
    let ask = |id: &str, token: &str| {
        let headers = [("x-capy-cluster-token", token), ("x-request-id", id)];
        site.send("GET", "/authorize/forward-auth", &headers, "").error(401);
        captured.line(id)
    };
    let line = ask("proved", GOOD);
    assert_eq!(line["workload"], "system:serviceaccount:gateway:envoy");
    assert_eq!(line["reason"], "no credential");
    // Nobody asks for the end of an answer that has no body.
    let (key, id) = (site.key(&["*"]).await, "let-through");
    let headers =
        [("x-capy-cluster-token", GOOD), ("x-request-id", id), ("x-api-key", key.plaintext.expose())];
    assert_eq!(site.send("GET", "/authorize/forward-auth", &headers, "").status, 200);
    let line = captured.line(id);
    assert_eq!((&line["status"], &line["complete"]), (&200.into(), &true.into()));
    let line = ask("unproved", "bad.cluster.token");
    assert_eq!((&line["workload"], &line["reason"]), (&Value::Null, &"expired cluster token".into()));

    let authority = Authority::new();
    let site = with_certificates(&authority).await;
    let request =
        b"GET /livez HTTP/1.1\r\nhost: test\r\nconnection: close\r\nx-request-id: certified\r\n\r\n";
    let config = authority.client(&authority, CLIENT);
    assert_eq!(Connection::open_tls(site.address, config).finish(request).status, 200);
    assert_eq!(captured.line("certified")["workload"], CLIENT);
    let mut stranger = Connection::open_tls(site.address, authority.stranger());
    stranger.try_send(request);
    stranger.read_to_end();
    let logged = async {
        while !captured.text().contains("the client has shown no certificate") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), logged).await.unwrap();
}
