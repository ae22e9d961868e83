//! Where the database is, and how long to wait for it.

use std::{fmt, net::IpAddr, sync::Arc, time::Duration};

use tokio_postgres::config::{Config, Host, SslMode, TargetSessionAttrs};

use crate::{prepared::PreparedStatements, settings_error::SettingsError, url};

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
    /// `sslmode` is `disable`, `prefer` (TLS where the server offers it), `require` or `verify-full`. Where
    /// TLS is used, the server's certificate and name are always verified, against the certificate
    /// authorities that the platform trusts. Without it that is `verify-full`, and `prefer` where no host
    /// is further away than this machine.
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
    /// Whether the server parses and plans each statement once for a connection, or each time.
    pub prepared_statements: PreparedStatements,
    /// What the server calls the connections (`pg_stat_activity`), unless the URL says.
    pub application_name: &'static str,
}

impl PostgresSettings {
    /// 16 connections, 450 ms for an operation and 5 s for opening a connection.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            url_source: None,
            pool_size: 16,
            deadline: Duration::from_millis(450),
            connect_timeout: Duration::from_secs(5),
            prepared_statements: PreparedStatements::default(),
            application_name: "capykeys",
        }
    }

    /// The `sslmode` with which a password may travel in clear to another machine, where that is written
    /// down; the default never lets it.
    ///
    /// # Errors
    /// [`SettingsError`] where the URL cannot be used.
    pub fn clear_text(&self) -> Result<Option<&'static str>, SettingsError> {
        let config = self.parse()?;
        Ok(match config.get_ssl_mode() {
            _ if is_on_this_machine(&config) => None,
            SslMode::Disable => Some("disable"),
            SslMode::Prefer => Some("prefer"),
            _ => None,
        })
    }

    /// The URL as the driver understands it, with our own default for `sslmode`.
    fn parse(&self) -> Result<Config, SettingsError> {
        let written = url::parse(&self.url)?;
        let strict = url::parse_strict(&self.url)?;
        // Where the two differ, no `sslmode` is written.
        let is_default = written.get_ssl_mode() != strict.get_ssl_mode();
        Ok(if is_default && !is_on_this_machine(&written) { strict } else { written })
    }

    /// What the driver is told: the URL, and how to notice that the server is gone.
    pub(crate) fn driver_config(&self) -> Result<Config, SettingsError> {
        if self.pool_size == 0 || self.deadline.is_zero() || self.connect_timeout.is_zero() {
            return Err(SettingsError::Zero);
        }
        let mut config = self.parse()?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(SettingsError::NoHost);
        }
        if is_on_sockets(&config) {
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

/// Whether the server is reached over Unix sockets alone.
fn is_on_sockets(config: &Config) -> bool {
    config.get_hostaddrs().is_empty() && config.get_hosts().iter().all(|host| matches!(host, Host::Unix(_)))
}

/// Whether nothing leaves this machine. The driver goes by the addresses where there are any.
fn is_on_this_machine(config: &Config) -> bool {
    let is_near = |host: &Host| match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
        }
    };
    match config.get_hostaddrs() {
        [] => config.get_hosts().iter().all(is_near),
        addresses => addresses.iter().all(|ip| ip.to_canonical().is_loopback()),
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
        assert!(matches!(config("dbname=capykeys"), Err(SettingsError::NoHost)));
        let none = PostgresSettings { pool_size: 0, ..PostgresSettings::new("host=localhost") };
        assert!(matches!(none.driver_config(), Err(SettingsError::Zero)));
    }

    #[test]
    fn what_is_wrong_with_a_url_is_told_by_the_name_of_the_parameter() {
        for (url, said) in [
            (
                "postgres://db.example/x?sslrootcert=/ca.pem",
                "`sslrootcert`, which is not supported: set SSL_CERT_FILE",
            ),
            ("postgres://db.example/x?pool_max_conns=5", "a parameter that PostgreSQL does not know"),
            ("postgres://db.example/x?hush=5", "a parameter that PostgreSQL does not know"),
            ("postgres://db.example/x?sslmode=allow", "a value for `sslmode`"),
            ("postgres://db.example:port/x", "a value for `port`"),
            ("host=db.example sslmode=on", "a value for `sslmode`"),
            ("host=db.example target_session_attrs=standby", "a value for `target_session_attrs`"),
            ("postgres:///x", "names no host"),
            ("mysql://db.example/x", "is not a connection string"),
            ("postgres://u:hush@db.example:hush/x", "a value for `port`"),
        ] {
            let error = config(url).unwrap_err().to_string();
            assert!(error.contains(said) && error.contains("postgres.url"), "{url}: {error}");
            assert!(!error.contains("hush"), "{url}: {error}");
        }
    }

    #[test]
    fn tls_is_verified_off_this_machine_unless_something_else_is_written() {
        use SslMode::{Disable, Prefer, Require};
        for (url, mode, clear_text) in [
            ("postgres://localhost/x", Prefer, None),
            ("postgres://127.0.0.2,[::1]/x", Prefer, None),
            ("postgres://localhost/x?sslmode=disable", Disable, None),
            ("postgres://localhost/x?sslmode=require", Require, None),
            ("host=/run/postgresql dbname=x", Disable, None),
            ("postgres://%2Frun%2Fpostgresql/x", Disable, None),
            ("postgres://db.example/x", Require, None),
            ("postgres://db.example", Require, None),
            ("postgres://u:p%3Fsslmode=disable@db.example/x", Require, None),
            ("postgres://u:sslmode=verify-full@db.example/x", Require, None),
            ("postgresql://u:p@db.example/x?connect_timeout=1", Require, None),
            ("postgres://u:p@db.example?sslmode=verify-full", Require, None),
            ("postgres://u:p@db.example/x?sslmode=verify-ca", Require, None),
            ("postgres://localhost,db.example/x", Require, None),
            ("host=db.example user=u", Require, None),
            ("host=localhost.example", Require, None),
            ("host=localhost hostaddr=10.0.0.5", Require, None),
            ("host=/run/postgresql hostaddr=10.0.0.5", Require, None),
            ("host=db.example hostaddr=127.0.0.1", Prefer, None),
            ("host=db.example sslmode=verify-full", Require, None),
            ("host=db.example sslmode='verify-full'", Require, None),
            ("host=db.example sslmode = disable", Disable, Some("disable")),
            ("postgres://db.example/x?sslmode=disable", Disable, Some("disable")),
            ("postgres://db.example/x?sslmode=prefer", Prefer, Some("prefer")),
            ("postgres://db.example/x?sslmode=require&sslmode=prefer", Prefer, Some("prefer")),
            ("host=/run/postgresql hostaddr=10.0.0.5 sslmode=disable", Disable, Some("disable")),
        ] {
            assert_eq!(config(url).unwrap().get_ssl_mode(), mode, "{url}");
            assert_eq!(PostgresSettings::new(url).clear_text().unwrap(), clear_text, "{url}");
        }
    }
}
