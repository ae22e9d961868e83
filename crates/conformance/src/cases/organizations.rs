//! Organizations.

use std::sync::Arc;

use capykeys_domain::{
    model::{
        AuditAction, AuditRecord, ClerkLink, ExternalOrganizationId, Organization, OrganizationId,
        OrganizationName, Renaming, Slug, Suspension, SuspensionReason,
    },
    ports::{Limit, OrganizationInsertion},
};
use futures_util::future::join_all;

use super::support::ALL;
use crate::{Store, fixtures};

/// Every field, with and without a counterpart at Clerk.
pub async fn an_organization_is_kept_as_given(store: &Store) {
    let plain = store.organization().await;
    let linked = store.add_organization(fixtures::organization_at_clerk(fixtures::at(3), "org_2abc")).await;
    for organization in [&plain, &linked] {
        assert_eq!(
            store.organizations.find_organization(organization.id).await.unwrap().as_ref(),
            Some(organization)
        );
        let events = store.events(organization.id).await;
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].event.action, AuditAction::CreateOrganization);
    }
    let by_clerk = |id| {
        let id = ExternalOrganizationId::parse(id).unwrap();
        async move { store.organizations.find_organization_by_external_id(&id).await.unwrap() }
    };
    assert_eq!(by_clerk("org_2abc").await, Some(linked));
    assert_eq!(by_clerk("org_2ABC").await, None);
    let nobody = OrganizationId::new(fixtures::at(0), [9; 8]);
    assert_eq!(store.organizations.find_organization(nobody).await.unwrap(), None);
}

/// All get the one that is stored, and one event was written.
pub async fn ten_creations_at_once_for_one_at_clerk_make_one(store: &Store) {
    let creations = (0..10).map(|micros| {
        let organizations = Arc::clone(&store.organizations);
        let new = fixtures::organization_at_clerk(fixtures::at(micros), "org_2same");
        let event = fixtures::event(AuditAction::CreateOrganization, new.created_at, new.id, None);
        tokio::spawn(async move { organizations.create_organization(new.clone(), event).await.unwrap() })
    });
    let created: Vec<_> = join_all(creations).await.into_iter().map(Result::unwrap).collect();
    assert!(created.iter().all(|one| *one == created[0]), "{created:?}");
    let listed = store.organizations.list_organizations(None, ALL).await.unwrap();
    assert_eq!(created[0], OrganizationInsertion::Stored(listed[0].clone()));
    assert_eq!((listed.len(), store.events(listed[0].id).await.len()), (1, 1));
}

/// Nothing of the second is stored, and the first stays as it is.
pub async fn an_organizations_id_is_unique(store: &Store) {
    let first = store.organization().await;
    for second in
        [fixtures::organization(fixtures::at(1)), fixtures::organization_at_clerk(fixtures::at(1), "org_2id")]
    {
        let second = Organization { id: first.id, ..second };
        let event = fixtures::event(AuditAction::CreateOrganization, second.created_at, second.id, None);
        let insertion = store.organizations.create_organization(second, event).await.unwrap();
        assert_eq!(insertion, OrganizationInsertion::Duplicate);
    }
    assert_eq!(
        store.organizations.list_organizations(None, ALL).await.unwrap(),
        std::slice::from_ref(&first)
    );
    assert_eq!(store.events(first.id).await.len(), 1);
}

