//! How callers of the internal listener prove themselves, from the configuration.

use std::{net::SocketAddr, path::Path, sync::Arc};

use capykeys_cluster::{
    ClusterSettings, ClusterTokens, HttpFetcher, HttpFetcherError, HttpOptions, PublicKeySource,
};
use capykeys_domain::model::ClusterSubject;
use capykeys_http::ClusterAuthentication;
use tokio::runtime::Handle;

use crate::{
    adapters::SystemClock,
    config::{Callers, ClusterToken, ConfigError, Internal, Secret},
    error::Error,
    tls::{self, Tls},
    watch::Watched,
};

const CA_FILE: &str = "internal.token.jwks_ca_file";

/// What callers are asked for.
pub(crate) struct Proof {
    /// What the endpoints ask.
    pub(crate) callers: ClusterAuthentication,
    /// TLS, where there is any. It asks for a certificate where callers prove themselves with one.
    pub(crate) tls: Option<Tls>,
    tokens: Option<Tokens>,
}

/// Who checks the cluster's tokens, and who fetches the keys for that.
#[derive(Clone)]
struct Tokens {
    verifier: Arc<ClusterTokens>,
    fetcher: Arc<HttpFetcher>,
}

impl Proof {
    /// Starts to fetch the cluster's keys, where they are needed.
    pub(crate) fn warm_up(&self) {
        if let Some(tokens) = &self.tokens {
            tokens.verifier.warm_up();
        }
    }

    /// The files that are read again when they change.
    pub(crate) fn watched(&self, internal: &Internal) -> impl Iterator<Item = Watched> {
        let of_tls = internal.tls.clone().zip(self.tls.clone()).map(|(settings, tls)| {
            let files = tls::files(&settings);
            Watched::new("internal.tls", files, move || Ok(tls.read_again(&settings)?))
        });
        let (key, authorities) =
            internal.token.as_ref().zip(self.tokens.as_ref()).map(watched_of_tokens).unwrap_or_default();
        of_tls.into_iter().chain(key).chain(authorities)
    }
}

/// Checks the settings and puts together what they say. Nobody is asked for anything yet.
pub(crate) fn proof(internal: &Internal) -> Result<Proof, Error> {
    contradictions(internal)?;
    let tls = internal.tls.as_ref().map(Tls::read).transpose()?;
    let tokens = match &internal.token {
        Some(token) if internal.callers == Callers::Token => Some(tokens(token)?),
        _ => None,
    };
    if tokens.is_some() && tls.is_none() && !is_loopback(internal.listen) {
        tracing::warn!("cluster tokens can be read on their way: internal.tls is not set");
    }
    let callers = match tokens.clone() {
        Some(tokens) => ClusterAuthentication::Token(tokens.verifier),
        None => ClusterAuthentication::Trusted,
    };
    Ok(Proof { callers, tls, tokens })
}

/// A setting without another that it needs would leave the listener open to more than was meant.
fn contradictions(internal: &Internal) -> Result<(), ConfigError> {
    let Internal { callers, token, tls, grpc_listen, .. } = internal;
    let with_authority = tls.as_ref().is_some_and(|tls| tls.client_ca_file.is_some());
    let sentence = match callers {
        Callers::Loopback if !is_loopback(internal.listen) => {
            "internal.listen is not a loopback address, so internal.callers must be token or certificate"
        }
        Callers::Loopback if grpc_listen.is_some_and(|listen| !is_loopback(listen)) => {
            "internal.grpc_listen is not a loopback address, so internal.callers must be certificate"
        }
        Callers::Token if token.is_none() => {
            "internal.callers is token, so internal.token.issuer and internal.token.audience must be set"
        }
        Callers::Certificate if !with_authority => {
            "internal.callers is certificate, so internal.tls.client_ca_file must be set"
        }
        Callers::Loopback | Callers::Certificate if token.is_some() => {
            "internal.token is set, so internal.callers must be token"
        }
        Callers::Loopback | Callers::Token if with_authority => {
            "internal.tls.client_ca_file is set, so internal.callers must be certificate"
        }
        Callers::Token if grpc_listen.is_some() => {
            "internal.callers is token, which gRPC cannot ask for, so internal.grpc_listen must not be set"
        }
        _ => return Ok(()),
    };
    Err(ConfigError::Invalid(sentence.to_owned()))
}

