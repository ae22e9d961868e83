//! The organization that is active in a session, in both versions of the claims.

use capykeys_domain::model::{ExternalOrganizationId, Role, SessionOrganization};
use capykeys_jwks::is_short_text;
use serde_json::{Map, Value};

use crate::refusal::Refusal;

/// Version 2: one object, absent where no organization is active.
pub(crate) fn from_object(claim: &Value) -> Result<SessionOrganization, Refusal> {
    let members: &Map<String, Value> = claim.as_object().ok_or(Refusal::Organization)?;
    let id = members.get("id").ok_or(Refusal::Organization)?;
    // Always without `org:` here: a role that is called `org:admin` all the same is not `org:admin`
    // but `org:org:admin`, as Clerk's own SDK has it.
    let role = text_of(members.get("rol"))?;
    from_parts(id, &format!("org:{role}"), members.get("slg"))
}

/// Version 1: three claims. The role is `org:admin`, or `admin` from before roles could be made.
pub(crate) fn from_claims(
    id: &Value,
    role: Option<&Value>,
    slug: Option<&Value>,
) -> Result<SessionOrganization, Refusal> {
    from_parts(id, text_of(role)?, slug)
}

/// The role is required: a session without one could neither be granted nor denied anything by it.
fn from_parts(id: &Value, role: &str, slug: Option<&Value>) -> Result<SessionOrganization, Refusal> {
    let id = id.as_str().and_then(ExternalOrganizationId::of_clerk).ok_or(Refusal::Organization)?;
    let role = Role::parse(role).ok_or(Refusal::Organization)?;
    let slug = slug.map(|slug| text_of(Some(slug))).transpose()?.map(str::to_owned);
    if slug.as_deref().is_some_and(|slug| !is_short_text(slug)) {
        return Err(Refusal::Organization);
    }
    Ok(SessionOrganization { id, roles: vec![role], slug })
}

fn text_of(claim: Option<&Value>) -> Result<&str, Refusal> {
    claim.and_then(Value::as_str).ok_or(Refusal::Organization)
}
