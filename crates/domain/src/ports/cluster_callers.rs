//! Callers of the internal listener.

use alloc::boxed::Box;

use async_trait::async_trait;

use super::Unavailable;
use crate::{model::ClusterCaller, secret::BearerToken};

/// Why there is no caller.
#[derive(Debug, thiserror::Error)]
pub enum ClusterCallerError {
    /// The token is not good. The reason is for the log alone: callers learn only that it is not.
    #[error("refused: {0}")]
    Refused(&'static str),
    /// The keys to check it with could not be had.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Verifies the tokens with which workloads of the cluster prove who they are.
#[async_trait]
pub trait ClusterCallers: Send + Sync {
    /// The workload that `token` stands for.
    ///
    /// # Errors
    /// [`ClusterCallerError::Refused`] for every token that is not beyond doubt,
    /// [`ClusterCallerError::Unavailable`] where that cannot be known right now.
    async fn verify(&self, token: &BearerToken) -> Result<ClusterCaller, ClusterCallerError>;
}
