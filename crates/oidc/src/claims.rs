//! The claims (OpenID Connect Core 1.0, section 2; RFC 9068, section 2.2; and whatever a provider adds).

use capykeys_domain::model::{ExternalOrganizationId, Role, Session, SessionOrganization, Timestamp, UserId};
use capykeys_jwks::{Object, Times, TokenError, check_audience, is_short_text};
use serde_json::Value;

use crate::{
    refusal::Refusal,
    settings::{OrganizationSource, ProviderSettings},
};

/// What names the client that a token was given to.
const CLIENTS: [&str; 2] = ["azp", "client_id"];

/// The session, where the provider's settings accept the claims at `now`.
pub(crate) fn session(
    claims: &Object,
    provider: &ProviderSettings,
    now: Timestamp,
) -> Result<Session, Refusal> {
    Times::parse(claims)?.check(now, provider.max_lifetime)?;
    if !provider.audiences.iter().any(|audience| check_audience(claims, Some(audience)).is_ok()) {
        return Err(TokenError::Audience.into());
    }
    // A logout token has the issuer, audience, user and, at some providers, the `typ` of an ID token, and lies
    // in the logs of whoever is told of it (OpenID Connect Back-Channel Logout 1.0, section 2.4).
    if claims.get("events").is_some() {
        return Err(Refusal::Event);
    }
    check_parties(claims, provider)?;
    Ok(Session {
        user_id: user(claims, provider)?,
        organization: organization(claims, provider)?,
        // Whatever it holds: no reading of it may turn impersonation off (RFC 8693, section 4.1).
        impersonated: claims.get("act").is_some(),
    })
}

/// Every client that the token names has to be in the list, where there is one. An ID token that names none is
/// for the client that is its audience.
fn check_parties(claims: &Object, provider: &ProviderSettings) -> Result<(), Refusal> {
    let parties = &provider.authorized_parties;
    let named: Vec<&Value> = CLIENTS.iter().filter_map(|name| claims.get(name)).collect();
    let accepted = match named[..] {
        _ if parties.is_empty() => named.into_iter().all(Value::is_string),
        [] => parties.iter().any(|party| claims.text("aud") == Some(party)),
        _ => named.into_iter().all(|named| parties.iter().any(|party| named == party)),
    };
    if accepted { Ok(()) } else { Err(Refusal::AuthorizedParty) }
}

/// The user. A token that a client got for itself names the client as its subject (RFC 9068, section 2.2), at Auth0
/// with `@clients` behind it, or says at Entra that it is an application's: it is nobody's session.
fn user(claims: &Object, provider: &ProviderSettings) -> Result<UserId, Refusal> {
    let subject = claims.text("sub").ok_or(Refusal::Subject)?;
    let client = subject.strip_suffix("@clients").unwrap_or(subject);
    let is_clients = CLIENTS.iter().any(|name| claims.text(name) == Some(client));
    if is_clients || claims.text("idtyp") == Some("app") {
        return Err(Refusal::Subject);
    }
    let id = provider.user.find(claims).and_then(Value::as_str);
    id.and_then(|id| UserId::of_issuer(&provider.issuer, id)).ok_or(Refusal::Subject)
}

/// The active organization, where there is one: an absent claim names none, nor does one that names several.
fn organization(
    claims: &Object,
    provider: &ProviderSettings,
) -> Result<Option<SessionOrganization>, Refusal> {
    let id = match &provider.organization {
        OrganizationSource::Fixed(id) => Some(id.as_str()),
        OrganizationSource::Claim(path) => match path.find(claims) {
            Some(claim) => match names(claim).ok_or(Refusal::Organization)?[..] {
                [only] => Some(only),
                _ => None,
            },
            None => None,
        },
    };
    let Some(plain) = id else { return Ok(None) };
    let id = ExternalOrganizationId::of_issuer(&provider.issuer, plain).ok_or(Refusal::Organization)?;
    let name = provider.organization_name.find(claims).map_or(Some(plain), Value::as_str);
    let name = name.filter(|name| is_short_text(name)).ok_or(Refusal::Organization)?;
    let roles = roles(claims, provider, plain)?;
    Ok(Some(SessionOrganization { id, roles, slug: Some(name.to_owned()) }))
}

/// The roles in `organization`, which is what the provider calls it. Zitadel names below each role the
/// organizations that it was granted in: in others it is worth nothing.
fn roles(claims: &Object, provider: &ProviderSettings, organization: &str) -> Result<Vec<Role>, Refusal> {
    let is_granted =
        |below: &Value| below.as_object().is_none_or(|granted| granted.contains_key(organization));
    let named = match provider.roles.find(claims) {
        Some(Value::Object(roles)) => {
            roles.iter().filter(|(_, below)| is_granted(below)).map(|(role, _)| role.as_str()).collect()
        }
        Some(claim) => names(claim).ok_or(Refusal::Roles)?,
        None => Vec::new(),
    };
    let mut roles: Vec<Role> = Vec::new();
    for role in named.into_iter().filter_map(|name| provider.role_names.get(name)) {
        if !roles.contains(role) {
            roles.push(role.clone());
        }
    }
    if roles.is_empty() {
        roles.push(Role::member());
    }
    Ok(roles)
}

/// The names in a claim: a text is one, an array of texts several, and an object has them as its members, as
/// Keycloak has organizations.
fn names(claim: &Value) -> Option<Vec<&str>> {
    match claim {
        Value::String(name) => Some(vec![name]),
        Value::Array(names) => names.iter().map(Value::as_str).collect(),
        Value::Object(members) => Some(members.keys().map(String::as_str).collect()),
        _ => None,
    }
}
