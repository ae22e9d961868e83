//! Keys by their digest.

use std::fmt::Write;

use async_trait::async_trait;
use capykeys_domain::{
    ports::{FoundKey, KeyLookup, Unavailable},
    secret::{KeyDigest, PepperId},
};
use rusqlite::params_from_iter;

use crate::{
    SqliteStore,
    error::Failure,
    rows::{self, key_columns, organization_columns},
    sql::{self, Columns},
};

/// A key whose organization is missing is found and cannot be read: it is not an unknown one.
const FIND: &str = concat!(
    "SELECT k.pepper_id, k.digest, ",
    key_columns!(),
    ", ",
    organization_columns!(),
    " FROM api_keys AS k LEFT JOIN organizations AS o ON o.id = k.organization_id WHERE k.digest IN ("
);

#[async_trait]
impl KeyLookup for SqliteStore {
    async fn find_by_digest(&self, digests: &[KeyDigest]) -> Result<Option<FoundKey>, Unavailable> {
        if digests.is_empty() {
            return Ok(None);
        }
        let found = self.read("find key by digest", |connection| {
            let parameters = params_from_iter(digests.iter().map(KeyDigest::as_bytes));
            sql::all(connection, &find_any_of(digests.len()), parameters, found_key)
        })?;
        // The index knows the bytes alone; the pepper they were made with must be the same too.
        Ok(found.into_iter().find(|found| digests.contains(&found.digest)))
    }
}

/// One statement for all candidates, so that they are looked up in one state of the store: a key
/// that moves from one pepper to another meanwhile is found under either.
fn find_any_of(count: usize) -> String {
    let mut sql = FIND.to_owned();
    for number in 1..=count {
        let separator = if number == 1 { "" } else { ", " };
        // Writing to a string does not fail.
        let _ = write!(sql, "{separator}?{number}");
    }
    sql.push(')');
    sql
}

fn found_key(columns: &mut Columns<'_>) -> Result<FoundKey, Failure> {
    let pepper = columns.text("pepper_id", |text| PepperId::parse(text).ok())?;
    let digest = KeyDigest::from_stored(pepper, columns.bytes("digest")?);
    Ok(FoundKey { digest, key: rows::api_key(columns)?, organization: rows::organization(columns)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lookup_reads_two_indexes() {
        assert_eq!(
            crate::schema::plan(&find_any_of(2)),
            [
                "SEARCH k USING INDEX sqlite_autoindex_api_keys_2 (digest=?)",
                "SEARCH o USING INDEX sqlite_autoindex_organizations_1 (id=?) LEFT-JOIN",
            ]
        );
    }
}
