//! Connections beside the pool.

use super::Pool;
use crate::{
    connector::{Connection, Connector},
    failure::Failure,
    probe,
    schema::SchemaError,
    settings::PostgresSettings,
};

impl Pool {
    /// Opens a connection beside the pool, to the primary.
    pub(crate) async fn connection_beside_it(&self) -> Result<Connection, Failure> {
        let settings = PostgresSettings { application_name: "capykeys copy", ..self.settings.clone() };
        self.beside_it(&settings, |connector| async move { connector.open().await }).await?
    }

    /// Checks the schema on a connection beside the pool, which would not open one to a database
    /// with another schema.
    pub(crate) async fn check_schema(&self) -> Result<(), SchemaError> {
        let checked =
            self.beside_it(&self.settings, |connector| async move { connector.check_schema().await });
        checked.await.map_err(|failure| failure.during("connect"))?
    }

    /// Whether two sessions were seen to exclude each other, on connections beside the pool.
    pub(crate) async fn check_exclusion(&self) -> Result<bool, SchemaError> {
        let checked =
            self.beside_it(&self.settings, |connector| async move { probe::exclusion(&connector).await });
        checked.await.map_err(|failure| failure.during("connect"))?
    }

    /// Connections live on the pool's runtime.
    async fn beside_it<C: Future<Output: Send> + Send + 'static>(
        &self,
        settings: &PostgresSettings,
        work: impl FnOnce(Connector) -> C,
    ) -> Result<C::Output, Failure> {
        let connector = Connector::new(settings).map_err(|error| Failure::Connection(error.to_string()))?;
        self.on_runtime(work(connector)).await
    }
}
