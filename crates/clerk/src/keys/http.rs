//! Fetching key sets over HTTP.

use std::time::Duration;

use async_trait::async_trait;
use reqwest::{Client, StatusCode, Url, redirect::Policy};

use super::fetch::{FetchError, FetchJwks, MAX_JWKS_BYTES};
use crate::settings::SettingsError;

/// From the first byte of the request to the last of the answer.
const TIMEOUT: Duration = Duration::from_secs(3);

/// The real fetcher: HTTPS with the certificate authorities of the system.
///
/// It follows no redirects and uses no proxy. Connections are not kept: between two fetches lie
/// minutes, in which a kept connection dies without a word.
#[derive(Clone, Debug)]
pub struct HttpFetcher {
    client: Client,
}

impl HttpFetcher {
    /// Sets the client up.
    ///
    /// # Errors
    /// [`SettingsError`] where the system has no certificate authorities to trust.
    pub fn new() -> Result<Self, SettingsError> {
        let client = Client::builder()
            .user_agent(concat!("capykeys/", env!("CARGO_PKG_VERSION")))
            .timeout(TIMEOUT)
            .redirect(Policy::none())
            .no_proxy()
            .pool_max_idle_per_host(0)
            .build();
        let sentence = "No HTTPS client could be set up: are the system's CA certificates installed?";
        client.map(|client| Self { client }).map_err(|_| SettingsError::new(sentence))
    }
}

#[async_trait]
impl FetchJwks for HttpFetcher {
    async fn fetch(&self, url: &Url) -> Result<Vec<u8>, FetchError> {
        let mut response = self.client.get(url.clone()).send().await.map_err(|error| kind(&error))?;
        if response.status() != StatusCode::OK {
            return Err(FetchError::Status(response.status().as_u16()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| kind(&error))? {
            // Stops at the limit: the rest is never read, whatever length was announced.
            if body.len() + chunk.len() > MAX_JWKS_BYTES {
                return Err(FetchError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

fn kind(error: &reqwest::Error) -> FetchError {
    if error.is_timeout() {
        FetchError::Timeout
    } else if error.is_connect() {
        FetchError::Connect
    } else {
        FetchError::Interrupted
    }
}
