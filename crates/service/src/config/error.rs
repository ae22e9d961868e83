//! What is wrong with the configuration, said without repeating any of its values: the value may be
//! a secret that was put into the wrong place.

use std::{fs, io, path::Path};

use super::name::below;

/// What is wrong with the configuration.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("the configuration cannot be used: {0}")]
    Invalid(String),
    #[error("the file of `{name}` cannot be used: {error}")]
    File { name: String, error: io::Error },
}

impl ConfigError {
    pub(crate) fn unusable(error: &config::ConfigError) -> Self {
        Self::Invalid(describe(error, None))
    }
}

fn describe(error: &config::ConfigError, key: Option<&str>) -> String {
    use config::ConfigError::{At, Message, NotFound, Type};
    match error {
        At { error, key: inner, .. } => describe(error, inner.as_deref().or(key)),
        Type { expected, key: inner, .. } => match inner.as_deref().or(key) {
            Some(key) => format!("`{key}` must be {}", plain(expected)),
            None => format!("one value must be {}", plain(expected)),
        },
        NotFound(name) => format!("`{name}` is missing"),
        Message(text) if text.starts_with("unknown field") => unknown_setting(text, key),
        Message(text) if key.is_some() && text.contains(EXPECTED) => {
            // What stands behind the last of these words is the program's own.
            let expected = text.rsplit(EXPECTED).next().unwrap_or_default();
            format!("`{}` must be {}", key.unwrap_or_default(), plain(expected))
        }
        _ => match key {
            Some(key) => format!("`{key}` must be {}", form(key)),
            None => "one value is not one that its key can have; see docs/configuration.md".to_owned(),
        },
    }
}

const EXPECTED: &str = ", expected ";

/// What serde says of a field that there is not, for people: with the nearest of those that there are. It is the only
/// text of serde's that names no value but keys.
pub(super) fn unknown_setting(text: &str, section: Option<&str>) -> String {
    let mut names = text.split('`').skip(1).step_by(2);
    let unknown = names.next().unwrap_or_default();
    let name = |name: &str| section.map_or_else(|| name.to_owned(), |section| below(section, name));
    let there_are: Vec<_> = names.collect();
    let alike = there_are.iter().map(|other| (strsim::jaro(unknown, other), *other));
    let nearest =
        alike.filter(|(likeness, _)| *likeness > 0.7).max_by(|one, other| one.0.total_cmp(&other.0));
    match nearest {
        Some((_, nearest)) => {
            format!("there is no setting `{}`: did you mean `{}`?", name(unknown), name(nearest))
        }
        None => {
            format!("there is no setting `{}`, but there are `{}`", name(unknown), there_are.join("`, `"))
        }
    }
}

/// What serde calls a type, for people.
fn plain(expected: &str) -> &str {
    match expected {
        _ if expected.starts_with("struct ") || expected == "a map" => "a section with settings of its own",
        _ if expected.starts_with("a nonzero ") => "a whole number from 1 up",
        _ if expected.starts_with("an integer") || expected.starts_with("an unsigned") => "a whole number",
        _ => expected,
    }
}

/// How a value is written whose own parser says more than may be repeated.
fn form(key: &str) -> &'static str {
    match key.rsplit('.').next() {
        Some("listen" | "grpc_listen") => {
            "an IP address and a port, such as `127.0.0.1:8080` or `[::1]:8080`"
        }
        Some("jwks_url" | "otlp_endpoint") => "a URL",
        Some("callers") => "`loopback`, `token` or `certificate`",
        Some("provisioning") => "`auto` or `registered`",
        Some("format") => "`pretty` or `json`",
        Some("prepared_statements") => "`auto`, `on` or `off`",
        Some(_) if key.contains("size") || key.contains("max_") => "a whole number",
        _ => "as docs/configuration.md says",
    }
}

/// The text of a TOML file that `setting` names, known to be TOML.
pub(super) fn read_toml(setting: &str, path: &Path) -> Result<String, ConfigError> {
    let name = path.display();
    let text = fs::read_to_string(path)
        .map_err(|error| ConfigError::File { name: format!("{setting} {name}"), error })?;
    match toml::from_str::<toml::Table>(&text) {
        Ok(_) => Ok(text),
        // The parser's own text shows the line.
        Err(error) => {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            Err(ConfigError::Invalid(format!("{name} is not valid TOML at line {line}")))
        }
    }
}
