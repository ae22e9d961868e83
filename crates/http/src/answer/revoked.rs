//! Many keys that were revoked.

use capykeys_domain::{
    model::{KeyId, Timestamp},
    usecases::RevokedKeys,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{ApiKeyView, shown::Shown};

/// The keys that were revoked, or would be.
#[derive(Serialize, ToSchema)]
pub struct RevokedApiKeys<'a> {
    /// How many there are in `api_keys`.
    #[schema(minimum = 0, maximum = 1000)]
    revoked: usize,
    /// The keys, newest first, as they are now. Those that were revoked before are not among them.
    api_keys: Vec<ApiKeyView<'a>>,
    /// Whether there may be more keys that are like this, so that the same call goes on.
    more: bool,
    /// Whether nothing was changed.
    dry_run: bool,
    /// The ids that the organization has no key of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Option<Vec<String>>, nullable = false)]
    not_found: Vec<Shown<KeyId>>,
}

impl<'a> RevokedApiKeys<'a> {
    /// Them as they are at `now`.
    #[must_use]
    pub fn new(revoked: &'a RevokedKeys, dry_run: bool, now: Timestamp) -> Self {
        Self {
            revoked: revoked.keys.len(),
            api_keys: revoked.keys.iter().map(|key| ApiKeyView::new(key, now)).collect(),
            more: revoked.more,
            dry_run,
            not_found: revoked.unknown.iter().map(|id| Shown(*id)).collect(),
        }
    }
}
