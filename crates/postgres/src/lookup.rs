//! Finding a key by its secret.

use std::sync::LazyLock;

use async_trait::async_trait;
use capykeys_domain::{
    model::Organization,
    ports::{FoundKey, KeyLookup, StoredKey, Unavailable},
    secret::KeyDigest,
};
use capykeys_storage::{BESIDE, Columns, Values, found_key, operation, wherever_stored};
use tokio_postgres::Row;

use crate::{line::answer, rows::Answer, statement::Statement, store::PostgresStore};

/// A key whose organization is missing is found and cannot be read: it is not an unknown one.
static FIND: LazyLock<Statement> = LazyLock::new(|| {
    let key = Columns::of::<StoredKey>("");
    let organization = Columns::of::<Organization>(BESIDE);
    let query = format!(
        "SELECT true AS found, {}, {} FROM api_keys k LEFT JOIN organizations o ON o.id = k.organization_id \
         WHERE k.digest = ANY($digests) OR k.previous_digest = ANY($digests)",
        key.from("k"),
        organization.from("o")
    );
    Statement::new(operation::FIND_KEY_BY_DIGEST, &answer(&key.with(organization), &query))
});

#[async_trait]
impl KeyLookup for PostgresStore {
    async fn find_key_by_digest(&self, digests: &[KeyDigest]) -> Result<Option<FoundKey>, Unavailable> {
        let bytes = wherever_stored(digests);
        let read = |rows: &[Row]| rows.iter().map(|row| Ok(found_key(&Answer(row))?)).collect();
        let found: Vec<FoundKey> = self.pool.run(&FIND, Values::of("digests", &bytes), read).await?;
        // The bytes are found by the index; that the pepper is the same too is looked at here.
        Ok(found.into_iter().find(|key| key.is_under(digests) || key.was_under(digests)))
    }
}
