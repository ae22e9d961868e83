//! The first start on the embedded store: an organization and a key to begin with.

use std::{
    fmt::Write as _,
    fs::{File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::Path,
};

use capykeys_domain::{
    model::{KeyFilter, KeyName, KeySpec, Organization, OrganizationName, Scope, ScopeSet, Slug},
    policy::Permit,
    ports::Limit,
    usecases::NewOrganization,
};

use crate::{adapters::command_context, app::App, config::ConfigError, error::Error, output};

const TWO: Limit = Limit::of::<2>();

/// Where the store holds no key yet, makes one that may do everything and hands it out, this once: to
/// `file`, which has the setting of that name, for its owner alone, or else to standard output, and never to the
/// log. `url` is where the API is served.
pub(crate) async fn welcome(app: &App, url: &str, file: Option<(&Path, &str)>) -> Result<(), Error> {
    let Some(organization) = organization_without_keys(app).await? else {
        return Ok(());
    };
    // Opened first: a key that can be handed to nobody must not be made.
    let unusable = |error| {
        let name = file.map_or_else(String::new, |(_, setting)| setting.to_owned());
        ConfigError::File { name, error }
    };
    let opened = file.map(|(path, _)| open(path)).transpose().map_err(unusable)?;
    let spec = KeySpec::new(KeyName::parse("first key")?, ScopeSet::new([Scope::ALL])?);
    let permit = Permit::operator_creates_key(&organization);
    let created = app.management.create_key(&permit, spec, &command_context()?).await?;
    let key = created.plaintext.expose();
    if let Some(mut opened) = opened {
        opened.write_all(format!("{key}\n").as_bytes()).and_then(|()| opened.sync_all()).map_err(unusable)?;
    }
    output::text(&message(&organization, key, url, file.map(|(path, _)| path))?)
}

/// A new file that nobody else can read. An empty one is what a start leaves that was cut off.
fn open(path: &Path) -> io::Result<File> {
    let opened = OpenOptions::new().create_new(true).write(true).mode(0o600).open(path);
    match opened {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let left = OpenOptions::new().write(true).open(path)?;
            let metadata = left.metadata()?;
            if metadata.is_file() && metadata.len() == 0 && metadata.mode().trailing_zeros() >= 6 {
                return Ok(left);
            }
            Err(error)
        }
        opened => opened,
    }
}

/// The organization that the first key is for: made where there is none at all. One without a key
/// is what a start leaves that was cut off in between.
async fn organization_without_keys(app: &App) -> Result<Option<Organization>, Error> {
    match app.operators.list_organizations(None, TWO).await?.as_slice() {
        [] => {
            let new = NewOrganization {
                name: OrganizationName::parse("Default")?,
                slug: Slug::parse("default")?,
                clerk: None,
            };
            Ok(Some(app.operators.create_organization(new, &command_context()?).await?))
        }
        [only] if only.slug.as_str() == "default" => {
            let permit = Permit::operator_lists_keys(only);
            let page = app.management.list_key_page(&permit, KeyFilter::default(), None, Limit::ONE).await?;
            Ok(page.keys.is_empty().then(|| only.clone()))
        }
        _ => Ok(None),
    }
}

fn message(
    organization: &Organization,
    key: &str,
    url: &str,
    file: Option<&Path>,
) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    writeln!(text, "\nA new store was made, with an organization and its first key.")?;
    let in_shell = if let Some(file) = file {
        writeln!(text, "The key is in {}.\n", file.display())?;
        writeln!(text, "  organization  {}\n", organization.id)?;
        format!("\"Authorization: Bearer $(cat '{}')\"", file.display())
    } else {
        writeln!(text, "The key is shown this once, so keep it:\n")?;
        writeln!(text, "  organization  {}", organization.id)?;
        writeln!(text, "  key           {key}\n")?;
        format!("'Authorization: Bearer {key}'")
    };
    writeln!(text, "Try it:\n")?;
    writeln!(text, "  curl -sS -H {in_shell} {url}/v1/me\n")?;
    Ok(text)
}
