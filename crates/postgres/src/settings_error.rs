//! Why the settings cannot be used.

/// Why the settings cannot be used. It never repeats the URL.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The URL is neither a URL of PostgreSQL nor made of `key=value` pairs.
    #[error(
        "`postgres.url` is not a connection string, such as \
         `postgres://user:password@host/database?sslmode=verify-full`; `@`, `/`, `?`, `#` and `%` in a password \
         are written as `%40`, `%2F`, `%3F`, `%23` and `%25`"
    )]
    Url,
    /// The URL names no host.
    #[error("`postgres.url` names no host")]
    NoHost,
    /// A parameter has a value that it cannot have.
    #[error("`postgres.url` has a value for `{0}` that it cannot have{hint}", hint = hint(.0))]
    Value(&'static str),
    /// A parameter of libpq that the driver does not have.
    #[error("`postgres.url` has the parameter `{0}`, which is not supported{hint}", hint = hint(.0))]
    Unsupported(&'static str),
    /// A parameter that nobody knows; it may be a part of the password.
    #[error("`postgres.url` has a parameter that PostgreSQL does not know")]
    Unknown,
    /// There can be no connection, or no time.
    #[error("the PostgreSQL pool size, deadline and connect timeout must be greater than zero")]
    Zero,
    /// The platform's certificate authorities cannot be used.
    #[error("the platform's certificate authorities cannot be used (sslmode=disable needs none): {0}")]
    Tls(#[from] rustls::Error),
}

/// What to do instead.
fn hint(parameter: &str) -> &'static str {
    match parameter {
        "sslrootcert" => ": set SSL_CERT_FILE to the file of the authorities",
        "sslmode" => ": it is `disable`, `prefer`, `require` or `verify-full`",
        "passfile" => ": set `postgres.url_file` to a file with the whole URL",
        "keepalives_count" => ": it is called `keepalives_retries`",
        _ => "",
    }
}
