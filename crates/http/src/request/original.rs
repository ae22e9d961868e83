//! The request that a gateway asks about, and what it needs.

use actix_web::{
    HttpRequest,
    http::header::{HOST, HeaderMap},
    web::Query,
};
use capykeys_domain::{
    model::ScopeSet,
    policy::{OriginalRequest, PathPattern, RequestPath, Requirement, RouteNeeds, RouteRules},
};

use crate::error::ApiError;

/// A family of gateways. Each tells of the request in headers of its own and passes those of the
/// others on from the client, so that each has an endpoint which reads its own alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// Traefik's `ForwardAuth`, Caddy's `forward_auth`.
    ForwardAuth,
    /// nginx's `auth_request`, HAProxy.
    AuthRequest,
    /// Envoy's `ext_authz` over HTTP, Istio, the Gateway API: the request line is the client's, below
    /// this path.
    ExtAuthz(&'static str),
}

const MISCONFIGURED: ApiError =
    ApiError::NotLetThrough("The gateway's settings for this route cannot be used.");
const NOT_FOR_ANYBODY: ApiError = ApiError::NotLetThrough("No rule lets this request through.");

/// What the original request needs: what the query of the gateway's address says, else what the rules
/// say, else a good credential.
///
/// # Errors
/// 403 where it is to be let through for nobody.
pub(crate) fn needs(
    request: &HttpRequest,
    family: Family,
    rules: Option<&RouteRules>,
) -> Result<RouteNeeds, ApiError> {
    let original = original(request, family);
    let query = if matches!(family, Family::ExtAuthz(_)) { "" } else { request.query_string() };
    if !query.is_empty() {
        return settings(query, original.ok_or(MISCONFIGURED)?);
    }
    let Some(rules) = rules else { return Ok(RouteNeeds::default()) };
    original.and_then(|original| rules.needs(&original)).ok_or(NOT_FOR_ANYBODY)
}

fn original(request: &HttpRequest, family: Family) -> Option<OriginalRequest<'_>> {
    let headers = request.headers();
    let named = |method, target, host| {
        let (method, target) = (only(headers, method)?, only(headers, target)?);
        Some(OriginalRequest { method, host: only(headers, host), target })
    };
    match family {
        Family::ForwardAuth => named("x-forwarded-method", "x-forwarded-uri", "x-forwarded-host"),
        Family::AuthRequest => named("x-original-method", "x-original-uri", "x-original-host"),
        Family::ExtAuthz(prefix) => Some(OriginalRequest {
            method: request.method().as_str(),
            host: only(headers, HOST.as_str()),
            // As it was sent: what routing found has been decoded.
            target: request.uri().path_and_query()?.as_str().strip_prefix(prefix)?,
        }),
    }
}

/// The header's value, where it stands there once: a second one may be the client's.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name);
    let first = values.next()?;
    values.next().is_none().then(|| first.to_str().ok())?
}

/// Reads the query of the gateway's address: `scopes` with commas, `project_path`, and
/// `anonymous=allow`.
fn settings(query: &str, original: OriginalRequest<'_>) -> Result<RouteNeeds, ApiError> {
    let pairs = parameters(query)?;
    let of_client = original.target.split_once('?').map_or("", |(_, query)| query);
    // Some gateways pass the client's query on unless they are told not to.
    let of_client = Query::<Vec<(String, String)>>::from_query(of_client);
    if of_client.is_ok_and(|of_client| of_client.iter().any(|pair| pairs.contains(pair))) {
        return Err(MISCONFIGURED);
    }
    let mut needs = RouteNeeds::default();
    for (name, value) in &pairs {
        match name.as_str() {
            "scopes" if needs.requirement.scopes.is_none() => {
                let scopes = ScopeSet::parse(value.split(',')).map_err(|_| MISCONFIGURED)?;
                needs.requirement.scopes = Some(scopes);
            }
            "project_path" if needs.requirement.project_id.is_none() => {
                let pattern = PathPattern::parse(value).map_err(|_| MISCONFIGURED)?;
                if !pattern.names_project() {
                    return Err(MISCONFIGURED);
                }
                let path = RequestPath::parse(original.target).ok_or(NOT_FOR_ANYBODY)?;
                needs.requirement.project_id = pattern.matches(&path).ok_or(NOT_FOR_ANYBODY)?.project;
            }
            "anonymous" if !needs.anonymous && value == "allow" => needs.anonymous = true,
            _ => return Err(MISCONFIGURED),
        }
    }
    let asks = needs.requirement != Requirement::default();
    if needs.anonymous && asks { Err(MISCONFIGURED) } else { Ok(needs) }
}

