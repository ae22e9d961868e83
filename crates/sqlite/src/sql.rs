//! Running statements and taking the columns of their rows.

use capykeys_domain::model::Timestamp;
use rusqlite::{Connection, Params, Row, types::ValueRef};
use uuid::Uuid;

use crate::error::Failure;

/// A bound before every id, for lists that begin at the start.
pub(crate) const BEFORE_EVERY_ID: &[u8] = &[];
/// A bound after every id: blobs compare by their bytes, and the longer one is the higher.
pub(crate) const AFTER_EVERY_ID: &[u8] = &[0xFF; 17];

/// The first row of a query, if it has one.
pub(crate) fn first<T>(
    connection: &Connection,
    sql: &str,
    parameters: impl Params,
    parse: impl FnOnce(&mut Columns<'_>) -> Result<T, Failure>,
) -> Result<Option<T>, Failure> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(parameters)?;
    rows.next()?.map(|row| parse(&mut Columns::of(row))).transpose()
}

/// All rows of a query.
pub(crate) fn all<T>(
    connection: &Connection,
    sql: &str,
    parameters: impl Params,
    parse: impl Fn(&mut Columns<'_>) -> Result<T, Failure>,
) -> Result<Vec<T>, Failure> {
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_and_then(parameters, |row| parse(&mut Columns::of(row)))?;
    rows.collect()
}

/// Runs a statement that gives no rows; how many it changed.
pub(crate) fn execute(connection: &Connection, sql: &str, parameters: impl Params) -> Result<usize, Failure> {
    Ok(connection.prepare_cached(sql)?.execute(parameters)?)
}

/// The columns of a row, taken from left to right. Each is named for the error alone.
pub(crate) struct Columns<'r> {
    row: &'r Row<'r>,
    next: usize,
}

impl<'r> Columns<'r> {
    const fn of(row: &'r Row<'r>) -> Self {
        Self { row, next: 0 }
    }

    /// The next value, which may be null.
    fn value(&mut self) -> Result<ValueRef<'r>, Failure> {
        let value = self.row.get_ref(self.next)?;
        self.next += 1;
        Ok(value)
    }

    pub(crate) fn optional_text<T>(
        &mut self,
        column: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Failure> {
        let text = self.value()?.as_str_or_null().map_err(|_| Failure::CorruptRow(column))?;
        text.map(|text| parse(text).ok_or(Failure::CorruptRow(column))).transpose()
    }

    pub(crate) fn text<T>(
        &mut self,
        column: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, Failure> {
        self.optional_text(column, parse)?.ok_or(Failure::CorruptRow(column))
    }

    pub(crate) fn optional_bytes<const N: usize>(
        &mut self,
        column: &'static str,
    ) -> Result<Option<[u8; N]>, Failure> {
        let bytes = self.value()?.as_blob_or_null().map_err(|_| Failure::CorruptRow(column))?;
        bytes.map(|bytes| bytes.try_into().map_err(|_| Failure::CorruptRow(column))).transpose()
    }

    pub(crate) fn bytes<const N: usize>(&mut self, column: &'static str) -> Result<[u8; N], Failure> {
        self.optional_bytes(column)?.ok_or(Failure::CorruptRow(column))
    }

    pub(crate) fn optional_id<T>(
        &mut self,
        column: &'static str,
        from_uuid: impl FnOnce(Uuid) -> T,
    ) -> Result<Option<T>, Failure> {
        Ok(self.optional_bytes(column)?.map(Uuid::from_bytes).map(from_uuid))
    }

    pub(crate) fn id<T>(
        &mut self,
        column: &'static str,
        from_uuid: impl FnOnce(Uuid) -> T,
    ) -> Result<T, Failure> {
        Ok(from_uuid(Uuid::from_bytes(self.bytes(column)?)))
    }

    pub(crate) fn integer(&mut self, column: &'static str) -> Result<i64, Failure> {
        self.value()?.as_i64().map_err(|_| Failure::CorruptRow(column))
    }

    pub(crate) fn optional_integer(&mut self, column: &'static str) -> Result<Option<i64>, Failure> {
        self.value()?.as_i64_or_null().map_err(|_| Failure::CorruptRow(column))
    }

    pub(crate) fn optional_time(&mut self, column: &'static str) -> Result<Option<Timestamp>, Failure> {
        let micros = self.optional_integer(column)?;
        let time = |micros| Timestamp::from_unix_micros(micros).ok_or(Failure::CorruptRow(column));
        micros.map(time).transpose()
    }

    pub(crate) fn time(&mut self, column: &'static str) -> Result<Timestamp, Failure> {
        self.optional_time(column)?.ok_or(Failure::CorruptRow(column))
    }
}
