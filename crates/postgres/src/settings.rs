//! Where the database is, and how long to wait for it.

use std::{fmt, sync::Arc, time::Duration};

use tokio_postgres::config::{Config, Host, SslMode, TargetSessionAttrs};

/// How long one of several hosts or addresses may take to accept a connection, so that the next gets
/// its turn.
const FOR_AN_ADDRESS: Duration = Duration::from_secs(1);

/// Reads the URL from where it is kept; `None` where it cannot be read.
#[derive(Clone)]
pub struct UrlSource(Arc<dyn Fn() -> Option<String> + Send + Sync>);

impl UrlSource {
    /// Reads with this function, which may block for as long as it takes to read a small file.
    #[must_use]
    pub fn new(read: impl Fn() -> Option<String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    pub(crate) fn read(&self) -> Option<String> {
        (self.0)()
    }
}

/// What the connections to the database need to know.
#[derive(Clone)]
pub struct PostgresSettings {
    /// A [connection string](https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING),
    /// as a URL or as `key=value` pairs.
    ///
    /// `sslmode` is `disable`, `prefer` (the default: TLS where the server offers it), `require`
    /// or `verify-full`. Where TLS is used, the server's certificate and name are always verified,
    /// against the certificate authorities that the platform trusts.
    pub url: String,
    /// Where the URL may be read again, when the server no longer accepts the password.
    pub url_source: Option<UrlSource>,
    /// How many connections are open at most.
    pub pool_size: usize,
    /// How long an operation may take, the wait for a connection included.
    pub deadline: Duration,
    /// How long opening a connection may take, which is several round trips and no part of any
    /// operation: its waiting ends with its deadline, and the opening goes on.
    pub connect_timeout: Duration,
    /// What the server calls the connections (`pg_stat_activity`), unless the URL says.
    pub application_name: &'static str,
}

impl PostgresSettings {
    /// 16 connections, 700 ms for an operation and 5 s for opening a connection.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            url_source: None,
            pool_size: 16,
            deadline: Duration::from_millis(700),
            connect_timeout: Duration::from_secs(5),
            application_name: "capykeys",
        }
    }

    /// What the driver is told: the URL, and how to notice that the server is gone.
    pub(crate) fn driver_config(&self) -> Result<Config, SettingsError> {
        if self.pool_size == 0 || self.deadline.is_zero() || self.connect_timeout.is_zero() {
            return Err(SettingsError::Zero);
        }
        // The driver does not know the name; its `require` is no less, with the verifier it is given.
        let mut config: Config = self
            .url
            .replace("sslmode=verify-full", "sslmode=require")
            .parse()
            .map_err(|_| SettingsError::Url)?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(SettingsError::Url);
        }
        if config.get_hosts().iter().all(|host| matches!(host, Host::Unix(_))) {
            config.ssl_mode(SslMode::Disable);
        }
        if config.get_target_session_attrs() == TargetSessionAttrs::Any {
            // A standby would answer with what was true some time ago.
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        if config.get_application_name().is_none() {
            config.application_name(self.application_name);
        }
        config
            .connect_timeout(self.connect_timeout.min(FOR_AN_ADDRESS))
            .keepalives(true)
            .keepalives_idle(Duration::from_secs(15))
            .keepalives_interval(Duration::from_secs(5))
            .keepalives_retries(3)
            .tcp_user_timeout(Duration::from_secs(15));
        Ok(config)
    }
}

/// Without the URL, which may hold a password.
impl fmt::Debug for PostgresSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresSettings")
            .field("pool_size", &self.pool_size)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

/// Why the settings cannot be used. It never repeats the URL.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The URL cannot be parsed, or names no host.
    #[error("the PostgreSQL URL is not valid, or names no host")]
    Url,
    /// There can be no connection, or no time.
    #[error("the PostgreSQL pool size, deadline and connect timeout must be greater than zero")]
    Zero,
    /// The platform's certificate authorities cannot be used.
    #[error("the platform's certificate authorities cannot be used (sslmode=disable needs none): {0}")]
    Tls(#[from] rustls::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(url: &str) -> Result<Config, SettingsError> {
        PostgresSettings::new(url).driver_config()
    }

    #[test]
    fn the_password_is_not_shown() {
        let settings = PostgresSettings::new("postgres://capykeys:s3cret@localhost/capykeys");
        assert!(!format!("{settings:?}").contains("s3cret"));
        let error = config("postgres://capykeys:s3cret@localhost:port/x").unwrap_err();
        assert!(!format!("{error:?} {error}").contains("s3cret"));
    }

    #[test]
    fn what_cannot_work_is_refused() {
        assert!(matches!(config("not a url"), Err(SettingsError::Url)));
        assert!(matches!(config("dbname=capykeys"), Err(SettingsError::Url)));
        let none = PostgresSettings { pool_size: 0, ..PostgresSettings::new("host=localhost") };
        assert!(matches!(none.driver_config(), Err(SettingsError::Zero)));
    }

    #[test]
    fn tls_is_as_the_url_says_and_none_on_a_socket() {
        for (url, mode) in [
            ("postgres://localhost/x", SslMode::Prefer),
            ("postgres://localhost/x?sslmode=disable", SslMode::Disable),
            ("postgres://localhost/x?sslmode=require", SslMode::Require),
            ("postgres://localhost/x?sslmode=verify-full", SslMode::Require),
            ("host=/run/postgresql dbname=x", SslMode::Disable),
        ] {
            assert_eq!(config(url).unwrap().get_ssl_mode(), mode, "{url}");
        }
    }
}
