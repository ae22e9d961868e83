//! The endpoints, one a file.

pub(crate) mod authorize;
pub(crate) mod create_api_key;
pub(crate) mod disable_api_key;
pub(crate) mod enable_api_key;
pub(crate) mod finish_rotation;
pub(crate) mod get_api_key;
pub(crate) mod get_livez;
pub(crate) mod get_metrics;
pub(crate) mod get_openapi;
pub(crate) mod get_organization;
pub(crate) mod get_page;
pub(crate) mod get_readyz;
pub(crate) mod get_status;
pub(crate) mod get_viewer;
pub(crate) mod list_api_keys;
pub(crate) mod revoke_api_key;
pub(crate) mod revoke_api_keys;
pub(crate) mod rotate_api_key;
pub(crate) mod update_api_key;
pub(crate) mod verify_api_key;
pub(crate) mod verify_api_keys;

use actix_web::{http::Method, web};

use crate::{
    answer::GatewayData,
    error::ApiError,
    routing::{Endpoint, register},
    surface::{Internal, Public},
};

const EXT_AUTHZ: &str = "/authorize/ext-authz";

/// The endpoints of the API.
pub(crate) fn api() -> Vec<Endpoint> {
    vec![
        Endpoint::of(get_viewer::Operation, get_viewer::get_viewer),
        Endpoint::of(get_organization::Operation, get_organization::get_organization),
        Endpoint::of(list_api_keys::Operation, list_api_keys::list_api_keys),
        // Before the paths with the id of a key, which it is none of.
        Endpoint::of(revoke_api_keys::Operation, revoke_api_keys::revoke_api_keys),
        Endpoint::of(revoke_api_key::Operation, revoke_api_key::revoke_api_key),
        Endpoint::of(get_api_key::Operation, get_api_key::get_api_key),
        Endpoint::of(update_api_key::Operation, update_api_key::update_api_key),
        Endpoint::of(disable_api_key::Operation, disable_api_key::disable_api_key),
        Endpoint::of(enable_api_key::Operation, enable_api_key::enable_api_key),
        Endpoint::of(rotate_api_key::Operation, rotate_api_key::rotate_api_key),
        Endpoint::of(finish_rotation::Operation, finish_rotation::finish_rotation),
        Endpoint::of(create_api_key::Operation, create_api_key::create_api_key),
        Endpoint::of(get_openapi::Operation, get_openapi::get_openapi),
        Endpoint::of(get_status::Operation, get_status::get_status),
    ]
}

/// The endpoints for the cluster alone.
pub(crate) fn cluster() -> Vec<Endpoint> {
    let any = Vec::new;
    let get = vec![Method::GET, Method::HEAD];
    vec![
        Endpoint::undocumented("/authorize/forward-auth", any(), web::to(authorize::forward_auth)),
        Endpoint::undocumented("/authorize/auth-request", any(), web::to(authorize::auth_request)),
        Endpoint::of(verify_api_key::Operation, verify_api_key::verify_api_key),
        Endpoint::of(verify_api_keys::Operation, verify_api_keys::verify_api_keys),
        Endpoint::undocumented("/metrics", get, web::to(get_metrics::get_metrics)),
        Endpoint::of(get_openapi::Operation, get_openapi::get_openapi),
    ]
}

/// The endpoints of both listeners.
pub(crate) fn health() -> Vec<Endpoint> {
    vec![
        Endpoint::of(get_livez::Operation, get_livez::get_livez),
        Endpoint::of(get_readyz::Operation, get_readyz::get_readyz),
    ]
}

/// Registers the endpoints of the API; everything else is 404. Health is also asked for at the root,
/// by who need not know what is set.
pub(crate) fn configure_public(config: &mut web::ServiceConfig, public: &Public) {
    let base = public.base_path.as_str();
    config.app_data(web::Data::from(public.management.clone()));
    register(config, base, api());
    register(config, base, public.pages.iter().flat_map(get_page::endpoints).collect());
    if !base.is_empty() {
        register(config, base, health());
    }
    register(config, "", health());
    config.default_service(web::to(no_such_route));
}

/// Registers the endpoints for the cluster alone; everything else is Envoy's or 404.
pub(crate) fn configure_internal(config: &mut web::ServiceConfig, internal: &Internal) {
    config
        .app_data(web::Data::from(internal.metrics.clone()))
        .app_data(web::Data::new(GatewayData::from(internal.gateways.clone())))
        .app_data(internal.callers.clone());
    register(config, "", cluster());
    register(config, "", health());
    config.default_service(web::to(authorize::ext_authz));
}

async fn no_such_route() -> Result<&'static str, ApiError> {
    Err(ApiError::NoSuchRoute)
}

#[cfg(test)]
mod tests {
    use capykeys_listener::MEASURED_METHODS;
    use capykeys_pages::Page;

    use super::*;

    /// Past it, all further series are folded into one, as it is set in `crates/telemetry`.
    const MOST_SERIES: usize = 4_000;

    /// Every status of an answer, and the 0 of one that was given up.
    const STATUSES: [u16; 18] =
        [0, 200, 201, 304, 400, 401, 403, 404, 405, 408, 409, 412, 413, 415, 422, 429, 431, 503];

    #[test]
    fn there_are_fewer_series_of_requests_than_are_told_apart() {
        let pages = [Page::docs(), Page::console()];
        let pages = pages.iter().flat_map(get_page::endpoints);
        let endpoints = api().into_iter().chain(cluster()).chain(health()).chain(pages);
        // What is served nowhere is a route of its own, and so is what Envoy asks at.
        let routes = endpoints.map(|one| one.path).collect::<std::collections::BTreeSet<_>>().len() + 2;
        // And the 500 of a fault of ours.
        let series = routes * MEASURED_METHODS.len() * (STATUSES.len() + 1);
        assert!(routes > 10 && series < MOST_SERIES, "{routes} routes, {series} series");
    }
}
