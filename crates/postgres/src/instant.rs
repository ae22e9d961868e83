//! Times as PostgreSQL keeps them.

use std::error::Error;

use bytes::BytesMut;
use capykeys_domain::model::Timestamp;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, accepts, to_sql_checked};

/// 2000-01-01T00:00:00Z, from which `timestamptz` counts, in microseconds since the Unix epoch.
const EPOCH: i64 = 946_684_800_000_000;

/// A [`Timestamp`] on its way to or from a `timestamptz`, which keeps it exactly: both count
/// microseconds, and the range of `timestamptz` is the wider one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Instant(pub(crate) Timestamp);

impl ToSql for Instant {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        (self.0.unix_micros() - EPOCH).to_sql(ty, out)
    }

    accepts!(TIMESTAMPTZ);
    to_sql_checked!();
}

impl<'a> FromSql<'a> for Instant {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        // `infinity` and what lies beyond the year 9999 are no times for us.
        i64::from_sql(ty, raw)?
            .checked_add(EPOCH)
            .and_then(Timestamp::from_unix_micros)
            .map(Self)
            .ok_or_else(|| "a time out of range".into())
    }

    accepts!(TIMESTAMPTZ);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_comes_back_as_it_went() {
        let unix_epoch = Timestamp::from_unix_micros(0).unwrap();
        for time in [Timestamp::MIN, Timestamp::MAX, unix_epoch] {
            let mut bytes = BytesMut::new();
            Instant(time).to_sql(&Type::TIMESTAMPTZ, &mut bytes).unwrap();
            assert_eq!(Instant::from_sql(&Type::TIMESTAMPTZ, &bytes).unwrap().0, time);
        }
    }

    #[test]
    fn infinity_is_no_time() {
        for raw in [i64::MAX, i64::MIN] {
            assert!(Instant::from_sql(&Type::TIMESTAMPTZ, &raw.to_be_bytes()).is_err());
        }
    }
}
