//! API keys.

use actix_web::{
    HttpResponse,
    http::{
        StatusCode,
        header::{self, ETag, EntityTag, TryIntoHeaderValue},
    },
};
use capykeys_domain::{
    model::{ApiKey, DeviceName, DisablingReason, KeyId, OrganizationId, ProjectId, Timestamp, UserId},
    usecases::{CreatedKey, RevokedLineage},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    json,
    shown::{Scopes, Shown},
};
use crate::error::ApiError;

/// An API key, without its secret.
#[derive(Clone, Serialize, ToSchema)]
#[schema(as = ApiKey, example = json!({
    "id": "key_01h455vb4pex5vsknk084sn02q",
    "organization_id": "org_01h455vb4pex5vsknk084sn02q",
    "name": "CI",
    "key_prefix": "capy_live_4fQz",
    "scopes": ["projects:read", "jobs:read"],
    "source": "dashboard",
    "is_active": true,
    "created_at": "2026-01-31T12:00:00Z",
    "created_by_user_id": "user_2abcDEF"
}))]
pub struct ApiKeyView<'a> {
    /// Its id.
    #[schema(value_type = String)]
    id: Shown<KeyId>,
    /// The organization that it belongs to.
    #[schema(value_type = String)]
    organization_id: Shown<OrganizationId>,
    /// What a person calls it, byte for byte as it was given.
    name: &'a str,
    /// The start of the secret, by which a person recognises it; `-` where that was made elsewhere and nobody has said how
    /// it begins.
    key_prefix: &'a str,
    /// What it may be used for, in the order in which it was given.
    #[schema(value_type = Vec<String>, min_items = 1)]
    scopes: Scopes<'a>,
    /// How it came to be.
    source: &'a str,
    /// Whether it is neither revoked nor expired. One that is disabled cannot be used, and is active all the same.
    is_active: bool,
    /// When it was created.
    #[schema(value_type = String, format = DateTime)]
    created_at: Shown<Timestamp>,
    /// The user who created it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    created_by_user_id: Option<&'a str>,
    /// The key that it was created with. Not of keys from before this was kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    created_by_key_id: Option<Shown<KeyId>>,
    /// The device that it was made on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    device_name: Option<&'a str>,
    /// From when on it is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false, format = DateTime)]
    expires_at: Option<Shown<Timestamp>>,
    /// When it was last used, give or take some seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false, format = DateTime)]
    last_used_at: Option<Shown<Timestamp>>,
    /// The one project that it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    project_id: Option<&'a str>,
    /// When it was revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false, format = DateTime)]
    revoked_at: Option<Shown<Timestamp>>,
    /// Since when it is refused until it is enabled.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false, format = DateTime)]
    disabled_at: Option<Shown<Timestamp>>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    disabled_reason: Option<&'a str>,
    /// When it was given its present secret, where it has had another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false, format = DateTime)]
    rotated_at: Option<Shown<Timestamp>>,
    /// The start of the secret before.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    previous_key_prefix: Option<&'a str>,
    /// From when on the secret before is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false, format = DateTime)]
    previous_expires_at: Option<Shown<Timestamp>>,
    /// When the key was last used with the secret before, give or take some seconds: whether that is still in use.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false, format = DateTime)]
    previous_last_used_at: Option<Shown<Timestamp>>,
}

impl<'a> ApiKeyView<'a> {
    /// The key as it is at `now`.
    #[must_use]
    pub fn new(key: &'a ApiKey, now: Timestamp) -> Self {
        let rotation = key.rotation.as_ref();
        Self {
            id: Shown(key.id),
            organization_id: Shown(key.organization_id),
            name: key.name.as_str(),
            key_prefix: key.key_prefix.as_str(),
            scopes: Scopes(&key.scopes),
            source: key.source.as_str(),
            is_active: !key.is_over(now),
            created_at: Shown(key.created_at),
            created_by_user_id: key.created_by_user_id.as_ref().map(UserId::as_str),
            created_by_key_id: key.created_by_key_id.map(Shown),
            device_name: key.device_name.as_ref().map(DeviceName::as_str),
            expires_at: key.expires_at.map(Shown),
            last_used_at: key.last_used_at.map(Shown),
            project_id: key.project_id.as_ref().map(ProjectId::as_str),
            revoked_at: key.revoked_at.map(Shown),
            disabled_at: key.disabled.as_ref().map(|it| Shown(it.at)),
            disabled_reason: key
                .disabled
                .as_ref()
                .and_then(|it| it.reason.as_ref())
                .map(DisablingReason::as_str),
            rotated_at: key.rotated_at().map(Shown),
            previous_key_prefix: rotation.map(|it| it.previous_key_prefix.as_str()),
            previous_expires_at: rotation.map(|it| Shown(it.previous_expires_at)),
            previous_last_used_at: rotation.and_then(|it| it.previous_last_used_at).map(Shown),
        }
    }
}

