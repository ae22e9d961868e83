//! What is said of a key's end to the API behind a gateway.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use capykeys_conformance::{
    fixtures::{at, context},
    service::{Service, spec},
};
use capykeys_domain::{
    model::{ExpiryNotices, KeySpec, Organization, Timestamp},
    policy::Permit,
    ports::Clock,
    secret::PlaintextKey,
    usecases::RotateKeyRequest,
};
use capykeys_gateway::{Gateways, IdentityHeaders, Question, RequestHeaders};

const DAY: i64 = 86_400_000_000;

/// The header with this key, over an interface of the test's own.
struct ApiKeyHeader<'k>(&'k PlaintextKey);

impl RequestHeaders for ApiKeyHeader<'_> {
    fn values(&self, name: &'static str) -> impl Iterator<Item = &[u8]> {
        (name == "x-api-key").then_some(self.0.expose().as_bytes()).into_iter()
    }
}

struct Scene {
    service: Service,
    organization: Organization,
}

impl Scene {
    async fn new() -> Self {
        let service = Service::default();
        let organization = service.organization().await;
        Self { service, organization }
    }

    async fn key(&self, ends: Option<Timestamp>) -> PlaintextKey {
        let now = self.service.clock.now();
        let with_end = |spec: KeySpec| ends.map_or(Ok(spec.clone()), |ends| spec.expiring_at(ends, now));
        let spec = with_end(spec(&["jobs:read"])).unwrap();
        self.service.key_for(&self.organization, spec).await.plaintext
    }

    /// The key of this secret is given another one.
    async fn rotate(&self, secret: &PlaintextKey, grace: Duration) -> PlaintextKey {
        let (found, _) = self.service.verdicts.find(secret).await.unwrap().unwrap();
        let permit = Permit::operator_rotates_key(&self.organization, found.key.id);
        let request = RotateKeyRequest { grace: Some(grace), finish_when_idle: None, discard_newest: false };
        self.service.management.rotate_key(&permit, request, &context()).await.unwrap().plaintext
    }

    /// What the header says of the key's end: nothing where it is not sent.
    async fn said(&self, gateways: &Gateways, secret: &PlaintextKey) -> Option<String> {
        let question = Question { original: None, settings: Vec::new(), headers: &ApiKeyHeader(secret) };
        let who = gateways.authorize(&self.service.verdicts, &question, &context()).await.unwrap();
        let named: Vec<_> = gateways.headers.of(&who).collect();
        assert_eq!(named.len(), gateways.headers.names().count());
        let said = named.into_iter().find(|(name, _)| *name == "x-capy-key-expires-at");
        said.map(|(_, text)| text.into_owned())
    }
}

#[tokio::test]
async fn the_end_of_a_key_is_said_from_the_longest_notice_on() {
    let scene = Scene::new().await;
    let ends = at(40 * DAY);
    let (ending, endless) = (scene.key(Some(ends)).await, scene.key(None).await);
    let gateways = Gateways::default();
    scene.service.clock.set(at(10 * DAY - 1));
    assert_eq!(scene.said(&gateways, &ending).await.unwrap(), "");
    for later in [10 * DAY, 39 * DAY, 40 * DAY - 1] {
        scene.service.clock.set(at(later));
        assert_eq!(scene.said(&gateways, &ending).await.unwrap(), ends.to_string());
        assert_eq!(scene.said(&gateways, &endless).await.unwrap(), "");
    }
}

#[tokio::test]
async fn the_end_of_the_secret_before_is_always_said_and_of_no_other() {
    let scene = Scene::new().await;
    let old = scene.key(None).await;
    let now = scene.service.clock.now();
    let grace = Duration::from_hours(24 * 30);
    let new = scene.rotate(&old, grace).await;
    for notices in
        [ExpiryNotices::default(), ExpiryNotices::new([Duration::from_secs(1)]), ExpiryNotices::new([])]
    {
        let gateways = Gateways { notices, ..Gateways::default() };
        assert_eq!(scene.said(&gateways, &old).await.unwrap(), now.saturating_add(grace).to_string());
        assert_eq!(scene.said(&gateways, &new).await.unwrap(), "");
    }
}

/// A grace does not outlast the key.
#[tokio::test]
async fn the_secret_before_ends_with_its_key_at_the_latest() {
    let scene = Scene::new().await;
    let ends = at(400 * DAY);
    let old = scene.key(Some(ends)).await;
    scene.service.clock.set(at(399 * DAY));
    let new = scene.rotate(&old, Duration::from_hours(24 * 30)).await;
    for secret in [old, new] {
        assert_eq!(scene.said(&Gateways::default(), &secret).await.unwrap(), ends.to_string());
    }
}

#[tokio::test]
async fn nothing_is_said_where_no_notice_or_no_name_is_set() {
    let scene = Scene::new().await;
    let ending = scene.key(Some(at(2 * DAY))).await;
    let without_notices = Gateways { notices: ExpiryNotices::new([]), ..Gateways::default() };
    assert_eq!(scene.said(&without_notices, &ending).await.unwrap(), "");
    let headers = IdentityHeaders::new(["a", "b", "c", "d", "e", "f", ""]).unwrap();
    let unnamed = Gateways { headers, ..Gateways::default() };
    assert_eq!(scene.said(&unnamed, &ending).await, None);
}
