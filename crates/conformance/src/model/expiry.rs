//! Saying that keys of the model end.

use capykeys_domain::{
    model::AuditEvent,
    ports::{EndingKey, EndingKeys, ExpiryNotice, StoredKey},
};

use super::ModelStore;

impl ModelStore {
    pub(super) fn ending_keys(&self, query: EndingKeys) -> Vec<EndingKey> {
        let state = self.state();
        let mut ending: Vec<_> = state.keys.values().filter_map(StoredKey::ending).collect();
        ending.retain(|key| (key.expires_at, key.id) > query.after && key.expires_at <= query.until);
        ending.sort_unstable_by_key(|key| (key.expires_at, key.id));
        ending.truncate(query.limit.get().into());
        ending
    }

    pub(super) fn notice(&self, notice: ExpiryNotice) -> bool {
        let mut state = self.state();
        let Some(stored) = state.keys.get_mut(&notice.key.id) else { return false };
        let applies = stored.noticed(&notice.key);
        if applies {
            let project_id = stored.key.project_id.clone();
            state.log.push(AuditEvent { project_id, ..notice.event });
        }
        applies
    }
}
