//! Opening connections on a runtime of the caller's choice.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
};

use deadpool_postgres::Connect;
use tokio::{runtime::Handle, task::JoinHandle};
use tokio_postgres::{Client, Config, Connection, Error, NoTls};

use crate::tls::Tls;

type Connecting<'a> = Pin<Box<dyn Future<Output = Result<(Client, JoinHandle<()>), Error>> + Send + 'a>>;

/// Opens connections whose sockets and tasks belong to one runtime, whoever asks.
///
/// A connection lives where it was opened. Opened on a web worker's single-threaded runtime, it
/// would stall with that worker, for other workers too.
#[derive(Clone)]
pub(crate) struct Connector {
    pub(crate) runtime: Handle,
    pub(crate) tls: Tls,
}

impl Connector {
    pub(crate) async fn open(&self, config: &Config) -> Result<(Client, JoinHandle<()>), Error> {
        let mut connecting: Connecting<'_> = Box::pin(async {
            Ok(match self.tls.clone() {
                Tls::Off => {
                    let (client, connection) = config.connect(NoTls).await?;
                    (client, self.runtime.spawn(drive(connection)))
                }
                Tls::Rustls(tls) => {
                    let (client, connection) = config.connect(tls).await?;
                    (client, self.runtime.spawn(drive(connection)))
                }
            })
        });
        poll_fn(move |context| {
            // Sockets and timers belong to the runtime that is entered when they are made.
            let _entered = self.runtime.enter();
            connecting.as_mut().poll(context)
        })
        .await
    }
}

/// Until the connection ends. Its operations learn of the end themselves.
async fn drive<S, T>(connection: Connection<S, T>)
where
    Connection<S, T>: Future<Output = Result<(), Error>>,
{
    if connection.await.is_err() {
        tracing::debug!("a connection to PostgreSQL ended");
    }
}

impl Connect for Connector {
    fn connect(&self, config: &Config) -> Connecting<'_> {
        let config = config.clone();
        Box::pin(async move { self.open(&config).await })
    }
}
