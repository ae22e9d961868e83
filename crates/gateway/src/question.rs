//! What a gateway asks.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use crate::{
    RequestHeaders,
    route::{OriginalRequest, RouteError},
};

/// A name and its value.
type Setting<'a> = (Cow<'a, str>, Cow<'a, str>);

/// A gateway's question: may this request pass?
pub struct Question<'a, H> {
    /// The request that it asks about, where it tells of it.
    pub original: Option<OriginalRequest<'a>>,
    /// The gateway's own settings for the route, which clients have no hand in.
    pub settings: Vec<Setting<'a>>,
    /// The headers with the credential of the request.
    pub headers: &'a H,
}

/// A family of gateways that ask over HTTP. Each tells of the request in headers of its own and passes
/// those of the others on from the client, so that each has an endpoint which reads its own alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GatewayFamily {
    /// Traefik's `ForwardAuth`, Caddy's `forward_auth`.
    ForwardAuth,
    /// nginx's `auth_request`, HAProxy.
    AuthRequest,
    /// Envoy's `ext_authz` over HTTP, Istio, the Gateway API: the request line is the client's, below
    /// this path.
    ExtAuthz(&'static str),
}

impl GatewayFamily {
    /// What is asked by an HTTP request with this method, this path and query as they were sent, and these
    /// headers.
    ///
    /// # Errors
    /// [`RouteError::Misconfigured`] where the gateway's settings may be the client's own.
    pub fn question<'a, H: RequestHeaders>(
        self,
        method: &'a str,
        target: &'a str,
        headers: &'a H,
    ) -> Result<Question<'a, H>, RouteError> {
        let original = self.original(method, target, headers);
        let query = if matches!(self, Self::ExtAuthz(_)) { "" } else { query_of(target) };
        let settings: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
        if original.is_some_and(|original| may_send_one_of(&settings, original.target)) {
            return Err(RouteError::Misconfigured);
        }
        Ok(Question { original, settings, headers })
    }

    fn original<'a>(
        self,
        method: &'a str,
        target: &'a str,
        headers: &'a impl RequestHeaders,
    ) -> Option<OriginalRequest<'a>> {
        let told = |method, target, host| {
            let (method, target) = (headers.only_text(method)?, headers.only_text(target)?);
            let is_told = headers.values(host).next().is_some();
            let host = if is_told { Some(headers.only_text(host)?) } else { None };
            Some(OriginalRequest { method, host, target })
        };
        match self {
            Self::ForwardAuth => told("x-forwarded-method", "x-forwarded-uri", "x-forwarded-host"),
            Self::AuthRequest => told("x-original-method", "x-original-uri", "x-original-host"),
            Self::ExtAuthz(prefix) => Some(OriginalRequest {
                method,
                host: Some(headers.only_text("host")?),
                target: target.strip_prefix(prefix)?,
            }),
        }
    }
}

fn query_of(target: &str) -> &str {
    target.split_once('?').map_or("", |(_, query)| query)
}

/// Whether one of the settings may be the client's: some gateways pass the client's query on unless
/// they are told not to. It is looked for in the whole query, decoded, since others may see parameters
/// begin and end elsewhere.
fn may_send_one_of(settings: &[Setting<'_>], target: &str) -> bool {
    let query = query_of(target).replace('+', " ");
    let query = percent_decode_str(&query).decode_utf8_lossy();
    settings.iter().any(|(name, value)| query.contains(&format!("{name}={value}")))
}

#[cfg(test)]
mod tests {
    use capykeys_domain::model::ScopeCatalogue;

    use super::*;
    use crate::route::{PathPattern, RouteNeeds, RouteRule, RouteRules};

    type Fields<'a> = Vec<(&'a str, &'a str)>;

    fn needs(
        family: GatewayFamily,
        target: &str,
        headers: &Fields<'_>,
        rules: Option<&RouteRules>,
    ) -> Result<RouteNeeds, RouteError> {
        let Question { original, settings, .. } = family.question("GET", target, headers)?;
        RouteNeeds::find(&settings, original.as_ref(), rules, &ScopeCatalogue::default())
    }

    fn forwarded(query: &str, target: &str) -> Result<RouteNeeds, RouteError> {
        let headers = vec![("x-forwarded-method", "GET"), ("x-forwarded-uri", target)];
        needs(GatewayFamily::ForwardAuth, &format!("/authorize/forward-auth{query}"), &headers, None)
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
            assert_eq!(forwarded(query, "/"), Err(RouteError::Misconfigured), "{query}");
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
            assert_eq!(forwarded(query, target), Err(RouteError::Misconfigured), "{target}");
        }
    }

    #[test]
    fn what_is_no_text_tells_of_no_request() {
        for target in ["/p/\u{e9}", "/p/\u{1}", "/p/\u{7f}"] {
            assert_eq!(forwarded("?anonymous=allow", target), Err(RouteError::Misconfigured), "{target:?}");
        }
        assert_eq!(forwarded("?anonymous=allow", "/p/a b"), Err(RouteError::Unclear));
    }

    #[test]
    fn each_family_reads_its_own_headers_alone_and_each_of_them_once() {
        let rules = RouteRules::new(vec![RouteRule::new(PathPattern::parse("/open").unwrap(), None)]);
        let ask = |family, target: &str, headers: &[(&'static str, &'static str)]| {
            needs(family, target, &headers.to_vec(), Some(&rules)).is_ok()
        };
        let forwarded = [("x-forwarded-method", "GET"), ("x-forwarded-uri", "/open")];
        let originally = [("x-original-method", "GET"), ("x-original-uri", "/open")];
        assert!(
            ask(GatewayFamily::ForwardAuth, "/", &forwarded)
                && ask(GatewayFamily::AuthRequest, "/", &originally)
        );
        assert!(
            !ask(GatewayFamily::ForwardAuth, "/", &originally)
                && !ask(GatewayFamily::AuthRequest, "/", &forwarded)
        );
        let twice = [forwarded[0], ("x-forwarded-uri", "/secret"), forwarded[1]];
        assert!(!ask(GatewayFamily::ForwardAuth, "/", &twice));
        let hosts = ["a.example", "b.example"].map(|host| ("x-forwarded-host", host));
        assert!(ask(GatewayFamily::ForwardAuth, "/", &[forwarded[0], forwarded[1], hosts[0]]));
        assert!(!ask(GatewayFamily::ForwardAuth, "/", &[forwarded[0], forwarded[1], hosts[0], hosts[1]]));
        let ext_authz = GatewayFamily::ExtAuthz("/authorize/ext-authz");
        let host = ("host", "a.example");
        assert!(ask(ext_authz, "/authorize/ext-authz/open?anonymous=allow", &[host]));
        assert!(ask(ext_authz, "/authorize/ext-authz/%6fpen", &[host]));
        assert!(!ask(ext_authz, "/authorize/ext-authz/secret", &[forwarded[0], forwarded[1], host]));
        assert!(!ask(ext_authz, "/authorize/ext-authz/%2fopen", &[host]));
    }
}
