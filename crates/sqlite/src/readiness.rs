//! Whether the store can be worked with.

use async_trait::async_trait;
use capykeys_domain::ports::{Readiness, Unavailable};
use capykeys_storage::operation;

use crate::{DEPENDENCY, SqliteStore, schema};

#[async_trait]
impl Readiness for SqliteStore {
    /// That the schema is still one that this program may work on, and that the writer gets its turn.
    async fn check_readiness(&self) -> Result<(), Unavailable> {
        let fits = self.read(operation::CHECK_READINESS, |connection| Ok(schema::check(connection)?))?;
        fits.map_err(|misfit| Unavailable::new(DEPENDENCY, misfit))?;
        // A transaction that changes nothing writes nothing either.
        self.write(operation::CHECK_READINESS, |_| Ok(())).await
    }
}
