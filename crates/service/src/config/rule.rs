//! Rules that several settings have in common. What was written is not repeated.

use std::{fmt::Display, ops::RangeInclusive};

use capykeys_clerk::{PublicKeySource, shown};
use serde::{Serialize, Serializer};
use url::Url;

use super::ConfigError;

/// The rule of a setting, as an error.
pub(super) fn broken(name: &str, rule: impl Display) -> ConfigError {
    ConfigError::Invalid(format!("`{name}` {rule}"))
}

/// A number in the range in which it can be meant.
pub(super) fn within<T>(name: &str, value: T, range: RangeInclusive<T>) -> Result<(), ConfigError>
where
    T: Copy + Display + PartialOrd,
{
    if range.contains(&value) {
        return Ok(());
    }
    Err(broken(name, format_args!("must be from {} to {}", range.start(), range.end())))
}

/// One name or address, of which nothing shows that several, a pattern or another notation was meant.
pub(super) fn one(name: &str, text: &str) -> Result<(), ConfigError> {
    let odd = |character: char| {
        character.is_whitespace() || character.is_control() || "\"'`;,*[]{}<>\\|^".contains(character)
    };
    if text.is_empty() || text.contains(odd) {
        return Err(broken(
            name,
            "must be one text, compared to the letter: without white space, quotation marks, brackets, `*`, `,` \
             and `;`",
        ));
    }
    Ok(())
}

/// An issuer of tokens, which is compared to the letter with their `iss`. Where it is a URL it has
/// neither a password nor a query (RFC 8414, section 2), so that it can be shown.
pub(super) fn issuer(name: &str, text: &str) -> Result<(), ConfigError> {
    one(name, text)?;
    if text.contains("://") && !Url::parse(text).is_ok_and(|url| is_plain(&url)) {
        return Err(broken(name, "must be a URL without user name, password, query and fragment"));
    }
    Ok(())
}

/// Whether a URL has nothing in it that would have to be kept from a log.
pub(super) fn is_plain(url: &Url) -> bool {
    url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none()
}

/// Where keys are fetched, or whose tokens are believed: https, or http to this machine.
pub(super) fn trustworthy(name: &str, url: &Url) -> Result<(), ConfigError> {
    let rule = "must be an https URL (http to this machine alone), without user name, password and fragment";
    PublicKeySource::JwksUrl(url.clone()).check().map_err(|_| broken(name, rule))
}

/// The origin of a front end as a browser or an app writes it (RFC 6454): scheme, host and a port that
/// is not the scheme's own.
pub(super) fn origin(name: &str, text: &str) -> Result<(), ConfigError> {
    let is_origin = |url: Url| match url.scheme() {
        "http" | "https" => !text.contains('*') && url.origin().ascii_serialization() == text,
        // Of an app or an extension: its host is not the URL standard's business.
        scheme => text
            .strip_prefix(scheme)
            .and_then(|rest| rest.strip_prefix("://"))
            .is_some_and(|host| one(name, host).is_ok() && !host.contains(['/', '?', '#', '@'])),
    };
    if !Url::parse(text).is_ok_and(is_origin) {
        return Err(broken(
            name,
            "must be an origin as browsers write it, such as `https://app.example.com`: scheme, host in small \
             letters, no usual port, no path",
        ));
    }
    Ok(())
}

/// What is shown instead of a URL's query, in which a secret may be.
pub(crate) const HIDDEN_QUERY: &str = "?redacted";

/// For a URL that may have a secret in it.
#[expect(clippy::ref_option, reason = "serde calls it so")]
pub(super) fn serialize_shown<S: Serializer>(url: &Option<Url>, serializer: S) -> Result<S::Ok, S::Error> {
    url.as_ref().map(shown).serialize(serializer)
}
