//! Rules: which requests need what.

use alloc::{string::String, vec::Vec};

use super::{HostPattern, PathPattern, RequestPath};
use crate::{
    model::{Invalid, ScopeSet},
    policy::Requirement,
};

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

    /// The same for these methods alone, which are compared to the letter.
    ///
    /// # Errors
    /// [`Invalid`] for `methods` where there is none or one is no method.
    pub fn with_methods(mut self, methods: Vec<String>) -> Result<Self, Invalid> {
        let is_method =
            |method: &String| !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase());
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

    fn needs(&self, request: &OriginalRequest<'_>, path: &RequestPath<'_>) -> Option<RouteNeeds> {
        let host = |pattern: &HostPattern| request.host.is_some_and(|host| pattern.matches(host));
        if !self.host.as_ref().is_none_or(host) {
            return None;
        }
        if !self.methods.is_empty() && !self.methods.iter().any(|method| method == request.method) {
            return None;
        }
        let project_id = self.path.matches(path)?.project;
        let requirement = Requirement { scopes: self.scopes.clone(), project_id };
        Some(RouteNeeds { requirement, anonymous: self.anonymous })
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

    /// What the request needs. `None` where no rule fits, or its path could be read in two ways: then
    /// it is let through for nobody.
    #[must_use]
    pub fn needs(&self, request: &OriginalRequest<'_>) -> Option<RouteNeeds> {
        let path = RequestPath::parse(request.target)?;
        self.0.iter().find_map(|rule| rule.needs(request, &path))
    }
}

#[cfg(test)]
mod tests {
    use std::{borrow::ToOwned, vec};

    use super::*;

    fn rule(path: &str, scope: &str) -> RouteRule {
        RouteRule::new(PathPattern::parse(path).unwrap(), ScopeSet::parse([scope]).ok())
    }

    fn scope_needed(
        rules: &RouteRules,
        method: &str,
        host: Option<&str>,
        target: &str,
    ) -> Option<&'static str> {
        let needs = rules.needs(&OriginalRequest { method, host, target })?;
        needs.requirement.scopes.and_then(|scopes| scopes.iter().next()).map(crate::model::Scope::as_str)
    }

    #[test]
    fn the_first_rule_that_fits_counts_and_without_one_nobody_is_let_through() {
        let rules = RouteRules::new(vec![
            rule("/jobs/**", "jobs:read").with_methods(vec!["GET".to_owned(), "HEAD".to_owned()]).unwrap(),
            rule("/jobs/**", "backups:write"),
            rule("/admin", "*").on(HostPattern::parse("admin.example.com").unwrap()),
        ]);
        assert_eq!(scope_needed(&rules, "GET", None, "/jobs/1?x=y"), Some("jobs:read"));
        assert_eq!(scope_needed(&rules, "get", None, "/jobs/1"), Some("backups:write"));
        assert_eq!(scope_needed(&rules, "POST", None, "/jobs"), Some("backups:write"));
        assert_eq!(scope_needed(&rules, "GET", Some("admin.example.com:443"), "/admin"), Some("*"));
        assert_eq!(scope_needed(&rules, "GET", None, "/admin"), None);
        assert_eq!(scope_needed(&rules, "GET", Some("www.example.com"), "/admin"), None);
        assert_eq!(scope_needed(&rules, "GET", None, "/other"), None);
    }

    #[test]
    fn a_path_that_could_be_read_in_two_ways_is_for_nobody() {
        let everything = RouteRules::new(vec![rule("/**", "jobs:read")]);
        assert!(scope_needed(&everything, "GET", None, "/a").is_some());
        for target in ["/a/../admin", "//admin", "/%61dmin", "/a%2f..%2fadmin", "/a;x"] {
            assert_eq!(scope_needed(&everything, "GET", None, target), None, "{target}");
        }
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
