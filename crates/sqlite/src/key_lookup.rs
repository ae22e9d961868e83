//! Keys by their digest.

use std::sync::LazyLock;

use async_trait::async_trait;
use capykeys_domain::{
    model::Organization,
    ports::{FoundKey, KeyLookup, StoredKey, Unavailable},
    secret::KeyDigest,
};
use capykeys_storage::{BESIDE, Columns, Values, found_key, operation, wherever_stored};

use crate::{SqliteStore, sql};

#[async_trait]
impl KeyLookup for SqliteStore {
    async fn find_key_by_digest(&self, digests: &[KeyDigest]) -> Result<Option<FoundKey>, Unavailable> {
        if digests.is_empty() {
            return Ok(None);
        }
        let found = self.read(operation::FIND_KEY_BY_DIGEST, |connection| {
            let stored = wherever_stored(digests);
            let named = (1..).zip(&stored).map(|(number, digest)| (parameter(number), digest));
            let values = named.fold(Values::default(), |values, (name, digest)| values.and(name, digest));
            sql::each(connection, &find_any_of(stored.len()), &values, |row| found_key(row))
        })?;
        // The index knows the bytes alone; the pepper they were made with must be the same too.
        Ok(found.into_iter().find(|found| found.is_under(digests) || found.was_under(digests)))
    }
}

fn parameter(number: usize) -> String {
    format!("digest_{number}")
}

/// A key whose organization is missing is found and cannot be read: it is not an unknown one.
static FIND: LazyLock<String> = LazyLock::new(|| {
    let key = Columns::of::<StoredKey>("").from("k");
    let organization = Columns::of::<Organization>(BESIDE).from("o");
    format!(
        "SELECT {key}, {organization} FROM api_keys AS k LEFT JOIN organizations AS o ON o.id = k.organization_id \
         WHERE "
    )
});

/// One statement for all candidates, so that they are looked up in one state of the store: a key
/// that moves from one pepper to another meanwhile is found under either.
fn find_any_of(count: usize) -> String {
    let digests: Vec<_> = (1..=count).map(|number| format!("${}", parameter(number))).collect();
    let any = digests.join(", ");
    format!("{}k.digest IN ({any}) OR k.previous_digest IN ({any})", *FIND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lookup_reads_three_indexes() {
        assert_eq!(
            crate::schema::plan(&find_any_of(2)),
            [
                "MULTI-INDEX OR",
                "INDEX 1",
                "SEARCH k USING INDEX sqlite_autoindex_api_keys_2 (digest=?)",
                "INDEX 2",
                "SEARCH k USING INDEX api_keys_previous_digest (previous_digest=?)",
                "SEARCH o USING INDEX sqlite_autoindex_organizations_1 (id=?) LEFT-JOIN",
            ]
        );
    }
}
