//! What verification costs: statements, memory, processor time.

mod feed;
mod flood;
mod herd;
mod statements;
mod suspension;

use std::{future::Future, net::SocketAddr, sync::PoisonError};

use capykeys_tests::verification::{Connection, Verdict, question};
use tokio::runtime;

use crate::{postgres::Session, scene::Scene};

/// How many statements the service has sent that are not the feed's.
const STATEMENTS: &str = "SELECT coalesce(sum(calls), 0)::bigint FROM pg_stat_statements \
     WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) \
     AND query NOT LIKE '%FROM changes%' AND query NOT LIKE '%pg_stat_statements%'";

/// The statements that PostgreSQL has executed, as it counts them itself.
struct Statements(Session);

impl Statements {
    fn of(scene: &Scene) -> Self {
        let session = Session::open(&scene.database_url()).expect("a connection");
        session.run("CREATE EXTENSION IF NOT EXISTS pg_stat_statements");
        Self(session)
    }

    fn so_far(&self) -> i64 {
        self.0.row(STATEMENTS, &[]).get(0)
    }

    /// How many are sent meanwhile.
    fn during<T>(&self, work: impl FnOnce() -> T) -> (T, i64) {
        let before = self.so_far();
        let result = work();
        (result, self.so_far() - before)
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
}

/// Where replica B listens.
fn address_of_b(scene: &Scene) -> SocketAddr {
    *scene.target.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What replica B says of these keys, asked one after the other.
fn verdicts(scene: &Scene, plaintexts: &[String]) -> Vec<Verdict> {
    let address = address_of_b(scene);
    block_on(async {
        let mut connection = Connection::open(address).await.expect("a connection");
        let mut verdicts = Vec::with_capacity(plaintexts.len());
        for plaintext in plaintexts {
            verdicts.push(connection.ask(&question(plaintext)).await.expect("an answer").verdict);
        }
        verdicts
    })
}

fn all_accepted(verdicts: &[Verdict]) -> bool {
    verdicts.iter().all(|verdict| matches!(verdict, Verdict::Accepted { .. }))
}

/// New keys, without all that is shown of them.
fn plaintexts(scene: &Scene, count: usize) -> Vec<String> {
    scene.keys(count).into_iter().map(|key| key.plaintext).collect()
}
