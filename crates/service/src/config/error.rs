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
    pub(super) fn unusable(error: &config::ConfigError) -> Self {
        Self::Invalid(describe(error, None))
    }
}

fn describe(error: &config::ConfigError, key: Option<&str>) -> String {
    use config::ConfigError::{At, Message, NotFound, Type};
    match error {
        At { error, key: inner, .. } => describe(error, inner.as_deref().or(key)),
        Type { expected, key: inner, .. } => match inner.as_deref().or(key) {
            Some(key) => format!("`{key}` must be {expected}"),
            None => format!("one value must be {expected}"),
        },
        NotFound(name) => format!("`{name}` is missing"),
        // The only text of serde's that names no value but a key, or none at all.
        Message(text) if text.starts_with("unknown field") || text.starts_with("missing field") => {
            text.clone()
        }
        _ => match key {
            Some(key) => format!("the value of `{key}` is not one that it can have"),
            None => "one value is not one that its key can have; see docs/operations.md".to_owned(),
        },
    }
}

/// The text of a TOML file, known to be TOML.
pub(super) fn read_toml(path: &Path) -> Result<String, ConfigError> {
    let name = path.display();
    let text = fs::read_to_string(path)
        .map_err(|error| ConfigError::File { name: format!("--config {name}"), error })?;
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
