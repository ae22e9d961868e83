//! The endpoints, one a file.

pub(crate) mod authorize;
pub(crate) mod create_api_key;
pub(crate) mod get_viewer;
pub(crate) mod list_api_keys;
pub(crate) mod livez;
pub(crate) mod metrics;
pub(crate) mod openapi;
pub(crate) mod readyz;
pub(crate) mod revoke_api_key;
pub(crate) mod verify_api_key;
pub(crate) mod verify_api_keys;

use actix_web::{
    Resource,
    dev::{HttpServiceFactory, Service},
    web,
};

use crate::{error::ApiError, exchange::Current, server::Internal};

const ME: &str = "/v1/me";
const API_KEYS: &str = "/v1/organizations/{orgID}/api-keys";
const API_KEY: &str = "/v1/organizations/{orgID}/api-keys/{keyID}";
pub(crate) const VERIFY: &str = "/v1/api-keys/verify";
pub(crate) const VERIFY_BATCH: &str = "/v1/api-keys/verify-batch";
/// What the paths begin with at which gateways ask.
pub(crate) const AUTHORIZE: &str = "/authorize/";
const FORWARD_AUTH: &str = "/authorize/forward-auth";
const AUTH_REQUEST: &str = "/authorize/auth-request";
const EXT_AUTHZ: &str = "/authorize/ext-authz";
const EXT_AUTHZ_ANY: &str = "/authorize/ext-authz{path:.*}";
const OPENAPI: &str = "/v1/openapi.json";
const LIVEZ: &str = "/livez";
const READYZ: &str = "/readyz";
const METRICS: &str = "/metrics";

/// Registers the endpoints of the API; everything else is 404.
pub(crate) fn configure_public(config: &mut web::ServiceConfig) {
    config
        .service(at(ME, "GET", |it| it.route(web::get().to(get_viewer::get_viewer))))
        .service(at(API_KEYS, "GET, POST", |it| {
            it.route(web::get().to(list_api_keys::list_api_keys))
                .route(web::post().to(create_api_key::create_api_key))
        }))
        .service(at(API_KEY, "DELETE", |it| it.route(web::delete().to(revoke_api_key::revoke_api_key))))
        .service(at(OPENAPI, "GET", |it| it.route(web::get().to(openapi::get_openapi))))
        .configure(configure_health);
}

/// Registers the endpoints for the cluster alone; everything else is 404.
pub(crate) fn configure_internal(config: &mut web::ServiceConfig, internal: &Internal) {
    config
        .app_data(web::Data::from(internal.metrics.clone()))
        .app_data(web::Data::new(internal.gateways.clone()))
        .app_data(internal.callers.clone())
        .service(at(FORWARD_AUTH, "", |it| it.route(web::route().to(authorize::forward_auth))))
        .service(at(AUTH_REQUEST, "", |it| it.route(web::route().to(authorize::auth_request))))
        .service(at(VERIFY, "POST", |it| it.route(web::post().to(verify_api_key::verify_api_key))))
        .service(at(VERIFY_BATCH, "POST", |it| it.route(web::post().to(verify_api_keys::verify_api_keys))))
        .service(at(METRICS, "GET", |it| it.route(web::get().to(metrics::get_metrics))))
        // Behind the others: they are tried in their order, and this one is a pattern.
        .service(at(EXT_AUTHZ_ANY, "", |it| it.route(web::route().to(authorize::ext_authz))))
        .configure(configure_health);
}

fn configure_health(config: &mut web::ServiceConfig) {
    config
        .service(at(LIVEZ, "GET", |it| it.route(web::get().to(livez::get_livez))))
        .service(at(READYZ, "GET", |it| it.route(web::get().to(readyz::get_readyz))))
        .default_service(web::to(no_such_route));
}

/// A path with its methods. All others are 405, and the log learns the template.
fn at(
    template: &'static str,
    allowed: &'static str,
    routes: impl FnOnce(Resource) -> Resource,
) -> impl HttpServiceFactory + 'static {
    routes(web::resource(template))
        .default_service(web::to(move || async move { Err::<&str, _>(ApiError::MethodNotAllowed(allowed)) }))
        .wrap_fn(move |request, service| {
            if let Some(exchange) = Current::of(&request) {
                exchange.route.set(template);
            }
            service.call(request)
        })
}

async fn no_such_route() -> Result<&'static str, ApiError> {
    Err(ApiError::NoSuchRoute)
}
