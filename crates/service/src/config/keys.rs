//! How keys look and are hashed.

use std::{collections::BTreeMap, path::PathBuf};

use capykeys_domain::secret::KeyFormat;
use serde::{Deserialize, Serialize};

use super::Secret;

/// Keys and their peppers.
#[derive(Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Keys {
    /// What every key begins with.
    pub(crate) prefix: String,
    /// The name of the pepper that new keys are hashed with.
    pub(crate) pepper_id: String,
    /// That pepper: 32 bytes as 64 hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pepper: Option<Secret>,
    /// A file with the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pepper_file: Option<PathBuf>,
    /// Peppers that older keys were hashed with, by their names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) older_peppers: BTreeMap<String, OlderPepper>,
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            prefix: KeyFormat::default().prefix().to_owned(),
            pepper_id: "1".to_owned(),
            pepper: None,
            pepper_file: None,
            older_peppers: BTreeMap::new(),
        }
    }
}

/// A pepper that new keys are not hashed with any more.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct OlderPepper {
    /// 32 bytes as 64 hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) secret: Option<Secret>,
    /// A file with the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) secret_file: Option<PathBuf>,
}