/// Suspending again and resuming again change nothing; so does an organization that is not there.
pub async fn suspension_keeps_its_first_time_and_reason(store: &Store) {
    let organization = store.organization().await;
    let set = |suspension: Option<Suspension>, micros: i64, action: &AuditAction| {
        let set = fixtures::set_suspension(organization.id, suspension, fixtures::at(micros));
        assert_eq!(set.event.action, *action);
        async move { store.organizations.set_suspension(set).await.unwrap().unwrap() }
    };
    let because = |micros, why| {
        Some(Suspension { at: fixtures::at(micros), reason: SuspensionReason::parse(why).ok() })
    };
    let (suspend, resume) = (&AuditAction::SuspendOrganization, &AuditAction::ResumeOrganization);
    assert_eq!(set(None, 1, resume).await, organization);
    let suspended = set(because(2, "unpaid"), 2, suspend).await;
    assert_eq!(suspended.suspension, because(2, "unpaid"));
    assert_eq!(suspended.updated_at, fixtures::at(2));
    assert_eq!(set(because(3, "abuse"), 3, suspend).await, suspended);
    let resumed = set(None, 4, resume).await;
    assert_eq!((resumed.suspension.clone(), resumed.updated_at), (None, fixtures::at(4)));
    assert_eq!(set(None, 5, resume).await, resumed);
    let actions: Vec<_> =
        store.events(organization.id).await.into_iter().map(|one| one.event.action).collect();
    assert_eq!(actions, [AuditAction::CreateOrganization, suspend.clone(), resume.clone()]);

    let nobody = OrganizationId::new(fixtures::at(0), [9; 8]);
    let set = fixtures::set_suspension(nobody, None, fixtures::at(6));
    assert_eq!(store.organizations.set_suspension(set).await.unwrap(), None);
    assert!(store.events(nobody).await.is_empty());
}

/// Of what it is called, what is given changes, and the slug at Clerk where there is a counterpart.
/// What it is called already changes nothing; so does an organization that is not there.
pub async fn a_renamed_organization_keeps_what_was_not_given(store: &Store) {
    let plain = store.organization().await;
    let linked = store.add_organization(fixtures::organization_at_clerk(fixtures::at(3), "org_2named")).await;
    let rename = |id: OrganizationId, renaming: Renaming, micros: i64| async move {
        let rename = fixtures::rename(id, renaming, fixtures::at(micros));
        store.organizations.rename_organization(rename).await.unwrap()
    };
    let nothing = Renaming::default;
    let called = |name| Renaming { name: OrganizationName::parse(name).ok(), ..nothing() };
    let at_clerk = |slug: &str| Renaming { clerk_slug: Some(slug.to_owned()), ..nothing() };
    let named = rename(linked.id, called("  Ümläut "), 4).await.unwrap();
    let name = OrganizationName::parse("  Ümläut ").unwrap();
    assert_eq!(named, Organization { name, updated_at: fixtures::at(4), ..linked.clone() });
    assert_eq!(rename(linked.id, called("  Ümläut "), 5).await, Some(named.clone()));
    let both = Renaming { slug: Slug::parse("new").ok(), ..at_clerk("there") };
    let renamed = rename(linked.id, both, 6).await.unwrap();
    let clerk = linked.clerk.clone().map(|link| ClerkLink { slug: Some("there".to_owned()), ..link });
    let slug = Slug::parse("new").unwrap();
    assert_eq!(renamed, Organization { slug, clerk, updated_at: fixtures::at(6), ..named });
    assert_eq!(rename(linked.id, at_clerk("there"), 7).await, Some(renamed.clone()));
    assert_eq!(rename(linked.id, nothing(), 8).await, Some(renamed.clone()));
    assert_eq!(store.organizations.find_organization(linked.id).await.unwrap(), Some(renamed));
    assert_eq!(rename(plain.id, at_clerk("nowhere"), 9).await, Some(plain.clone()));

    let actions = |events: Vec<AuditRecord>| events.into_iter().map(|one| one.event.action);
    let (create, rename_action) = (AuditAction::CreateOrganization, AuditAction::RenameOrganization);
    let of_linked: Vec<_> = actions(store.events(linked.id).await).collect();
    assert_eq!(of_linked, [create, rename_action.clone(), rename_action]);
    assert_eq!(store.events(plain.id).await.len(), 1);
    let nobody = OrganizationId::new(fixtures::at(0), [9; 8]);
    assert_eq!(rename(nobody, called("x"), 10).await, None);
    assert!(store.events(nobody).await.is_empty());
}

/// In pages too.
pub async fn organizations_are_listed_oldest_first(store: &Store) {
    let mut expected = Vec::new();
    for micros in [3, 1, 2, 5, 4] {
        expected.push(store.add_organization(fixtures::organization(fixtures::at(micros))).await);
    }
    expected.sort_by_key(|organization| organization.id);
    assert_eq!(store.organizations.list_organizations(None, ALL).await.unwrap(), expected);
    let two = Limit::new(2).unwrap();
    let second_page = store.organizations.list_organizations(Some(expected[1].id), two).await.unwrap();
    assert_eq!(second_page, expected[2..4]);
}
