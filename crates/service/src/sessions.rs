//! Who verifies sessions, from the configuration.

use std::sync::Arc;

use async_trait::async_trait;
use capykeys_clerk::{ClerkSettings, ClerkVerifier, HttpFetcher, InstanceSettings, PublicKeySource};
use capykeys_domain::{
    model::Session,
    ports::{SessionError, SessionVerifier},
    secret::BearerToken,
};
use capykeys_oidc::{OidcVerifier, ProviderSettings, claimed_issuer};
use tokio::runtime::Handle;

use crate::{
    adapters::SystemClock,
    config::{Clerk, Config, ConfigError, Instance, Provider, Secret},
    error::Error,
};

/// Verifies the sessions of everybody who may sign in here. Who takes a token is decided by what it says of its
/// issuer, and everything is checked by that one.
pub(crate) struct SessionVerifiers {
    clerk: Option<ClerkVerifier>,
    oidc: Option<OidcVerifier>,
}

impl SessionVerifiers {
    /// For the configured Clerk instances and OpenID providers, where there are any. None of them is asked for
    /// anything yet.
    pub(crate) fn configured(config: &Config) -> Result<Option<Arc<Self>>, Error> {
        let (instances, providers) = (instances(&config.clerk)?, providers(config)?);
        if instances.is_empty() && providers.is_empty() {
            return Ok(None);
        }
        if let Some(twice) =
            providers.iter().find(|one| instances.iter().any(|other| other.issuer == one.issuer))
        {
            let sentence =
                format!("The issuer `{}` is configured both for Clerk and for OIDC.", twice.issuer);
            return Err(ConfigError::Invalid(sentence).into());
        }
        let fetcher = Arc::new(HttpFetcher::new()?);
        let (clock, runtime) = (Arc::new(SystemClock), Handle::current());
        let mut verifiers = Self { clerk: None, oidc: None };
        if !instances.is_empty() {
            let settings = ClerkSettings { instances };
            let verifier = ClerkVerifier::new(settings, clock.clone(), fetcher.clone(), runtime.clone())?;
            verifiers.clerk = Some(verifier);
        }
        if !providers.is_empty() {
            verifiers.oidc = Some(OidcVerifier::new(providers, clock, fetcher, runtime)?);
        }
        Ok(Some(Arc::new(verifiers)))
    }

    /// Starts to fetch the keys of every issuer and comes back at once.
    pub(crate) fn warm_up(&self) {
        self.clerk.iter().for_each(ClerkVerifier::warm_up);
        self.oidc.iter().for_each(OidcVerifier::warm_up);
    }

    /// How many tokens were refused since the start, for each reason there is: for a metric.
    pub(crate) fn refusals(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let clerk = self.clerk.iter().flat_map(ClerkVerifier::refusals);
        let oidc = self.oidc.iter().flat_map(OidcVerifier::refusals);
        let clerk = clerk.map(|(refusal, count)| (refusal.as_str(), count));
        clerk.chain(oidc.map(|(refusal, count)| (refusal.as_str(), count)))
    }
}

#[async_trait]
impl SessionVerifier for SessionVerifiers {
    async fn verify(&self, token: &BearerToken) -> Result<Session, SessionError> {
        match (&self.clerk, &self.oidc) {
            (Some(clerk), Some(oidc)) => {
                let is_theirs = |issuer: String| oidc.accepts_issuer(&issuer);
                let theirs = claimed_issuer(token.expose()).is_some_and(is_theirs);
                if theirs { oidc.verify(token).await } else { clerk.verify(token).await }
            }
            (Some(clerk), None) => clerk.verify(token).await,
            (None, Some(oidc)) => oidc.verify(token).await,
            (None, None) => Err(SessionError::Refused("sessions are not configured")),
        }
    }
}

fn instances(clerk: &Clerk) -> Result<Vec<InstanceSettings>, ConfigError> {
    clerk.instances.iter().map(|(name, one)| instance(name, one)).collect()
}

fn instance(name: &str, instance: &Instance) -> Result<InstanceSettings, ConfigError> {
    let keys = match (&instance.jwks_url, &instance.pem_file) {
        (Some(url), None) => PublicKeySource::JwksUrl(url.clone()),
        (None, Some(path)) => PublicKeySource::Pem(
            Secret::read(&format!("clerk.instances.{name}.pem_file"), path)?.expose().to_owned(),
        ),
        _ => {
            return Err(ConfigError::Invalid(format!(
                "clerk.instances.{name} needs either jwks_url or pem_file"
            )));
        }
    };
    Ok(InstanceSettings {
        issuer: instance.issuer.clone(),
        keys,
        audience: instance.audience.clone(),
        max_lifetime: instance.max_lifetime.duration(),
        authorized_parties: instance.authorized_parties.clone(),
        claims_v1: instance.claims_v1,
    })
}

fn providers(config: &Config) -> Result<Vec<ProviderSettings>, ConfigError> {
    config.oidc.iter().map(|(name, one)| provider(name, one)).collect()
}

fn provider(name: &str, provider: &Provider) -> Result<ProviderSettings, ConfigError> {
    let keys = match (&provider.pem_file, &provider.jwks_url) {
        (None, _) => provider.fetched_keys(),
        (Some(path), None) => {
            let pem = Secret::read(&format!("oidc.{name}.pem_file"), path)?;
            PublicKeySource::Pem(pem.expose().to_owned())
        }
        (Some(_), Some(_)) => {
            let sentence = format!("oidc.{name} has both jwks_url and pem_file: leave one out");
            return Err(ConfigError::Invalid(sentence));
        }
    };
    provider.settings(name, keys)
}
