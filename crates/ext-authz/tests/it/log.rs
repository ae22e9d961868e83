//! What the log says about checks. The log is the process's, so this finds its own lines in it.

use capykeys_conformance::service::Mood;
use capykeys_ext_authz::Settings;
use capykeys_gateway::Gateways;
use capykeys_testkit::{AccessLog, Authority};
use envoy_types::pb::envoy::service::auth::v3::authorization_client::AuthorizationClient;

use crate::support::{SETTINGS, Site, ask, header, let_through, refused};

#[tokio::test]
async fn every_check_has_one_line_that_names_the_caller_and_no_secret() {
    let log = AccessLog::capture();
    let site = Site::new().await;
    let key = site.key(&["*"]).await;
    let secret = key.plaintext.expose();
    let authority = Authority::speaking("h2");
    let certified =
        Site::with(Gateways::default(), Settings { tls: Some(authority.server()), ..SETTINGS }).await;
    let client = authority.client(Some(&authority), "spiffe://example.org/gateway");
    let mut client = AuthorizationClient::new(certified.connect_tls(client).await.unwrap());
    let named = ask("/", &[("x-request-id", "certified")], &[("anonymous", "allow")]);
    let_through(client.check(named).await.unwrap().into_inner());
    assert_eq!(log.line("certified")["workload"], "spiffe://example.org/gateway");

    let path = format!("/?token={secret}");
    let check = async |id: &str, key: &str| {
        site.check(ask(&path, &[("x-api-key", key), ("x-request-id", id)], &[])).await
    };

    let_through(check("passed", secret).await);
    let line = log.line("passed");
    assert_eq!((&line["method"], &line["status"]), (&"GET".into(), &200.into()));
    assert_eq!(line["route"], "envoy.service.auth.v3.Authorization/Check");
    assert_eq!((&line["caller"], &line["complete"]), (&"api_key".into(), &true.into()));
    assert_eq!(line["key_id"], key.key.id.to_string());
    assert_eq!(line["organization_id"], site.organization.id.to_string());
    assert!(line["duration_us"].is_u64());

    let (denied, _) = refused(check("refused", "capy_live_x").await, 401);
    assert_eq!(header(&denied.headers, "x-request-id"), Some("refused"));
    let line = log.line("refused");
    assert_eq!(
        (&line["status"], &line["reason"]),
        (&401.into(), &"neither an API key nor a session token".into())
    );

    site.service.mood.send_replace(Mood::Unavailable);
    refused(check("down", secret).await, 503);
    assert_eq!(log.line("down")["reason"], "moody: lookup: 57P01");

    // An id that holds a key is not taken over.
    let (denied, _) = refused(check(secret, "").await, 401);
    assert_eq!(header(&denied.headers, "x-request-id").unwrap().len(), 32);

    assert!(!log.text().contains(&secret[14..]), "a secret is in the log");
}
