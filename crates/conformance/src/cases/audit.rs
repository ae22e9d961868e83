//! The audit log.

use std::num::NonZeroU32;

use capykeys_domain::{
    model::{
        Actor, AuditAction, AuditEvent, AuditOutcome, EventDetails, KeyId, OrganizationId, OrganizationName,
        ProjectId, Renaming, RequestContext, RequestId, Slug, UserId,
    },
    ports::{EventQuery, Limit},
};

use super::support::ALL;
use crate::{Store, fixtures};

/// Every actor, action, outcome and address comes back as it was given.
pub async fn events_are_kept_as_given_in_ascending_order(store: &Store) {
    let organization = store.organization().await;
    let key = KeyId::new(fixtures::at(1), [1; 8]);
    let actors = [Actor::Operator, Actor::Key(key), Actor::User(UserId::parse("user_2abc").unwrap())];
    let peers = [None, "192.0.2.7".parse().ok(), "2001:db8::1".parse().ok()];
    let outcomes = [AuditOutcome::Done, AuditOutcome::Denied];
    let odd = [("", " "), ("\"}", "\\ \u{202e}'{}[]"), ("name", "Ümläut 👩‍👩‍👧‍👦")];
    let details = [
        EventDetails::default(),
        EventDetails::because(&"Because."),
        odd.map(|(name, text)| (name.to_owned(), text.to_owned())).into_iter().collect(),
    ];
    let mut expected = Vec::new();
    for (index, action) in AuditAction::KNOWN.iter().enumerate() {
        let event = AuditEvent {
            at: fixtures::at(i64::try_from(index).unwrap()),
            action: action.clone(),
            outcome: outcomes[index % 2].clone(),
            actor: actors[index % 3].clone(),
            organization_id: Some(organization.id),
            target_organization_id: (index % 3 == 0).then_some(OrganizationId::new(fixtures::at(2), [2; 8])),
            key_id: (index % 2 == 0).then_some(key),
            project_id: ProjectId::parse("p1").ok().filter(|_| index % 3 == 1),
            details: details[index % 3].clone(),
            request: RequestContext {
                request_id: RequestId::parse(&"~".repeat((index * 20 + 1).min(128))).unwrap(),
                peer: peers[index % 3],
            },
            occurrences: NonZeroU32::MIN.saturating_add(u32::try_from(index).unwrap() * 70_000),
        };
        store.audit.append_event(event.clone()).await.unwrap();
        expected.push(event);
    }
    let nobodys = AuditEvent { organization_id: None, ..expected[0].clone() };
    store.audit.append_event(nobodys.clone()).await.unwrap();
    let followed = store.followed(None, ALL.get()).await.0;
    assert_eq!(followed.last().map(|one| &one.event), Some(&nobodys), "whoever follows the log is told it");
    let records = store.events(organization.id).await;
    assert!(records.is_sorted_by(|a, b| a.sequence < b.sequence));
    let events: Vec<_> = records.into_iter().skip(1).map(|one| one.event).collect();
    assert_eq!(events, expected);
}

/// Reading on from a place gives what came after it, and nothing is put in before it.
pub async fn a_closed_range_of_events_never_changes(store: &Store) {
    let organization = store.organization().await;
    for micros in 0..5 {
        store.key(&organization, micros).await;
    }
    let before = store.events(organization.id).await;
    for micros in 5..10 {
        store.key(&organization, micros).await;
    }
    let after = store.events(organization.id).await;
    assert_eq!(after[..before.len()], before);
    let place = before[3].sequence;
    let two = Limit::new(2).unwrap();
    assert_eq!(
        store
            .audit
            .list_events(EventQuery { organization: organization.id, after: place, limit: two })
            .await
            .unwrap(),
        after[4..6]
    );
}

/// The project of the key, the names before and after a renaming, and what the caller says besides.
pub async fn events_name_the_project_and_what_changed(store: &Store) {
    let organization =
        store.add_organization(fixtures::organization_at_clerk(fixtures::at(0), "org_2told")).await;
    let mut new = fixtures::key(organization.id, fixtures::at(1));
    new.key.project_id = ProjectId::parse("p1").ok();
    new.key.expires_at = Some(fixtures::at(1_000_000));
    store.add_key(&new).await;
    let _ = store.keys.revoke_key(fixtures::revoke(&new.key, fixtures::at(2))).await.unwrap().unwrap();
    let name = OrganizationName::parse("New").ok();
    let renaming = Renaming { name, clerk_slug: Some("there".to_owned()), ..Renaming::default() };
    let slug = Renaming { slug: Slug::parse("new").ok(), ..Renaming::default() };
    for renaming in [renaming, slug] {
        let rename = fixtures::rename(organization.id, renaming, fixtures::at(3));
        store.organizations.rename_organization(rename).await.unwrap();
    }
    let told: Vec<_> = store.events(organization.id).await.into_iter().map(|one| one.event).collect();
    let texts = |index: usize| told[index].details.iter().collect::<Vec<_>>();
    let key = [("expires_at", "2026-01-01T00:00:01Z"), ("name", "CI"), ("scopes", "projects:read")];
    assert_eq!((&told[1].project_id, &texts(1)[..]), (&new.key.project_id, &key[..]));
    assert_eq!((&told[2].project_id, &texts(2)[..]), (&new.key.project_id, &[][..]));
    let names = [
        ("clerk_organization_slug", "there"),
        ("name", "New"),
        ("previous_clerk_organization_slug", "acme"),
        ("previous_name", "Acme"),
    ];
    assert_eq!((&told[3].project_id, &texts(3)[..]), (&None, &names[..]));
    assert_eq!(texts(4), [("previous_slug", "acme"), ("slug", "new")]);
}

/// And so are those around it.
pub async fn an_event_of_another_version_is_shown_as_it_is(store: &Store) {
    let organization = store.organization().await;
    let event = fixtures::event(AuditAction::ListKeys, fixtures::at(1), organization.id, None);
    let rotated = AuditAction::Other("api_key.rotated".to_owned());
    for outcome in [AuditOutcome::Done, AuditOutcome::Denied] {
        store
            .audit
            .append_event(AuditEvent { action: rotated.clone(), outcome, ..event.clone() })
            .await
            .unwrap();
    }
    store.key(&organization, 2).await;
    let listed = store.events(organization.id).await;
    let shown: Vec<_> = listed.iter().map(|one| one.event.action.name(&one.event.outcome)).collect();
    assert_eq!(shown, ["organization.created", "api_key.rotated", "api_key.rotated", "api_key.created"]);
    assert_eq!(store.followed(None, 10).await.0, listed);
}
