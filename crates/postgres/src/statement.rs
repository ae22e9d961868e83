//! Statements with a name of their own and named parameters.

use std::{error::Error, fmt};

use bytes::{BufMut as _, BytesMut};
use capykeys_storage::{Columns, Kind, Value, Values};
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use crate::{failure::Failure, line::answer};

/// 2000-01-01T00:00:00Z, from which `timestamptz` counts, in microseconds since the Unix epoch.
pub(crate) const EPOCH: i64 = 946_684_800_000_000;

/// What comes before the text of a `jsonb`.
pub(crate) const JSONB_VERSION: u8 = 1;

/// A statement, made once and asked many times.
pub(crate) struct Statement {
    /// What it is for, in errors and where it is measured: the port's method, from [`capykeys_storage::operation`].
    pub(crate) operation: &'static str,
    /// With the parameters numbered as the server wants them.
    pub(crate) text: String,
    /// The names of the parameters, in the order of their numbers.
    parameters: Vec<String>,
    /// Whether its answer says that something will stay: see [`Statement::kept`].
    pub(crate) is_kept: bool,
}

impl Statement {
    /// From a text whose parameters are named, as in `$organization_id`.
    pub(crate) fn new(operation: &'static str, text: &str) -> Self {
        let mut statement = Self {
            operation,
            text: String::with_capacity(text.len()),
            parameters: Vec::new(),
            is_kept: false,
        };
        let mut pieces = text.split('$');
        statement.text.extend(pieces.next());
        for piece in pieces {
            let in_name = |c: char| c.is_ascii_lowercase() || c == '_';
            let (name, rest) = piece.split_at(piece.find(|c| !in_name(c)).unwrap_or(piece.len()));
            let number = statement.number(name).to_string();
            statement.text.extend(["$", &number, rest]);
        }
        statement
    }

    /// One that answers one `value` of its own, beside what `change` does: CTEs, each with a comma before it.
    pub(crate) fn of_value(operation: &'static str, change: &str, value: &str) -> Self {
        let query = format!("SELECT true AS found, {value} AS value");
        Self::new(operation, &format!("{change}{}", answer(&Columns::named(&["value"]), &query)))
    }

    /// One that does something and answers nothing else.
    pub(crate) fn of_change(operation: &'static str, change: &str) -> Self {
        Self::of_value(operation, &format!(", done AS ({change})"), "true")
    }

    /// One whose answer is somebody's proof that a change will stay. Its commit waits for the disk and for the standbys
    /// that there have to be, whatever this role or database is set to ([`line`](crate::line)).
    pub(crate) fn kept(self) -> Self {
        Self { is_kept: true, ..self }
    }

    fn number(&mut self, name: &str) -> usize {
        let known = self.parameters.iter().position(|known| known == name);
        known.unwrap_or_else(|| {
            self.parameters.push(name.to_owned());
            self.parameters.len() - 1
        }) + 1
    }

    /// The values that it takes, in the order of their numbers.
    pub(crate) fn bind<'v>(&self, values: &'v Values<'v>) -> Result<Vec<(Bound<'v>, Type)>, Failure> {
        let bound = |name| values.get(name).map(|(kind, value)| (Bound(value), sql_type(kind)));
        self.parameters.iter().map(|name| bound(name).ok_or(Failure::Binding)).collect()
    }
}

/// A value on its way to the server.
pub(crate) struct Bound<'v>(&'v Value<'v>);

impl ToSql for Bound<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self.0 {
            Value::Null => Ok(IsNull::Yes),
            Value::Id(id) => id.to_sql(ty, out),
            Value::Text(text) => text.to_sql(ty, out),
            // Both count microseconds, and the range of `timestamptz` is the wider one.
            Value::Time(time) => (time.unix_micros() - EPOCH).to_sql(ty, out),
            Value::Bytes(bytes) => bytes.as_ref().to_sql(ty, out),
            Value::Number(number) => number.to_sql(ty, out),
            Value::Flag(flag) => flag.to_sql(ty, out),
            Value::Address(address) => address.to_sql(ty, out),
            Value::Json(json) => {
                out.put_u8(JSONB_VERSION);
                json.to_sql(ty, out)
            }
            Value::Many(values) => values.iter().map(Bound).collect::<Vec<_>>().to_sql(ty, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// Without the value, which may be a digest.
impl fmt::Debug for Bound<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bound(…)")
    }
}

fn sql_type(kind: Kind) -> Type {
    match kind {
        Kind::Id => Type::UUID,
        Kind::Text => Type::TEXT,
        Kind::Time => Type::TIMESTAMPTZ,
        Kind::Bytes => Type::BYTEA,
        Kind::Number => Type::INT8,
        Kind::Flag => Type::BOOL,
        Kind::Address => Type::INET,
        Kind::Json => Type::JSONB,
        Kind::Many(Kind::Id) => Type::UUID_ARRAY,
        Kind::Many(Kind::Flag) => Type::BOOL_ARRAY,
        Kind::Many(Kind::Time) => Type::TIMESTAMPTZ_ARRAY,
        Kind::Many(Kind::Bytes) => Type::BYTEA_ARRAY,
        Kind::Many(_) => Type::TEXT_ARRAY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_has_one_number_wherever_it_stands() {
        let statement = Statement::new("try", "SELECT $id, $id_of FROM t WHERE id=$id AND ($at)");
        assert_eq!(statement.text, "SELECT $1, $2 FROM t WHERE id=$1 AND ($3)");
    }

    #[test]
    fn values_are_bound_by_their_names_and_a_missing_one_is_an_error() {
        let statement = Statement::new("try", "SELECT $limit, $name, $limit");
        let (limit, name) = (7_i64, "x".to_owned());
        let values = Values::of("unused", &limit).and("name", &name).and("limit", &limit);
        let bound = statement.bind(&values).unwrap();
        let types: Vec<_> = bound.iter().map(|(_, ty)| ty.clone()).collect();
        assert_eq!(types, [Type::INT8, Type::TEXT]);
        assert!(matches!(statement.bind(&Values::of("name", &name)), Err(Failure::Binding)));
    }
}