fn is_loopback(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

fn watched_of_tokens((token, tokens): (&ClusterToken, &Tokens)) -> (Option<Watched>, Option<Watched>) {
    let name = "internal.token.pem_file";
    let key = token.pem_file.as_deref();
    let key = key.map(|path| Watched::key(name, name.to_owned(), path, &tokens.verifier, &token.issuer));
    let authorities = token.jwks_ca_file.clone().map(|path| {
        let fetcher = Arc::clone(&tokens.fetcher);
        Watched::new(CA_FILE, vec![path.clone()], move || {
            fetcher.trust(&read(CA_FILE, &path)?).map_err(named)
        })
    });
    (key, authorities)
}

fn tokens(token: &ClusterToken) -> Result<Tokens, Error> {
    if token.subjects.is_empty() {
        tracing::warn!("cluster tokens of every workload are accepted: internal.token.subjects is not set");
    }
    let parse = |subject: &String| ClusterSubject::parse(subject).ok_or_else(subject_rule);
    let settings = ClusterSettings {
        issuer: token.issuer.clone(),
        audience: token.audience.clone(),
        keys: keys(token)?,
        subjects: token.subjects.iter().map(parse).collect::<Result<_, _>>()?,
        max_lifetime: token.max_lifetime.duration(),
    };
    let fetcher = Arc::new(fetcher(token, !settings.keys.needs_authorities())?);
    let clock = Arc::new(SystemClock);
    let verifier = ClusterTokens::new(vec![settings], clock, fetcher.clone(), Handle::current())?;
    Ok(Tokens { verifier: Arc::new(verifier), fetcher })
}

fn subject_rule() -> ConfigError {
    let rule = "internal.token.subjects must be names such as system:serviceaccount:NAMESPACE:NAME";
    ConfigError::Invalid(rule.to_owned())
}

fn keys(token: &ClusterToken) -> Result<PublicKeySource, ConfigError> {
    let fetched_with = [&token.jwks_ca_file, &token.jwks_token_file];
    let sentence = match (&token.jwks_url, &token.pem_file) {
        (Some(url), None) => return Ok(PublicKeySource::JwksUrl(url.clone())),
        (None, Some(path)) if fetched_with.iter().all(|file| file.is_none()) => {
            return Ok(PublicKeySource::Pem(read("internal.token.pem_file", path)?));
        }
        (None, Some(_)) => {
            "internal.token.jwks_ca_file and internal.token.jwks_token_file are for internal.token.jwks_url"
        }
        _ => "internal.token needs either jwks_url or pem_file",
    };
    Err(ConfigError::Invalid(sentence.to_owned()))
}

fn fetcher(token: &ClusterToken, plain: bool) -> Result<HttpFetcher, Error> {
    let authorities = token.jwks_ca_file.as_deref().map(|path| read(CA_FILE, path)).transpose()?;
    if let Some(path) = &token.jwks_token_file {
        // It will be read for each fetch; that it can be is better known now.
        read("internal.token.jwks_token_file", path)?;
    }
    let options = HttpOptions { authorities, plain, token_file: token.jwks_token_file.clone() };
    HttpFetcher::with(options).map_err(named)
}

fn named(error: HttpFetcherError) -> Error {
    match error {
        HttpFetcherError::Authorities => {
            ConfigError::Invalid(format!("{CA_FILE} must hold certificates in PEM")).into()
        }
        HttpFetcherError::Client => error.into(),
    }
}

fn read(name: &str, path: &Path) -> Result<String, ConfigError> {
    Ok(Secret::read(name, path)?.expose().to_owned())
}
