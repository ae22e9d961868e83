//! The lines of a backup, each a [`Document`] that says in `row` what it is: the header, the peppers, organizations,
//! keys, events, and the end with a checksum of all that comes before it.
//!
//! A newer program reads what an older one has written as it reads its rows: what is missing is absent. The
//! other way round something would be lost, so [`FORMAT`] goes up whenever a record gets a column.

use capykeys_domain::{
    model::{AuditRecord, Organization, Sequence, Timestamp},
    ports::{RowCounts, StoreHead, StoredKey, StoredRows},
    secret::RecordedPepper,
};
use capykeys_storage::{Corrupt, Document, Record, Row as _};

use crate::VERSION;

/// The format that this program writes, and the newest that it reads.
pub(super) const FORMAT: i64 = 3;

/// What says which line it is.
pub(super) const ROW: &str = "row";
pub(super) const BACKUP: &str = "backup";
const PEPPER: &str = "pepper";
const ORGANIZATION: &str = "organization";
const KEY: &str = "key";
const EVENT: &str = "event";
const END: &str = "end";

/// What a backup is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// The release that has written it.
    pub(crate) program: String,
    /// The kind of the store.
    pub(crate) store: String,
    /// What the keys begin with.
    pub(crate) key_prefix: String,
    /// The time of the state that it shows, or a moment before it.
    pub(crate) taken_at: Timestamp,
    /// What there is of the store besides its rows.
    pub(crate) head: StoreHead,
}

/// A line after the header.
pub(super) enum Line {
    Pepper(RecordedPepper),
    Row(Row),
    End,
}

/// A row of a store.
#[derive(Debug)]
pub(super) enum Row {
    Organization(Box<Organization>),
    Key(Box<StoredKey>),
    Event(Box<AuditRecord>),
}

impl Row {
    /// Its place in the file: each row has a later one than the row before.
    pub(super) fn place(&self) -> (u8, u128) {
        match self {
            Self::Organization(row) => (1, row.id.uuid().as_u128()),
            Self::Key(row) => (2, row.key.id.uuid().as_u128()),
            Self::Event(row) => (3, row.sequence.get().unsigned_abs().into()),
        }
    }

    /// As the first of its kind.
    pub(super) fn alone(self) -> StoredRows {
        match self {
            Self::Organization(row) => StoredRows::Organizations(vec![*row]),
            Self::Key(row) => StoredRows::Keys(vec![*row]),
            Self::Event(row) => StoredRows::Events(vec![*row]),
        }
    }

    /// Added to these; itself, where they are of another kind.
    pub(super) fn join(self, rows: &mut StoredRows) -> Option<Self> {
        match (rows, self) {
            (StoredRows::Organizations(rows), Self::Organization(row)) => rows.push(*row),
            (StoredRows::Keys(rows), Self::Key(row)) => rows.push(*row),
            (StoredRows::Events(rows), Self::Event(row)) => rows.push(*row),
            (_, other) => return Some(other),
        }
        None
    }
}

impl Header {
    pub(super) fn line(&self) -> Vec<u8> {
        let document = of(BACKUP)
            .and("format", &FORMAT)
            .and("program", &self.program)
            .and("store", &self.store)
            .and("key_prefix", &self.key_prefix)
            .and("taken_at", &self.taken_at.to_string())
            .and("peppers", &u64::try_from(self.head.peppers.len()).unwrap_or(u64::MAX))
            .and("expired_through", &self.head.expired_through);
        ended(&document.with(&self.head.counts))
    }

    /// Without the peppers, whose number is given beside it: they are lines of their own.
    pub(super) fn read(document: &Document) -> Result<(Self, u64), Corrupt> {
        let taken_at = Timestamp::parse("taken_at", &document.field::<String>("taken_at")?);
        let head = StoreHead {
            counts: document.record::<RowCounts>("")?,
            peppers: Vec::new(),
            expired_through: document.field::<Sequence>("expired_through")?,
        };
        let header = Self {
            program: document.field("program")?,
            store: document.field("store")?,
            key_prefix: document.field("key_prefix")?,
            taken_at: taken_at.map_err(|_| Corrupt("taken_at"))?,
            head,
        };
        Ok((header, document.field("peppers")?))
    }

    /// Of a store that is backed up by this program.
    pub(crate) fn new(store: &str, key_prefix: &str, taken_at: Timestamp, head: StoreHead) -> Self {
        let program = VERSION.to_owned();
        Self { program, store: store.to_owned(), key_prefix: key_prefix.to_owned(), taken_at, head }
    }
}

fn of(row: &str) -> Document {
    Document::default().and(ROW, &row.to_owned())
}

fn ended(document: &Document) -> Vec<u8> {
    let mut line = document.to_bytes();
    line.push(b'\n');
    line
}

fn record(row: &str, record: &impl Record) -> Vec<u8> {
    ended(&of(row).with(record))
}

pub(super) fn pepper(pepper: &RecordedPepper) -> Vec<u8> {
    record(PEPPER, pepper)
}

/// The lines of these rows, one after the other.
pub(super) fn rows(rows: &StoredRows) -> Vec<u8> {
    match rows {
        StoredRows::Organizations(rows) => rows.iter().flat_map(|row| record(ORGANIZATION, row)).collect(),
        StoredRows::Keys(rows) => rows.iter().flat_map(|row| record(KEY, row)).collect(),
        StoredRows::Events(rows) => rows.iter().flat_map(|row| record(EVENT, row)).collect(),
    }
}

pub(super) fn end(checksum: [u8; blake3::OUT_LEN]) -> Vec<u8> {
    ended(&of(END).and("blake3", &checksum))
}

pub(super) fn read(line: &[u8]) -> Result<Line, Corrupt> {
    let document = Document::from_bytes(line)?;
    Ok(match document.field::<String>(ROW)?.as_str() {
        PEPPER => Line::Pepper(document.record("")?),
        ORGANIZATION => Line::Row(Row::Organization(Box::new(document.record("")?))),
        KEY => Line::Row(Row::Key(Box::new(document.record("")?))),
        EVENT => Line::Row(Row::Event(Box::new(document.record("")?))),
        END => Line::End,
        _ => return Err(Corrupt(ROW)),
    })
}
