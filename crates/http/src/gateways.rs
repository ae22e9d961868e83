//! What the authorisation of gateways' requests is set up with.

use actix_web::http::header::HeaderName;
use capykeys_domain::policy::RouteRules;

/// How requests behind gateways are authorised, and how their callers are named to the services
/// there.
#[derive(Clone, Debug, Default)]
pub struct Gateways {
    /// What each request needs. Without rules, and where the gateway's own address says nothing, any
    /// good credential is enough.
    pub rules: Option<RouteRules>,
    /// What the headers are called that say who was let through.
    pub headers: IdentityHeaders,
}

/// The names of the headers that say who was let through.
#[derive(Clone, Debug)]
pub struct IdentityHeaders {
    pub(crate) organization_id: HeaderName,
    pub(crate) project_id: HeaderName,
    pub(crate) key_id: HeaderName,
    pub(crate) user_id: HeaderName,
    pub(crate) scopes: HeaderName,
    pub(crate) auth_source: HeaderName,
}

impl Default for IdentityHeaders {
    fn default() -> Self {
        Self {
            organization_id: HeaderName::from_static("x-capy-organization-id"),
            project_id: HeaderName::from_static("x-capy-project-id"),
            key_id: HeaderName::from_static("x-capy-key-id"),
            user_id: HeaderName::from_static("x-capy-user-id"),
            scopes: HeaderName::from_static("x-capy-scopes"),
            auth_source: HeaderName::from_static("x-capy-auth-source"),
        }
    }
}

impl IdentityHeaders {
    /// Names of one's own, in the order organisation, project, key, user, scopes, source.
    ///
    /// # Errors
    /// The place of the first that is no header's name, or that stands there twice.
    pub fn new(names: [&str; 6]) -> Result<Self, usize> {
        let mut parsed: Vec<HeaderName> = Vec::with_capacity(names.len());
        for (place, name) in names.into_iter().enumerate() {
            let name = HeaderName::try_from(name).map_err(|_| place)?;
            if parsed.contains(&name) {
                return Err(place);
            }
            parsed.push(name);
        }
        let [organization_id, project_id, key_id, user_id, scopes, auth_source] =
            <[HeaderName; 6]>::try_from(parsed).map_err(|_| names.len())?;
        Ok(Self { organization_id, project_id, key_id, user_id, scopes, auth_source })
    }
}
