//! How keys look and are hashed.

use std::{collections::BTreeMap, path::PathBuf};

use capykeys_domain::{model::ExpiryNotices, secret::KeyFormat, usecases::RotationSettings};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Period, Secret, forms::periods};

/// For the example: nobody has this one.
const EXAMPLE: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Keys and their peppers.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Keys {
    /// What every key begins with.
    pub(crate) prefix: String,
    /// The name of the pepper that new keys are hashed with.
    pub(crate) pepper_id: String,
    /// The pepper that new keys are hashed with: 32 bytes as 64 hexadecimal digits (`openssl rand -hex 32`). Made by the embedded store unless it
    /// is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = EXAMPLE)]
    pub(crate) pepper: Option<Secret>,
    /// Instead of `pepper`, a file with it. It is read at the start alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"/etc/capykeys/pepper")]
    pub(crate) pepper_file: Option<PathBuf>,
    /// Peppers that older keys were hashed with, by their names. In the environment a name stands in small letters:
    /// `CAPYKEYS__KEYS__OLDER_PEPPERS__v1__SECRET`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) older_peppers: BTreeMap<String, OlderPepper>,
    /// How long the secret before is good where a rotation does not say.
    pub(crate) rotation_grace: Period,
    /// How long a rotation may leave the secret before good at most.
    pub(crate) longest_rotation_grace: Period,
    /// Whether a key may rotate itself without `api_keys:write`.
    pub(crate) rotate_themselves: bool,
    /// How long before its end a key is said to end, up to eight times, `1s` to `366d` each. Empty to say nothing.
    #[serde(deserialize_with = "periods")]
    pub(crate) expiry_notices: Vec<Period>,
}

impl Default for Keys {
    fn default() -> Self {
        let RotationSettings { grace, longest_grace, by_itself } = RotationSettings::default();
        Self {
            prefix: KeyFormat::default().prefix().to_owned(),
            pepper_id: "1".to_owned(),
            pepper: None,
            pepper_file: None,
            older_peppers: BTreeMap::new(),
            rotation_grace: grace.into(),
            longest_rotation_grace: longest_grace.into(),
            rotate_themselves: by_itself,
            expiry_notices: ExpiryNotices::default().iter().map(Period::from).collect(),
        }
    }
}

impl From<&Keys> for RotationSettings {
    fn from(keys: &Keys) -> Self {
        Self {
            grace: keys.rotation_grace.duration(),
            longest_grace: keys.longest_rotation_grace.duration(),
            by_itself: keys.rotate_themselves,
        }
    }
}

impl From<&Keys> for ExpiryNotices {
    fn from(keys: &Keys) -> Self {
        Self::new(keys.expiry_notices.iter().map(|period| period.duration()))
    }
}

/// A pepper that new keys are not hashed with any more.
#[derive(Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct OlderPepper {
    /// A pepper that older keys were hashed with. In the environment its name stands in small letters
    /// (`CAPYKEYS__KEYS__OLDER_PEPPERS__v1__SECRET`); one with capital letters can be set in the file alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = EXAMPLE)]
    pub(crate) secret: Option<Secret>,
    /// Instead of `secret`, a file with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"/etc/capykeys/older-pepper")]
    pub(crate) secret_file: Option<PathBuf>,
}
