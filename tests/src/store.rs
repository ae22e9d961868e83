//! The two stores, and one running server for each that ordinary tests share.

use std::sync::{Arc, OnceLock};

use crate::{Installation, Server, Tenant, server::Leash};

/// Where the service under test keeps its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    /// The embedded default.
    Sqlite,
    /// A database of a throw-away PostgreSQL.
    Postgres,
}

impl Store {
    /// The server that ordinary tests of this binary share. It ends with the test process.
    pub fn server(self) -> &'static Server {
        static SQLITE: OnceLock<(Server, Leash)> = OnceLock::new();
        static POSTGRES: OnceLock<(Server, Leash)> = OnceLock::new();
        let shared = match self {
            Self::Sqlite => &SQLITE,
            Self::Postgres => &POSTGRES,
        };
        let (server, _) = shared.get_or_init(|| {
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
