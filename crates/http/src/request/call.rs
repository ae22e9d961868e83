//! A request to an endpoint.

use std::{
    future::{Ready, ready},
    rc::Rc,
};

use actix_web::{
    FromRequest, HttpRequest,
    dev::Payload,
    web::{Bytes, Data},
};
use capykeys_domain::{
    model::{Caller, KeyId, OrganizationId},
    policy::{Action, Permit, Target},
    usecases::Management,
};
use capykeys_gateway::read_credential;

use super::{body, headers::Sent};
use crate::{error::ApiError, exchange::Exchange};

/// A request to an endpoint, and what an endpoint asks of one.
pub(crate) struct Call {
    pub(crate) exchange: Rc<Exchange>,
    pub(crate) request: HttpRequest,
    payload: Payload,
}

impl FromRequest for Call {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let of = |exchange| Self { exchange, request: request.clone(), payload: payload.take() };
        ready(Exchange::of(request).map(of).ok_or(ApiError::Internal))
    }
}

impl Call {
    /// The caller behind the request's credential.
    ///
    /// # Errors
    /// 400 where it is not clear which credential is meant, 401 where there is none or it is not good,
    /// 503 where that cannot be known right now.
    pub(crate) async fn authenticate(&self) -> Result<Caller, ApiError> {
        let Self { exchange, request, .. } = self;
        let credential = read_credential(exchange.verdicts().texts(), &Sent(request.headers()))?;
        let credential = credential.ok_or(ApiError::no_credential())?;
        let caller = exchange.verdicts().authenticate(&credential, &exchange.context).await?;
        exchange.identify(caller.actor(), caller.organization_id());
        Ok(caller)
    }

    /// What callers do with keys.
    ///
    /// # Errors
    /// 500 where the listener has nothing of it.
    pub(crate) fn management(&self) -> Result<&Management, ApiError> {
        self.request.app_data::<Data<Management>>().map(Data::get_ref).ok_or(ApiError::Internal)
    }

    /// That the caller may do this in the organization, and with the key, that the path names.
    ///
    /// # Errors
    /// Those of [`authenticate`](Self::authenticate), and 403 where the caller may not.
    pub(crate) async fn permit<A: Action>(&self) -> Result<Permit<A>, ApiError> {
        let caller = self.authenticate().await?;
        self.permit_to(&caller, self.request.match_info().get("keyID").and_then(KeyId::parse)).await
    }

    /// The same once more, in the place of the one before, when the body has come: a caller who was locked out while it was on its way may not any more.
    ///
    /// # Errors
    /// The same.
    pub(crate) async fn permit_again<A: Action>(&self, _before: Permit<A>) -> Result<Permit<A>, ApiError> {
        self.permit().await
    }

    /// The same, where the path may say `self` for the key that calls.
    ///
    /// # Errors
    /// The same.
    pub(crate) async fn permit_for_own<A: Action>(&self) -> Result<Permit<A>, ApiError> {
        let caller = self.authenticate().await?;
        let key = match (&caller, self.request.match_info().get("keyID")) {
            (Caller::Key(caller), Some("self")) => Some(caller.key.id),
            (_, id) => id.and_then(KeyId::parse),
        };
        self.permit_to(&caller, key).await
    }

    async fn permit_to<A: Action>(&self, caller: &Caller, key: Option<KeyId>) -> Result<Permit<A>, ApiError> {
        let organization = self.request.match_info().get("orgID").and_then(OrganizationId::parse);
        let target = Target { organization, key };
        Ok(self.management()?.permit(caller, target, &self.exchange.context).await?)
    }

    /// The whole body, as JSON that is yet to be parsed.
    ///
    /// # Errors
    /// 415 where it is not sent as JSON, 413 where it is too large, 400 where it breaks off.
    pub(crate) async fn body(&mut self) -> Result<Bytes, ApiError> {
        body::receive(&self.exchange, self.request.headers(), self.payload.take()).await
    }

    /// The same where there is one.
    ///
    /// # Errors
    /// Those of [`body`](Self::body).
    pub(crate) async fn optional_body(&mut self) -> Result<Option<Bytes>, ApiError> {
        if body::has_body(self.request.headers()) { self.body().await.map(Some) } else { Ok(None) }
    }
}
