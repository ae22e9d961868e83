//! Whether the store can be worked with.

use async_trait::async_trait;
use capykeys_domain::ports::{Readiness, Unavailable};

use crate::{DEPENDENCY, SCHEMA_VERSION, SqliteStore, schema};

#[async_trait]
impl Readiness for SqliteStore {
    /// That the schema is still the one this program knows, and that the writer gets its turn.
    async fn check(&self) -> Result<(), Unavailable> {
        let version =
            self.read("read the schema's version", |connection| Ok(schema::version(connection)?))?;
        if version != Some(SCHEMA_VERSION) {
            return Err(Unavailable::new(DEPENDENCY, "the schema is of an unknown version"));
        }
        // A transaction that changes nothing writes nothing either.
        self.write("take a turn at writing", |_| Ok(())).await
    }
}
