//! The file with the rules for gateways' requests.

use std::path::Path;

use capykeys_domain::model::{Invalid, ScopeCatalogue};
use capykeys_gateway::{HostPattern, PathPattern, RouteRule, RouteRules};
use serde::Deserialize;

use super::{ConfigError, error};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    host: Option<String>,
    methods: Option<Vec<String>>,
    path: String,
    scopes: Option<Vec<String>>,
    #[serde(default)]
    anonymous: bool,
}

/// The rules in the file that `setting` names, at least one, with scopes of the catalogue.
pub(crate) fn load(
    setting: &str,
    path: &Path,
    catalogue: &ScopeCatalogue,
) -> Result<RouteRules, ConfigError> {
    let text = error::read_toml(setting, path)?;
    let name = path.display();
    let file: File = toml::from_str(&text).map_err(|error: toml::de::Error| {
        let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
        let reason = match error.message() {
            unknown if unknown.starts_with("unknown field") => error::unknown_setting(unknown, None),
            reason => reason.to_owned(),
        };
        ConfigError::Invalid(format!("{name}, line {line}: {reason}"))
    })?;
    if file.rules.is_empty() {
        return Err(ConfigError::Invalid(format!("{name} has no [[rules]]: nobody would be let through")));
    }
    let rule = |(index, rule): (usize, Rule)| {
        let parsed = rule.parse(catalogue);
        parsed.map_err(|invalid| ConfigError::Invalid(format!("{name}, rule {}: {invalid}", index + 1)))
    };
    file.rules.into_iter().enumerate().map(rule).collect::<Result<_, _>>().map(RouteRules::new)
}

impl Rule {
    fn parse(self, catalogue: &ScopeCatalogue) -> Result<RouteRule, Invalid> {
        let scopes = self.scopes.map(|scopes| catalogue.parse(scopes.iter().map(String::as_str)));
        let mut rule = RouteRule::new(PathPattern::parse(&self.path)?, scopes.transpose()?);
        if let Some(host) = self.host {
            rule = rule.on(HostPattern::parse(&host)?);
        }
        if let Some(methods) = self.methods {
            rule = rule.with_methods(methods)?;
        }
        if self.anonymous { rule.or_anonymous() } else { Ok(rule) }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn parse(text: &str) -> Result<usize, String> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let rules = load("FILE", file.path(), &ScopeCatalogue::default());
        rules.map(|rules| rules.len()).map_err(|error| error.to_string())
    }

    #[test]
    fn rules_are_read_in_their_order() {
        let text = "[[rules]]\nhost = '*.example.com'\nmethods = ['GET']\npath = '/v1/projects/{project}/**'\n\
                    scopes = ['jobs:read']\n[[rules]]\npath = '/health'\nanonymous = true\n";
        assert_eq!(parse(text), Ok(2));
    }

    #[test]
    fn what_is_wrong_is_told_by_its_place() {
        for (text, part) in [
            ("", "has no [[rules]]"),
            ("[[rules]]\npath = '/a'\nscope = ['jobs:read']\n", "line 3"),
            ("[[rules]]\n", "missing field `path`"),
            ("[[rules]]\npath = '/a'\n[[rules]]\npath = 'a'\n", "rule 2: `path` must be"),
            ("[[rules]]\npath = '/a'\nscopes = ['no']\n", "rule 1: `scopes[0]` is not a known scope"),
            ("[[rules]]\npath = '/a'\nscopes = []\n", "rule 1: `scopes` must name at least one"),
            ("[[rules]]\npath = '/{project}'\nanonymous = true\n", "rule 1: `anonymous` cannot"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
