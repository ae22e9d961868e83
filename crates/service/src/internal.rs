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
    tls::Tls,
};

/// What callers are asked for.
pub(crate) struct Proof {
    /// What the endpoints ask.
    pub(crate) callers: ClusterAuthentication,
    /// TLS, where there is any. It asks for a certificate where callers prove themselves with one.
    pub(crate) tls: Option<Tls>,
    tokens: Option<Arc<ClusterTokens>>,
}

impl Proof {
    /// Starts to fetch the cluster's keys, where they are needed.
    pub(crate) fn warm_up(&self) {
        if let Some(tokens) = &self.tokens {
            tokens.warm_up();
        }
    }
}

/// Checks the settings and puts together what they say. Nobody is asked for anything yet.
pub(crate) fn proof(internal: &Internal) -> Result<Proof, Error> {
    contradictions(internal)?;
    let tls = internal.tls.as_ref().map(Tls::read).transpose()?;
    let tokens = match &internal.token {
        Some(token) if internal.callers == Callers::Token => Some(Arc::new(tokens(token)?)),
        _ => None,
    };
    if tokens.is_some() && tls.is_none() && !is_loopback(internal.listen) {
        tracing::warn!("cluster tokens can be read on their way: internal.tls is not set");
    }
    let callers = match tokens.clone() {
        Some(tokens) => ClusterAuthentication::Token(tokens),
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

fn tokens(token: &ClusterToken) -> Result<ClusterTokens, Error> {
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
    let fetcher = fetcher(token)?;
    Ok(ClusterTokens::new(vec![settings], Arc::new(SystemClock), Arc::new(fetcher), Handle::current())?)
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

fn fetcher(token: &ClusterToken) -> Result<HttpFetcher, Error> {
    let authorities = token.jwks_ca_file.as_deref();
    let authorities = authorities.map(|path| read("internal.token.jwks_ca_file", path)).transpose()?;
    if let Some(path) = &token.jwks_token_file {
        // It will be read for each fetch; that it can be is better known now.
        read("internal.token.jwks_token_file", path)?;
    }
    let options = HttpOptions { authorities, token_file: token.jwks_token_file.clone() };
    HttpFetcher::with(options).map_err(|error| match error {
        HttpFetcherError::Authorities => {
            let rule = "internal.token.jwks_ca_file must hold certificates in PEM";
            ConfigError::Invalid(rule.to_owned()).into()
        }
        HttpFetcherError::Client => error.into(),
    })
}

fn read(name: &str, path: &Path) -> Result<String, ConfigError> {
    Ok(Secret::read(name, path)?.expose().to_owned())
}
