//! Opening connections.

use std::{
    ops::Deref,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::time::timeout;
use tokio_postgres::{Client, Config, Error, NoTls, Row};

use crate::{
    driver::Driver,
    failure::Failure,
    fitness,
    pool::Param,
    prepared::{Asked, Prepared},
    schema::{self, SchemaError},
    settings::{PostgresSettings, UrlSource},
    settings_error::SettingsError,
    tls::Tls,
};

/// A connection. Its task belongs to the runtime on which it was opened, and ends with it.
pub(crate) struct Connection {
    client: Client,
    driver: Driver,
    tls: Tls,
    /// When the server last said anything on it.
    pub(crate) last_used: Instant,
    /// How long the server took for next to nothing.
    pub(crate) round_trip: Duration,
    prepared: Prepared,
}

impl Connection {
    fn new((client, driver): (Client, Driver), tls: Tls) -> Self {
        Self {
            client,
            driver,
            tls,
            last_used: Instant::now(),
            round_trip: Duration::ZERO,
            prepared: Prepared::default(),
        }
    }

    /// Asks, with what is prepared on this connection.
    pub(crate) async fn ask(&mut self, asked: &Asked<'_>, params: &[Param<'_>]) -> Result<Vec<Row>, Error> {
        self.prepared.ask(&self.client, asked, params).await
    }

    /// Whether the server has told, since this was asked last, that a commit has not reached a standby.
    pub(crate) fn take_unreplicated(&self) -> bool {
        self.driver.take_unreplicated()
    }

    /// Has the server end what it is at on this connection. It does not notice by itself that nobody waits for that
    /// any more, and a commit waits for a standby without end.
    pub(crate) async fn cancel(&self) -> Result<(), Error> {
        let token = self.client.cancel_token();
        match self.tls.clone() {
            Tls::Off => token.cancel_query(NoTls).await,
            Tls::Rustls(tls) => token.cancel_query(tls).await,
        }
    }
}

impl Deref for Connection {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

/// Where connections lead, and how.
struct Target {
    config: Config,
    tls: Tls,
}

impl Target {
    fn new(settings: &PostgresSettings) -> Result<Arc<Self>, SettingsError> {
        let config = settings.driver_config()?;
        let tls = Tls::for_config(&config)?;
        Ok(Arc::new(Self { config, tls }))
    }
}

/// Opens connections as the settings say, in time of its own: it takes several round trips, and is
/// no part of any operation's.
pub(crate) struct Connector {
    settings: Mutex<PostgresSettings>,
    target: Mutex<Arc<Target>>,
    limit: Duration,
}

impl Connector {
    pub(crate) fn new(settings: &PostgresSettings) -> Result<Self, SettingsError> {
        Ok(Self {
            settings: Mutex::new(settings.clone()),
            target: Mutex::new(Target::new(settings)?),
            limit: settings.connect_timeout,
        })
    }

    /// How long opening one may take.
    pub(crate) const fn limit(&self) -> Duration {
        self.limit
    }

    /// Opens one to a database whose schema is the one that this program knows. Where the server
    /// does not accept the password, and there is another by now, it is tried too.
    pub(crate) async fn open(&self) -> Result<Connection, Failure> {
        let attempt = async {
            let mut connection = match self.connect().await {
                Err(failure) if failure.is_about_who_asks() && self.read_again() => self.connect().await?,
                outcome => outcome?,
            };
            let start = Instant::now();
            schema::check(&connection).await.map_err(|error| Failure::Schema(error.to_string()))?;
            connection.last_used = Instant::now();
            connection.round_trip = start.elapsed();
            Ok(connection)
        };
        timeout(self.limit, attempt).await.unwrap_or(Err(Failure::Timeout))
    }

    /// Says whether the database has the schema that this program knows, and lets this role work on it.
    pub(crate) async fn check_schema(&self) -> Result<(), SchemaError> {
        let attempt = async {
            let connection = self.connect().await.map_err(|failure| failure.during("connect"))?;
            match fitness::lacking(&connection)
                .await
                .map_err(|failure| failure.during("look at the rights"))?
            {
                Some(lacking) => Err(SchemaError::Unfit(lacking.into())),
                None => schema::check(&connection).await,
            }
        };
        timeout(self.limit, attempt).await.unwrap_or_else(|_| Err(Failure::Timeout.during("connect").into()))
    }

    async fn connect(&self) -> Result<Connection, Failure> {
        let target = Arc::clone(&held(&self.target));
        let opened = connect(&target.config, &target.tls).await?;
        Ok(Connection::new(opened, target.tls.clone()))
    }

    /// Reads the URL again; whether there is another now that can be used.
    fn read_again(&self) -> bool {
        let mut settings = held(&self.settings);
        let Some(url) = settings.url_source.as_ref().and_then(UrlSource::read) else { return false };
        if url == settings.url {
            return false;
        }
        let changed = PostgresSettings { url, ..settings.clone() };
        match Target::new(&changed) {
            Ok(target) => {
                tracing::info!("the URL of PostgreSQL was read again: there is another");
                *held(&self.target) = target;
                *settings = changed;
                true
            }
            Err(error) => {
                tracing::warn!(%error, "the URL of PostgreSQL was read again and cannot be used");
                false
            }
        }
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Opens a connection whose socket and task belong to the current runtime.
pub(crate) async fn connect(config: &Config, tls: &Tls) -> Result<(Client, Driver), Error> {
    Ok(match tls.clone() {
        Tls::Off => {
            let (client, connection) = config.connect(NoTls).await?;
            (client, Driver::spawn(connection))
        }
        Tls::Rustls(tls) => {
            let (client, connection) = config.connect(tls).await?;
            (client, Driver::spawn(connection))
        }
    })
}
