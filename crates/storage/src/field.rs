//! What is in one column.

use std::{borrow::Cow, collections::BTreeSet, net::IpAddr, num::NonZeroU32, time::Duration};

use capykeys_domain::{
    model::{
        AuditOutcome, Brought, DeviceName, DisablingReason, EventDetails, ExternalOrganizationId, KeyId,
        KeyName, KeyPrefix, KeySource, OrganizationId, OrganizationName, ProjectId, RequestId, Scope,
        ScopeSet, Sequence, Slug, SuspensionReason, Timestamp, UserId,
    },
    ports::{Limit, ReplicaId},
    secret::PepperId,
};
use serde_json::{Map, Value as Json};
use uuid::Uuid;

/// Which type a column has; each database has one of its own for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 16 bytes that sort as bytes.
    Id,
    /// Text, kept byte for byte.
    Text,
    /// A time, to the microsecond.
    Time,
    /// Any bytes.
    Bytes,
    /// A whole number of 64 bits.
    Number,
    /// Yes or no.
    Flag,
    /// An address of a network.
    Address,
    /// JSON, as its text.
    Json,
    /// Any number of one kind, in their order.
    Many(&'static Self),
}

/// A value on its way to or from a column. Without `Debug`: it may be a digest.
#[derive(Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is of the kind of its name")]
pub enum Value<'v> {
    Null,
    Id(Uuid),
    Text(Cow<'v, str>),
    Time(Timestamp),
    Bytes(Cow<'v, [u8]>),
    Number(i64),
    Flag(bool),
    Address(IpAddr),
    Json(Cow<'v, str>),
    Many(Vec<Self>),
}

/// A type of which each value is in one column.
pub trait Field: Sized {
    /// The type of that column.
    const KIND: Kind;

    /// What is stored.
    fn value(&self) -> Value<'_>;

    /// From what was stored; `None` where this type has no such value.
    fn read(value: Value<'_>) -> Option<Self>;
}

/// Absent or there.
impl<T: Field> Field for Option<T> {
    const KIND: Kind = T::KIND;

    fn value(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Null, T::value)
    }

    fn read(value: Value<'_>) -> Option<Self> {
        if value == Value::Null { Some(None) } else { T::read(value).map(Some) }
    }
}

impl<T: Field> Field for Vec<T> {
    const KIND: Kind = Kind::Many(&T::KIND);

    fn value(&self) -> Value<'_> {
        Value::Many(self.iter().map(T::value).collect())
    }

    fn read(value: Value<'_>) -> Option<Self> {
        let Value::Many(values) = value else { return None };
        values.into_iter().map(T::read).collect()
    }
}

impl<T: Field + Ord> Field for BTreeSet<T> {
    const KIND: Kind = Kind::Many(&T::KIND);

    fn value(&self) -> Value<'_> {
        Value::Many(self.iter().map(T::value).collect())
    }

    fn read(value: Value<'_>) -> Option<Self> {
        Vec::read(value).map(Self::from_iter)
    }
}

/// Types that are kept as one variant of [`Value`]: how to write and how to read what is in it.
macro_rules! fields {
    ($($field:ty: $kind:ident, |$own:ident| $value:expr, |$stored:pat_param| $read:expr;)*) => {
        $(impl Field for $field {
            const KIND: Kind = Kind::$kind;

            fn value(&self) -> Value<'_> {
                let $own = self;
                Value::$kind($value)
            }

            fn read(value: Value<'_>) -> Option<Self> {
                let Value::$kind($stored) = value else { return None };
                $read
            }
        })*
    };
}

