//! Running statements with named parameters, and reading the columns of their rows by name.

use std::cell::Cell;

use capykeys_domain::model::Timestamp;
use capykeys_storage::{Corrupt, Kind, Record, Row as _, Value, Values};
use rusqlite::{
    CachedStatement, Connection, Row, Rows, ToSql,
    types::{ToSqlOutput, ValueRef},
};
use uuid::Uuid;

use crate::error::Failure;

/// The one row of a query, if it has one.
pub(crate) fn first<R: Record>(
    connection: &Connection,
    sql: &str,
    values: &Values<'_>,
) -> Result<Option<R>, Failure> {
    Ok(all(connection, sql, values)?.into_iter().next())
}

/// All rows of a query.
pub(crate) fn all<R: Record>(
    connection: &Connection,
    sql: &str,
    values: &Values<'_>,
) -> Result<Vec<R>, Failure> {
    each(connection, sql, values, |columns| columns.record(""))
}

/// The same, read by `read`.
pub(crate) fn each<T>(
    connection: &Connection,
    sql: &str,
    values: &Values<'_>,
    read: impl Fn(&Columns<'_>) -> Result<T, Corrupt>,
) -> Result<Vec<T>, Failure> {
    let mut statement = prepare(connection, sql, values)?;
    let (mut rows, mut all) = (statement.raw_query(), Vec::new());
    while let Some(row) = Rows::next(&mut rows)? {
        all.push(read(&Columns::of(row))?);
    }
    Ok(all)
}

/// Runs a statement that gives no rows; how many it changed.
pub(crate) fn execute(connection: &Connection, sql: &str, values: &Values<'_>) -> Result<usize, Failure> {
    Ok(prepare(connection, sql, values)?.raw_execute()?)
}

/// The statement with the values that it takes.
fn prepare<'c>(
    connection: &'c Connection,
    sql: &str,
    values: &Values<'_>,
) -> Result<CachedStatement<'c>, Failure> {
    let mut statement = connection.prepare_cached(sql)?;
    for number in 1..=statement.parameter_count() {
        let name = statement.parameter_name(number).and_then(|name| name.strip_prefix('$'));
        let (_, value) = name.and_then(|name| values.get(name)).ok_or(Failure::Binding)?;
        statement.raw_bind_parameter(number, Bound(value))?;
    }
    Ok(statement)
}

/// A value on its way into the database.
struct Bound<'v>(&'v Value<'v>);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Value::Null => ValueRef::Null,
            Value::Id(id) => ValueRef::Blob(id.as_bytes()),
            Value::Text(text) | Value::Json(text) => ValueRef::Text(text.as_bytes()),
            Value::Time(time) => ValueRef::Integer(time.unix_micros()),
            Value::Bytes(bytes) => ValueRef::Blob(bytes),
            Value::Number(number) => ValueRef::Integer(*number),
            Value::Flag(flag) => ValueRef::Integer((*flag).into()),
            Value::Address(address) => return Ok(address.to_string().into()),
            // A JSON array of their hexadecimal digits, for `json_each`.
            Value::Many(values) if matches!(values.first(), Some(Value::Id(_))) => {
                let ids = values.iter().filter_map(|value| match value {
                    Value::Id(id) => Some(format!("\"{}\"", id.simple())),
                    _ => None,
                });
                return Ok(format!("[{}]", ids.collect::<Vec<_>>().join(",")).into());
            }
            // One space between each two.
            Value::Many(values) => {
                let texts = values.iter().map(|value| match value {
                    Value::Text(text) => Ok(text.as_ref()),
                    _ => Err(rusqlite::Error::ToSqlConversionFailure(
                        "a list of something else than texts".into(),
                    )),
                });
                return Ok(texts.collect::<Result<Vec<_>, _>>()?.join(" ").into());
            }
        }))
    }
}

/// The columns of a row.
pub(crate) struct Columns<'r> {
    row: &'r Row<'r>,
    /// Where the next one is looked for first: they are mostly read in their order.
    next: Cell<usize>,
}

impl<'r> Columns<'r> {
    const fn of(row: &'r Row<'r>) -> Self {
        Self { row, next: Cell::new(0) }
    }
}

impl capykeys_storage::Row for Columns<'_> {
    fn value(&self, column: &str, kind: Kind) -> Option<Value<'_>> {
        let (statement, next) = (self.row.as_ref(), self.next.get());
        let count = statement.column_count();
        let places = (next..count).chain(0..next.min(count));
        let place = places.into_iter().find(|place| statement.column_name(*place) == Ok(column))?;
        self.next.set(place + 1);
        read(self.row.get_ref(place).ok()?, kind)
    }
}

fn read(stored: ValueRef<'_>, kind: Kind) -> Option<Value<'_>> {
    Some(match (kind, stored) {
        (_, ValueRef::Null) => Value::Null,
        (Kind::Id, ValueRef::Blob(bytes)) => Value::Id(Uuid::from_slice(bytes).ok()?),
        (Kind::Bytes, ValueRef::Blob(bytes)) => Value::Bytes(bytes.into()),
        (Kind::Time, ValueRef::Integer(micros)) => Value::Time(Timestamp::from_unix_micros(micros)?),
        (Kind::Number, ValueRef::Integer(number)) => Value::Number(number),
        (Kind::Flag, ValueRef::Integer(flag)) => Value::Flag(flag != 0),
        (Kind::Text, ValueRef::Text(text)) => Value::Text(str::from_utf8(text).ok()?.into()),
        (Kind::Json, ValueRef::Text(text)) => Value::Json(str::from_utf8(text).ok()?.into()),
        (Kind::Address, ValueRef::Text(text)) => Value::Address(str::from_utf8(text).ok()?.parse().ok()?),
        (Kind::Many(Kind::Text), ValueRef::Text(text)) => {
            Value::Many(str::from_utf8(text).ok()?.split(' ').map(|text| Value::Text(text.into())).collect())
        }
        _ => return None,
    })
}

impl From<Corrupt> for Failure {
    fn from(Corrupt(column): Corrupt) -> Self {
        Self::CorruptRow(column)
    }
}
