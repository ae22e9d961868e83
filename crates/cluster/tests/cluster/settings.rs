//! Settings that cannot work.

use std::sync::Arc;

use capykeys_cluster::{ClusterSettings, ClusterTokens, HttpFetcher, PublicKeySource};
use capykeys_conformance::fixtures::ManualClock;
use tokio::runtime::Handle;

use crate::support::{KEY, settings};

fn error(settings: ClusterSettings) -> String {
    let (clock, fetcher) = (Arc::new(ManualClock::default()), Arc::new(HttpFetcher::new().unwrap()));
    let verifier = ClusterTokens::new(vec![settings], clock, fetcher, Handle::current());
    verifier.err().map(|error| error.to_string()).unwrap_or_default()
}

#[tokio::test]
async fn each_thing_that_cannot_work_has_its_sentence() {
    let with_pem = |pem: String| ClusterSettings { keys: PublicKeySource::Pem(pem), ..settings() };
    let with_url =
        |url: &str| ClusterSettings { keys: PublicKeySource::JwksUrl(url.parse().unwrap()), ..settings() };
    for (settings, named) in [
        (ClusterSettings { issuer: String::new(), ..settings() }, "issuer"),
        (ClusterSettings { issuer: "https://a ".to_owned(), ..settings() }, "issuer"),
        (ClusterSettings { audience: String::new(), ..settings() }, "audience"),
        (ClusterSettings { audience: "a b".to_owned(), ..settings() }, "audience"),
        (with_url("http://kubernetes.default.svc/openid/v1/jwks"), "must be an https URL"),
        (with_url("https://user:secret@kubernetes.default.svc/jwks"), "must be an https URL"),
        (with_pem(String::new()), "must be an RSA public key"),
        (with_pem(KEY.public_pem().replace("PUBLIC", "PRIVATE")), "is a private key"),
        (with_pem(KEY.public_pem().replace("PUBLIC KEY", "CERTIFICATE")), "must be an RSA public key"),
    ] {
        let error = error(settings);
        assert!(error.contains(named) && error.ends_with('.') && !error.contains("secret"), "{error}");
    }
    assert_eq!(error(settings()), "");
}
