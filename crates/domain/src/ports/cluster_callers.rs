//! Callers of the internal listener.

use alloc::boxed::Box;

use async_trait::async_trait;

use super::BearerTokenError;
use crate::{model::ClusterCaller, secret::BearerToken};

/// Verifies the tokens with which workloads of the cluster prove who they are.
#[async_trait]
pub trait ClusterCallers: Send + Sync {
    /// The workload that `token` stands for.
    ///
    /// # Errors
    /// [`BearerTokenError::Refused`] for every token that is not beyond doubt,
    /// [`BearerTokenError::Unavailable`] where that cannot be known right now.
    async fn verify_workload(&self, token: &BearerToken) -> Result<ClusterCaller, BearerTokenError>;
}
