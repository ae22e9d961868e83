//! Fetching key sets over HTTP.

use std::{
    path::PathBuf,
    sync::{PoisonError, RwLock},
    time::Duration,
};

use async_trait::async_trait;
use reqwest::{
    Certificate, Client, ClientBuilder, RequestBuilder, StatusCode, Url,
    header::{AUTHORIZATION, HeaderValue},
    redirect::Policy,
};

use crate::fetch::{FetchError, FetchJwks, MAX_JWKS_BYTES};

/// From the first byte of the request to the last of the answer.
const TIMEOUT: Duration = Duration::from_secs(3);

/// The real fetcher: HTTPS.
///
/// It follows no redirects, uses no proxy, and sends nothing of the request that needs the keys. Connections are not kept: between two fetches lie
/// minutes, in which a kept connection dies without a word.
#[derive(Debug)]
pub struct HttpFetcher {
    client: RwLock<Client>,
    token_file: Option<PathBuf>,
}

/// What a server may ask of those who fetch its keys, such as the API server of a Kubernetes
/// cluster does.
#[derive(Clone, Debug, Default)]
pub struct HttpOptions {
    /// The certificate authorities to trust, in PEM, instead of the system's.
    pub authorities: Option<String>,
    /// Whether nothing is fetched but over plain HTTP, so that a system without authorities will do.
    pub plain: bool,
    /// A file with a bearer token to ask with. It is read anew for each fetch, because such tokens
    /// are replaced while the process runs. Whoever is asked gets to see it.
    pub token_file: Option<PathBuf>,
}

/// Why there is no fetcher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpFetcherError {
    /// The authorities are not certificates in PEM, or there is none among them.
    #[error("The certificate authorities to fetch keys with must be certificates in PEM.")]
    Authorities,
    /// The system has no certificate authorities to trust.
    #[error("No HTTPS client could be set up: are the system's CA certificates installed?")]
    Client,
}

impl HttpFetcher {
    /// A fetcher that trusts the certificate authorities of the system, and asks as nobody.
    ///
    /// # Errors
    /// [`HttpFetcherError::Client`].
    pub fn new() -> Result<Self, HttpFetcherError> {
        Self::with(HttpOptions::default())
    }

    /// A fetcher with these options. The token is not read yet.
    ///
    /// # Errors
    /// [`HttpFetcherError`].
    pub fn with(options: HttpOptions) -> Result<Self, HttpFetcherError> {
        let HttpOptions { authorities, plain, token_file } = options;
        let client = match authorities {
            Some(authorities) => trusting(&authorities)?,
            None if plain => client(|builder| builder.tls_certs_only([])).ok_or(HttpFetcherError::Client)?,
            None => client(|builder| builder).ok_or(HttpFetcherError::Client)?,
        };
        Ok(Self { client: RwLock::new(client), token_file })
    }

    /// Trusts other authorities, in PEM, from the next fetch on.
    ///
    /// # Errors
    /// [`HttpFetcherError::Authorities`]; then those of before stay.
    pub fn trust(&self, authorities: &str) -> Result<(), HttpFetcherError> {
        let client = trusting(authorities)?;
        *self.client.write().unwrap_or_else(PoisonError::into_inner) = client;
        Ok(())
    }

    async fn request(&self, url: &Url) -> Result<RequestBuilder, FetchError> {
        let request = self.client.read().unwrap_or_else(PoisonError::into_inner).get(url.clone());
        let Some(path) = &self.token_file else { return Ok(request) };
        let token = tokio::fs::read_to_string(path).await.map_err(|_| FetchError::Token)?;
        let value = HeaderValue::try_from(format!("Bearer {}", token.trim()));
        let mut value = value.map_err(|_| FetchError::Token)?;
        value.set_sensitive(true);
        Ok(request.header(AUTHORIZATION, value))
    }
}

fn trusting(authorities: &str) -> Result<Client, HttpFetcherError> {
    let authorities = Certificate::from_pem_bundle(authorities.as_bytes()).ok();
    let authorities = authorities.filter(|found| !found.is_empty()).ok_or(HttpFetcherError::Authorities)?;
    client(|builder| builder.tls_certs_only(authorities)).ok_or(HttpFetcherError::Authorities)
}

fn client(trust: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Option<Client> {
    let builder = Client::builder()
        .user_agent(concat!("capykeys/", env!("CARGO_PKG_VERSION")))
        .timeout(TIMEOUT)
        .redirect(Policy::none())
        .no_proxy()
        .pool_max_idle_per_host(0);
    trust(builder).build().ok()
}

#[async_trait]
impl FetchJwks for HttpFetcher {
    async fn fetch(&self, url: &Url) -> Result<Vec<u8>, FetchError> {
        let mut response = self.request(url).await?.send().await.map_err(|error| kind(&error))?;
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
