//! What can go wrong with the database, said without any value of a row.

use std::{error::Error as _, fmt, io};

use capykeys_domain::ports::Unavailable;
use tokio_postgres::{Error, error::SqlState};

/// Why an operation failed.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// The server refused, with this code.
    Code(SqlState),
    /// There was no answer in time.
    Timeout,
    /// The connection could not be opened or broke.
    Connection(String),
    /// The schema is not the one that this program knows.
    Schema(String),
    /// The server is no primary.
    Standby,
    /// The server has no current line of history, or not the newest: nothing was done.
    NoLine,
    /// The answer is of a newer line of history than was known, on which this process has committed nothing yet.
    Unsettled,
    /// The answer is of an older line of history than the newest that was seen.
    Superseded,
    /// The change was committed, and may be on no standby: whoever made the server wait for one ended the wait.
    Unreplicated,
    /// A row is not what the domain allows.
    UnreadableRow,
    /// A statement takes a value that it was not given.
    Binding,
}

impl Failure {
    /// What it is called where operations are measured.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Code(_) if self.is_constraint() => "constraint",
            Self::Code(_) => "refused",
            Self::Timeout => "timeout",
            Self::Connection(_) => "connection",
            Self::Schema(_) => "schema",
            Self::Standby => "standby",
            Self::NoLine | Self::Unsettled | Self::Superseded => "history",
            Self::Unreplicated => "unreplicated",
            Self::UnreadableRow => "unreadable",
            Self::Binding => "binding",
        }
    }

    /// Whether the server refused with this code.
    pub(crate) fn is(&self, state: &SqlState) -> bool {
        matches!(self, Self::Code(code) if code == state)
    }

    /// Whether the statement was refused because of what it would have stored (class 23).
    pub(crate) fn is_constraint(&self) -> bool {
        matches!(self, Self::Code(code) if code.code().starts_with("23"))
    }

    /// Whether it leaves the connection as it was: a violated constraint, or that nothing was done.
    pub(crate) fn is_an_answer(&self) -> bool {
        self.is_constraint() || matches!(self, Self::NoLine | Self::Unsettled)
    }

    /// Whether the server did not accept who asks, or the password (class 28).
    pub(crate) fn is_about_who_asks(&self) -> bool {
        matches!(self, Self::Code(code) if code.code().starts_with("28"))
    }

    /// Whether the server, or the role, has as many connections as it may (class 53).
    pub(crate) fn is_about_their_number(&self) -> bool {
        matches!(self, Self::Code(code) if code.code().starts_with("53"))
    }

    /// Whether a connection may be had a moment later: once others have closed theirs, or once the
    /// server has started.
    pub(crate) fn passes(&self) -> bool {
        self.is_about_their_number() || self.is(&SqlState::CANNOT_CONNECT_NOW)
    }

    /// As the ports say it.
    pub(crate) fn during(&self, operation: &'static str) -> Unavailable {
        Unavailable::new("postgres", format_args!("{operation}: {self}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) if *code == SqlState::INSUFFICIENT_PRIVILEGE => {
                f.write_str("this role lacks a right: run crates/postgres/roles.sql")
            }
            Self::Code(code) => match meaning(code) {
                Some(meaning) => write!(f, "{meaning} (SQLSTATE {})", code.code()),
                None => write!(f, "SQLSTATE {}", code.code()),
            },
            Self::Timeout => f.write_str("no answer in time"),
            Self::Connection(reason) | Self::Schema(reason) => f.write_str(reason),
            Self::Standby => f.write_str(
                "the server is a standby, or default_transaction_read_only is on: `postgres.url` must lead to \
                 the primary",
            ),
            Self::NoLine | Self::Superseded => f.write_str(
                "the server does not have the newest history that was seen: it is an old primary, or was \
                 restored to an older state (then restart capykeys)",
            ),
            Self::Unsettled => f.write_str("the server has begun a history, and has not shown yet that it can commit"),
            Self::Unreplicated => f.write_str(
                "the change is on this server, but the wait for its standby was cancelled: a failover may lose it",
            ),
            Self::UnreadableRow => f.write_str("a row that cannot be read"),
            Self::Binding => f.write_str("a value of the statement is missing"),
        }
    }
}

/// What an operator can do something about.
fn meaning(code: &SqlState) -> Option<&'static str> {
    Some(match code.code() {
        "28P01" => "the user name or the password in `postgres.url` is wrong",
        "28000" => "the server does not let the user of `postgres.url` in: look at its pg_hba.conf",
        "3D000" => "the database of `postgres.url` does not exist",
        "55P03" => {
            "somebody else has locked a table: try again when no backup or long transaction is running"
        }
        "53100" => "the disk of the server is full",
        "53300" => {
            "the server has no connection left: look at its max_connections and at `postgres.pool_size`"
        }
        "57P03" => "the server is starting or stopping",
        _ => return None,
    })
}

/// What became of a connection, without a word of the server's.
fn broken(io: &io::Error) -> String {
    let text = io.to_string();
    match io.kind() {
        // The standard library has no kind for it.
        _ if text.starts_with("failed to lookup address information") => {
            "the host of `postgres.url` is unknown: its name could not be resolved".to_owned()
        }
        io::ErrorKind::ConnectionRefused => {
            "connection refused: nothing listens at the host and port of `postgres.url`".to_owned()
        }
        io::ErrorKind::NotFound => "the socket of `postgres.url` does not exist".to_owned(),
        kind => format!("connection: {kind}"),
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        if let Some(code) = error.code() {
            if *code == SqlState::READ_ONLY_SQL_TRANSACTION {
                return Self::Standby;
            }
            return Self::Code(code.clone());
        }
        // The error's own text may repeat what the server sent: only what is known to be the
        // operating system's or the TLS library's is passed on.
        let io = error.source().and_then(|source| source.downcast_ref::<io::Error>());
        // What the driver says of a server that is not `read-write`.
        if io.is_some_and(|io| io.kind() == io::ErrorKind::PermissionDenied && io.raw_os_error().is_none()) {
            return Self::Standby;
        }
        let tls = io.and_then(|io| io.get_ref()?.downcast_ref::<rustls::Error>());
        // The driver's own words, when none of several servers is a primary.
        if io.is_some_and(|io| io.to_string() == "database does not allow writes") {
            return Self::Standby;
        }
        let source = error.source().map(ToString::to_string).unwrap_or_default();
        Self::Connection(match (io, tls) {
            (_, Some(tls)) => format!("TLS: {tls}"),
            (Some(io), None) => broken(io),
            _ if source == "server does not support TLS" => {
                "the server offers no TLS: set it up there, or write `sslmode=disable` into `postgres.url` where \
                 the network may see the password"
                    .to_owned()
            }
            _ if error.is_closed() => "connection closed".to_owned(),
            _ => "connection: unexpected answer".to_owned(),
        })
    }
}
