//! Saying that keys end.

use std::sync::LazyLock;

use capykeys_domain::ports::{EndingKey, EndingKeys, ExpiryNotice, Unavailable};
use capykeys_storage::{Columns, Values, operation};

use crate::{
    audit::{GIVEN_DETAILS, insert_event},
    line::answer,
    rows,
    statement::Statement,
    store::PostgresStore,
};

static ENDING: LazyLock<Statement> = LazyLock::new(|| {
    let key = Columns::of::<EndingKey>("");
    let query = "SELECT true AS found, k.id, k.organization_id, k.expires_at, \
             COALESCE(k.expiry_noticed_until, k.created_at) AS noticed_until FROM api_keys k \
         WHERE k.revoked_at IS NULL AND k.disabled_at IS NULL \
             AND (k.expiry_noticed_until IS NULL OR k.expiry_noticed_until < k.expires_at) \
             AND (k.expires_at, k.id) > ($after, $after_id) AND k.expires_at <= $until \
         ORDER BY k.expires_at, k.id LIMIT $limit";
    let query = answer(&key, query) + " ORDER BY answer.expires_at, answer.id";
    Statement::new(operation::FIND_ENDING_KEYS, &query)
});

/// Of two at once the second waits for the first, and looks at the row that is there then.
static NOTICE: LazyLock<Statement> = LazyLock::new(|| {
    let insert_event = insert_event("project_id", GIVEN_DETAILS);
    Statement::of_value(
        operation::NOTICE_EXPIRY,
        &format!(
            ", noticed AS (\
                 UPDATE api_keys k SET expiry_noticed_until = $noticed_until FROM line \
                 WHERE k.id = $id AND k.expires_at = $expires_at AND k.revoked_at IS NULL AND k.disabled_at IS NULL \
                     AND COALESCE(k.expiry_noticed_until, k.created_at) < $noticed_until RETURNING k.project_id\
             ), logged AS ({insert_event} FROM noticed)"
        ),
        "EXISTS (SELECT FROM noticed)",
    )
    .kept()
});

impl PostgresStore {
    pub(crate) async fn ending_keys(&self, query: EndingKeys) -> Result<Vec<EndingKey>, Unavailable> {
        let EndingKeys { after: (after, id), until, limit } = &query;
        let values = Values::of("after", after).and("after_id", id).and("until", until).and("limit", limit);
        self.pool.run(&ENDING, values, rows::all).await
    }

    pub(crate) async fn notice(&self, notice: ExpiryNotice) -> Result<bool, Unavailable> {
        let values = Values::default().record("", &notice.key).record("event_", &notice.event);
        self.pool.run(&NOTICE, values, rows::value).await
    }
}