fields! {
    String: Text, |own| own.into(), |text| Some(text.into_owned());
    Timestamp: Time, |own| *own, |time| Some(time);
    bool: Flag, |own| *own, |flag| Some(flag);
    i64: Number, |own| *own, |number| Some(number);
    Sequence: Number, |own| own.get(), |number| Self::new(number);
    Limit: Number, |own| own.get().into(), |number| number.try_into().ok().and_then(Self::new);
    NonZeroU32: Number, |own| own.get().into(), |number| u32::try_from(number).ok().and_then(Self::new);
    u64: Number, |own| i64::try_from(*own).unwrap_or(i64::MAX), |number| number.try_into().ok();
    Duration: Number, |own| i64::try_from(own.as_micros()).unwrap_or(i64::MAX),
        |number| number.try_into().ok().map(Self::from_micros);
    IpAddr: Address, |own| *own, |address| Some(address);
    [u8; 32]: Bytes, |own| own.as_slice().into(), |bytes| bytes.as_ref().try_into().ok();
    KeyId: Id, |own| own.uuid(), |id| Some(Self::from_uuid(id));
    OrganizationId: Id, |own| own.uuid(), |id| Some(Self::from_uuid(id));
    ReplicaId: Id, |own| Uuid::from_bytes(own.0), |id| Some(Self(id.into_bytes()));
}

/// Where a store keeps them as bytes they are read as well.
impl Field for [u8; 16] {
    const KIND: Kind = Kind::Id;

    fn value(&self) -> Value<'_> {
        Value::Id(Uuid::from_bytes(*self))
    }

    fn read(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Id(id) => Some(id.into_bytes()),
            Value::Bytes(bytes) => bytes.as_ref().try_into().ok(),
            _ => None,
        }
    }
}

/// There is nothing to say of it but that it is so.
impl Field for Brought {
    const KIND: Kind = Kind::Flag;

    fn value(&self) -> Value<'_> {
        Value::Flag(true)
    }

    fn read(value: Value<'_>) -> Option<Self> {
        (value == Value::Flag(true)).then_some(Self)
    }
}

/// Types that are kept as a text: how to read it.
macro_rules! texts {
    ($($field:ty: $read:expr;)*) => {
        fields! { $($field: Text, |own| own.as_str().into(), |text| {
            let read: fn(&str) -> Option<Self> = $read;
            read(&text)
        };)* }
    };
}

texts! {
    AuditOutcome: |text| Some(Self::from_stored(text));
    ExternalOrganizationId: Self::parse;
    DeviceName: |text| Self::from_stored(text).ok();
    DisablingReason: |text| Self::from_stored(text).ok();
    KeyName: |text| Self::from_stored(text).ok();
    KeyPrefix: |text| Some(Self::from_stored(text));
    KeySource: |text| Some(Self::from_name(text));
    OrganizationName: |text| Self::from_stored(text).ok();
    PepperId: |text| Self::parse(text).ok();
    ProjectId: |text| Self::parse(text).ok();
    RequestId: Self::parse;
    Scope: Self::parse;
    Slug: |text| Self::parse(text).ok();
    SuspensionReason: |text| Self::from_stored(text).ok();
    UserId: Self::parse;
}

/// Their names, in the order given.
impl Field for ScopeSet {
    const KIND: Kind = Kind::Many(&Kind::Text);

    fn value(&self) -> Value<'_> {
        Value::Many(self.iter().map(|scope| Value::Text(scope.as_str().into())).collect())
    }

    fn read(value: Value<'_>) -> Option<Self> {
        let names = Vec::<String>::read(value)?;
        Self::from_stored(names.iter().map(String::as_str)).ok()
    }
}

/// An object of texts. What else another version has put there is shown as JSON, where it is in an object.
impl Field for EventDetails {
    const KIND: Kind = Kind::Json;

    fn value(&self) -> Value<'_> {
        let texts = self.iter().map(|(name, text)| (name.to_owned(), Json::from(text)));
        Value::Json(Json::Object(texts.collect()).to_string().into())
    }

    fn read(value: Value<'_>) -> Option<Self> {
        let object = match value {
            Value::Null => None,
            Value::Json(text) => serde_json::from_str::<Map<String, Json>>(&text).ok(),
            _ => return None,
        };
        let shown = object.unwrap_or_default().into_iter().filter_map(|(name, value)| match value {
            Json::Null => None,
            Json::String(text) => Some((name, text)),
            other => Some((name, other.to_string())),
        });
        Some(shown.collect())
    }
}
