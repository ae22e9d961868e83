//! By whose right a key is created, or changed so that it reaches further.

use capykeys_domain::{
    model::{Creator, ExternalOrganizationId, KeyId, KeyPrefix, Scope},
    policy::{Denial, Forbidden},
    ports::Insertion,
};
use capykeys_storage::{Row as _, Values};

use crate::{failure::Failure, rows::Answer};

/// `verdict`: what stands in the way of such a key, as [`NewKey::obstacle`](capykeys_domain::ports::NewKey::obstacle) says it, with `$created_with` for the key and
/// `$signed_in_to` for the session by whose right it is to be, unless it is `unjudged`.
///
/// The rows of the organization and of the creating key are locked before they are looked at, as
/// in a revocation: a change of either comes before this or after it.
pub(crate) fn verdict(unjudged: &str) -> String {
    format!(
        ", organization AS (\
                 SELECT clerk_organization_id, suspended_at FROM organizations, line \
                 WHERE organizations.id = $organization_id FOR SHARE OF organizations\
             ), creator AS (\
                 SELECT scopes, project_id, revoked_at, disabled_at, CASE WHEN key_prefix = $held THEN expires_at \
                     ELSE LEAST(expires_at, previous_expires_at) END AS expires_at \
                 FROM api_keys \
                 WHERE organization_id = $organization_id AND id = $created_with AND (key_prefix = $held \
                     OR previous_key_prefix = $held AND previous_expires_at > $event_at) FOR SHARE\
             ), refused_scope AS (\
                 SELECT scope FROM creator, unnest($scopes) WITH ORDINALITY AS asked (scope, place) \
                 WHERE NOT scopes && ARRAY[scope, '*'] ORDER BY place LIMIT 1\
             ), verdict AS (\
                 SELECT CASE \
                     WHEN {unjudged} THEN NULL \
                     WHEN NOT EXISTS (SELECT FROM organization) THEN 'no organization' \
                     WHEN $signed_in_to <> COALESCE((SELECT clerk_organization_id FROM organization), '') \
                         THEN 'not its own' \
                     WHEN (SELECT suspended_at FROM organization) IS NOT NULL THEN 'suspended' \
                     WHEN $created_with IS NULL THEN NULL \
                     WHEN NOT EXISTS (SELECT FROM creator WHERE revoked_at IS NULL AND disabled_at IS NULL \
                         AND (expires_at IS NULL OR expires_at > $event_at)) THEN 'inactive' \
                     WHEN (SELECT project_id FROM creator) IS NOT NULL THEN 'project' \
                     WHEN (SELECT NOT scopes && ARRAY['api_keys:write', '*'] FROM creator) THEN 'no right' \
                     WHEN EXISTS (SELECT FROM refused_scope) THEN 'scope' \
                     WHEN (SELECT expires_at < COALESCE($expires_at, 'infinity') FROM creator) THEN 'outlives' \
                 END AS obstacle FROM line\
             )"
    )
}

/// The key or the session that it is, and how the secret begins that the key has come with.
#[derive(Default)]
pub(crate) struct By {
    created_with: Option<KeyId>,
    signed_in_to: Option<ExternalOrganizationId>,
    held: Option<KeyPrefix>,
}

impl By {
    pub(crate) fn of(creator: Option<&Creator>) -> Self {
        match creator {
            Some(Creator::Key(id, secret)) => {
                Self { created_with: Some(*id), held: Some(secret.clone()), ..Self::default() }
            }
            Some(Creator::Session(organization)) => {
                Self { signed_in_to: Some(organization.clone()), ..Self::default() }
            }
            Some(Creator::Operator) | None => Self::default(),
        }
    }

    pub(crate) fn values(&self) -> Values<'_> {
        Values::of("created_with", &self.created_with)
            .and("signed_in_to", &self.signed_in_to)
            .and("held", &self.held)
    }
}

/// What stood in the way.
pub(crate) fn read_obstacle(row: &Answer<'_>) -> Result<Option<Insertion>, Failure> {
    let Some(obstacle) = row.field::<Option<String>>("obstacle")? else { return Ok(None) };
    let forbidden = match obstacle.as_str() {
        "no organization" => return Ok(Some(Insertion::NoOrganization)),
        "not its own" => return Ok(Some(Insertion::Denied(Denial::AnotherOrganization))),
        "inactive" => return Ok(Some(Insertion::CreatorInactive)),
        "running" => return Ok(Some(Insertion::Running)),
        "suspended" => Forbidden::OrganizationSuspended,
        "project" => Forbidden::ProjectKey,
        "no right" => Forbidden::MissingScope(Scope::API_KEYS_WRITE),
        "scope" => Forbidden::ScopeNotHeld(row.field("scope")?),
        "outlives" => Forbidden::OutlivesCreator,
        _ => return Err(Failure::UnreadableRow),
    };
    Ok(Some(Insertion::Denied(forbidden.into())))
}
