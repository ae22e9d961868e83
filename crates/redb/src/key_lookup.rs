//! The key with a secret.

use async_trait::async_trait;
use capykeys_domain::{
    ports::{FoundKey, KeyLookup, StoredKey, Unavailable},
    secret::KeyDigest,
};
use capykeys_storage::{Row as _, operation};
use redb::ReadableTable;

use crate::{
    RedbStore,
    error::Failure,
    tables::{KEYS, KEYS_BY_DIGEST, ORGANIZATIONS, Reads, expect, get},
};

#[async_trait]
impl KeyLookup for RedbStore {
    async fn find_key_by_digest(&self, digests: &[KeyDigest]) -> Result<Option<FoundKey>, Unavailable> {
        let digests = digests.to_vec();
        self.read(operation::FIND_KEY_BY_DIGEST, move |transaction| {
            let by_digest = transaction.table(KEYS_BY_DIGEST)?;
            let (keys, organizations) = (transaction.table(KEYS)?, transaction.table(ORGANIZATIONS)?);
            for digest in &digests {
                let Some(id) = by_digest.get(digest.as_bytes())? else { continue };
                let document = get(&keys, id.value())?.ok_or(Failure::Corrupt("id"))?;
                let StoredKey { key, digest, previous_digest, .. } = document.record("")?;
                // The bytes alone are found; the pepper that they were made with must be the same too.
                if digests.contains(&digest)
                    || previous_digest.as_ref().is_some_and(|own| digests.contains(own))
                {
                    let organization = key.organization_id.uuid().as_u128();
                    let organization = expect(&organizations, organization, "organization_id")?;
                    let previous_digest = previous_digest.map(Box::new);
                    return Ok(Some(FoundKey { digest, previous_digest, key, organization }));
                }
            }
            Ok(None)
        })
        .await
    }
}
