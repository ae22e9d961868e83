//! The organisation that is active in a session, in both versions of the claims.

use capykeys_domain::model::{ClerkOrganizationId, Role, SessionOrganization};
use serde_json::{Map, Value};

use crate::refusal::Refusal;

/// Longer names do not occur, and would have to be stored.
const MAX_TEXT_BYTES: usize = 200;

/// Version 2: one object, absent where no organisation is active.
pub(super) fn from_object(claim: &Value) -> Result<SessionOrganization, Refusal> {
    let members: &Map<String, Value> = claim.as_object().ok_or(Refusal::Organization)?;
    let id = members.get("id").ok_or(Refusal::Organization)?;
    from_parts(id, members.get("rol"), members.get("slg"))
}

/// From the claims on the id, the role and the slug.
///
/// The role is required: a session without one could neither be granted nor denied anything by it.
pub(super) fn from_parts(
    id: &Value,
    role: Option<&Value>,
    slug: Option<&Value>,
) -> Result<SessionOrganization, Refusal> {
    let id = id.as_str().and_then(ClerkOrganizationId::parse).ok_or(Refusal::Organization)?;
    let role = role.and_then(Value::as_str).filter(|role| is_role(role)).ok_or(Refusal::Organization)?;
    let slug = slug.map(|slug| text(slug).ok_or(Refusal::Organization)).transpose()?;
    Ok(SessionOrganization { id, role: Role::from_claim(role), slug })
}

fn is_role(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b':');
    (1..=MAX_TEXT_BYTES).contains(&text.len()) && text.bytes().all(allowed)
}

fn text(claim: &Value) -> Option<String> {
    let text = claim.as_str()?;
    let fits = (1..=MAX_TEXT_BYTES).contains(&text.len()) && !text.chars().any(char::is_control);
    fits.then(|| text.to_owned())
}
