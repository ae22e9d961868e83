//! Settings that cannot work.

use std::sync::Arc;

use capykeys_conformance::fixtures::ManualClock;
use capykeys_oidc::{HttpFetcher, OidcVerifier, OrganizationSource, ProviderSettings, PublicKeySource};
use tokio::runtime::Handle;

use crate::support::{KEY, provider};

fn error(settings: impl Into<Vec<ProviderSettings>>) -> String {
    let (clock, fetcher) = (Arc::new(ManualClock::default()), Arc::new(HttpFetcher::new().unwrap()));
    let verifier = OidcVerifier::new(settings.into(), clock, fetcher, Handle::current());
    verifier.err().map(|error| error.to_string()).unwrap_or_default()
}

#[tokio::test]
async fn each_thing_that_cannot_work_has_its_sentence() {
    let discovered = |issuer: &str| {
        let keys = PublicKeySource::Discovery { issuer: issuer.to_owned() };
        ProviderSettings { issuer: issuer.to_owned(), keys, ..provider() }
    };
    let with_pem = |pem: String| ProviderSettings { keys: PublicKeySource::Pem(pem), ..provider() };
    for (settings, named) in [
        (discovered(""), "must be an https URL"),
        (discovered("https://a "), "must be an https URL"),
        (discovered("http://id.example.com"), "must be an https URL"),
        (discovered("https://id.example.com?a=b"), "must be an https URL"),
        (ProviderSettings { audiences: Vec::new(), ..provider() }, "audience"),
        (ProviderSettings { audiences: vec![String::new()], ..provider() }, "audience"),
        (ProviderSettings { algorithms: Vec::new(), ..provider() }, "RS256"),
        (ProviderSettings { types: Vec::new(), ..provider() }, "type"),
        (ProviderSettings { authorized_parties: vec!["a b".to_owned()], ..provider() }, "party"),
        (
            ProviderSettings { organization: OrganizationSource::Fixed("x".repeat(75)), ..provider() },
            "at most 74",
        ),
        (with_pem(KEY.public_pem().replace("PUBLIC", "PRIVATE")), "is a private key"),
        (with_pem(String::new()), "must be an RSA public key of 2048 to 8192 bits, or one on P-256"),
    ] {
        let error = error([settings]);
        assert!(error.contains(named) && error.ends_with('.'), "{named}: {error}");
    }
    assert!(!error([discovered("https://u:hush@id.example.com")]).contains("hush"));
    assert!(error([provider(), provider()]).contains("is configured twice"));
    assert_eq!(error([provider()]), "");
}
