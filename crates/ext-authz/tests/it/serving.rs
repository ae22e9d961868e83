//! Connections, health and the end.

use std::time::Duration;

use capykeys_conformance::service::Mood;
use capykeys_ext_authz::Settings;
use capykeys_gateway::Gateways;
use envoy_types::{
    ext_authz::v3::pb::CheckResponse, pb::envoy::service::auth::v3::authorization_client::AuthorizationClient,
};
use tokio::task::JoinHandle;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::support::{SETTINGS, Site, ask, let_through};

const SERVICES: [&str; 2] = ["", "envoy.service.auth.v3.Authorization"];

/// Longer than anything takes that is not stuck.
const LIMIT: Duration = Duration::from_secs(20);

async fn in_time<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, work).await.unwrap()
}

/// A check that waits for the store until the site is in another mood.
async fn begin_check(site: &Site) -> JoinHandle<CheckResponse> {
    let key = site.key(&["jobs:read"]).await;
    let request = ask("/", &[("x-api-key", key.plaintext.expose())], &[]);
    site.service.mood.send_replace(Mood::Hangs);
    let before = site.service.mood.receiver_count();
    let mut client = AuthorizationClient::new(site.connect().await);
    let asked = tokio::spawn(async move { client.check(request).await.unwrap().into_inner() });
    in_time(async {
        while site.service.mood.receiver_count() == before {
            tokio::task::yield_now().await;
        }
    })
    .await;
    asked
}

#[tokio::test]
async fn whoever_watches_is_told_of_the_end_and_does_not_hold_it_up() {
    let mut site = Site::new().await;
    let mut client = HealthClient::new(site.connect().await);
    let mut watched = Vec::new();
    for service in SERVICES {
        let request = HealthCheckRequest { service: service.to_owned() };
        let answer = client.check(request.clone()).await.unwrap().into_inner();
        assert_eq!(answer.status(), ServingStatus::Serving);
        let mut answers = client.watch(request).await.unwrap().into_inner();
        assert_eq!(answers.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
        watched.push(answers);
    }
    site.stop();
    for mut answers in watched {
        let last = in_time(answers.message()).await.unwrap().unwrap();
        assert_eq!(last.status(), ServingStatus::NotServing);
        assert!(in_time(answers.message()).await.unwrap().is_none());
    }
    in_time(site.serving).await.unwrap().unwrap();
    drop(client);
}

#[tokio::test]
async fn a_server_that_is_leaving_says_so_and_answers_all_the_same() {
    let mut site = Site::new().await;
    let mut health = HealthClient::new(site.connect().await);
    let request = HealthCheckRequest { service: SERVICES[1].to_owned() };
    let mut watched = health.watch(request.clone()).await.unwrap().into_inner();
    assert_eq!(watched.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    site.leave();
    let told = in_time(watched.message()).await.unwrap().unwrap();
    assert_eq!(told.status(), ServingStatus::NotServing);
    assert_eq!(health.check(request).await.unwrap().into_inner().status(), ServingStatus::NotServing);
    let check = ask("/", &[], &[("anonymous", "allow")]);
    for channel in [site.connect().await, site.connect().await] {
        let answer = AuthorizationClient::new(channel).check(check.clone()).await;
        let_through(answer.unwrap().into_inner());
    }
    site.stop();
    in_time(site.serving).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_check_that_has_begun_is_answered_before_the_end() {
    let mut site = Site::new().await;
    let asked = begin_check(&site).await;
    site.stop();
    in_time(async {
        while std::net::TcpStream::connect(site.address).is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    site.service.mood.send_replace(Mood::Good);
    let_through(in_time(asked).await.unwrap());
    in_time(site.serving).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_check_that_does_not_end_holds_up_the_end_for_a_while_alone() {
    let settings = Settings { shutdown_timeout: Duration::from_millis(50), ..SETTINGS };
    let mut site = Site::with(Gateways::default(), settings).await;
    let asked = begin_check(&site).await;
    site.stop();
    in_time(site.serving).await.unwrap().unwrap();
    asked.abort();
}

#[tokio::test]
async fn one_connection_too_many_waits_for_another_to_end() {
    let settings = Settings { max_connections: 1, ..SETTINGS };
    let site = Site::with(Gateways::default(), settings).await;
    let first = site.connect().await;
    let request = ask("/", &[], &[("anonymous", "allow")]);
    let_through(AuthorizationClient::new(first.clone()).check(request.clone()).await.unwrap().into_inner());
    let mut second = AuthorizationClient::new(site.connect().await);
    let asked = tokio::spawn(async move { second.check(request).await });
    // It has had its chance: the first was answered after it asked.
    for _ in 0..20 {
        let request = ask("/", &[], &[("anonymous", "allow")]);
        let_through(AuthorizationClient::new(first.clone()).check(request).await.unwrap().into_inner());
    }
    assert!(!asked.is_finished());
    drop(first);
    let_through(in_time(asked).await.unwrap().unwrap().into_inner());
}
