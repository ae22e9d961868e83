//! The verifier.

use std::sync::Arc;

use async_trait::async_trait;
use capykeys_domain::{
    model::Session,
    ports::{Clock, SessionError, SessionVerifier},
    secret::BearerToken,
};
use capykeys_jwks::{Algorithm, Environment, FetchJwks};
use tokio::runtime::Handle;

use crate::{
    instance::Instance,
    refusal::{Refusal, RefusalCounts, VerifyError},
    settings::{ClerkSettings, SettingsError},
    token::UnverifiedToken,
};

/// Verifies the session tokens of the configured Clerk instances.
///
/// The token's issuer picks the instance, to the letter; only that instance's keys and settings
/// count from then on, even where two instances share a `kid`.
pub struct ClerkVerifier {
    instances: Vec<Instance>,
    environment: Environment,
    refusals: RefusalCounts,
}

impl ClerkVerifier {
    /// Checks the settings and puts the verifier together. No key is fetched yet: see
    /// [`warm_up`](Self::warm_up).
    ///
    /// `runtime` must have its I/O and its timer enabled. Fetches run there, so that
    /// [`verify`](SessionVerifier::verify) can be called from any runtime, or none.
    ///
    /// # Errors
    /// [`SettingsError`] for settings that cannot be worked with.
    pub fn new(
        settings: ClerkSettings,
        clock: Arc<dyn Clock>,
        fetcher: Arc<dyn FetchJwks>,
        runtime: Handle,
    ) -> Result<Self, SettingsError> {
        settings.check()?;
        let algorithms = &[Algorithm::Rs256];
        let environment = Environment { clock, fetcher, runtime, algorithms, dependency: "clerk" };
        let instances = settings.instances.into_iter();
        let instances = instances.map(|settings| {
            if settings.authorized_parties.is_empty() {
                tracing::warn!(issuer = settings.issuer, "Clerk sessions of every party are accepted");
            }
            Instance::new(settings, &environment)
        });
        let instances = instances.collect::<Result<_, _>>()?;
        Ok(Self { instances, environment, refusals: RefusalCounts::default() })
    }

    /// Starts to fetch the keys of every instance and comes back at once. What fails is tried
    /// again when a token comes.
    pub fn warm_up(&self) {
        self.instances.iter().for_each(Instance::warm_up);
    }

    /// How many tokens were refused since the start, for each reason there is: for a metric.
    pub fn refusals(&self) -> impl Iterator<Item = (Refusal, u64)> {
        self.refusals.iter()
    }

    async fn session(&self, token: &BearerToken) -> Result<Session, VerifyError> {
        let token = UnverifiedToken::parse(token.expose())?;
        let issuer = token.claims().issuer();
        let instance = self.instances.iter().find(|instance| instance.issuer() == issuer);
        let instance = instance.ok_or(Refusal::Issuer)?;
        instance.verify(&token, self.environment.clock.now()).await
    }
}

#[async_trait]
impl SessionVerifier for ClerkVerifier {
    async fn verify(&self, token: &BearerToken) -> Result<Session, SessionError> {
        let outcome = self.session(token).await;
        if let Err(VerifyError::Refused(refusal)) = &outcome {
            self.refusals.count(*refusal);
        }
        Ok(outcome?)
    }
}
