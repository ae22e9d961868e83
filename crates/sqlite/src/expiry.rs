//! Saying that keys end.

use capykeys_domain::{
    model::AuditEvent,
    ports::{EndingKey, EndingKeys, ExpiryNotice, Unavailable},
};
use capykeys_storage::{Row as _, Values, operation};

use crate::{SqliteStore, audit_log::record, sql};

const ENDING: &str = "SELECT k.id, k.organization_id, k.expires_at, \
         coalesce(k.expiry_noticed_until, k.created_at) AS noticed_until FROM api_keys AS k \
     WHERE k.revoked_at IS NULL AND k.disabled_at IS NULL \
         AND (k.expiry_noticed_until IS NULL OR k.expiry_noticed_until < k.expires_at) \
         AND (k.expires_at, k.id) > ($after, $after_id) AND k.expires_at <= $until \
     ORDER BY k.expires_at, k.id LIMIT $limit";
const NOTICE: &str = "UPDATE api_keys SET expiry_noticed_until = $noticed_until \
     WHERE id = $id AND expires_at = $expires_at AND revoked_at IS NULL AND disabled_at IS NULL \
         AND coalesce(expiry_noticed_until, created_at) < $noticed_until RETURNING project_id";

impl SqliteStore {
    pub(crate) async fn ending_keys(&self, query: EndingKeys) -> Result<Vec<EndingKey>, Unavailable> {
        self.read_many(operation::FIND_ENDING_KEYS, move |connection| {
            let EndingKeys { after: (after, id), until, limit } = &query;
            let values =
                Values::of("after", after).and("after_id", id).and("until", until).and("limit", limit);
            sql::all(connection, ENDING, &values)
        })
        .await
    }

    pub(crate) async fn notice(&self, notice: ExpiryNotice) -> Result<bool, Unavailable> {
        self.write(operation::NOTICE_EXPIRY, move |connection| {
            let ExpiryNotice { key, event } = notice;
            let noticed = sql::each(connection, NOTICE, &Values::default().record("", &key), |key| {
                key.field("project_id")
            })?;
            let Some(project_id) = noticed.into_iter().next() else { return Ok(false) };
            record(connection, &AuditEvent { project_id, ..event })?;
            Ok(true)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_end_are_read_off_an_index_of_their_own_in_its_order() {
        assert_eq!(
            crate::schema::plan(ENDING),
            ["SEARCH k USING INDEX api_keys_ending ((expires_at,id)>(?,?) AND expires_at<?)"]
        );
    }
}
