//! The request that a gateway asks about, and what it needs.

use actix_web::{
    HttpRequest,
    http::header::{HOST, HeaderMap},
    web::Query,
};
use capykeys_domain::{
    model::ScopeCatalogue,
    policy::{OriginalRequest, RouteError, RouteNeeds, RouteRules},
    usecases::AuthorizeError,
};
use percent_encoding::percent_decode_str;

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

/// What the original request needs: what the query of the gateway's address says, else what the rules
/// say, else a good credential.
///
/// # Errors
/// 403 where it is to be let through for nobody.
pub(crate) fn needs(
    request: &HttpRequest,
    family: Family,
    rules: Option<&RouteRules>,
    catalogue: &ScopeCatalogue,
) -> Result<RouteNeeds, AuthorizeError> {
    let original = original(request, family);
    let query = if matches!(family, Family::ExtAuthz(_)) { "" } else { request.query_string() };
    let settings = parameters(query).ok_or(RouteError::Misconfigured)?;
    if original.is_some_and(|original| may_send_one_of(&settings, original.target)) {
        return Err(RouteError::Misconfigured.into());
    }
    let settings = settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    Ok(RouteNeeds::find(settings, original.as_ref(), rules, catalogue)?)
}

fn original(request: &HttpRequest, family: Family) -> Option<OriginalRequest<'_>> {
    let headers = request.headers();
    let named = |method, target, host| {
        let (method, target) = (only(headers, method)?, only(headers, target)?);
        let host = if headers.contains_key(host) { Some(only(headers, host)?) } else { None };
        Some(OriginalRequest { method, host, target })
    };
    match family {
        Family::ForwardAuth => named("x-forwarded-method", "x-forwarded-uri", "x-forwarded-host"),
        Family::AuthRequest => named("x-original-method", "x-original-uri", "x-original-host"),
        Family::ExtAuthz(prefix) => Some(OriginalRequest {
            method: request.method().as_str(),
            host: Some(only(headers, HOST.as_str())?),
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

/// Whether one of the settings may be the client's: some gateways pass the client's query on unless
/// they are told not to. It is looked for in the whole query, decoded, since others may see parameters
/// begin and end elsewhere.
fn may_send_one_of(settings: &[(String, String)], target: &str) -> bool {
    let Some((_, query)) = target.split_once('?') else { return false };
    let query = query.replace('+', " ");
    let query = percent_decode_str(&query).decode_utf8_lossy();
    settings.iter().any(|(name, value)| query.contains(&format!("{name}={value}")))
}

fn parameters(query: &str) -> Option<Vec<(String, String)>> {
    Query::from_query(query).map(Query::into_inner).ok()
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
        needs(&request, Family::ForwardAuth, None, &ScopeCatalogue::default())
            .map_err(|error| error.to_string())
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
    fn an_address_that_makes_no_sense_lets_nobody_through() {
        for query in ["?scope=jobs:read", "?scopes=jobs:read&scopes=*", "?anonymous=no", "?=", "?scopes"] {
            assert_eq!(forwarded(query, "/").unwrap_err(), RouteError::Misconfigured.sentence(), "{query}");
        }
    }

    #[test]
    fn a_query_that_is_the_clients_own_lets_nobody_through() {
        for (query, target) in [
            ("?anonymous=allow", "/a?anonymous=allow"),
            ("?scopes=jobs:read&anonymous=allow", "/a?anonymous=allow"),
            ("?anonymous=allow", "/a?x=y&anonymous=%61llow"),
            ("?anonymous=allow", "/a?anonymous=allow#"),
            ("?anonymous=allow", "/a?anonymous=allow#x"),
            ("?anonymous=allow", "/a?x=y;anonymous=allow"),
            ("?anonymous=allow", "/a?x=y%26anonymous=allow;z"),
        ] {
            assert_eq!(
                forwarded(query, target).unwrap_err(),
                RouteError::Misconfigured.sentence(),
                "{target}"
            );
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
            needs(&request.to_http_request(), family, Some(&rules), &ScopeCatalogue::default()).is_ok()
        };
        let forwarded = [("x-forwarded-method", "GET"), ("x-forwarded-uri", "/open")];
        let originally = [("x-original-method", "GET"), ("x-original-uri", "/open")];
        assert!(ask(Family::ForwardAuth, "/", &forwarded) && ask(Family::AuthRequest, "/", &originally));
        assert!(!ask(Family::ForwardAuth, "/", &originally) && !ask(Family::AuthRequest, "/", &forwarded));
        let twice = [forwarded[0], ("x-forwarded-uri", "/secret"), forwarded[1]];
        assert!(!ask(Family::ForwardAuth, "/", &twice));
        let hosts = ["a.example", "b.example"].map(|host| ("x-forwarded-host", host));
        assert!(ask(Family::ForwardAuth, "/", &[forwarded[0], forwarded[1], hosts[0]]));
        assert!(!ask(Family::ForwardAuth, "/", &[forwarded[0], forwarded[1], hosts[0], hosts[1]]));
        let ext_authz = Family::ExtAuthz("/authorize/ext-authz");
        let host = ("host", "a.example");
        assert!(ask(ext_authz, "/authorize/ext-authz/open?anonymous=allow", &[host]));
        assert!(ask(ext_authz, "/authorize/ext-authz/%6fpen", &[host]));
        assert!(!ask(ext_authz, "/authorize/ext-authz/secret", &[forwarded[0], forwarded[1], host]));
        assert!(!ask(ext_authz, "/authorize/ext-authz/%2fopen", &[host]));
    }
}
