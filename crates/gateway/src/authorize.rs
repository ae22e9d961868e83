//! May a request pass through a gateway?

use std::time::Duration;

use capykeys_domain::{
    model::{ExpiryNotices, RequestContext, SessionCaller},
    policy::Requirement,
    secret::{BearerToken, Credential},
    usecases::Verdicts,
};

use crate::{
    Authorized, IdentityHeaders, Question, Refusal, RequestHeaders,
    credential::read_credential,
    route::{RouteNeeds, RouteRules},
    verdict::{authenticate_session, verify},
};

/// How requests behind gateways are authorized, and how their callers are named to the services
/// there.
#[derive(Clone, Debug, Default)]
pub struct Gateways {
    /// What each request needs. Without rules, and where the gateway itself says nothing, any good
    /// credential is enough.
    pub rules: Option<RouteRules>,
    /// What the headers are called that say who was let through.
    pub headers: IdentityHeaders,
    /// How long before a key ends the headers say so. Of the secret before a key's present one they always do.
    pub notices: ExpiryNotices,
}

impl Gateways {
    /// Who comes with the request that a gateway asks about, where it may pass.
    ///
    /// A credential that is not good is refused also where none would have been needed. Refusals are
    /// not recorded in the audit log: they are another service's, and anybody can cause them.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn authorize(
        &self,
        verdicts: &Verdicts,
        question: &Question<'_, impl RequestHeaders>,
        context: &RequestContext,
    ) -> Result<Authorized, Refusal> {
        let Question { original, settings, headers } = question;
        let environment = verdicts.environment();
        let needs = RouteNeeds::find(settings, original.as_ref(), self.rules.as_ref(), environment.scopes())?;
        match read_credential(verdicts.texts(), *headers)? {
            None if needs.anonymous => Ok(Authorized::Anonymous),
            None => Err(Refusal::NoCredential),
            Some(Credential::ApiKey(key)) => {
                let verification = verify(verdicts, Some(&key), &needs.requirement, Duration::ZERO).await?;
                let ends_soon = |left| verification.with_previous || self.notices.is_soon(left);
                let ends_soon = verification.expires_in.is_some_and(ends_soon);
                Ok(Authorized::Key { found: verification.verdict?, ends_soon })
            }
            Some(Credential::Session(token)) => session(verdicts, &token, &needs.requirement, context).await,
        }
    }
}

async fn session(
    verdicts: &Verdicts,
    token: &BearerToken,
    requirement: &Requirement,
    context: &RequestContext,
) -> Result<Authorized, Refusal> {
    let SessionCaller { session, organization, scopes } =
        authenticate_session(verdicts, token, context).await?;
    let organization = organization.ok_or(Refusal::Forbidden("The session has no organization here."))?;
    requirement.check_session(&scopes, &organization)?;
    Ok(Authorized::Session { user_id: session.user_id, organization_id: organization.id, scopes })
}
