//! Rules: which requests need what.

use capykeys_domain::{
    model::{Invalid, ProjectId, ScopeSet},
    policy::Requirement,
};

use super::{Fit, HostPattern, PathPattern, RequestHost, RequestMethod, RequestPath, RouteError};

/// The request that a gateway asks about.
#[derive(Clone, Copy, Debug)]
pub struct OriginalRequest<'a> {
    /// Its method.
    pub method: &'a str,
    /// Its host, where the gateway says.
    pub host: Option<&'a str>,
    /// Its path and query.
    pub target: &'a str,
}

/// The same where everybody reads it in one way.
#[derive(Clone, Debug)]
pub(super) struct PlainRequest<'a> {
    method: RequestMethod<'a>,
    host: Option<RequestHost>,
    pub(super) path: RequestPath<'a>,
}

impl<'a> PlainRequest<'a> {
    /// # Errors
    /// [`RouteError::Unclear`] where it could be read in two ways.
    pub(super) fn parse(request: &OriginalRequest<'a>) -> Result<Self, RouteError> {
        let host = request.host.map(|host| RequestHost::parse(host).ok_or(RouteError::Unclear));
        let method = RequestMethod::parse(request.method).ok_or(RouteError::Unclear)?;
        let path = RequestPath::parse(request.target).ok_or(RouteError::Unclear)?;
        Ok(Self { method, host: host.transpose()?, path })
    }
}

/// What a caller needs for a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteNeeds {
    /// What a key must be good for.
    pub requirement: Requirement,
    /// Whether a request without a credential is let through.
    pub anonymous: bool,
}

/// What requests of one form need.
#[derive(Clone, Debug)]
pub struct RouteRule {
    host: Option<HostPattern>,
    methods: Vec<String>,
    path: PathPattern,
    scopes: Option<ScopeSet>,
    anonymous: bool,
}

impl RouteRule {
    /// For paths of this form, any method and any host: a good credential, with all of `scopes`.
    #[must_use]
    pub const fn new(path: PathPattern, scopes: Option<ScopeSet>) -> Self {
        Self { host: None, methods: Vec::new(), path, scopes, anonymous: false }
    }

    /// The same for these hosts alone.
    #[must_use]
    pub fn on(mut self, host: HostPattern) -> Self {
        self.host = Some(host);
        self
    }

    /// The same for these methods alone. `GET` stands for `HEAD` too.
    ///
    /// # Errors
    /// [`Invalid`] for `methods` where there is none or one is no method.
    pub fn with_methods(mut self, methods: Vec<String>) -> Result<Self, Invalid> {
        let is_method = |method: &String| RequestMethod::parse(method).is_some();
        if methods.is_empty() || !methods.iter().all(is_method) {
            return Err(Invalid::new("methods", "must name at least one method, in capital letters"));
        }
        self.methods = methods;
        Ok(self)
    }

    /// The same, and nothing at all where there is no credential.
    ///
    /// # Errors
    /// [`Invalid`] for `anonymous` where the rule asks for scopes or a project: they are needed or not.
    pub fn or_anonymous(mut self) -> Result<Self, Invalid> {
        if self.scopes.is_some() || self.path.names_project() {
            return Err(Invalid::new("anonymous", "cannot go together with scopes or {project}"));
        }
        self.anonymous = true;
        Ok(self)
    }

    fn fit(&self, request: &PlainRequest<'_>) -> Fit {
        let host = self.host.as_ref().map_or(Fit::Exactly(None), |host| host.fit(request.host.as_ref()));
        let is_for = |method: &String| request.method.is(method);
        let method = if self.methods.is_empty() || self.methods.iter().any(is_for) {
            Fit::Exactly(None)
        } else {
            Fit::Nearly
        };
        host.and(method).and(self.path.fit(&request.path))
    }

    /// Whether all hosts and paths of the other rule are this one's too.
    fn covers(&self, other: &Self) -> bool {
        let host = match (&self.host, &other.host) {
            (None, _) => true,
            (Some(own), Some(other)) => own.covers(other),
            (Some(_), None) => false,
        };
        host && self.path.covers(&other.path)
    }

    fn needs(&self, project_id: Option<ProjectId>) -> RouteNeeds {
        let requirement = Requirement { scopes: self.scopes.clone(), project_id };
        RouteNeeds { requirement, anonymous: self.anonymous }
    }
}

/// Rules, of which the first that fits a request counts.
#[derive(Clone, Debug, Default)]
pub struct RouteRules(Vec<RouteRule>);

