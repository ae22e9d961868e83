//! The verifier.

use std::sync::Arc;

use async_trait::async_trait;
use capykeys_domain::{
    model::Session,
    ports::{Clock, SessionError, SessionVerifier},
    secret::BearerToken,
};
use capykeys_jwks::{Environment, FetchJwks, IssuerKeys, TokenFormat, UnverifiedToken};
use tokio::runtime::Handle;

use crate::{
    category::check_category,
    claims::Claims,
    refusal::{Refusal, RefusalCounts},
    settings::{ALGORITHMS, ClerkSettings, InstanceSettings, SettingsError},
};

const FORMAT: TokenFormat = TokenFormat { algorithms: ALGORITHMS, type_is_optional: false };

/// Verifies the session tokens of the configured Clerk instances.
///
/// The token's issuer picks the instance, to the letter; only that instance's keys and settings
/// count from then on, even where two instances share a `kid`.
pub struct ClerkVerifier {
    instances: Vec<(InstanceSettings, IssuerKeys)>,
    clock: Arc<dyn Clock>,
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
        let environment = Environment {
            clock: Arc::clone(&clock),
            fetcher,
            runtime,
            algorithms: ALGORITHMS,
            dependency: "clerk",
        };
        let instances = settings.instances.into_iter().map(|instance| {
            if instance.authorized_parties.is_empty() {
                tracing::warn!(issuer = instance.issuer, "Clerk sessions of every party are accepted");
            }
            let keys = IssuerKeys::new(&instance.keys, &environment);
            let keys = keys.map_err(|error| instance.unusable(error))?;
            Ok((instance, keys))
        });
        let instances = instances.collect::<Result<_, _>>()?;
        Ok(Self { instances, clock, refusals: RefusalCounts::default() })
    }

    /// Starts to fetch the keys of every instance and comes back at once. What fails is tried
    /// again when a token comes.
    pub fn warm_up(&self) {
        self.instances.iter().for_each(|(_, keys)| keys.warm_up());
    }

    /// How many tokens were refused since the start, for each reason there is: for a metric.
    pub fn refusals(&self) -> impl Iterator<Item = (Refusal, u64)> {
        self.refusals.iter()
    }

    /// The claims come before the signature: what they rule out costs neither it nor a fetch.
    async fn session(&self, token: &BearerToken) -> Result<Session, SessionError> {
        let token = UnverifiedToken::parse(token.expose(), &FORMAT).map_err(Refusal::from)?;
        check_category(token.header())?;
        let claims = Claims::parse(token.claims())?;
        let instance = self.instances.iter().find(|(instance, _)| instance.issuer == claims.issuer());
        let (instance, keys) = instance.ok_or(Refusal::Issuer)?;
        let session = claims.check(instance, self.clock.now())?;
        keys.check(&token).await?.map_err(Refusal::from)?;
        Ok(session)
    }
}

#[async_trait]
impl SessionVerifier for ClerkVerifier {
    async fn verify(&self, token: &BearerToken) -> Result<Session, SessionError> {
        let outcome = self.session(token).await;
        if let Err(SessionError::Refused(words)) = &outcome {
            self.refusals.count(words);
        }
        outcome
    }
}
