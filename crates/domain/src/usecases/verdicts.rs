//! Who is who, and what they are good for.

use alloc::sync::Arc;

use super::{Environment, Sessions};
use crate::ports::{KeyResolver, Readiness, Unavailable, Uses};

/// Verdicts on credentials: nothing here changes a key.
pub struct Verdicts {
    pub(super) environment: Arc<Environment>,
    pub(super) keys: Arc<dyn KeyResolver>,
    pub(super) uses: Arc<dyn Uses>,
    readiness: Arc<dyn Readiness>,
    pub(super) sessions: Option<Sessions>,
}

impl Verdicts {
    /// On the keys that `keys` finds; `uses` is told of each that is good. Without `sessions`, all are
    /// refused.
    #[must_use]
    pub const fn new(
        environment: Arc<Environment>,
        keys: Arc<dyn KeyResolver>,
        uses: Arc<dyn Uses>,
        readiness: Arc<dyn Readiness>,
        sessions: Option<Sessions>,
    ) -> Self {
        Self { environment, keys, uses, readiness, sessions }
    }

    /// The time by which verdicts are given, and how keys look.
    #[must_use]
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// Whether verdicts can be given right now.
    ///
    /// # Errors
    /// [`Unavailable`] where something that they need is not there.
    pub async fn ready(&self) -> Result<(), Unavailable> {
        self.environment.peppers_are_right()?;
        self.readiness.check().await
    }
}
