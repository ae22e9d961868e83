//! Connection strings: what the driver does not say of them, and what it does not know.

use std::error::Error as _;

use tokio_postgres::config::Config;

use crate::settings_error::SettingsError;

/// The parameters that the driver has.
const SUPPORTED: [&str; 19] = [
    "user",
    "password",
    "dbname",
    "options",
    "application_name",
    "sslmode",
    "sslnegotiation",
    "host",
    "hostaddr",
    "port",
    "connect_timeout",
    "tcp_user_timeout",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "target_session_attrs",
    "channel_binding",
    "load_balance_hosts",
];
/// Those of libpq that it does not have.
const UNSUPPORTED: [&str; 15] = [
    "sslrootcert",
    "sslcert",
    "sslkey",
    "sslpassword",
    "sslcrl",
    "sslcrldir",
    "sslsni",
    "gssencmode",
    "krbsrvname",
    "passfile",
    "service",
    "require_auth",
    "client_encoding",
    "keepalives_count",
    "fallback_application_name",
];

/// Reads a connection string as it stands.
pub(crate) fn parse(text: &str) -> Result<Config, SettingsError> {
    known_to_the_driver(text).parse().map_err(|error| explain(&error))
}

/// Reads a connection string in which `sslmode` is `require` unless it says otherwise. Of a parameter
/// that is there twice, the last counts.
pub(crate) fn parse_strict(text: &str) -> Result<Config, SettingsError> {
    const STRICT: &str = "sslmode=require";
    let text = known_to_the_driver(text);
    let strict = if text.contains("://") {
        match query(&text) {
            Some(at) => format!("{}{STRICT}&{}", &text[..at], &text[at..]),
            None => format!("{text}?{STRICT}"),
        }
    } else {
        format!("{STRICT} {text}")
    };
    strict.parse().map_err(|error| explain(&error))
}

/// The driver has no names for the stricter modes. Its `require` is no less, with the verifier that it is
/// given.
fn known_to_the_driver(text: &str) -> String {
    // Of a URL, only what cannot be a password.
    let start = if text.contains("://") { query(text).unwrap_or(text.len()) } else { 0 };
    let (head, tail) = text.split_at(start);
    let tail = ["verify-full", "verify-ca", "'verify-full'", "'verify-ca'"]
        .iter()
        .fold(tail.to_owned(), |tail, mode| tail.replace(&format!("sslmode={mode}"), "sslmode=require"));
    format!("{head}{tail}")
}

/// Where the query of a URL begins: behind the first `?` that comes after the first `@`, as the driver
/// has it.
fn query(url: &str) -> Option<usize> {
    let start = url.find('@').unwrap_or(0);
    url[start..].find('?').map(|at| start + at + 1)
}

/// The driver's text names a parameter, which may be a part of a password: only known names are repeated.
fn explain(error: &tokio_postgres::Error) -> SettingsError {
    let text = error.source().map(ToString::to_string).unwrap_or_default();
    let named =
        |names: &[&'static str]| names.iter().copied().find(|name| text.contains(&format!("`{name}`")));
    match (named(&SUPPORTED), named(&UNSUPPORTED)) {
        (Some(name), _) => SettingsError::Value(name),
        (_, Some(name)) => SettingsError::Unsupported(name),
        _ if text.starts_with("unknown option") => SettingsError::Unknown,
        _ => SettingsError::Url,
    }
}
