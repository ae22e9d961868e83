//! A TCP proxy with faults.

use std::{
    io,
    net::SocketAddr,
    sync::atomic::{AtomicU64, Ordering},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinHandle,
};

/// What the proxy does right now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Forward,
    Swallow,
    Cut,
}

#[derive(Clone, Copy, Debug)]
struct State {
    mode: Mode,
    /// Connections with a lower number are never served again.
    forgotten_below: u64,
}

/// Forwards TCP connections to a target until it is told to misbehave. Ends when dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    state: watch::Sender<State>,
    accepting: JoinHandle<()>,
}

static NEXT_CONNECTION: AtomicU64 = AtomicU64::new(0);

impl Proxy {
    /// Listens on a loopback port of its own, on the current runtime.
    ///
    /// # Panics
    /// Where no port can be had.
    pub async fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port for the proxy");
        let address = listener.local_addr().expect("the proxy's address");
        let (state, watched) = watch::channel(State { mode: Mode::Forward, forgotten_below: 0 });
        let accepting = tokio::spawn(accept(listener, target, watched));
        Self { address, state, accepting }
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes all connections, and every new one at once.
    pub fn cut(&self) {
        self.set(Mode::Cut);
    }

    /// With `true`, stops forwarding both ways without closing anything; new connections are
    /// accepted and get no answer. With `false`, goes on where it stopped.
    pub fn swallow(&self, on: bool) {
        self.set(if on { Mode::Swallow } else { Mode::Forward });
    }

    /// Stops forwarding on the connections that are open now, for good and without closing them,
    /// as a firewall does that lost its table. New ones are served.
    pub fn forget(&self) {
        let next = NEXT_CONNECTION.load(Ordering::SeqCst);
        self.state.send_modify(|state| state.forgotten_below = next);
    }

    /// Forwards again.
    pub fn heal(&self) {
        self.set(Mode::Forward);
    }

    fn set(&self, mode: Mode) {
        self.state.send_modify(|state| state.mode = mode);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, target: SocketAddr, state: watch::Receiver<State>) {
    while let Ok((client, _)) = listener.accept().await {
        if state.borrow().mode == Mode::Cut {
            continue;
        }
        let number = NEXT_CONNECTION.fetch_add(1, Ordering::SeqCst);
        tokio::spawn(serve(client, target, number, state.clone()));
    }
}

async fn serve(client: TcpStream, target: SocketAddr, number: u64, mut state: watch::Receiver<State>) {
    if !may_forward(number, &mut state).await {
        return;
    }
    let Ok(server) = TcpStream::connect(target).await else { return };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let mut ends = state.clone();
    tokio::select! {
        _ = pump(from_client, to_server, number, state.clone()) => {}
        _ = pump(from_server, to_client, number, state) => {}
        // Also while a pump waits for a peer that does not read.
        _ = ends.wait_for(|state| state.mode == Mode::Cut) => {}
    }
}

/// Waits while the connection is to be swallowed; false where it is to be closed.
async fn may_forward(number: u64, state: &mut watch::Receiver<State>) -> bool {
    let decided = |state: &State| {
        state.mode == Mode::Cut || (state.mode == Mode::Forward && number >= state.forgotten_below)
    };
    state.wait_for(decided).await.is_ok_and(|state| state.mode == Mode::Forward)
}

async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    number: u64,
    mut state: watch::Receiver<State>,
) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let length = from.read(&mut buffer).await?;
        // Asked after the read, so that what arrives while swallowing is held back.
        if !may_forward(number, &mut state).await || length == 0 {
            return Ok(());
        }
        to.write_all(&buffer[..length]).await?;
    }
}
