//! The verifier.

use std::sync::Arc;

use async_trait::async_trait;
use capykeys_domain::{
    model::ClusterCaller,
    ports::{Clock, ClusterCallerError, ClusterCallers},
    secret::BearerToken,
};
use capykeys_jwks::{Environment, FetchJwks, IssuerKeys, TokenFormat, UnverifiedToken};
use tokio::runtime::Handle;

use crate::{
    claims::accepted_subject,
    refusal::Refusal,
    settings::{ALGORITHMS, ClusterSettings, SettingsError},
};

/// Kubernetes writes no `typ`.
const FORMAT: TokenFormat = TokenFormat { algorithms: ALGORITHMS, type_is_optional: true };

/// Verifies the tokens of one cluster's workloads.
pub struct ClusterTokens {
    settings: ClusterSettings,
    keys: IssuerKeys,
    clock: Arc<dyn Clock>,
}

impl ClusterTokens {
    /// Checks the settings and puts the verifier together. No key is fetched yet: see
    /// [`warm_up`](Self::warm_up).
    ///
    /// `runtime` must have its I/O and its timer enabled. Fetches run there, so that
    /// [`verify`](ClusterCallers::verify) can be called from any runtime, or none.
    ///
    /// # Errors
    /// [`SettingsError`] for settings that cannot be worked with.
    pub fn new(
        settings: ClusterSettings,
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
            dependency: "cluster",
        };
        let keys = IssuerKeys::new(&settings.keys, &environment)?;
        Ok(Self { settings, keys, clock })
    }

    /// Starts to fetch the cluster's keys and comes back at once. What fails is tried again when a
    /// token comes.
    pub fn warm_up(&self) {
        self.keys.warm_up();
    }
}

#[async_trait]
impl ClusterCallers for ClusterTokens {
    /// The claims come before the signature: what they rule out costs neither it nor a fetch.
    async fn verify(&self, token: &BearerToken) -> Result<ClusterCaller, ClusterCallerError> {
        let token = UnverifiedToken::parse(token.expose(), &FORMAT).map_err(Refusal::from)?;
        let subject = accepted_subject(token.claims(), &self.settings, self.clock.now())?;
        self.keys.check(&token).await?.map_err(Refusal::from)?;
        Ok(ClusterCaller { subject })
    }
}
