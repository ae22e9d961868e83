//! Two replicas on one PostgreSQL, which all cases share: keys are made and revoked through A, and the guarded
//! servers ask B.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use capykeys_testkit::Proxy;
use capykeys_tests::{Installation, Server, Tenant, postgres, server::Leash};
use tokio::runtime::{Builder, Runtime};

use crate::guarded::{Guarded, Settings};

pub(crate) struct Replicas {
    pub(crate) a: Server,
    pub(crate) b: Server,
    _leashes: [Leash; 2],
}

pub(crate) fn replicas() -> &'static Replicas {
    static REPLICAS: OnceLock<Replicas> = OnceLock::new();
    REPLICAS.get_or_init(|| {
        let database = postgres::database_url();
        let start = |installation: Installation| {
            // The libraries are judged, and not what a replica does where it has no time.
            let patient = installation.set("POSTGRES__DEADLINE", "4000ms");
            Server::start(&Arc::new(patient.set("LOG__LEVEL", "info,capykeys::access=warn")))
        };
        let (a, b) =
            (start(Installation::on_postgres(&database)), start(Installation::on_database(&database)));
        let leashes = [Leash::on(&a), Leash::on(&b)];
        Replicas { a, b, _leashes: leashes }
    })
}

impl Replicas {
    /// An organization of its own.
    pub(crate) fn tenant(&self) -> Tenant<'_> {
        Tenant::new(&self.a)
    }
}

/// The settings of a library that keeps what it is told for as long as is usual.
pub(crate) const USUAL: Settings =
    Settings { max_age: Duration::from_millis(300), timeout: Duration::from_secs(2), capacity: 1_000 };

/// What the usual settings are, on a machine that is busy.
pub(crate) fn patient() -> Settings {
    Settings { timeout: Settings::default().timeout, ..USUAL }
}

/// A guarded server before B.
pub(crate) fn guarded(name: &'static str) -> Guarded {
    Guarded::start(name, replicas().b.internal_address(), patient())
}

/// What is between a guarded server and B, and can fail.
pub(crate) struct Way {
    pub(crate) proxy: Proxy,
    _runtime: Runtime,
}

impl Way {
    pub(crate) fn new() -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let proxy = runtime.block_on(Proxy::start(replicas().b.internal_address()));
        Self { proxy, _runtime: runtime }
    }
}