fn parameters(query: &str) -> Result<Vec<(String, String)>, ApiError> {
    Query::<Vec<(String, String)>>::from_query(query).map(Query::into_inner).map_err(|_| MISCONFIGURED)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use capykeys_domain::policy::{PathPattern, RouteRule};

    use super::*;

    fn forwarded(query: &str, target: &str) -> Result<RouteNeeds, String> {
        let request = TestRequest::with_uri(&format!("/authorize/forward-auth{query}"))
            .insert_header(("x-forwarded-method", "GET"))
            .insert_header(("x-forwarded-uri", target))
            .to_http_request();
        needs(&request, Family::ForwardAuth, None).map_err(|error| error.to_string())
    }

    #[test]
    fn the_address_says_what_a_route_needs() {
        let found =
            forwarded("?scopes=jobs:read,backups:read&project_path=/p/{project}/**", "/p/p_1/x?a=b").unwrap();
        assert_eq!(found.requirement.project_id.unwrap().as_str(), "p_1");
        assert_eq!(found.requirement.scopes.unwrap().iter().count(), 2);
        assert!(forwarded("?anonymous=allow", "/").unwrap().anonymous);
        assert_eq!(forwarded("", "/anything//at/../all"), Ok(RouteNeeds::default()));
    }

    #[test]
    fn a_path_that_names_no_project_is_for_nobody() {
        for target in ["/other", "/p/", "/p/a b/x", "/p/../p/p_1/x", "/p/p_1%2fx/y", "//p/p_1/x"] {
            let refused = forwarded("?project_path=/p/{project}/**", target).unwrap_err();
            assert_eq!(refused, NOT_FOR_ANYBODY.to_string(), "{target}");
        }
    }

    #[test]
    fn settings_that_make_no_sense_let_nobody_through() {
        for query in [
            "?scope=jobs:read",
            "?scopes=",
            "?scopes=no",
            "?scopes=jobs:read&scopes=*",
            "?project_path=/p/**",
            "?anonymous=yes",
            "?anonymous=allow&scopes=jobs:read",
            "?scopes=jobs:read&x=y",
        ] {
            assert_eq!(forwarded(query, "/").unwrap_err(), MISCONFIGURED.to_string(), "{query}");
        }
    }

    #[test]
    fn a_query_that_is_the_clients_own_lets_nobody_through() {
        for (query, target) in [
            ("?anonymous=allow", "/a?anonymous=allow"),
            ("?scopes=jobs:read&anonymous=allow", "/a?anonymous=allow"),
            ("?anonymous=allow", "/a?x=y&anonymous=%61llow"),
        ] {
            assert_eq!(forwarded(query, target).unwrap_err(), MISCONFIGURED.to_string(), "{target}");
        }
    }

    #[test]
    fn each_family_reads_its_own_headers_alone_and_each_of_them_once() {
        let rules = RouteRules::new(vec![RouteRule::new(PathPattern::parse("/open").unwrap(), None)]);
        let ask = |family, uri: &str, headers: &[(&'static str, &'static str)]| {
            let mut request = TestRequest::with_uri(uri);
            for header in headers {
                request = request.append_header(*header);
            }
            needs(&request.to_http_request(), family, Some(&rules)).is_ok()
        };
        let forwarded = [("x-forwarded-method", "GET"), ("x-forwarded-uri", "/open")];
        let originally = [("x-original-method", "GET"), ("x-original-uri", "/open")];
        assert!(ask(Family::ForwardAuth, "/", &forwarded) && ask(Family::AuthRequest, "/", &originally));
        assert!(!ask(Family::ForwardAuth, "/", &originally) && !ask(Family::AuthRequest, "/", &forwarded));
        let twice = [forwarded[0], ("x-forwarded-uri", "/secret"), forwarded[1]];
        assert!(!ask(Family::ForwardAuth, "/", &twice));
        let ext_authz = Family::ExtAuthz("/authorize/ext-authz");
        assert!(ask(ext_authz, "/authorize/ext-authz/open?anonymous=allow", &[]));
        assert!(!ask(ext_authz, "/authorize/ext-authz/secret", &forwarded));
        assert!(!ask(ext_authz, "/authorize/ext-authz/%6fpen", &[]));
    }
}
