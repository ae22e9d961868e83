//! What is in several columns.

use std::borrow::Cow;

use crate::{Field, Kind, Value, values::prefixed};

/// A row holds what the domain does not accept in this column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corrupt(pub &'static str);

/// A row of a query's answer.
pub trait Row {
    /// What is in the column of this name; `None` where that is of no such kind, or there is no such column.
    fn value(&self, column: &str, kind: Kind) -> Option<Value<'_>>;

    /// What is in the column of this name.
    ///
    /// # Errors
    /// [`Corrupt`] where it is no `T`.
    fn field<T: Field>(&self, column: &'static str) -> Result<T, Corrupt> {
        self.value(column, T::KIND).and_then(T::read).ok_or(Corrupt(column))
    }

    /// What is in the columns of these names with `prefix` before each.
    ///
    /// # Errors
    /// [`Corrupt`] where it is no `R`.
    fn record<R: Record>(&self, prefix: &'static str) -> Result<R, Corrupt>
    where
        Self: Sized,
    {
        R::read(&Prefixed { row: self, prefix })
    }
}

struct Prefixed<'r, R> {
    row: &'r R,
    prefix: &'static str,
}

impl<R: Row> Row for Prefixed<'_, R> {
    fn value(&self, column: &str, kind: Kind) -> Option<Value<'_>> {
        if self.prefix.is_empty() {
            return self.row.value(column, kind);
        }
        self.row.value(&[self.prefix, column].concat(), kind)
    }
}

/// A type of which each value is in columns of their own names.
pub trait Record: Sized {
    /// The columns.
    fn columns() -> Vec<(&'static str, Kind)>;

    /// What is stored in them, in the order of [`columns`](Self::columns).
    fn values(&self) -> Vec<Value<'_>>;

    /// From what was stored.
    ///
    /// # Errors
    /// [`Corrupt`] where a column holds what the domain does not accept.
    fn read(row: &impl Row) -> Result<Self, Corrupt>;
}

/// Absent where there is nothing in the first column.
impl<R: Record> Record for Option<R> {
    fn columns() -> Vec<(&'static str, Kind)> {
        R::columns()
    }

    fn values(&self) -> Vec<Value<'_>> {
        let absent = || R::columns().iter().map(|_| Value::Null).collect();
        self.as_ref().map_or_else(absent, R::values)
    }

    fn read(row: &impl Row) -> Result<Self, Corrupt> {
        match R::columns().first().and_then(|(column, kind)| row.value(column, *kind)) {
            Some(Value::Null) => Ok(None),
            _ => R::read(row).map(Some),
        }
    }
}

impl<R: Record> Record for Box<R> {
    fn columns() -> Vec<(&'static str, Kind)> {
        R::columns()
    }

    fn values(&self) -> Vec<Value<'_>> {
        R::values(self)
    }

    fn read(row: &impl Row) -> Result<Self, Corrupt> {
        R::read(row).map(Self::new)
    }
}

/// Describes structs: their fields, of which each has a column of the same name or `in` another, and
/// after the `+` those that are records themselves.
macro_rules! records {
    ($($record:ident { $($field:ident $(in $column:ident)?),* } $(+ { $($part:ident),* })?)*) => {
        $(impl $crate::Record for $record {
            fn columns() -> Vec<(&'static str, $crate::Kind)> {
                let own = [$($crate::record::column(
                    $crate::record::name!($field $($column)?),
                    |record: &Self| &record.$field,
                )),*];
                own.into_iter()$($(.chain($crate::record::columns_of(|record: &Self| &record.$part)))*)?.collect()
            }

            fn values(&self) -> Vec<$crate::Value<'_>> {
                let own = [$($crate::Field::value(&self.$field)),*];
                own.into_iter()$($(.chain($crate::Record::values(&self.$part)))*)?.collect()
            }

            fn read(row: &impl $crate::Row) -> Result<Self, $crate::Corrupt> {
                Ok(Self {
                    $($field: row.field($crate::record::name!($field $($column)?))?,)*
                    $($($part: $crate::Record::read(row)?,)*)?
                })
            }
        })*
    };
}

macro_rules! name {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident $column:ident) => {
        stringify!($column)
    };
}

pub(crate) use {name, records};

pub(crate) const fn column<R, T: Field>(name: &'static str, _: fn(&R) -> &T) -> (&'static str, Kind) {
    (name, T::KIND)
}

pub(crate) fn columns_of<R, P: Record>(_: fn(&R) -> &P) -> Vec<(&'static str, Kind)> {
    P::columns()
}

/// Columns as statements name them: a prefix keeps those of one record from those of another, in the
/// answer's columns and in the names of parameters.
#[derive(Clone, Default)]
pub struct Columns(Vec<(&'static str, Cow<'static, str>)>);

impl Columns {
    /// Those of a record.
    #[must_use]
    pub fn of<R: Record>(prefix: &'static str) -> Self {
        let columns = R::columns().into_iter();
        Self(columns.map(|(name, _)| (name, prefixed(prefix, name))).collect())
    }

    /// These too.
    #[must_use]
    pub fn with(self, more: Self) -> Self {
        Self(self.0.into_iter().chain(more.0).collect())
    }

    /// These.
    #[must_use]
    pub fn named(names: &[&'static str]) -> Self {
        Self(names.iter().map(|name| (*name, Cow::Borrowed(*name))).collect())
    }

    /// Without these.
    #[must_use]
    pub fn without(mut self, names: &[&str]) -> Self {
        self.0.retain(|(name, _)| !names.contains(name));
        self
    }

    /// Those of these names.
    #[must_use]
    pub fn only(mut self, names: &[&str]) -> Self {
        self.0.retain(|(name, _)| names.contains(name));
        self
    }

    fn list(&self, one: impl Fn(&str, &str) -> String) -> String {
        self.0.iter().map(|(name, prefixed)| one(name, prefixed)).collect::<Vec<_>>().join(", ")
    }

    /// `id, name`, as they are called in their table.
    #[must_use]
    pub fn names(&self) -> String {
        self.list(|name, _| name.to_owned())
    }

    /// `$id, $name`, as parameters with the prefix.
    #[must_use]
    pub fn parameters(&self) -> String {
        self.list(|_, prefixed| format!("${prefixed}"))
    }

    /// `k.id AS id, k.name AS name`, read from the table or query `of`; in the answer with the prefix.
    #[must_use]
    pub fn from(&self, of: &str) -> String {
        self.list(|name, prefixed| format!("{of}.{name} AS {prefixed}"))
    }

    /// `a.id, a.name`, read from an answer `of` that has them with the prefix.
    #[must_use]
    pub fn again(&self, of: &str) -> String {
        self.list(|_, prefixed| format!("{of}.{prefixed}"))
    }
}
