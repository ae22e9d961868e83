//! The tables, and what is in them.
//!
//! A value is a [`Document`], or the number of one in another table: what would be a scan is a table of its own,
//! which the same transaction keeps. Ids are kept as numbers, which sort as their bytes do.

use capykeys_storage::{Corrupt, Document, Event, Record, Row as _};
use redb::{Key, ReadTransaction, ReadableTable, Table, TableDefinition, TableError, WriteTransaction};

use crate::error::Failure;

/// Bytes of a [`Document`].
type Stored = &'static [u8];

/// A table of documents.
pub(crate) type Documents<K> = TableDefinition<'static, K, Stored>;

pub(crate) const ORGANIZATIONS: Documents<u128> = TableDefinition::new("organizations");
/// By their ids at Clerk.
pub(crate) const ORGANIZATIONS_AT_CLERK: TableDefinition<'static, &str, u128> =
    TableDefinition::new("organizations_at_clerk");
pub(crate) const KEYS: Documents<u128> = TableDefinition::new("keys");
/// Their organization before them: a page of a list is a range.
pub(crate) const KEYS_OF_ORGANIZATION: TableDefinition<'static, (u128, u128), ()> =
    TableDefinition::new("keys_of_organization");
/// Those of which the secret before ends when it is not used.
pub(crate) const FINISHING: TableDefinition<'static, u128, ()> = TableDefinition::new("finishing");
/// Those of which it may have to be said that they end, by when that is in microseconds since 1970.
pub(crate) const ENDING: TableDefinition<'static, (i64, u128), ()> = TableDefinition::new("ending");
pub(crate) const KEYS_BY_DIGEST: TableDefinition<'static, &[u8; 32], u128> =
    TableDefinition::new("keys_by_digest");
/// Requests that are done once, by their ids, with the ids of their keys.
pub(crate) const REQUESTS: Documents<&[u8; 32]> = TableDefinition::new("requests");
/// When they were done before them.
pub(crate) const REQUESTS_BY_TIME: TableDefinition<'static, (i64, &[u8; 32]), ()> =
    TableDefinition::new("requests_by_time");
pub(crate) const EVENTS: Documents<i64> = TableDefinition::new("events");
/// Their organization before them.
pub(crate) const EVENTS_OF_ORGANIZATION: TableDefinition<'static, (u128, i64), ()> =
    TableDefinition::new("events_of_organization");
/// The feed. Its first event is the beginning of the store.
pub(crate) const CHANGES: Documents<i64> = TableDefinition::new("changes");
/// By their numbers, the newest last.
pub(crate) const EPOCHS: Documents<i64> = TableDefinition::new("epochs");
pub(crate) const REPLICAS: Documents<u128> = TableDefinition::new("replicas");
pub(crate) const PEPPERS: Documents<&str> = TableDefinition::new("peppers");
/// Single numbers.
pub(crate) const NUMBERS: TableDefinition<'static, &str, i64> = TableDefinition::new("numbers");

/// The last number that an event was given, and the last that was taken out.
pub(crate) const NEWEST_EVENT: &str = "newest_event";
pub(crate) const EXPIRED_THROUGH: &str = "expired_through";
/// Whether a key was ever stored whose secret was made elsewhere.
pub(crate) const BROUGHT: &str = "brought";
/// What the data looks like, as a number that goes up where an older program could not work on it.
pub(crate) const FORMAT: &str = "format";

/// Makes those that are missing.
pub(crate) fn make(transaction: &WriteTransaction) -> Result<(), TableError> {
    transaction.open_table(ORGANIZATIONS)?;
    transaction.open_table(ORGANIZATIONS_AT_CLERK)?;
    transaction.open_table(KEYS)?;
    transaction.open_table(KEYS_OF_ORGANIZATION)?;
    transaction.open_table(FINISHING)?;
    transaction.open_table(ENDING)?;
    transaction.open_table(KEYS_BY_DIGEST)?;
    transaction.open_table(REQUESTS)?;
    transaction.open_table(REQUESTS_BY_TIME)?;
    transaction.open_table(EVENTS)?;
    transaction.open_table(EVENTS_OF_ORGANIZATION)?;
    transaction.open_table(CHANGES)?;
    transaction.open_table(EPOCHS)?;
    transaction.open_table(REPLICAS)?;
    transaction.open_table(PEPPERS)?;
    transaction.open_table(NUMBERS)?;
    Ok(())
}

/// A transaction that tables can be read in, of either kind.
pub(crate) trait Reads {
    fn table<K: Key + 'static, V: redb::Value + 'static>(
        &self,
        table: TableDefinition<'static, K, V>,
    ) -> Result<impl ReadableTable<K, V>, TableError>;
}

impl Reads for ReadTransaction {
    fn table<K: Key + 'static, V: redb::Value + 'static>(
        &self,
        table: TableDefinition<'static, K, V>,
    ) -> Result<impl ReadableTable<K, V>, TableError> {
        self.open_table(table)
    }
}

impl Reads for WriteTransaction {
    fn table<K: Key + 'static, V: redb::Value + 'static>(
        &self,
        table: TableDefinition<'static, K, V>,
    ) -> Result<impl ReadableTable<K, V>, TableError> {
        self.open_table(table)
    }
}

/// The document under this key.
pub(crate) fn get<'k, K: Key + 'static>(
    table: &impl ReadableTable<K, Stored>,
    key: impl std::borrow::Borrow<K::SelfType<'k>>,
) -> Result<Option<Document>, Failure> {
    let Some(stored) = table.get(key)? else { return Ok(None) };
    Ok(Some(Document::from_bytes(stored.value())?))
}

/// The record under this key.
pub(crate) fn find<'k, K: Key + 'static, R: Record>(
    table: &impl ReadableTable<K, Stored>,
    key: impl std::borrow::Borrow<K::SelfType<'k>>,
) -> Result<Option<R>, Failure> {
    let Some(document) = get(table, key)? else { return Ok(None) };
    Ok(Some(document.record("")?))
}

/// The record under a key that another table has given: it is there, or something is wrong.
pub(crate) fn expect<'k, K: Key + 'static, R: Record>(
    table: &impl ReadableTable<K, Stored>,
    key: impl std::borrow::Borrow<K::SelfType<'k>>,
    what: &'static str,
) -> Result<R, Failure> {
    find(table, key)?.ok_or(Failure::Corrupt(what))
}

/// Stores a document.
pub(crate) fn put<'k, K: Key + 'static>(
    table: &mut Table<'_, K, Stored>,
    key: impl std::borrow::Borrow<K::SelfType<'k>>,
    document: &Document,
) -> Result<(), Failure> {
    table.insert(key, document.to_bytes().as_slice())?;
    Ok(())
}

/// A record from what a range of a table gives.
pub(crate) fn read<R: Record>(bytes: &[u8]) -> Result<R, Corrupt> {
    Document::from_bytes(bytes)?.record("")
}

/// One of the single numbers.
pub(crate) fn number(transaction: &impl Reads, name: &str) -> Result<i64, Failure> {
    Ok(transaction.table(NUMBERS)?.get(name)?.map_or(0, |number| number.value()))
}

/// The last event of the feed.
pub(crate) fn last(transaction: &impl Reads) -> Result<Event, Failure> {
    let changes = transaction.table(CHANGES)?;
    let last = changes.last()?.ok_or(Failure::Corrupt("sequence"))?;
    Ok(read(last.1.value())?)
}
