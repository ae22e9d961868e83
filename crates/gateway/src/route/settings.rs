//! What a gateway's own settings for a route say.

use capykeys_domain::{model::ScopeCatalogue, policy::Requirement};

use super::{Fit, OriginalRequest, PathPattern, RouteError, RouteNeeds, RouteRules, rule::PlainRequest};

impl RouteNeeds {
    /// What the request needs: what the gateway's own settings for the route say, else what the rules
    /// say, else a good credential. `original` is `None` where the gateway does not tell of the
    /// request.
    ///
    /// There are three settings: `scopes` of the catalogue with commas between them, `project_path`, which is a
    /// [`PathPattern`] with `{project}`, and `anonymous`, which can only be `allow`.
    ///
    /// # Errors
    /// [`RouteError`].
    pub fn find<S: AsRef<str>>(
        settings: &[(S, S)],
        original: Option<&OriginalRequest<'_>>,
        rules: Option<&RouteRules>,
        catalogue: &ScopeCatalogue,
    ) -> Result<Self, RouteError> {
        if !settings.is_empty() {
            return Self::from_settings(settings, original.ok_or(RouteError::Misconfigured)?, catalogue);
        }
        let Some(rules) = rules else { return Ok(Self::default()) };
        rules.needs(original.ok_or(RouteError::NotForAnybody)?)
    }

    fn from_settings<S: AsRef<str>>(
        settings: &[(S, S)],
        original: &OriginalRequest<'_>,
        catalogue: &ScopeCatalogue,
    ) -> Result<Self, RouteError> {
        // Also where the path decides nothing here: it may have decided which route this is.
        let request = PlainRequest::parse(original)?;
        let mut needs = Self::default();
        for (name, value) in settings {
            let (name, value) = (name.as_ref(), value.as_ref());
            match name {
                "scopes" if needs.requirement.scopes.is_none() => {
                    let scopes = catalogue.parse(value.split(',')).map_err(|_| RouteError::Misconfigured)?;
                    needs.requirement.scopes = Some(scopes);
                }
                "project_path" if needs.requirement.project_id.is_none() => {
                    let pattern = PathPattern::parse(value).map_err(|_| RouteError::Misconfigured)?;
                    if !pattern.names_project() {
                        return Err(RouteError::Misconfigured);
                    }
                    let Fit::Exactly(project) = pattern.fit(&request.path) else {
                        return Err(RouteError::NotForAnybody);
                    };
                    needs.requirement.project_id = project;
                }
                "anonymous" if !needs.anonymous && value == "allow" => needs.anonymous = true,
                _ => return Err(RouteError::Misconfigured),
            }
        }
        let asks = needs.requirement != Requirement::default();
        if needs.anonymous && asks { Err(RouteError::Misconfigured) } else { Ok(needs) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::RouteRule;

    fn find(settings: &[(&str, &str)], target: &str) -> Result<RouteNeeds, RouteError> {
        let original = OriginalRequest { method: "GET", host: None, target };
        RouteNeeds::find(settings, Some(&original), None, &ScopeCatalogue::default())
    }

    #[test]
    fn the_settings_say_what_a_route_needs() {
        let settings = [("scopes", "jobs:read,backups:read"), ("project_path", "/p/{project}/**")];
        let found = find(&settings, "/p/p_1/x?a=b").unwrap();
        assert_eq!(found.requirement.project_id.unwrap().as_str(), "p_1");
        assert_eq!(found.requirement.scopes.unwrap().iter().count(), 2);
        assert!(find(&[("anonymous", "allow")], "/").unwrap().anonymous);
        assert_eq!(find(&[], "/anything//at/../all"), Ok(RouteNeeds::default()));
    }

    #[test]
    fn a_path_that_names_no_project_is_for_nobody() {
        for target in ["/other", "/p/", "/p/a%20b/x", "/P/p_1/x", "/p/p_1%20/x"] {
            let found = find(&[("project_path", "/p/{project}/**")], target);
            assert_eq!(found, Err(RouteError::NotForAnybody), "{target}");
        }
        for target in ["/p/a b/x", "/p/../p/p_1/x", "/p/p_1%2fx/y", "//p/p_1/x", "/p/p_1/x#"] {
            let found = find(&[("project_path", "/p/{project}/**")], target);
            assert_eq!(found, Err(RouteError::Unclear), "{target}");
        }
    }

    #[test]
    fn an_unclear_request_is_for_nobody_where_the_settings_ask_for_no_path() {
        for settings in [("anonymous", "allow"), ("scopes", "jobs:read")] {
            for target in ["/public/../secret", "/public/x#/secret", "/public/%2e%2e/secret", "/public;/x"] {
                assert_eq!(find(&[settings], target), Err(RouteError::Unclear), "{target}");
            }
        }
    }

    #[test]
    fn settings_that_make_no_sense_let_nobody_through() {
        for settings in [
            &[("scope", "jobs:read")][..],
            &[("scopes", "")],
            &[("scopes", "no")],
            &[("scopes", "jobs:read"), ("scopes", "*")],
            &[("project_path", "/p/**")],
            &[("anonymous", "yes")],
            &[("anonymous", "allow"), ("scopes", "jobs:read")],
            &[("scopes", "jobs:read"), ("x", "y")],
        ] {
            assert_eq!(find(settings, "/"), Err(RouteError::Misconfigured), "{settings:?}");
        }
    }

    #[test]
    fn rules_count_where_there_are_no_settings_and_need_a_request() {
        let rules = RouteRules::new(vec![RouteRule::new(PathPattern::parse("/open").unwrap(), None)]);
        let of = |settings: &[(&'static str, &'static str)], target: Option<&str>| {
            let original = target.map(|target| OriginalRequest { method: "GET", host: None, target });
            RouteNeeds::find(settings, original.as_ref(), Some(&rules), &ScopeCatalogue::default())
        };
        assert_eq!(of(&[], Some("/open")), Ok(RouteNeeds::default()));
        assert_eq!(of(&[], Some("/closed")), Err(RouteError::NotForAnybody));
        assert_eq!(of(&[], None), Err(RouteError::NotForAnybody));
        let anonymous = [("anonymous", "allow")];
        assert!(of(&anonymous, Some("/closed")).unwrap().anonymous);
        assert_eq!(of(&anonymous, None), Err(RouteError::Misconfigured));
    }
}
