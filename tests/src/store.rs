//! The kinds of store under test, and one running server for each that ordinary tests share.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use crate::{Installation, Server, Tenant, server::Leash};

include!(concat!(env!("OUT_DIR"), "/kinds.rs"));

/// What its file says of a kind: see `build.rs`, which reads it.
pub(crate) struct Kind {
    name: &'static str,
    pub(crate) settings: Settings,
    pub(crate) unreachable: Settings,
    pub(crate) embedded: Option<&'static str>,
    pub(crate) tables: Option<Tables<&'static str>>,
    migrate: bool,
    pub(crate) fresh: Option<&'static str>,
    /// Where the file lies.
    pub(crate) folder: &'static str,
    /// From there on.
    program: &'static str,
}

pub(crate) type Settings = &'static [(&'static str, &'static str)];

/// Where the tables of this repository's migrations are, which tests look into beside the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tables<T = ()> {
    /// In a file.
    Sqlite(T),
    /// In the database with this address.
    Postgresql(T),
}

/// Where the service under test keeps its keys: a kind of store.
#[derive(Clone, Copy, Debug)]
pub struct Store(usize);

impl Store {
    /// For the macros that make tests.
    #[doc(hidden)]
    pub const fn numbered(index: usize) -> Self {
        Self(index)
    }

    /// The first of those under test, for what is the same on all of them.
    pub const fn first() -> Self {
        Self(0)
    }

    /// The first whose tables are there.
    ///
    /// # Panics
    /// Where there is none. A test that is listed for it in `on_one_store!` is ignored then.
    pub fn with(tables: Tables) -> Self {
        let index = (0..KINDS.len()).find(|index| Self(*index).tables() == Some(tables));
        Self(index.unwrap_or_else(|| panic!("no store under test has its tables in {tables:?}")))
    }

    pub(crate) const fn kind(self) -> &'static Kind {
        &KINDS[self.0]
    }

    /// What people call the kind in `CAPYKEYS_TEST_STORES`.
    pub const fn name(self) -> &'static str {
        self.kind().name
    }

    /// In which database tests may look for its tables.
    pub fn tables(self) -> Option<Tables> {
        self.kind().tables.map(|tables| tables.map(drop))
    }

    /// The service that is tested on it; `target` is where cargo puts programs.
    pub(crate) fn program(self, target: &Path) -> PathBuf {
        let Kind { program, folder, .. } = self.kind();
        Path::new(folder).join(program.replace("{target}", &target.to_string_lossy()))
    }

    /// Whether `capykeys migrate` comes before the first start.
    pub(crate) const fn is_migrated(self) -> bool {
        self.kind().migrate
    }

    /// The server that ordinary tests of this binary share. It ends with the test process.
    pub fn server(self) -> &'static Server {
        static SHARED: [OnceLock<(Server, Leash)>; KINDS.len()] = [const { OnceLock::new() }; KINDS.len()];
        let (server, _) = SHARED[self.0].get_or_init(|| {
            let server = Server::start(&Arc::new(Installation::new(self)));
            let leash = Leash::on(&server);
            (server, leash)
        });
        server
    }

    /// A fresh organization on the shared server.
    pub fn tenant(self) -> Tenant<'static> {
        Tenant::new(self.server())
    }
}

impl<T> Tables<T> {
    /// The same elsewhere.
    pub(crate) fn map<U>(self, change: impl FnOnce(T) -> U) -> Tables<U> {
        match self {
            Self::Sqlite(place) => Tables::Sqlite(change(place)),
            Self::Postgresql(place) => Tables::Postgresql(change(place)),
        }
    }
}
