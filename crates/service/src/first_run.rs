//! The first start on the embedded store: an organization and a key to begin with.

use std::{fmt::Write, num::NonZeroU32};

use capykeys_domain::{
    model::{KeyName, KeySpec, Organization, OrganizationName, Scope, ScopeSet, Slug},
    policy::Permit,
    usecases::{Capykeys, NewOrganization},
};

use crate::{app, commands::Error, output};

const TWO: NonZeroU32 = NonZeroU32::new(2).unwrap();

/// Where the store holds no key yet, makes one that may do everything and prints it, this once, to
/// standard output: never to the log. `url` is where the API is served.
pub(crate) async fn welcome(capykeys: &Capykeys, url: &str) -> Result<(), Error> {
    let Some(organization) = organization_without_keys(capykeys).await? else {
        return Ok(());
    };
    let spec = KeySpec::new(KeyName::parse("first key")?, ScopeSet::new([Scope::All])?);
    let permit = Permit::operator_creates_key(&organization);
    let created = capykeys.create_key(&permit, spec, &app::command_context()?).await?;
    output::text(&message(&organization, created.plaintext.expose(), url)?)
}

/// The organization that the first key is for: made where there is none at all. One without a key
/// is what a start leaves that was cut off in between.
async fn organization_without_keys(capykeys: &Capykeys) -> Result<Option<Organization>, Error> {
    match capykeys.list_organizations(None, TWO).await?.as_slice() {
        [] => {
            let new = NewOrganization {
                name: OrganizationName::parse("Default")?,
                slug: Slug::parse("default")?,
                clerk: None,
            };
            Ok(Some(capykeys.create_organization(new, &app::command_context()?).await?))
        }
        [only] if only.slug.as_str() == "default" => {
            let permit = Permit::operator_lists_keys(only);
            let page = capykeys.list_key_page(&permit, None, NonZeroU32::MIN).await?;
            Ok(page.keys.is_empty().then(|| only.clone()))
        }
        _ => Ok(None),
    }
}

fn message(organization: &Organization, key: &str, url: &str) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    writeln!(text, "\nA new store was made, with an organization and its first key.")?;
    writeln!(text, "The key is shown this once, so keep it:\n")?;
    writeln!(text, "  organization  {}", organization.id)?;
    writeln!(text, "  key           {key}\n")?;
    writeln!(text, "Try it:\n")?;
    writeln!(text, "  curl -sS -H 'Authorization: Bearer {key}' {url}/v1/me\n")?;
    Ok(text)
}
