//! The API below a path, as its public clients ask for it.

use std::{sync::Arc, time::Duration};

use capykeys_tests::{Installation, Server, Store};

#[test]
fn a_base_path_is_where_the_api_is_served() {
    let installation = Installation::bare().set("SERVER__BASE_PATH", "/api/capydb");
    let server = Server::start(&Arc::new(installation));
    let to_try = |line: &str| line.contains("curl").then(|| line.to_owned());
    let to_try = server.stdout.wait_for(Duration::from_secs(20), to_try).expect("a first request to try");
    assert!(to_try.ends_with("/api/capydb/v1/me"), "it leads nowhere");
    let key = to_try.split("Bearer ").nth(1).and_then(|rest| rest.split('\'').next()).expect("a key");
    server.get("/api/capydb/v1/me").bearer(key).send().expect(200);
    server.get("/v1/me").bearer(key).send().error(404);
    server.get("/readyz").send().expect(200);
    let document = server.get("/api/capydb/v1/openapi.json").send().expect(200);
    assert_eq!(document["servers"][0]["url"], "/api/capydb");
    let _ = server
        .installation()
        .run(&["health", "--url", &format!("http://{}", server.address())])
        .expect_success();
}

#[test]
fn a_base_path_that_is_none_is_refused_before_anything_is_made() {
    for path in ["api", "/api/", "/", "/{x}", "/a/../b", "https://example.com/api"] {
        let installation = Installation::new(Store::first()).set("SERVER__BASE_PATH", path);
        for command in [&["serve"][..], &["config", "check"]] {
            let output = installation.run_briefly(command);
            assert!(output.expect_failure().contains("server.base_path"), "{path}");
        }
        assert!(!installation.directory().join("capykeys-data").exists(), "{path}");
    }
}