impl RouteRules {
    /// In the order in which they are tried.
    #[must_use]
    pub const fn new(rules: Vec<RouteRule>) -> Self {
        Self(rules)
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What the request needs, by the first rule that fits it.
    ///
    /// A rule that nearly fits is not passed over for a later one that is wider: what is meant for a
    /// path would else not hold for the path in another spelling or with another method. One for the
    /// same paths, or for some of them, was written with the first in view.
    ///
    /// # Errors
    /// [`RouteError`] where the request is let through for nobody.
    pub fn needs(&self, request: &OriginalRequest<'_>) -> Result<RouteNeeds, RouteError> {
        let request = PlainRequest::parse(request)?;
        let mut missed = Vec::new();
        for rule in &self.0 {
            match rule.fit(&request) {
                Fit::Exactly(_) if !missed.iter().all(|missed: &&RouteRule| missed.covers(rule)) => break,
                Fit::Exactly(project) => return Ok(rule.needs(project)),
                Fit::Nearly => missed.push(rule),
                Fit::Not => {}
            }
        }
        Err(RouteError::NotForAnybody)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(path: &str, scope: &str) -> RouteRule {
        RouteRule::new(PathPattern::parse(path).unwrap(), ScopeSet::from_stored([scope]).ok())
    }

    fn scope_needed(rules: &RouteRules, method: &str, host: Option<&str>, target: &str) -> Option<String> {
        let needs = rules.needs(&OriginalRequest { method, host, target }).ok()?;
        needs.requirement.scopes.map(|scopes| scopes.to_string())
    }

    #[test]
    fn the_first_rule_that_fits_counts_and_without_one_nobody_is_let_through() {
        let rules = RouteRules::new(vec![
            rule("/jobs/**", "jobs:read").with_methods(vec!["GET".to_owned()]).unwrap(),
            rule("/jobs/**", "backups:write"),
            rule("/admin", "*").on(HostPattern::parse("admin.example.com").unwrap()),
        ]);
        assert_eq!(scope_needed(&rules, "GET", None, "/jobs/1?x=y").as_deref(), Some("jobs:read"));
        assert_eq!(scope_needed(&rules, "HEAD", None, "/jobs/1").as_deref(), Some("jobs:read"));
        assert_eq!(scope_needed(&rules, "POST", None, "/jobs").as_deref(), Some("backups:write"));
        assert_eq!(
            scope_needed(&rules, "GET", Some("admin.example.com:443"), "/admin").as_deref(),
            Some("*")
        );
        assert_eq!(scope_needed(&rules, "GET", None, "/admin").as_deref(), None);
        assert_eq!(scope_needed(&rules, "GET", Some("www.example.com"), "/admin").as_deref(), None);
        assert_eq!(scope_needed(&rules, "GET", None, "/other").as_deref(), None);
    }

    #[test]
    fn a_request_that_could_be_read_in_two_ways_is_for_nobody() {
        let everything = RouteRules::new(vec![RouteRule::new(PathPattern::parse("/**").unwrap(), None)]);
        let needs = |method, host, target| everything.needs(&OriginalRequest { method, host, target });
        assert!(needs("GET", None, "/a").is_ok() && needs("GET", Some("a.example"), "/%61dmin").is_ok());
        for target in ["/a/../admin", "//admin", "/a#/admin", "/a%2f..%2fadmin", "/a;x", "/a%2e", "*"] {
            assert_eq!(needs("GET", None, target), Err(RouteError::Unclear), "{target}");
        }
        for host in ["", "x@a.example", "a.example..", "a.example:80:80", "a.example:x", "a example"] {
            assert_eq!(needs("GET", Some(host), "/a"), Err(RouteError::Unclear), "{host}");
        }
        assert_eq!(needs("get", None, "/a"), Err(RouteError::Unclear));
    }

    #[test]
    fn a_rule_that_nearly_fits_is_not_passed_over_for_a_wider_one() {
        let admin = "admin.example.com";
        let rules = RouteRules::new(vec![
            rule("/admin/**", "*").on(HostPattern::parse(admin).unwrap()),
            rule("/jobs/*", "jobs:read").with_methods(vec!["GET".to_owned()]).unwrap(),
            rule("/jobs/*/cancel", "backups:read"),
            rule("/jobs/clean", "backups:write").with_methods(vec!["POST".to_owned()]).unwrap(),
            rule("/p/{project}/**", "schema:read"),
            RouteRule::new(PathPattern::parse("/**").unwrap(), None).or_anonymous().unwrap(),
        ]);
        let needs = |method, host, target| rules.needs(&OriginalRequest { method, host, target });
        for (method, host, target) in [
            ("POST", Some("a.example"), "/jobs/1"),
            ("GET", Some("a.example"), "/Jobs/1"),
            ("GET", Some("a.example"), "/jobs%20/1"),
            ("GET", Some("a.example"), "/jobs/1/cancel.json"),
            ("GET", Some("a.example"), "/p/p_2%20/x"),
            ("GET", Some(admin), "/Admin/x"),
            ("GET", None, "/admin/x"),
        ] {
            assert_eq!(needs(method, host, target), Err(RouteError::NotForAnybody), "{method} {target}");
        }
        // Written with the wider one in view.
        assert_eq!(
            scope_needed(&rules, "POST", Some(admin), "/jobs/clean").as_deref(),
            Some("backups:write")
        );
        // There is nothing for it but the last.
        assert!(needs("GET", Some("a.example"), "/admin/x").unwrap().anonymous);
        assert!(needs("POST", Some("a.example"), "/jobs").unwrap().anonymous);
    }

    #[test]
    fn what_asks_for_something_is_not_anonymous() {
        assert!(rule("/a", "jobs:read").or_anonymous().is_err());
        assert!(RouteRule::new(PathPattern::parse("/{project}").unwrap(), None).or_anonymous().is_err());
        assert!(RouteRule::new(PathPattern::parse("/health").unwrap(), None).or_anonymous().is_ok());
        assert!(rule("/a", "jobs:read").with_methods(vec![]).is_err());
        assert!(rule("/a", "jobs:read").with_methods(vec!["get".to_owned()]).is_err());
    }
}
