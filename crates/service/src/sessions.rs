//! Who verifies sessions, from the configuration.

use std::sync::Arc;

use async_trait::async_trait;
use capykeys_clerk::{ClerkVerifier, HttpFetcher, HttpOptions, InstanceSettings, PublicKeySource};
use capykeys_domain::{
    model::Session,
    ports::{BearerTokenError, IssuerVerifier, SessionVerifier},
    secret::BearerToken,
};
use capykeys_oidc::{OidcVerifier, ProviderSettings};
use tokio::runtime::Handle;

use crate::{
    adapters::SystemClock,
    config::{Clerk, Config, ConfigError, Instance, Provider, Secret},
    error::Error,
    watch::Watched,
};

/// Verifies the sessions of everybody who may sign in here: at least one verifier. The first is asked about every token
/// that no other recognizes.
pub(crate) struct SessionVerifiers {
    all: Vec<Arc<dyn IssuerVerifier>>,
    clerk: Option<Arc<ClerkVerifier>>,
    oidc: Option<Arc<OidcVerifier>>,
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
        let mut keys =
            instances.iter().map(|one| &one.keys).chain(providers.iter().map(|provider| &provider.keys));
        let plain = !keys.any(PublicKeySource::needs_authorities);
        let fetcher = Arc::new(HttpFetcher::with(HttpOptions { plain, ..HttpOptions::default() })?);
        let (clock, runtime) = (Arc::new(SystemClock), Handle::current());
        let (mut clerk, mut oidc) = (None, None);
        if !instances.is_empty() {
            let (clock, fetcher, runtime) = (clock.clone(), fetcher.clone(), runtime.clone());
            clerk = Some(Arc::new(ClerkVerifier::new(instances, clock, fetcher, runtime)?));
        }
        if !providers.is_empty() {
            oidc = Some(Arc::new(OidcVerifier::new(providers, clock, fetcher, runtime)?));
        }
        let first = clerk.clone().map(|verifier| verifier as Arc<dyn IssuerVerifier>);
        let all = first.into_iter().chain(oidc.clone().map(|verifier| verifier as _)).collect();
        Ok(Some(Arc::new(Self { all, clerk, oidc })))
    }

    /// The files with issuers' keys, which are read again when they change.
    pub(crate) fn watched(&self, config: &Config) -> impl Iterator<Item = Watched> {
        let of_clerk = self.clerk.iter().flat_map(|verifier| {
            config.clerk.instances.iter().filter_map(move |(name, Instance { issuer, pem_file, .. })| {
                let name = format!("clerk.instances.{name}.pem_file");
                Some(Watched::key("clerk.pem_file", name, pem_file.as_ref()?, verifier, issuer))
            })
        });
        of_clerk.chain(self.oidc.iter().flat_map(|verifier| {
            config.oidc.iter().filter_map(move |(name, Provider { issuer, pem_file, .. })| {
                let name = format!("oidc.{name}.pem_file");
                Some(Watched::key("oidc.pem_file", name, pem_file.as_ref()?, verifier, issuer))
            })
        }))
    }

    /// Starts to fetch the keys of every issuer and comes back at once.
    pub(crate) fn warm_up(&self) {
        self.all.iter().for_each(|verifier| verifier.warm_up());
    }

    /// How many tokens were refused since the start, for each reason there is: for a metric.
    pub(crate) fn refusals(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.all.iter().flat_map(|verifier| verifier.refusals())
    }
}

#[async_trait]
impl SessionVerifier for SessionVerifiers {
    async fn verify_session(&self, token: &BearerToken) -> Result<Session, BearerTokenError> {
        let none = BearerTokenError::Refused("sessions are not configured");
        let (first, others) = self.all.split_first().ok_or(none)?;
        let verifier = others.iter().find(|verifier| verifier.recognizes(token)).unwrap_or(first);
        verifier.verify_session(token).await
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

#[cfg(test)]
mod tests {
    use capykeys_domain::secret::{Credential, KeyFormat};

    use super::*;

    /// Recognizes the tokens that begin with its name, and refuses every token in its name.
    struct Named(&'static str);

    #[async_trait]
    impl SessionVerifier for Named {
        async fn verify_session(&self, _: &BearerToken) -> Result<Session, BearerTokenError> {
            Err(BearerTokenError::Refused(self.0))
        }
    }

    impl IssuerVerifier for Named {
        fn recognizes(&self, token: &BearerToken) -> bool {
            token.expose().starts_with(self.0)
        }

        fn warm_up(&self) {}

        fn refusals(&self) -> Vec<(&'static str, u64)> {
            vec![(self.0, 1)]
        }
    }

    fn verifiers(names: &[&'static str]) -> SessionVerifiers {
        let all = names.iter().map(|&name| Arc::new(Named(name)) as Arc<dyn IssuerVerifier>).collect();
        SessionVerifiers { all, clerk: None, oidc: None }
    }

    #[tokio::test]
    async fn the_verifier_that_recognizes_a_token_is_asked_and_else_the_first() {
        let (three, one) = (verifiers(&["a", "b", "c"]), verifiers(&["b"]));
        for (verifiers, token, asked) in [
            (&three, "a.x.y", "a"),
            (&three, "b.x.y", "b"),
            (&three, "c.x.y", "c"),
            (&three, "d.x.y", "a"),
            (&one, "b.x.y", "b"),
            (&one, "d.x.y", "b"),
        ] {
            let Some(Credential::Session(bearer)) = Credential::parse(&KeyFormat::default(), token) else {
                panic!("no session token: {token}")
            };
            let refused = verifiers.verify_session(&bearer).await.unwrap_err();
            assert_eq!(refused.to_string(), format!("refused: {asked}"), "{token}");
        }
    }

    #[test]
    fn the_refusals_of_every_verifier_are_counted() {
        assert_eq!(verifiers(&["a", "b"]).refusals().collect::<Vec<_>>(), [("a", 1), ("b", 1)]);
    }
}
