//! The endpoints, one a file.

pub(crate) mod authorize;
pub(crate) mod create_api_key;
pub(crate) mod get_organization;
pub(crate) mod get_status;
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
    Resource, Route,
    dev::{HttpServiceFactory, Service},
    guard::{Any, Get, Head},
    web,
};

use crate::{
    error::ApiError,
    exchange::Current,
    server::{Internal, Public},
};

const ME: &str = "/v1/me";
const ORGANIZATION: &str = "/v1/organizations/{orgID}";
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
const STATUS: &str = "/status";
const LIVEZ: &str = "/livez";
const READYZ: &str = "/readyz";
const METRICS: &str = "/metrics";

/// Registers the endpoints of the API; everything else is 404. Health is also asked for at the root,
/// by who need not know what is set.
pub(crate) fn configure_public(config: &mut web::ServiceConfig, public: &Public) {
    let api = Endpoints { base: public.base_path.as_str() };
    config
        .service(api.at(ME, "GET, HEAD", |it| it.route(get().to(get_viewer::get_viewer))))
        .service(
            api.at(ORGANIZATION, "GET, HEAD", |it| it.route(get().to(get_organization::get_organization))),
        )
        .service(api.at(API_KEYS, "GET, HEAD, POST", |it| {
            it.route(get().to(list_api_keys::list_api_keys))
                .route(web::post().to(create_api_key::create_api_key))
        }))
        .service(api.at(API_KEY, "DELETE", |it| it.route(web::delete().to(revoke_api_key::revoke_api_key))))
        .service(api.at(OPENAPI, "GET, HEAD", |it| it.route(get().to(openapi::get_openapi))))
        .service(api.at(STATUS, "GET, HEAD", |it| it.route(get().to(get_status::get_status))))
        .app_data(web::Data::new(public.base_path.clone()))
        .app_data(web::Data::from(public.management.clone()))
        .configure(configure_health);
    if !api.base.is_empty() {
        api.configure_health(config);
    }
}

/// Registers the endpoints for the cluster alone; everything else is 404.
pub(crate) fn configure_internal(config: &mut web::ServiceConfig, internal: &Internal) {
    config
        .app_data(web::Data::from(internal.metrics.clone()))
        .app_data(web::Data::new(internal.gateways.clone()))
        .app_data(internal.callers.clone())
        .service(ROOT.at(FORWARD_AUTH, "", |it| it.route(web::route().to(authorize::forward_auth))))
        .service(ROOT.at(AUTH_REQUEST, "", |it| it.route(web::route().to(authorize::auth_request))))
        .service(ROOT.at(VERIFY, "POST", |it| it.route(web::post().to(verify_api_key::verify_api_key))))
        .service(
            ROOT.at(VERIFY_BATCH, "POST", |it| it.route(web::post().to(verify_api_keys::verify_api_keys))),
        )
        .service(ROOT.at(METRICS, "GET, HEAD", |it| it.route(get().to(metrics::get_metrics))))
        // Behind the others: they are tried in their order, and this one is a pattern.
        .service(ROOT.at(EXT_AUTHZ_ANY, "", |it| it.route(web::route().to(authorize::ext_authz))))
        .configure(configure_health);
}

fn configure_health(config: &mut web::ServiceConfig) {
    ROOT.configure_health(config);
    config.default_service(web::to(no_such_route));
}

/// Where there is no prefix.
const ROOT: Endpoints<'static> = Endpoints { base: "" };

/// Endpoints below a path.
struct Endpoints<'a> {
    base: &'a str,
}

impl Endpoints<'_> {
    fn configure_health(&self, config: &mut web::ServiceConfig) {
        config
            .service(self.at(LIVEZ, "GET, HEAD", |it| it.route(get().to(livez::get_livez))))
            .service(self.at(READYZ, "GET, HEAD", |it| it.route(get().to(readyz::get_readyz))));
    }

    /// A path with its methods. All others are 405, and the log learns the template.
    fn at<R: FnOnce(Resource) -> Resource>(
        &self,
        template: &'static str,
        allowed: &'static str,
        routes: R,
    ) -> impl HttpServiceFactory + use<R> {
        let refusal = move || async move { Err::<&str, _>(ApiError::MethodNotAllowed(allowed)) };
        routes(web::resource(format!("{}{template}", self.base))).default_service(web::to(refusal)).wrap_fn(
            move |request, service| {
                if let Some(exchange) = Current::of(&request) {
                    exchange.route.set(template);
                }
                service.call(request)
            },
        )
    }
}

/// GET, and with it HEAD, whose answer is the same without the body (RFC 9110, section 9.1).
fn get() -> Route {
    web::route().guard(Any(Get()).or(Head()))
}

async fn no_such_route() -> Result<&'static str, ApiError> {
    Err(ApiError::NoSuchRoute)
}
