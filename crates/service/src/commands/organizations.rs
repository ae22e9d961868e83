//! `capykeys organizations`: an operator works directly on the store.

use capykeys_domain::{
    model::{
        ClerkLink, ExternalOrganizationId, Organization, OrganizationId, OrganizationName, Renaming, Slug,
        SuspensionReason,
    },
    policy::Permit,
    ports::Limit,
    usecases::{NewOrganization, Operators},
};
use capykeys_http::OrganizationView;
use serde_json::json;

use crate::{adapters::command_context, app::App, cli, error::Error, output};

const PAGE_SIZE: Limit = Limit::of::<500>();

/// Creates, lists, renames, suspends or resumes organizations.
pub(crate) async fn run(app: &App, command: cli::Organizations) -> Result<(), Error> {
    let (operators, context) = (&app.operators, command_context()?);
    for (field, text) in texts(&command) {
        app.environment.format().must_not_occur_in(field, text)?;
    }
    match command {
        cli::Organizations::Create {
            name,
            slug,
            clerk_organization_id,
            oidc_issuer,
            oidc_organization_id,
        } => {
            let slug = slug.unwrap_or_else(|| Slug::from_any(name.as_str()));
            let external = oidc_issuer.zip(oidc_organization_id).map(|(issuer, id)| {
                let rule = "--oidc-organization-id must be an id of at most 74 letters and digits";
                ExternalOrganizationId::of_issuer(&issuer, &id).ok_or(rule)
            });
            let id = clerk_organization_id.or(external.transpose()?);
            let clerk = id.map(|id| ClerkLink { id, slug: None });
            let created =
                operators.create_organization(NewOrganization { name, slug, clerk }, &context).await?;
            print(&created)
        }
        cli::Organizations::List => list(operators).await,
        cli::Organizations::Rename(cli::RenameOrganization { organization, name, slug }) => {
            let (permit, renaming) =
                (Permit::operator_manages(organization), Renaming { name, slug, clerk_slug: None });
            changed(organization, operators.rename_organization(&permit, renaming, &context).await?)
        }
        cli::Organizations::Suspend { organization, reason } => {
            let permit = Permit::operator_manages(organization);
            changed(organization, operators.suspend_organization(&permit, reason, &context).await?)
        }
        cli::Organizations::Resume { organization } => {
            let permit = Permit::operator_manages(organization);
            changed(organization, operators.resume_organization(&permit, &context).await?)
        }
    }
}

/// What is stored and shown of what people write.
fn texts(command: &cli::Organizations) -> [(&'static str, Option<&str>); 2] {
    let (name, reason) = match command {
        cli::Organizations::Create { name, .. } => (Some(name), None),
        cli::Organizations::Rename(renaming) => (renaming.name.as_ref(), None),
        cli::Organizations::Suspend { reason, .. } => (None, reason.as_ref()),
        cli::Organizations::List | cli::Organizations::Resume { .. } => (None, None),
    };
    [("name", name.map(OrganizationName::as_str)), ("reason", reason.map(SuspensionReason::as_str))]
}

async fn list(operators: &Operators) -> Result<(), Error> {
    let mut all: Vec<Organization> = Vec::new();
    loop {
        let page = operators.list_organizations(all.last().map(|one| one.id), PAGE_SIZE).await?;
        if page.is_empty() {
            break;
        }
        all.extend(page);
    }
    let answers: Vec<_> = all.iter().map(OrganizationView::from).collect();
    output::json(&json!({ "organizations": answers }))
}

fn changed(id: OrganizationId, organization: Option<Organization>) -> Result<(), Error> {
    match organization {
        Some(organization) => print(&organization),
        None => Err(format!("there is no organization {id}, see `capykeys organizations list`").into()),
    }
}

fn print(organization: &Organization) -> Result<(), Error> {
    output::json(&OrganizationView::from(organization))
}
