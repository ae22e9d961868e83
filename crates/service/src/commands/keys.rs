//! `capykeys keys`: an operator works directly on the store.

mod find;
mod import;
mod report;
mod revoke;

use capykeys_domain::{
    model::{ApiKey, DeviceName, DisablingReason, KeyName, Organization, OrganizationId},
    policy::{ChangeKey, Permit},
    usecases::RotateKeyRequest,
};
use capykeys_http::{ApiKeyEnvelope, ApiKeyView, CreatedApiKey};
use futures_util::TryStreamExt;
use serde_json::json;

pub(crate) use self::find::NoSuchKey;
use crate::{adapters::command_context, app::App, cli, cli::KeyOf, error::Error, output};

/// Creates, shows, finds, changes or revokes keys.
pub(crate) async fn run(app: &App, command: cli::Keys) -> Result<(), Error> {
    match command {
        cli::Keys::Create(command) => create(app, command).await,
        cli::Keys::Import(command) => import::run(app, command).await,
        cli::Keys::List(command) => list(app, command).await,
        cli::Keys::Find => find::run(app).await,
        cli::Keys::Report(command) => report::run(app, command).await,
        cli::Keys::Show(key) => show(app, key).await,
        cli::Keys::Update(command) => update(app, command).await,
        cli::Keys::Disable { key, reason } => disable(app, key, reason).await,
        cli::Keys::Enable(key) => enable(app, key).await,
        cli::Keys::Rotate { key, grace, finish_when_idle, discard_newest } => {
            rotate(app, key, RotateKeyRequest { grace, finish_when_idle, discard_newest }).await
        }
        cli::Keys::Finish(key) => finish(app, key).await,
        cli::Keys::Revoke(command) => revoke::run(app, command).await,
    }
}

async fn create(app: &App, command: cli::CreateKey) -> Result<(), Error> {
    let permit = Permit::operator_creates_key(&organization(app, command.organization).await?);
    let (secret, context) = (command.secret(&app.environment)?, command_context()?);
    let spec = command.spec(&app.environment)?;
    if let Some(secret) = secret {
        let key = app.management.bring_key(&permit, &spec, &secret, &app.verdicts, &context).await?;
        return output::json(&CreatedApiKey::brought(&key, app.environment.now()));
    }
    let created = app.management.create_key(&permit, spec, &context).await?;
    output::json(&CreatedApiKey::new(&created, app.environment.now()))
}

async fn list(app: &App, command: cli::ListKeys) -> Result<(), Error> {
    let permit = Permit::operator_lists_keys(&organization(app, command.organization).await?);
    let filter = command.filters.filter(app.environment.now());
    app.environment.format().must_not_occur_in("name", filter.name.as_ref().map(KeyName::as_str))?;
    let pages = app.management.list_keys(&permit, filter, None).await?;
    let keys: Vec<ApiKey> = pages.try_concat().await?;
    let now = app.environment.now();
    let views: Vec<_> = keys.iter().map(|key| ApiKeyView::new(key, now)).collect();
    output::json(&json!({ "api_keys": views }))
}

async fn show(app: &App, KeyOf { organization: id, key }: KeyOf) -> Result<(), Error> {
    let permit = Permit::operator_gets_key(&organization(app, id).await?, key);
    print(app, &app.management.get_key(&permit).await?)
}

async fn update(app: &App, command: cli::UpdateKey) -> Result<(), Error> {
    let permit = changing(app, &command.key).await?;
    app.environment.format().must_not_occur_in("name", command.edit.name.as_ref().map(KeyName::as_str))?;
    app.environment
        .format()
        .must_not_occur_in("device_name", command.edit.device_name.as_ref().map(DeviceName::as_str))?;
    let edit = command.edit.of(&app.environment)?;
    print(app, &app.management.update_key(&permit, &edit, |_, _| true, &command_context()?).await?)
}

async fn disable(app: &App, key: KeyOf, reason: Option<DisablingReason>) -> Result<(), Error> {
    let permit = changing(app, &key).await?;
    app.environment.format().must_not_occur_in("reason", reason.as_ref().map(DisablingReason::as_str))?;
    print(app, &app.management.disable_key(&permit, reason, &command_context()?).await?)
}

async fn enable(app: &App, key: KeyOf) -> Result<(), Error> {
    let permit = changing(app, &key).await?;
    print(app, &app.management.enable_key(&permit, &command_context()?).await?)
}

async fn rotate(
    app: &App,
    KeyOf { organization: id, key }: KeyOf,
    request: RotateKeyRequest,
) -> Result<(), Error> {
    let permit = Permit::operator_rotates_key(&organization(app, id).await?, key);
    let rotated = app.management.rotate_key(&permit, request, &command_context()?).await?;
    output::json(&CreatedApiKey::new(&rotated, app.environment.now()))
}

async fn finish(app: &App, key: KeyOf) -> Result<(), Error> {
    let permit = changing(app, &key).await?;
    print(app, &app.management.finish_rotation(&permit, &command_context()?).await?)
}

async fn changing<A: From<ChangeKey>>(app: &App, of: &KeyOf) -> Result<Permit<A>, Error> {
    Ok(Permit::operator_changes_key(&organization(app, of.organization).await?, of.key))
}

fn print(app: &App, key: &ApiKey) -> Result<(), Error> {
    output::json(&ApiKeyEnvelope::new(key, app.environment.now()))
}

async fn organization(app: &App, id: OrganizationId) -> Result<Organization, Error> {
    let found = app.operators.find_organization(id).await?;
    found.ok_or_else(|| format!("there is no organization {id}, see `capykeys organizations list`").into())
}
