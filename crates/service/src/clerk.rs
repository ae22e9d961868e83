//! Who verifies sessions, from the configuration.

use std::{sync::Arc, time::Duration};

use capykeys_clerk::{ClerkSettings, ClerkVerifier, HttpFetcher, InstanceSettings, PublicKeySource};
use tokio::runtime::Handle;

use crate::{
    adapters::SystemClock,
    config::{Clerk, ConfigError, Instance, Secret},
    error::Error,
};

/// The verifier for the configured instances, where there are any. None of them is asked for anything yet.
pub(crate) fn verifier(clerk: &Clerk) -> Result<Option<Arc<ClerkVerifier>>, Error> {
    if clerk.instances.is_empty() {
        return Ok(None);
    }
    let instances =
        clerk.instances.iter().map(|(name, one)| instance(name, one)).collect::<Result<_, _>>()?;
    let fetcher = Arc::new(HttpFetcher::new()?);
    let settings = ClerkSettings { instances };
    let verifier = ClerkVerifier::new(settings, Arc::new(SystemClock), fetcher, Handle::current())?;
    Ok(Some(Arc::new(verifier)))
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
        max_lifetime: Duration::from_secs(instance.max_lifetime_seconds.get().into()),
        authorized_parties: instance.authorized_parties.clone(),
        claims_v1: instance.claims_v1,
    })
}
