//! What the cases share.

use capykeys_domain::{
    model::{ApiKey, AuditAction, AuditRecord, Organization, OrganizationId},
    ports::{EventLag, EventPosition, Followed, Insertion, Limit, NewKey, ReplicaId},
};

use crate::{Store, fixtures};

/// More than any case stores.
pub(crate) const ALL: Limit = Limit::MAX;

/// A reader of the feed that is not registered.
pub(crate) const READER: ReplicaId = ReplicaId([0xee; 16]);

impl Store {
    /// Stores an organization.
    pub(crate) async fn organization(&self) -> Organization {
        self.add_organization(fixtures::organization(fixtures::at(0))).await
    }

    /// Stores this organization.
    pub(crate) async fn add_organization(&self, organization: Organization) -> Organization {
        let event =
            fixtures::event(AuditAction::CreateOrganization, organization.created_at, organization.id, None);
        self.organizations.create_organization(organization, event).await.unwrap().stored().unwrap()
    }

    /// Stores a key that was created `micros` microseconds after the start.
    pub(crate) async fn key(&self, organization: &Organization, micros: i64) -> NewKey {
        let new = fixtures::key(organization.id, fixtures::at(micros));
        self.add_key(&new).await;
        new
    }

    /// Stores this key.
    pub(crate) async fn add_key(&self, new: &NewKey) {
        let insertion = self.keys.insert_key(new.clone(), fixtures::created(new)).await.unwrap();
        assert_eq!(insertion, Insertion::Inserted);
    }

    /// The organization's keys.
    pub(crate) async fn listed(&self, organization: OrganizationId) -> Vec<ApiKey> {
        self.keys.list_keys(fixtures::all_keys(organization)).await.unwrap()
    }

    /// The organization's events.
    pub(crate) async fn events(&self, organization: OrganizationId) -> Vec<AuditRecord> {
        self.audit.list_events(fixtures::all_events(organization)).await.unwrap()
    }

    /// The log after this position, which is of its epoch: the next events, where the reader is then,
    /// whether it has missed any, and how far it is behind. A store may want to be asked some times before it
    /// passes numbers that nothing has.
    pub(crate) async fn followed(
        &self,
        after: Option<EventPosition>,
        limit: u16,
    ) -> (Vec<AuditRecord>, EventPosition, bool, EventLag) {
        let limit = Limit::new(limit).unwrap();
        for _ in 0..100 {
            match self.events.follow_events(after, limit).await.unwrap() {
                Followed::Events { events, lag, .. } if events.is_empty() && lag.numbers > 0 => {}
                Followed::Events { events, position, expired, lag } => {
                    return (events, position, expired, lag);
                }
                Followed::Diverged(position) => panic!("diverged: {position:?}"),
            }
        }
        panic!("what waits is not told");
    }

    /// Where the log ends.
    pub(crate) async fn end_of_log(&self) -> EventPosition {
        let mut after = None;
        loop {
            let (_, position, _, lag) = self.followed(after, ALL.get()).await;
            after = Some(position);
            if lag.numbers == 0 {
                return position;
            }
        }
    }

    /// How many events of this kind there are for the key.
    pub(crate) async fn count_events(&self, key: &ApiKey, action: &AuditAction) -> usize {
        let events = self.events(key.organization_id).await;
        events.iter().filter(|one| one.event.key_id == Some(key.id) && one.event.action == *action).count()
    }
}
