//! Where a store is, as the command line says it.

use std::{fmt, path::Path};

use zeroize::Zeroizing;

use super::Secret;

/// A configuration file, `sqlite:FOLDER` or `postgres://…`, which may have a password in it.
#[derive(Clone)]
pub(crate) struct StorePlace(Zeroizing<String>);

impl StorePlace {
    /// The file, or else the settings that say the same: names of variables without `CAPYKEYS__`, and their values.
    pub(super) fn read(&self) -> (Option<&Path>, impl Iterator<Item = (&'static str, String)>) {
        let address = match self.0.split_once(':') {
            Some(("sqlite", folder)) => Some(("sqlite", "SQLITE__DIRECTORY", folder)),
            Some(("postgres" | "postgresql", _)) => Some(("postgres", "POSTGRES__URL", self.0.as_str())),
            _ => None,
        };
        let settings = address.into_iter().flat_map(|(kind, setting, value)| {
            [("STORE__KIND", kind.to_owned()), (setting, value.to_owned())]
        });
        (address.is_none().then(|| Path::new(self.0.as_str())), settings)
    }
}

impl From<String> for StorePlace {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl fmt::Debug for StorePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Secret::HIDDEN)
    }
}
