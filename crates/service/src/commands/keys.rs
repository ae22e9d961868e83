//! `capykeys keys`: an operator works directly on the store.

use capykeys_domain::{
    model::{ApiKey, Invalid, KeyId, KeySpec, Organization, OrganizationId},
    policy::Permit,
    usecases::Capykeys,
};
use capykeys_http::{ApiKeyView, CreateApiKeyResponse, RevokeApiKeyResponse};
use futures_util::TryStreamExt;
use serde_json::json;

use super::Error;
use crate::{
    app::{self, Role},
    cli,
    config::Config,
    output,
};

/// Creates, lists or revokes keys.
pub(crate) async fn run(config: &Config, command: cli::Keys) -> Result<(), Error> {
    let capykeys = app::build(config, Role::Command).await?.capykeys;
    match command {
        cli::Keys::Create(command) => create(&capykeys, command).await,
        cli::Keys::List { organization } => list(&capykeys, organization).await,
        cli::Keys::Revoke { organization, key } => revoke(&capykeys, organization, key).await,
    }
}

async fn create(capykeys: &Capykeys, command: cli::CreateKey) -> Result<(), Error> {
    let organization = organization(capykeys, command.organization).await?;
    let permit = Permit::operator_creates_key(&organization);
    let spec = spec(capykeys, command)?;
    let created = capykeys.create_key(&permit, spec, &app::command_context()?).await?;
    output::json(&CreateApiKeyResponse::new(&created, capykeys.now()))
}

fn spec(capykeys: &Capykeys, command: cli::CreateKey) -> Result<KeySpec, Invalid> {
    let scopes = capykeys.scopes().parse(command.scopes.iter().map(String::as_str))?;
    let mut spec = KeySpec::new(command.name, scopes);
    if let Some(project_id) = command.project_id {
        spec = spec.for_project(project_id, capykeys.scopes())?;
    }
    if let Some(expires_at) = command.expires_at {
        spec = spec.expiring_at(expires_at, capykeys.now())?;
    }
    if let Some(device_name) = command.device_name {
        spec = spec.on_device(device_name);
    }
    Ok(spec)
}

async fn list(capykeys: &Capykeys, organization_id: OrganizationId) -> Result<(), Error> {
    let organization = organization(capykeys, organization_id).await?;
    let pages = capykeys.list_keys(&Permit::operator_lists_keys(&organization), None).await?;
    let keys: Vec<ApiKey> = pages.try_concat().await?;
    let now = capykeys.now();
    let views: Vec<_> = keys.iter().map(|key| ApiKeyView::new(key, now)).collect();
    output::json(&json!({ "api_keys": views }))
}

async fn revoke(capykeys: &Capykeys, organization_id: OrganizationId, key: KeyId) -> Result<(), Error> {
    let organization = organization(capykeys, organization_id).await?;
    let permit = Permit::operator_revokes_key(&organization, key);
    let _ = capykeys.revoke_key(&permit, &app::command_context()?).await?;
    output::json(&RevokeApiKeyResponse { revoked: true })
}

async fn organization(capykeys: &Capykeys, id: OrganizationId) -> Result<Organization, Error> {
    let found = capykeys.find_organization(id).await?;
    found.ok_or_else(|| format!("there is no organization {id}, see `capykeys organizations list`").into())
}
