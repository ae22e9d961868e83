//! Requests that are done once.

use capykeys_domain::{
    model::ApiKey,
    ports::{Repeated, StoredKey},
    secret::IdempotencyRecord,
};

use crate::{Columns, Corrupt, Document, Field, Kind, Record, Row, Value, record::records};

records! {
    IdempotencyRecord { id, asked, nonce, pepper_id }
}

/// The prefix of a record's columns beside those of its key.
pub const OF_REQUEST: &str = "request_";

/// A key as it was answered, in one column: as it is now, it may be another.
pub struct Answered(pub ApiKey);

impl Field for Answered {
    const KIND: Kind = Kind::Json;

    fn value(&self) -> Value<'_> {
        Value::Json(Document::of(&self.0).to_text().into())
    }

    fn read(value: Value<'_>) -> Option<Self> {
        let Value::Json(text) = value else { return None };
        Document::from_bytes(text.as_bytes()).and_then(|document| document.record("")).ok().map(Self)
    }
}

/// The columns of an answer that [`repeated`] reads.
#[must_use]
pub fn columns_of_repeated() -> Columns {
    let own = Columns::of::<IdempotencyRecord>(OF_REQUEST).with(Columns::named(&["answered"]));
    own.with(Columns::of::<StoredKey>(""))
}

/// What follows `SELECT` in a query for them, of the request `$request_id` in the organization `$organization_id`, unless it
/// is forgotten.
#[must_use]
pub fn select_repeated() -> String {
    format!(
        "{}, r.answered AS answered, {} FROM idempotency_keys r JOIN api_keys k ON k.id = r.key_id \
         WHERE r.id = $request_id AND r.at > $forgotten AND k.organization_id = $organization_id",
        Columns::of::<IdempotencyRecord>(OF_REQUEST).from("r"),
        Columns::of::<StoredKey>("").from("k")
    )
}

/// A request that was done before, and its key.
///
/// # Errors
/// [`Corrupt`] where one of them cannot be read.
pub fn repeated(row: &impl Row) -> Result<Repeated, Corrupt> {
    let Answered(answered) = row.field("answered")?;
    Ok(Repeated { record: row.record(OF_REQUEST)?, answered, present: Record::read(row)? })
}
