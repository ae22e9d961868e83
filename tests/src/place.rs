//! Where one store of a kind is.

use std::{path::Path, process::Command};

use capykeys_testkit::shared;

use crate::{
    Store,
    postgres::database_of,
    store::{Settings, Tables},
};

/// One store of a kind: what each name in braces in its file stands for.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) store: Store,
    directory: String,
    fresh: String,
    postgresql: String,
}

impl Place {
    /// An empty store, whose files are in this folder if it has any.
    pub(crate) fn new(store: Store, directory: &Path) -> Self {
        let kind = store.kind();
        let wants_database = kind.settings.iter().any(|(_, value)| value.contains("{postgresql}"));
        let postgresql = if wants_database { database_of(shared()) } else { String::new() };
        let fresh = kind.fresh.map_or_else(String::new, |command| printed(command, kind.folder));
        Self { fresh, ..Self::of_database(store, directory, &postgresql) }
    }

    /// The database of PostgreSQL with this address.
    pub(crate) fn of_database(store: Store, directory: &Path, url: &str) -> Self {
        let directory = directory.to_string_lossy().into_owned();
        Self { store, directory, fresh: String::new(), postgresql: url.to_owned() }
    }

    /// The same, reached another way.
    pub(crate) fn by_way_of(&self, url: &str) -> Self {
        Self { postgresql: url.to_owned(), ..self.clone() }
    }

    /// Names of variables, without `CAPYKEYS__`, and their values: what lets the service find it.
    pub(crate) fn settings(&self) -> impl Iterator<Item = (&'static str, String)> {
        self.filled(self.store.kind().settings)
    }

    /// What makes the service look for it where it is not.
    pub(crate) fn unreachable(&self) -> impl Iterator<Item = (&'static str, String)> {
        self.filled(self.store.kind().unreachable)
    }

    /// The folder in which it has made itself, and a pepper where none is configured.
    pub(crate) fn embedded(&self) -> Option<String> {
        self.store.kind().embedded.map(|folder| self.fill(folder))
    }

    pub(crate) fn tables(&self) -> Option<Tables<String>> {
        self.store.kind().tables.map(|tables| tables.map(|place| self.fill(place)))
    }

    /// Whether this names what is its own of the settings.
    pub(crate) fn is_named_in(&self, line: &str) -> bool {
        let mut own = self.store.kind().settings.iter().filter(|(_, value)| value.contains('{'));
        own.any(|(_, value)| line.contains(&self.fill(value)))
    }

    fn filled(&self, settings: Settings) -> impl Iterator<Item = (&'static str, String)> {
        settings.iter().map(|(name, value)| (*name, self.fill(value)))
    }

    fn fill(&self, text: &str) -> String {
        text.replace("{directory}", &self.directory)
            .replace("{fresh}", &self.fresh)
            .replace("{postgresql}", &self.postgresql)
    }
}

fn printed(command: &str, folder: &str) -> String {
    let output = Command::new("sh").args(["-c", command]).current_dir(folder).output().expect("a shell");
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}
