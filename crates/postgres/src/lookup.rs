//! Finding a key by its secret.

use async_trait::async_trait;
use capykeys_domain::{
    ports::{FoundKey, KeyLookup, Unavailable},
    secret::KeyDigest,
};
use tokio_postgres::{Row, types::Type};

use crate::{
    failure::Failure,
    line::answer,
    rows::{Reader, key_columns, organization_columns},
    store::PostgresStore,
};

/// A key whose organization is missing is found and cannot be read: it is not an unknown one.
const FIND: &str = answer!(
    "SELECT true AS found, k.pepper_id, k.digest, ",
    key_columns!("k"),
    ", ",
    organization_columns!("o"),
    " FROM api_keys k LEFT JOIN organizations o ON o.id = k.organization_id WHERE k.digest = ANY($1)"
);

#[async_trait]
impl KeyLookup for PostgresStore {
    async fn find_by_digest(&self, digests: &[KeyDigest]) -> Result<Option<FoundKey>, Unavailable> {
        let bytes: Vec<&[u8]> = digests.iter().map(|digest| digest.as_bytes().as_slice()).collect();
        let rows = self.pool.run(FIND, &[(&bytes, Type::BYTEA_ARRAY)]).await;
        let found: Vec<FoundKey> = rows
            .and_then(|rows| rows.iter().map(read).collect())
            .map_err(|failure| failure.during("find a key by its digest"))?;
        // The bytes are found by the index; that the pepper is the same too is looked at here.
        Ok(found.into_iter().find(|key| digests.contains(&key.digest)))
    }
}

fn read(row: &Row) -> Result<FoundKey, Failure> {
    let mut reader = Reader::new(row);
    Ok(FoundKey { digest: reader.digest()?, key: reader.key()?, organization: reader.organization()? })
}
