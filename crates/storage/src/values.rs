//! What the parameters of a statement stand for.

use std::borrow::Cow;

use crate::{Field, Kind, Record, Value};

/// The values that a statement takes, by the names of its parameters. It may take fewer.
#[derive(Default)]
pub struct Values<'v>(Vec<(Cow<'static, str>, Kind, Value<'v>)>);

impl<'v> Values<'v> {
    /// This value.
    pub fn of(name: impl Into<Cow<'static, str>>, value: &'v impl Field) -> Self {
        Self::default().and(name, value)
    }

    /// One more.
    #[must_use]
    pub fn and<T: Field>(mut self, name: impl Into<Cow<'static, str>>, value: &'v T) -> Self {
        self.0.push((name.into(), T::KIND, value.value()));
        self
    }

    /// Those of a record, by the names of its columns with `prefix` before each.
    #[must_use]
    pub fn record<R: Record>(mut self, prefix: &'static str, record: &'v R) -> Self {
        let named = R::columns().into_iter().zip(record.values());
        self.0.extend(named.map(|((name, kind), value)| (prefixed(prefix, name), kind, value)));
        self
    }

    /// The value of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<(Kind, &Value<'v>)> {
        let (_, kind, value) = self.0.iter().find(|(own, ..)| own == name)?;
        Some((*kind, value))
    }
}

/// The name of a column with `prefix` before it.
pub(crate) fn prefixed(prefix: &str, name: &'static str) -> Cow<'static, str> {
    if prefix.is_empty() { name.into() } else { [prefix, name].concat().into() }
}
