//! How the domain's types stand in a database, whatever its driver.
//!
//! A [`Record`] is described once: the names of its columns, the values that go into them and how they
//! are read back, by name. The storage adapters take from it the lists in their statements
//! ([`Columns`]), the values of named parameters ([`Values`]) and what they read from a [`Row`]. What is
//! theirs is the type that each [`Kind`] of value has in their database. An engine without columns keeps a
//! [`Document`].
//!
//! What they do is measured and traced as an [`Operation`], alike for all. [`Backend`] is what a service has to know of a
//! store beside its ports.

mod backend;
mod document;
mod feed;
mod field;
mod key_page;
pub mod operation;
mod record;
mod records;
mod values;

#[cfg(test)]
mod tests;

pub use backend::{Backend, Embedded, Error, OpenedFor, Store};
pub use document::Document;
pub use feed::{Event, head, poll};
pub use field::{Field, Kind, Value};
pub use key_page::KeyPage;
pub use operation::{Operation, count_event};
pub use record::{Columns, Corrupt, Record, Row};
pub use records::{BESIDE, CHANGING, DIGESTS, found_key, set_aside, wherever_stored};
pub use values::Values;
