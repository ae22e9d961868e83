//! Secrets in the configuration.

use std::{fmt, fs, path::Path};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};
use zeroize::Zeroizing;

use super::ConfigError;

/// A text that is never shown: not under `{:?}`, not when the configuration is printed.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(transparent)]
pub(crate) struct Secret(#[schemars(with = "String")] Zeroizing<String>);

impl Secret {
    /// What is shown instead.
    pub(crate) const HIDDEN: &str = "[redacted]";

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    /// The secret itself, or what is in the file, without the line break at its end.
    pub(crate) fn resolve(
        name: &str,
        secret: Option<&Self>,
        file: Option<&Path>,
    ) -> Result<Option<Self>, ConfigError> {
        match (secret, file) {
            (Some(_), Some(_)) => Err(ConfigError::Invalid(format!("set {name} or {name}_file, not both"))),
            (Some(secret), None) => Ok(Some(secret.clone())),
            (None, Some(path)) => Self::read(&format!("{name}_file"), path).map(Some),
            (None, None) => Ok(None),
        }
    }

    /// What is in the file that the setting `name` names. The path is not repeated where it cannot
    /// be read: somebody may have put the secret itself there.
    pub(crate) fn read(name: &str, path: &Path) -> Result<Self, ConfigError> {
        let text = fs::read_to_string(path).map(Zeroizing::new);
        let text = text.map_err(|error| ConfigError::File { name: name.to_owned(), error })?;
        Ok(Self(Zeroizing::new(text.trim_end_matches(['\n', '\r']).to_owned())))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::HIDDEN)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(Self::HIDDEN)
    }
}
