//! The verifier.

use std::sync::Arc;

use async_trait::async_trait;
use capykeys_domain::{
    model::ClusterCaller,
    ports::{Clock, ClusterCallerError, ClusterCallers},
    secret::BearerToken,
};
use capykeys_jwks::{Compact, Environment, FetchJwks, Keys};
use tokio::runtime::Handle;

use crate::{
    claims::accepted_subject,
    header::{ALGORITHMS, Header},
    refusal::{Refusal, VerifyError},
    settings::{ClusterSettings, SettingsError},
};

/// Tokens of Kubernetes have about 1 KiB; some more names would still fit.
const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// Verifies the tokens of one cluster's workloads.
pub struct ClusterTokens {
    settings: ClusterSettings,
    keys: Keys,
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
        let keys = Keys::new(&settings.keys, &environment)?;
        Ok(Self { settings, keys, clock })
    }

    /// Starts to fetch the cluster's keys and comes back at once. What fails is tried again when a
    /// token comes.
    pub fn warm_up(&self) {
        self.keys.warm_up();
    }

    /// The claims come before the signature: what they rule out costs neither it nor a fetch.
    async fn caller(&self, token: &str) -> Result<ClusterCaller, VerifyError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Refusal::TooLarge.into());
        }
        let compact = Compact::split(token).ok_or(Refusal::Malformed)?;
        let header = Header::parse(&compact.header().ok_or(Refusal::Malformed)?)?;
        let lengths = header.algorithm.signature_bytes();
        if !compact.signature_bytes().is_some_and(|length| lengths.contains(&length)) {
            return Err(Refusal::Malformed.into());
        }
        let claims = compact.claims().ok_or(Refusal::Malformed)?;
        let subject = accepted_subject(&claims, &self.settings, self.clock.now())?;
        self.keys.check(header.algorithm, header.key_id.as_deref(), &compact).await?;
        Ok(ClusterCaller { subject })
    }
}

#[async_trait]
impl ClusterCallers for ClusterTokens {
    async fn verify(&self, token: &BearerToken) -> Result<ClusterCaller, ClusterCallerError> {
        Ok(self.caller(token.expose()).await?)
    }
}
