//! Callers of the internal listener that have to prove themselves.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use capykeys_domain::{
    model::{ClusterCaller, ClusterSubject},
    ports::{BearerTokenError, ClusterCallers, Unavailable},
    secret::BearerToken,
};
use capykeys_http::{ClusterAuthentication, Internal};
use serde_json::json;

use crate::support::{Answer, Site, internal};

pub(crate) const GOOD: &str = "good.cluster.token";
const UNKNOWABLE: &str = "unknowable.cluster.token";

const VERIFY: &str = "/v1/api-keys/verify";
const VERIFY_BATCH: &str = "/v1/api-keys/verify-batch";
const FAMILIES: [&str; 3] = ["/authorize/forward-auth", "/authorize/auth-request", "/authorize/ext-authz/x"];

/// Accepts [`GOOD`], cannot say of [`UNKNOWABLE`], refuses all else, and counts.
#[derive(Default)]
struct FakeCallers(AtomicUsize);

#[async_trait]
impl ClusterCallers for FakeCallers {
    async fn verify_workload(&self, token: &BearerToken) -> Result<ClusterCaller, BearerTokenError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        match token.expose() {
            GOOD => {
                let subject = ClusterSubject::parse("system:serviceaccount:gateway:envoy").unwrap();
                Ok(ClusterCaller { subject })
            }
            UNKNOWABLE => Err(Unavailable::new("cluster", "no keys").into()),
            _ => Err(BearerTokenError::Refused("expired cluster token")),
        }
    }
}

/// A listener that asks for tokens.
pub(crate) async fn asking_for_tokens() -> Site {
    asking(Arc::default()).await
}

async fn asking(callers: Arc<FakeCallers>) -> Site {
    let internal = Internal { callers: ClusterAuthentication::Token(callers), ..internal() };
    Site::internal_with(internal, Duration::from_secs(10)).await
}

fn verify(site: &Site, path: &str, headers: &[(&str, &str)]) -> Answer {
    let question = json!({"api_key": "capy_live_x"});
    let body = if path == VERIFY { question } else { json!({"verifications": [question]}) };
    let headers = [headers, &[("content-type", "application/json")]].concat();
    site.send("POST", path, &headers, &body.to_string())
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

#[tokio::test(flavor = "multi_thread")]
async fn verdicts_are_for_callers_with_a_token_in_authorization() {
    let site = asking_for_tokens().await;
    for path in [VERIFY, VERIFY_BATCH] {
        let answer = verify(&site, path, &[]);
        assert_eq!(answer.error(401), "A valid token of the cluster is required.");
        assert_eq!(answer.header("www-authenticate"), Some(r#"Bearer realm="cluster""#));
        let elsewhere = [("x-capy-cluster-token", GOOD), ("x-api-key", GOOD)];
        verify(&site, path, &elsewhere).error(401);
        for bad in [bearer("bad.cluster.token"), bearer("capy_live_x"), bearer("x"), "Basic YTpi".to_owned()]
        {
            let answer = verify(&site, path, &[("authorization", &bad)]);
            assert_eq!(answer.error(401), "A valid token of the cluster is required.");
            let challenge = r#"Bearer realm="cluster", error="invalid_token""#;
            assert_eq!(answer.header("www-authenticate"), Some(challenge), "{bad}");
        }
        let answer = verify(&site, path, &[("authorization", &bearer(UNKNOWABLE))]);
        assert_eq!(answer.error(503), "The service is not available right now.");
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert_eq!(verify(&site, path, &[("authorization", &bearer(GOOD))]).status, 200, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn gateways_have_their_token_in_a_header_of_its_own() {
    let site = asking_for_tokens().await;
    let key = site.key(&["jobs:read"]).await;
    let asked_about = bearer(key.plaintext.expose());
    for path in FAMILIES {
        let send = |headers: &[(&str, &str)]| site.send("GET", path, headers, "");
        let with_token = |token| send(&[("authorization", &asked_about), ("x-capy-cluster-token", token)]);
        assert_eq!(with_token(GOOD).status, 200, "{path}");
        assert_eq!(with_token(UNKNOWABLE).status, 503, "{path}");
        for answer in [
            with_token("bad.cluster.token"),
            with_token(&bearer(GOOD)),
            with_token(""),
            send(&[("authorization", &asked_about)]),
            send(&[("authorization", &bearer(GOOD))]),
        ] {
            assert_eq!(answer.error(401), "A valid token of the cluster is required.", "{path}");
            assert!(answer.header("www-authenticate").unwrap().contains(r#"realm="cluster""#), "{path}");
        }
        // The token proves the gateway, not the request that it asks about.
        let answer = send(&[("x-capy-cluster-token", GOOD)]);
        assert_eq!(answer.error(401), "A valid API key or session token is required.", "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tokens_are_none() {
    let site = asking_for_tokens().await;
    let answer = verify(&site, VERIFY, &[("authorization", &bearer(GOOD)), ("authorization", &bearer(GOOD))]);
    assert_eq!(answer.error(400), "`Authorization` must be given only once.");
    let twice = [("x-capy-cluster-token", GOOD), ("x-capy-cluster-token", GOOD)];
    let answer = site.send("GET", FAMILIES[0], &twice, "");
    assert_eq!(answer.error(400), "`X-Capy-Cluster-Token` must be given only once.");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_token_by_its_form_is_refused_without_asking() {
    let callers = Arc::<FakeCallers>::default();
    let site = asking(Arc::clone(&callers)).await;
    for text in ["", "x", "a.b", "a..c", "a.b.c.d", "capy_live_a.b.c"] {
        verify(&site, VERIFY, &[("authorization", &bearer(text))]).error(401);
    }
    assert_eq!(callers.0.load(Ordering::SeqCst), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_and_health_ask_for_no_token() {
    let site = asking_for_tokens().await;
    for path in ["/metrics", "/livez", "/readyz"] {
        assert_eq!(site.send("GET", path, &[], "").status, 200, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_callers_are_trusted_a_token_changes_nothing() {
    let site = Site::internal().await;
    assert_eq!(verify(&site, VERIFY, &[]).status, 200);
    assert_eq!(verify(&site, VERIFY, &[("authorization", &bearer("bad.cluster.token"))]).status, 200);
}
