//! Saying that keys end.

use std::collections::BTreeMap;

use capykeys_conformance::{
    fixtures::{self, at, context},
    service::{Service, spec},
};
use capykeys_domain::{
    model::{ApiKey, AuditAction, ExpiryNotices, KeyEdit, Organization},
    policy::{Permit, UpdateKey},
    ports::{AuditLog, Clock, Limit},
};

const DAY: i64 = 86_400_000_000;

struct Scene {
    service: Service,
    organization: Organization,
    notices: ExpiryNotices,
}

impl Scene {
    async fn new() -> Self {
        let service = Service::default();
        let organization = service.organization().await;
        Self { service, organization, notices: ExpiryNotices::default() }
    }

    async fn key(&self, ends: i64) -> ApiKey {
        let spec = spec(&["jobs:read"]).expiring_at(at(ends), self.service.clock.now()).unwrap();
        self.service.key_for(&self.organization, spec).await.key
    }

    /// Looks at all keys on this day, some at a time.
    async fn look(&self, micros: i64) {
        self.service.clock.set(at(micros));
        let mut after = None;
        loop {
            let management = &self.service.management;
            let round = management.notice_expiry(&self.notices, after, Limit::of::<2>(), &context()).await;
            after = round.unwrap().next;
            if after.is_none() {
                break;
            }
        }
    }

    /// What was said of the key, each with the days that were left.
    async fn said(&self, key: &ApiKey) -> Vec<String> {
        let events =
            self.service.store.list_events(fixtures::all_events(self.organization.id)).await.unwrap();
        let of_key = events.into_iter().map(|one| one.event).filter(|event| event.key_id == Some(key.id));
        of_key
            .filter_map(|event| {
                let details: BTreeMap<_, _> = event.details.iter().collect();
                match event.action {
                    AuditAction::ExpiresSoon => Some(details["days_left"].to_owned()),
                    AuditAction::ExpireKey => Some("expired".to_owned()),
                    _ => return None,
                }
                .inspect(|_| assert!(details.contains_key("expires_at")))
            })
            .collect()
    }
}

#[tokio::test]
async fn the_end_of_a_key_is_said_at_each_notice_and_at_its_end_once() {
    let scene = Scene::new().await;
    let key = scene.key(100 * DAY).await;
    for day in (0..140).flat_map(|day| [day * DAY, day * DAY + 1]) {
        scene.look(day).await;
    }
    assert_eq!(scene.said(&key).await, ["30", "7", "1", "expired"]);
}

#[tokio::test]
async fn a_key_that_is_made_late_gets_the_notices_that_lie_ahead() {
    let scene = Scene::new().await;
    let key = scene.key(5 * DAY).await;
    for day in 0..=4 {
        scene.look(day * DAY + 1).await;
    }
    assert_eq!(scene.said(&key).await, ["1"]);
}

#[tokio::test]
async fn after_a_pause_the_last_notice_alone_is_given() {
    let scene = Scene::new().await;
    let (soon, over, long_over) =
        (scene.key(100 * DAY).await, scene.key(90 * DAY).await, scene.key(60 * DAY).await);
    scene.look(95 * DAY + 1).await;
    assert_eq!(scene.said(&soon).await, ["5"]);
    assert_eq!(scene.said(&over).await, ["expired"]);
    assert_eq!(scene.said(&long_over).await, [""; 0], "for longer than the longest notice");
}

#[tokio::test]
async fn a_key_with_another_end_gets_the_notices_of_that() {
    let scene = Scene::new().await;
    let key = scene.key(100 * DAY).await;
    scene.look(71 * DAY).await;
    let change = async |ends: i64| {
        let permit: Permit<UpdateKey> = Permit::operator_changes_key(&scene.organization, key.id);
        let edit = KeyEdit { expires_at: Some(Some(at(ends))), ..KeyEdit::default() };
        scene.service.management.update_key(&permit, &edit, |_, _| true, &context()).await.unwrap();
    };
    change(200 * DAY).await;
    scene.look(99 * DAY).await;
    assert_eq!(scene.said(&key).await, ["29"]);
    scene.look(170 * DAY).await;
    // The notices of a nearer end that lie before the last one are not made up for.
    change(175 * DAY).await;
    scene.look(171 * DAY).await;
    assert_eq!(scene.said(&key).await, ["29", "30"]);
    scene.look(174 * DAY).await;
    assert_eq!(scene.said(&key).await, ["29", "30", "1"]);
}

#[tokio::test]
async fn without_notices_nothing_is_said() {
    let scene = Scene { notices: ExpiryNotices::new([]), ..Scene::new().await };
    let key = scene.key(5 * DAY).await;
    scene.look(6 * DAY).await;
    assert_eq!(scene.said(&key).await, [""; 0]);
}

#[tokio::test]
async fn of_two_servers_with_other_clocks_one_gives_each_notice() {
    let scene = Scene::new().await;
    let key = scene.key(100 * DAY).await;
    for micros in
        [70 * DAY + 5, 70 * DAY + 2, 93 * DAY + 5, 93 * DAY - 5, 99 * DAY + 5, 98 * DAY, 100 * DAY, 99 * DAY]
    {
        scene.look(micros).await;
    }
    assert_eq!(scene.said(&key).await, ["30", "7", "1", "expired"]);
}
