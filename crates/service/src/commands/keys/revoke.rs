//! `capykeys keys revoke`.

use capykeys_domain::policy::Permit;
use capykeys_http::{RevokedApiKey, RevokedApiKeys};

use super::organization;
use crate::{
    adapters::command_context,
    app::App,
    cli::{RevokeKeys, Revoked},
    error::Error,
    output,
};

pub(super) async fn run(app: &App, command: RevokeKeys) -> Result<(), Error> {
    let (organization, now) = (organization(app, command.organization).await?, app.environment.now());
    let dry_run = command.dry_run;
    match command.chosen(app.environment.format(), now)? {
        Revoked::One(key) => {
            let permit = Permit::operator_revokes_key(&organization, key);
            let _ = app.management.revoke_key(&permit, &command_context()?).await?;
            output::json(&RevokedApiKey::alone())
        }
        Revoked::Lineage(key) => {
            let permit = Permit::operator_revokes_lineage(&organization, key);
            let revoked = app.management.revoke_lineage(&permit, &command_context()?).await?;
            output::json(&RevokedApiKey::from(revoked))
        }
        Revoked::Many(chosen) => {
            let permit = Permit::operator_revokes_keys(&organization);
            let revoked = if dry_run {
                let listing = Permit::operator_lists_keys(&organization);
                app.management.would_revoke(&permit, &listing, *chosen).await?
            } else {
                app.management.revoke_keys(&permit, *chosen, &command_context()?).await?
            };
            output::json(&RevokedApiKeys::new(&revoked, dry_run, app.environment.now()))?;
            match (revoked.unknown.len(), revoked.more) {
                (0, false) => Ok(()),
                (0, true) => Err("there may be more: run the command again".into()),
                (unknown, _) => Err(format!("the organization has no key of {unknown} of the ids").into()),
            }
        }
    }
}
