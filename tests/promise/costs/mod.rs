//! What verification costs: statements, memory, processor time.

mod feed;
mod flood;
mod herd;
mod many;
mod overload;
mod statements;
mod suspension;

use std::{collections::BTreeMap, future::Future, net::SocketAddr, time::Duration};

use capykeys_tests::verification::{Connection, Verdict, question};
use tokio::runtime;

use crate::{
    driver::locked,
    postgres::Session,
    scene::{Scene, Settings},
};

/// For a replica whose lookups are counted: time enough that none is given up and no lease ends while
/// the machine is busy. When keys were used is not written meanwhile.
const PATIENT: Settings<'_> =
    &[("CACHE__LEASE", "5000ms"), ("POSTGRES__DEADLINE", "4000ms"), ("USAGE__FLUSH_INTERVAL", "600000ms")];

/// The statements that the service has sent, but for the feed's, and how often each.
const STATEMENTS: &str = "SELECT query, sum(calls)::bigint FROM pg_stat_statements \
     WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) \
     AND query NOT LIKE '%FROM changes%' AND query NOT LIKE '%pg_stat_statements%' GROUP BY query";

/// What stands in statements that are sent whoever asks: every few seconds a look at the peppers and a renewal of the
/// registration, when keys were used, and what is looked at on a new connection.
const BESIDE: [&str; 5] = ["peppers", "INTO replicas", "SET last_used_at", "capykeys_schema", "SHOW "];

/// The statements that PostgreSQL has executed, as it counts them itself.
struct Statements(Session);

impl Statements {
    fn of(scene: &Scene) -> Self {
        let session = Session::open(&scene.database_url()).expect("a connection");
        session.run("CREATE EXTENSION IF NOT EXISTS pg_stat_statements");
        Self(session)
    }

    fn so_far(&self) -> BTreeMap<String, i64> {
        let rows = self.0.try_query(STATEMENTS, &[]).expect("the statements");
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    }

    /// Which are sent meanwhile.
    fn during<T>(&self, work: impl FnOnce() -> T) -> (T, Sent) {
        let before = self.so_far();
        let result = work();
        let mut sent = self.so_far();
        for (statement, times) in before {
            *sent.entry(statement).or_default() -= times;
        }
        sent.retain(|_, times| *times != 0);
        (result, Sent(sent))
    }
}

/// Statements, and how often each was sent.
#[derive(Debug)]
struct Sent(BTreeMap<String, i64>);

impl Sent {
    /// How many of them look for keys. On a busy machine a connection may be opened as well, whose
    /// schema is checked first.
    fn lookups(&self) -> i64 {
        self.0.iter().filter(|(statement, _)| statement.contains("api_keys")).map(|(_, times)| times).sum()
    }

    /// How many, but for those [`BESIDE`] verifications.
    fn count(&self) -> i64 {
        let beside = |statement: &str| BESIDE.iter().any(|text| statement.contains(text));
        self.0.iter().filter(|(statement, _)| !beside(statement)).map(|(_, times)| times).sum()
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
}

/// Where replica B listens.
fn address_of_b(scene: &Scene) -> SocketAddr {
    *locked(&scene.target)
}

/// What replica B says of these keys, asked one after the other.
fn verdicts(scene: &Scene, plaintexts: &[String]) -> Vec<Verdict> {
    let address = address_of_b(scene);
    block_on(async {
        let mut connection = Connection::open(address).await.expect("a connection");
        let mut verdicts = Vec::with_capacity(plaintexts.len());
        for plaintext in plaintexts {
            verdicts
                .push(connection.ask(&question(plaintext, Duration::ZERO)).await.expect("an answer").verdict);
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
