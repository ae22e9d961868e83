//! Who was let through a gateway, for the service behind it.

use std::fmt::Write;

use actix_web::{
    HttpResponse,
    http::header::{HeaderMap, HeaderName, HeaderValue},
};
use capykeys_domain::{
    model::Scope,
    usecases::{Authorized, gateway_scopes},
};

use crate::{error::ApiError, gateways::IdentityHeaders};

/// The answer that lets a request through. Every header is set, empty where there is nothing to say,
/// so that none of the same name from outside takes its place.
///
/// Exactly 200: Envoy takes any other status for a refusal.
pub(crate) fn let_through(names: &IdentityHeaders, who: &Authorized) -> Result<HttpResponse, ApiError> {
    let mut answer = HttpResponse::Ok().finish();
    write(answer.headers_mut(), names, who)?;
    Ok(answer)
}

fn write(headers: &mut HeaderMap, names: &IdentityHeaders, who: &Authorized) -> Result<(), ApiError> {
    let all = [
        &names.organization_id,
        &names.project_id,
        &names.key_id,
        &names.user_id,
        &names.scopes,
        &names.auth_source,
    ];
    for name in all {
        headers.insert(name.clone(), HeaderValue::from_static(""));
    }
    let mut set = |name: &HeaderName, text: &str| {
        // Ids and scopes are all of visible ASCII.
        let value = HeaderValue::from_str(text).map_err(|_| ApiError::Internal)?;
        headers.insert(name.clone(), value);
        Ok::<_, ApiError>(())
    };
    match who {
        Authorized::Anonymous => {}
        Authorized::Key(found) => {
            let key = &found.key;
            set(&names.organization_id, &key.organization_id.to_string())?;
            set(&names.key_id, &key.id.to_string())?;
            set(&names.scopes, &joined(key.scopes.iter()))?;
            set(&names.auth_source, "api_key")?;
            if let Some(project) = &key.project_id {
                set(&names.project_id, project.as_str())?;
            }
            if let Some(user) = &key.created_by_user_id {
                set(&names.user_id, user.as_str())?;
            }
        }
        Authorized::Session(session, organization_id) => {
            set(&names.organization_id, &organization_id.to_string())?;
            set(&names.user_id, session.user_id.as_str())?;
            set(&names.scopes, &joined(gateway_scopes(session).into_iter()))?;
            set(&names.auth_source, "clerk_session")?;
        }
    }
    Ok(())
}

/// As OAuth writes scopes (RFC 6749, section 3.3).
fn joined(scopes: impl Iterator<Item = Scope>) -> String {
    let mut text = String::new();
    for scope in scopes {
        let space = if text.is_empty() { "" } else { " " };
        // Writing to a string cannot fail.
        let _ = write!(text, "{space}{}", scope.as_str());
    }
    text
}
