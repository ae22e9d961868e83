//! What is served to people.

use capykeys_pages::Page;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The pages for people, which the API's listener serves.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Pages {
    /// Whether `/docs` is served, the documentation of the API.
    docs: bool,
    /// Whether `/console` is served, in which people see, create and revoke the keys of their organization.
    console: bool,
}

impl Default for Pages {
    fn default() -> Self {
        Self { docs: true, console: true }
    }
}

impl Pages {
    /// Those that are served.
    pub(crate) fn served(&self) -> Vec<Page> {
        let docs = self.docs.then(Page::docs);
        docs.into_iter().chain(self.console.then(Page::console)).collect()
    }
}
