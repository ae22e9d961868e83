//! What is wrong with the configuration, said without repeating any of its values: the value may be
//! a secret that was put into the wrong place.

use std::{fs, io, path::Path};

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
        // The only text of serde's that names no value but a key, or none at all.
        Message(text) if text.starts_with("unknown field") || text.starts_with("missing field") => {
            text.clone()
        }
        Message(text) if key.is_some() && text.contains(EXPECTED) => {
            // What stands behind the last of these words is the program's own.
            let expected = text.rsplit(EXPECTED).next().unwrap_or_default();
            format!("`{}` must be {}", key.unwrap_or_default(), plain(expected))
        }
        _ => match key {
            Some(key) => format!("`{key}` must be {}", form(key)),
            None => "one value is not one that its key can have; see docs/operations.md".to_owned(),
        },
    }
}

const EXPECTED: &str = ", expected ";

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
        Some("jwks_url") => "a URL",
        Some("callers") => "`loopback`, `token` or `certificate`",
        Some("provisioning") => "`auto` or `registered`",
        Some("format") => "`pretty` or `json`",
        Some(_) if key.contains("_ms") || key.contains("size") || key.contains("max_") => "a whole number",
        _ => "as docs/operations.md says",
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
