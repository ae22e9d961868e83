//! Where the keys come from.

use std::net::IpAddr;

use reqwest::Url;

use crate::algorithm::Algorithm;

/// Where an issuer's public keys come from.
#[derive(Clone, Debug)]
pub enum PublicKeySource {
    /// A JWK set (RFC 7517), such as `https://clerk.example.com/.well-known/jwks.json`.
    JwksUrl(Url),
    /// The set that the issuer itself names in its metadata (OpenID Connect Discovery 1.0, section 4; RFC
    /// 8414, section 3), which are asked for each time that the set is.
    Discovery {
        /// The issuer, to the letter: its metadata must name the same.
        issuer: String,
    },
    /// One public key in PEM.
    Pem(String),
}

/// A setting that cannot be worked with, as one sentence for the person who wrote it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SettingsError(String);

impl SettingsError {
    /// With this sentence.
    pub fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}

/// Why a [`PublicKeySource`] cannot be worked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublicKeySourceError {
    /// The URL is neither https nor http to this machine, or has more in it than it should.
    #[error("the JWKS URL must be an https URL without user name, password and fragment")]
    Url,
    /// The issuer is no URL that metadata can be fetched from.
    #[error("the issuer must be an https URL without user name, password, query and fragment")]
    Discovery,
    /// The PEM is a private key.
    #[error("the PEM is a private key")]
    PrivateKey,
    /// The PEM is no public key for an algorithm that is accepted.
    #[error("the PEM is no public key that can be used")]
    NoPublicKey,
}

impl PublicKeySource {
    /// Whether somebody may have to be asked for the keys whose certificate is to be checked.
    #[must_use]
    pub fn needs_authorities(&self) -> bool {
        match self {
            Self::JwksUrl(url) => url.scheme() != "http",
            // The metadata can name any URL.
            Self::Discovery { .. } => true,
            Self::Pem(_) => false,
        }
    }

    /// Checks what can be seen without asking anybody.
    ///
    /// # Errors
    /// [`PublicKeySourceError`].
    pub fn check(&self) -> Result<(), PublicKeySourceError> {
        match self {
            Self::JwksUrl(url) if !is_trustworthy(url) => Err(PublicKeySourceError::Url),
            Self::Discovery { issuer } if discovery_url(issuer).is_none() => {
                Err(PublicKeySourceError::Discovery)
            }
            Self::Pem(pem) if pem.contains("PRIVATE KEY-----") => Err(PublicKeySourceError::PrivateKey),
            _ => Ok(()),
        }
    }
}

impl PublicKeySourceError {
    /// The sentence for the person who has configured the source: whose keys those are, and for which
    /// algorithms they have to be.
    #[must_use]
    pub fn sentence(self, whose: &str, algorithms: &[Algorithm]) -> String {
        match self {
            Self::Url => format!(
                "The JWKS URL of {whose} must be an https URL without user name, password and fragment."
            ),
            Self::Discovery => format!(
                "To find the keys of {whose}, its issuer must be an https URL without user name, password, query \
                 and fragment."
            ),
            Self::PrivateKey => format!(
                "The PEM of {whose} is a private key: configure the public one, and replace the private one."
            ),
            Self::NoPublicKey => {
                let curve = algorithms.contains(&Algorithm::Es256);
                let or_curve = if curve { ", or one on P-256" } else { "" };
                format!("The PEM of {whose} must be an RSA public key of 2048 to 8192 bits{or_curve}.")
            }
        }
    }
}

/// Where an issuer's metadata are (OpenID Connect Discovery 1.0, section 4.1); `None` where the issuer is no
/// URL that can be asked.
pub(crate) fn discovery_url(issuer: &str) -> Option<Url> {
    let url = Url::parse(issuer).ok().filter(|url| is_trustworthy(url) && url.query().is_none())?;
    Url::parse(&format!("{}/.well-known/openid-configuration", url.as_str().trim_end_matches('/'))).ok()
}

/// Whether it is https, or http to this very machine, with nothing in it that would have to be
/// kept from a log.
#[must_use]
pub fn is_trustworthy(url: &Url) -> bool {
    let secure = match url.scheme() {
        "https" => url.host_str().is_some(),
        "http" => is_loopback(url),
        _ => false,
    };
    secure && url.username().is_empty() && url.password().is_none() && url.fragment().is_none()
}

/// What may be shown of a URL: neither user name nor password, and of a query only that there is one.
#[must_use]
pub fn shown(url: &Url) -> Url {
    let mut shown = url.clone();
    // These fail where a URL can have none.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    if shown.query().is_some() {
        shown.set_query(Some("redacted"));
    }
    shown.set_fragment(None);
    shown
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}
