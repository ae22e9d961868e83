//! Rows of an answer, read by the names of their columns.

use std::error::Error;

use capykeys_domain::model::Timestamp;
use capykeys_storage::{Corrupt, Field, Kind, Record, Row as _, Value};
use tokio_postgres::{
    Row,
    types::{FromSql, Type},
};

use crate::{
    failure::Failure,
    statement::{EPOCH, JSONB_VERSION},
};

/// A row as the records are read from it.
pub(crate) struct Answer<'r>(pub(crate) &'r Row);

impl capykeys_storage::Row for Answer<'_> {
    fn value(&self, column: &str, _: Kind) -> Option<Value<'_>> {
        let place = self.0.columns().iter().position(|own| own.name() == column)?;
        self.0.try_get(place).ok().map(|Read(value)| value)
    }
}

/// A value as the server's type says.
struct Read<'r>(Value<'r>);

impl<'r> FromSql<'r> for Read<'r> {
    fn from_sql(ty: &Type, raw: &'r [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(match *ty {
            Type::UUID => Value::Id(FromSql::from_sql(ty, raw)?),
            Type::TEXT => Value::Text(<&str>::from_sql(ty, raw)?.into()),
            Type::TIMESTAMPTZ => Value::Time(time(i64::from_sql(ty, raw)?)?),
            Type::BYTEA => Value::Bytes(raw.into()),
            Type::INT8 => Value::Number(FromSql::from_sql(ty, raw)?),
            Type::BOOL => Value::Flag(FromSql::from_sql(ty, raw)?),
            Type::INET => Value::Address(FromSql::from_sql(ty, raw)?),
            Type::JSONB => match raw {
                [JSONB_VERSION, text @ ..] => Value::Json(str::from_utf8(text)?.into()),
                _ => return Err("JSON in another form".into()),
            },
            Type::TEXT_ARRAY => {
                Value::Many(Vec::<Self>::from_sql(ty, raw)?.into_iter().map(|Self(value)| value).collect())
            }
            _ => return Err("a type that no column of ours has".into()),
        }))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(Value::Null))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// `infinity` and what lies beyond the year 9999 are no times for us.
fn time(since_epoch: i64) -> Result<Timestamp, &'static str> {
    since_epoch.checked_add(EPOCH).and_then(Timestamp::from_unix_micros).ok_or("a time out of range")
}

impl From<Corrupt> for Failure {
    fn from(_: Corrupt) -> Self {
        Self::UnreadableRow
    }
}

/// What each row holds.
pub(crate) fn all<R: Record>(rows: &[Row]) -> Result<Vec<R>, Failure> {
    rows.iter().map(|row| Ok(Answer(row).record("")?)).collect()
}

/// What the first row holds, where there is one.
pub(crate) fn first<R: Record>(rows: &[Row]) -> Result<Option<R>, Failure> {
    Ok(all(rows)?.into_iter().next())
}

/// The one value that a [`Statement::of_value`](crate::statement::Statement::of_value) answers.
pub(crate) fn value<T: Field>(rows: &[Row]) -> Result<T, Failure> {
    Ok(only(rows)?.field("value")?)
}

/// The row that there has to be.
pub(crate) fn only(rows: &[Row]) -> Result<Answer<'_>, Failure> {
    rows.first().map(Answer).ok_or(Failure::UnreadableRow)
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use capykeys_storage::Values;
    use tokio_postgres::types::ToSql;

    use super::*;
    use crate::statement::Statement;

    #[test]
    fn every_time_comes_back_as_it_went() {
        let statement = Statement::new("try", "$time");
        for time in [Timestamp::MIN, Timestamp::MAX, Timestamp::from_unix_micros(0).unwrap()] {
            let (values, mut bytes) = (Values::of("time", &time), BytesMut::new());
            let (bound, ty) = &statement.bind(&values).unwrap()[0];
            bound.to_sql(ty, &mut bytes).unwrap();
            let Read(value) = Read::from_sql(ty, &bytes).unwrap();
            assert!(value == Value::Time(time), "{time}");
        }
    }

    #[test]
    fn infinity_is_no_time() {
        for raw in [i64::MAX, i64::MIN] {
            assert!(Read::from_sql(&Type::TIMESTAMPTZ, &raw.to_be_bytes()).is_err());
        }
    }
}
