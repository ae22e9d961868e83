//! `capykeys keys find`: whose key is it that was found somewhere?

use std::io::{self, BufRead as _, Read as _};

use capykeys_domain::{policy::Permit, ports::FoundKey, secret::PlaintextKey};
use capykeys_http::{ApiKeyView, OrganizationView};
use serde_json::json;
use zeroize::Zeroizing;

use crate::{app::App, error::Error, output};

/// More than any key has.
const LONGEST_LINE: u64 = 1024;

/// There is no key with this secret.
#[derive(Debug, thiserror::Error)]
#[error("there is no key with this secret")]
pub(crate) struct NoSuchKey;

/// Prints the key whose secret is on standard input. It is no use of it.
pub(crate) async fn run(app: &App) -> Result<(), Error> {
    let secret = read(app)?;
    let Some((found, is_previous)) = app.verdicts.find(&secret).await? else {
        return Err(absence(app).await?);
    };
    let FoundKey { key: held, organization, .. } = &*found;
    // As it is stored, with scopes that are in force no more.
    let key = app.management.get_key(&Permit::operator_gets_key(organization, held.id)).await?;
    let now = app.environment.now();
    output::json(&json!({
        // To whoever holds this secret.
        "state": held.state(now).as_str(),
        "secret": if is_previous { "previous" } else { "present" },
        "api_key": ApiKeyView::new(&key, now),
        "organization": OrganizationView::from(organization),
    }))
}

fn read(app: &App) -> Result<PlaintextKey, Error> {
    // The whole length at once: a string that grew would leave copies behind in memory.
    let mut line = Zeroizing::new(String::with_capacity(1 + usize::try_from(LONGEST_LINE)?));
    io::stdin().lock().take(LONGEST_LINE).read_line(&mut line)?;
    let format = app.environment.format();
    format.parse(line.trim()).ok_or_else(|| {
        format!("the first line of standard input is no key of this service ({format}, with a checksum at its end)")
            .into()
    })
}

/// A key of a pepper that is not configured looks like none.
async fn absence(app: &App) -> Result<Error, Error> {
    let peppers = app.peppers.list(app.environment.now()).await?;
    let missing = peppers.iter().find(|(_, one)| !one.configured && one.active_keys > 0);
    Ok(match missing {
        None => NoSuchKey.into(),
        Some((id, one)) => format!(
            "no key with this secret was found, but {} keys need the pepper {id}, which is not configured here",
            one.active_keys
        )
        .into(),
    })
}