/// One key.
#[derive(Serialize, ToSchema)]
pub struct ApiKeyEnvelope<'a> {
    /// The key.
    api_key: ApiKeyView<'a>,
}

impl<'a> ApiKeyEnvelope<'a> {
    /// The key as it is at `now`.
    #[must_use]
    pub fn new(key: &'a ApiKey, now: Timestamp) -> Self {
        Self { api_key: ApiKeyView::new(key, now) }
    }

    /// What is another where the key is another, but for its last use: whoever changes a key would
    /// otherwise be held up by each of its uses.
    pub(crate) fn tag(&self) -> Result<ETag, ApiError> {
        let unused = ApiKeyView { last_used_at: None, previous_last_used_at: None, ..self.api_key.clone() };
        let text = serde_json::to_vec(&unused).map_err(|_| ApiError::Internal)?;
        Ok(ETag(EntityTag::new_strong(blake3::hash(&text).to_hex()[..32].to_owned())))
    }

    /// The key with its tag.
    pub(crate) fn answer(&self) -> Result<HttpResponse, ApiError> {
        let mut answer = json(StatusCode::OK, self)?;
        let tag = self.tag()?.try_into_value().map_err(|_| ApiError::Internal)?;
        answer.headers_mut().insert(header::ETAG, tag);
        Ok(answer)
    }
}

/// The keys of an organization, newest first.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body for the OpenAPI document; it is written as a stream")]
pub(crate) struct ApiKeyList<'a> {
    /// Revoked and expired keys are among them.
    api_keys: Vec<ApiKeyView<'a>>,
}

/// A new key with its secret.
#[derive(Serialize, ToSchema)]
pub struct CreatedApiKey<'a> {
    /// The key.
    api_key: ApiKeyView<'a>,
    /// Its secret, which is shown this once and stored nowhere. Left out where it was made elsewhere: of a key that was
    /// created without a `key_digest` it is always there.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    plaintext_api_key: Option<&'a str>,
}

impl<'a> CreatedApiKey<'a> {
    /// For the one answer that the secret goes into.
    #[must_use]
    pub fn new(created: &'a CreatedKey, now: Timestamp) -> Self {
        let plaintext_api_key = Some(created.plaintext.expose());
        Self { api_key: ApiKeyView::new(&created.key, now), plaintext_api_key }
    }

    /// Of a key whose secret was made elsewhere.
    #[must_use]
    pub fn brought(key: &'a ApiKey, now: Timestamp) -> Self {
        Self { api_key: ApiKeyView::new(key, now), plaintext_api_key: None }
    }
}

/// The key is revoked.
#[derive(Serialize, ToSchema)]
pub struct RevokedApiKey {
    /// Always true.
    revoked: bool,
    /// How many keys that were made with it were revoked by this call; only where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 0, maximum = 1000)]
    revoked_descendants: Option<usize>,
    /// Whether there may be more of them, so that the same call goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    more: Option<bool>,
}

impl RevokedApiKey {
    /// The key alone.
    #[must_use]
    pub const fn alone() -> Self {
        Self { revoked: true, revoked_descendants: None, more: None }
    }
}

/// With what was made with it.
impl From<RevokedLineage> for RevokedApiKey {
    fn from(RevokedLineage { descendants, more }: RevokedLineage) -> Self {
        Self { revoked: true, revoked_descendants: Some(descendants), more: Some(more) }
    }
}
