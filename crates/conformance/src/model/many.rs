//! Many keys at once.

use capykeys_domain::{
    model::{ApiKey, AuditEvent, Timestamp},
    ports::{Change, RevokeKeys, Unavailable},
};

use super::State;

impl State {
    pub(super) fn revoke_all(&mut self, revoke: RevokeKeys) -> Result<Vec<ApiKey>, Unavailable> {
        let RevokeKeys { query, at, event } = revoke;
        let mut revoked = self.page(&query)?;
        revoked.retain(|key| key.revoked_at.is_none());
        for key in &mut revoked {
            self.revoke_one(key, at, &event);
        }
        match revoked.as_slice() {
            [] => {}
            [one] => self.feed.tell(Change::Key(one.id)),
            _ => self.feed.tell(Change::Organization(query.organization)),
        }
        Ok(revoked)
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
