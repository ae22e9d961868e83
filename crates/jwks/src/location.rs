//! Where a key set is.

use reqwest::Url;
use serde::Deserialize;

use crate::{
    fetch::{FetchError, FetchJwks, MAX_JWKS_BYTES},
    source::{is_trustworthy, shown},
};

/// Where a key set is.
pub(crate) enum Location {
    /// There.
    Set(Url),
    /// Where the issuer's metadata say.
    Metadata {
        /// Where these are.
        url: Url,
        /// Whose they have to be.
        issuer: String,
    },
}

/// Why an issuer's metadata are not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MetadataError {
    #[error("the answer is no metadata of an issuer")]
    Malformed,
    #[error("the metadata are those of another issuer")]
    Issuer,
    #[error("the metadata name no https URL of a JWK set")]
    JwksUrl,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum LocationError {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error(transparent)]
    Metadata(#[from] MetadataError),
}

/// What is read of an issuer's metadata (OpenID Connect Discovery 1.0, section 3).
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
}

impl Location {
    /// What may be shown of where is asked first.
    pub(crate) fn shown(&self) -> Url {
        match self {
            Self::Set(url) | Self::Metadata { url, .. } => shown(url),
        }
    }

    /// The answer that should be the set.
    pub(crate) async fn fetch(&self, fetcher: &dyn FetchJwks) -> Result<Vec<u8>, LocationError> {
        match self {
            Self::Set(url) => Ok(fetch(fetcher, url).await?),
            Self::Metadata { url, issuer } => {
                let url = jwks_url(&fetch(fetcher, url).await?, issuer)?;
                Ok(fetch(fetcher, &url).await?)
            }
        }
    }
}

async fn fetch(fetcher: &dyn FetchJwks, url: &Url) -> Result<Vec<u8>, FetchError> {
    let body = fetcher.fetch(url).await?;
    if body.len() > MAX_JWKS_BYTES { Err(FetchError::TooLarge) } else { Ok(body) }
}

/// Where these metadata say that the set is. Those of another issuer are not followed (OpenID Connect
/// Discovery 1.0, section 4.3): whoever can write them could give an issuer that we trust keys of their own. Nor may an
/// issuer elsewhere have us ask this machine, whose services may trust what comes from it.
fn jwks_url(metadata: &[u8], issuer: &str) -> Result<Url, MetadataError> {
    let metadata: Metadata = serde_json::from_slice(metadata).map_err(|_| MetadataError::Malformed)?;
    if metadata.issuer != issuer {
        return Err(MetadataError::Issuer);
    }
    let may_be_here = issuer.starts_with("http:");
    let is_followed = |url: &Url| is_trustworthy(url) && (url.scheme() == "https" || may_be_here);
    Url::parse(&metadata.jwks_uri).ok().filter(is_followed).ok_or(MetadataError::JwksUrl)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_issuers_own_metadata_are_followed_and_only_to_an_https_url() {
        let issuer = "https://id.example.com/";
        for (metadata, expected) in [
            (r#"{"issuer":"https://id.example.com/","jwks_uri":"https://keys.example.com/k"}"#, Ok(())),
            (r#"{"issuer":"https://id.example.com/","jwks_uri":"https://127.0.0.1:9/k","x":[]}"#, Ok(())),
            (
                r#"{"issuer":"https://id.example.com/","jwks_uri":"http://127.0.0.1:9/k"}"#,
                Err(MetadataError::JwksUrl),
            ),
            (
                r#"{"issuer":"https://id.example.com","jwks_uri":"https://keys.example.com/k"}"#,
                Err(MetadataError::Issuer),
            ),
            (
                r#"{"issuer":"https://id.example.com/","jwks_uri":"http://keys.example.com/k"}"#,
                Err(MetadataError::JwksUrl),
            ),
            (
                r#"{"issuer":"https://id.example.com/","jwks_uri":"file:///etc/keys"}"#,
                Err(MetadataError::JwksUrl),
            ),
            (r#"{"issuer":"https://id.example.com/"}"#, Err(MetadataError::Malformed)),
            (
                r#"{"issuer":"https://x","issuer":"https://id.example.com/","jwks_uri":"https://k/k"}"#,
                Err(MetadataError::Malformed),
            ),
            ("<html>", Err(MetadataError::Malformed)),
            ("", Err(MetadataError::Malformed)),
        ] {
            assert_eq!(jwks_url(metadata.as_bytes(), issuer).map(drop), expected, "{metadata}");
        }
    }

    #[test]
    fn an_issuer_on_this_machine_may_have_its_keys_there() {
        let metadata = br#"{"issuer":"http://127.0.0.1:9","jwks_uri":"http://127.0.0.1:9/k"}"#;
        assert!(jwks_url(metadata, "http://127.0.0.1:9").is_ok());
    }
}
