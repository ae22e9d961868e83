//! The listener for the cluster alone.

use std::{sync::Arc, time::Duration};

use capykeys_tests::{Installation, Server, Store};
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(20);

fn get(address: &str, path: &str) -> (u16, String) {
    let answer = reqwest::blocking::get(format!("http://{address}{path}")).expect("an answer");
    (answer.status().as_u16(), answer.text().expect("a text"))
}

#[test]
fn refused_sessions_are_counted_by_their_reason_for_the_cluster_alone() {
    let installation = Installation::new(Store::first()).set("INTERNAL__LISTEN", "127.0.0.1:0");
    let server = Server::start(&Arc::new(installation));
    let internal = server
        .log
        .wait_for(LIMIT, |line| {
            let line: Value = serde_json::from_str(line).ok()?;
            (line["message"] == "listening for the cluster")
                .then(|| line["address"].as_str().map(str::to_owned))?
        })
        .expect("it says where it listens");
    let counted =
        |count| format!("capykeys_session_refusals_total{{reason=\"malformed session token\"}} {count}\n");

    let (status, metrics) = get(&internal, "/metrics");
    assert!(status == 200 && metrics.contains(&counted(0)) && metrics.ends_with('\n'), "{metrics}");
    for _ in 0..2 {
        server.get("/v1/me").bearer("no.session.token").send().error(401);
    }
    let (_, metrics) = get(&internal, "/metrics");
    assert!(metrics.contains(&counted(2)), "{metrics}");

    assert_eq!(get(&internal, "/readyz").0, 200);
    assert_eq!(get(&internal, "/v1/me").0, 404);
    server.get("/metrics").send().error(404);
}
