//! Many keys at once.

use std::ops::Bound;

use capykeys_domain::{
    model::{ApiKey, AuditEvent, OrganizationId, Timestamp, lineage},
    ports::{Change, KeyQuery, Limit, RevokeKey, RevokeKeys, Unavailable},
};

use super::State;

impl State {
    pub(super) fn page(&self, query: &KeyQuery) -> Result<Vec<ApiKey>, Unavailable> {
        let end = query.before.map_or(Bound::Unbounded, Bound::Excluded);
        let newest_first = self.keys.range((Bound::Unbounded, end)).rev().map(|(_, stored)| stored);
        let newest_first = newest_first.filter(|stored| query.filter.admits(&stored.key));
        let own = newest_first.filter(|stored| stored.key.organization_id == query.organization);
        own.take(query.limit.get().into()).map(|stored| self.read(stored)).collect()
    }

    pub(super) fn revoke_all(&mut self, revoke: RevokeKeys) -> Result<Vec<ApiKey>, Unavailable> {
        let RevokeKeys { query, at, event } = revoke;
        let mut revoked = self.page(&query)?;
        revoked.retain(|key| key.revoked_at.is_none());
        self.revoke_these(query.organization, &mut revoked, at, &event);
        Ok(revoked)
    }

    pub(super) fn revoke_lineage(&mut self, revoke: &RevokeKey, limit: Limit) -> Option<Vec<ApiKey>> {
        let RevokeKey { organization, id, at, event } = revoke;
        let all = self.keys.values().map(|stored| &stored.key);
        let own: Vec<ApiKey> = all.filter(|key| key.organization_id == *organization).cloned().collect();
        if own.iter().all(|key| key.id != *id) {
            return None;
        }
        let made = lineage(&own, *id);
        let unrevoked = own.into_iter().filter(|key| key.revoked_at.is_none());
        let mut revoked: Vec<_> = unrevoked.filter(|key| made.contains(&key.id)).collect();
        revoked.sort_by_key(|key| (key.id != *id, key.id));
        revoked.truncate(limit.get().into());
        self.revoke_these(*organization, &mut revoked, *at, event);
        Some(revoked)
    }

    fn revoke_these(
        &mut self,
        organization: OrganizationId,
        keys: &mut [ApiKey],
        at: Timestamp,
        event: &AuditEvent,
    ) {
        for key in &mut *keys {
            self.revoke_one(key, at, event);
        }
        match keys {
            [] => {}
            [one] => self.feed.tell(Change::Key(one.id)),
            _ => self.feed.tell(Change::Organization(organization)),
        }
    }

    fn revoke_one(&mut self, key: &mut ApiKey, at: Timestamp, event: &AuditEvent) {
        key.revoked_at = Some(at);
        if let Some(stored) = self.keys.get_mut(&key.id) {
            stored.key.revoked_at = key.revoked_at;
        }
        let project_id = key.project_id.clone();
        self.log.push(AuditEvent { key_id: Some(key.id), project_id, ..event.clone() });
    }
}
