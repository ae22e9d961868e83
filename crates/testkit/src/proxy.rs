//! A TCP proxy with faults.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{mpsc, watch},
    task::JoinHandle,
    time::{Instant, sleep, sleep_until},
};

/// How many pieces are on their way at once, each way of a connection.
const IN_FLIGHT: usize = 64;

/// When it arrives, and what was said; nothing at the end.
type Parcel = (Instant, Vec<u8>);

/// How much of what a client said first is remembered; a PostgreSQL client tells its name in it.
const GREETING: usize = 1024;

/// One of the two ways that bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// What the client says.
    ToServer,
    /// What it is answered.
    ToClient,
}

/// What the proxy does right now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Forward,
    Swallow,
    SwallowOne(Way),
    Cut,
    Refuse,
}

impl Mode {
    /// Whether no connection stays open.
    const fn closes(self) -> bool {
        matches!(self, Self::Cut | Self::Refuse)
    }

    fn swallows(self, way: Way) -> bool {
        self == Self::Swallow || self == Self::SwallowOne(way)
    }
}

#[derive(Clone, Copy, Debug)]
struct State {
    mode: Mode,
    /// Connections with a lower number are never served again.
    forgotten_below: u64,
    /// By how much answers are late, but those to clients that said this text first.
    late: Option<(Duration, &'static str)>,
    /// How far away the server is: how long it takes to it and back.
    round_trip: Duration,
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
        let state = State { mode: Mode::Forward, forgotten_below: 0, late: None, round_trip: Duration::ZERO };
        let (state, watched) = watch::channel(state);
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

    /// Closes all connections and listens no more, as a process does that has ended. It takes a
    /// moment, and so does healing.
    pub fn refuse(&self) {
        self.set(Mode::Refuse);
    }

    /// With `true`, stops forwarding both ways without closing anything; new connections are
    /// accepted and get no answer. With `false`, goes on where it stopped.
    pub fn swallow(&self, on: bool) {
        self.set(if on { Mode::Swallow } else { Mode::Forward });
    }

    /// Stops forwarding one way alone, without closing anything, until it is healed: what goes the
    /// other way arrives.
    pub fn swallow_one(&self, way: Way) {
        self.set(Mode::SwallowOne(way));
    }

    /// Holds back every answer for this long, until it is healed. Clients whose first bytes contain
    /// `spared` get theirs at once; nobody does where it is empty.
    pub fn delay_answers(&self, by: Duration, spared: &'static str) {
        self.state.send_modify(|state| state.late = Some((by, spared)));
    }

    /// Is as far away from the server as this round trip: whatever is said arrives after half of it,
    /// both ways, and a connection is accepted after all of it.
    pub fn move_away(&self, round_trip: Duration) {
        self.state.send_modify(|state| state.round_trip = round_trip);
    }

    /// Stops forwarding on the connections that are open now, for good and without closing them,
    /// as a firewall does that lost its table. New ones are served.
    pub fn forget(&self) {
        let next = NEXT_CONNECTION.load(Ordering::SeqCst);
        self.state.send_modify(|state| state.forgotten_below = next);
    }

    /// Forwards again, and at once.
    pub fn heal(&self) {
        self.state.send_modify(|state| {
            state.mode = Mode::Forward;
            state.late = None;
            state.round_trip = Duration::ZERO;
        });
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

async fn accept(mut listener: TcpListener, target: SocketAddr, mut state: watch::Receiver<State>) {
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((client, _)) = accepted else { return };
                if state.borrow().mode.closes() {
                    continue;
                }
                let number = NEXT_CONNECTION.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(client, target, number, state.clone()));
            }
            () = until(&mut state, |mode| mode == Mode::Refuse) => {
                let Ok(address) = listener.local_addr() else { return };
                drop(listener);
                until(&mut state, |mode| mode != Mode::Refuse).await;
                let Ok(again) = TcpListener::bind(address).await else { return };
                listener = again;
            }
        }
    }
}

/// Waits for such a mode, or for the end of the proxy.
async fn until(state: &mut watch::Receiver<State>, wanted: impl Fn(Mode) -> bool) {
    let _ = state.wait_for(|state| wanted(state.mode)).await;
}

async fn serve(client: TcpStream, target: SocketAddr, number: u64, mut state: watch::Receiver<State>) {
    if !may_forward(Way::ToServer, number, &mut state).await {
        return;
    }
    let away = state.borrow().round_trip;
    sleep(away).await;
    let Ok(server) = TcpStream::connect(target).await else { return };
    // Without this the kernel holds back small pieces, and every answer would be late.
    if client.set_nodelay(true).and_then(|()| server.set_nodelay(true)).is_err() {
        return;
    }
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let mut ends = state.clone();
    let greeting = Arc::default();
    let up = Pump { way: Way::ToServer, number, greeting: Arc::clone(&greeting), state: state.clone() };
    let down = Pump { way: Way::ToClient, number, greeting, state };
    tokio::select! {
        _ = up.run(from_client, to_server) => {}
        _ = down.run(from_server, to_client) => {}
        // Also while a pump waits for a peer that does not read.
        () = until(&mut ends, Mode::closes) => {}
    }
}

/// Waits while the connection is to be swallowed; false where it is to be closed.
async fn may_forward(way: Way, number: u64, state: &mut watch::Receiver<State>) -> bool {
    let decided =
        |state: &State| state.mode.closes() || (!state.mode.swallows(way) && number >= state.forgotten_below);
    state.wait_for(decided).await.is_ok_and(|state| !state.mode.closes())
}

/// What carries the bytes of a connection one way.
struct Pump {
    way: Way,
    number: u64,
    /// What the client said first.
    greeting: Arc<Mutex<Vec<u8>>>,
    state: watch::Receiver<State>,
}

impl Pump {
    async fn run(self, from: OwnedReadHalf, to: OwnedWriteHalf) -> io::Result<()> {
        let (departing, arriving) = mpsc::channel(IN_FLIGHT);
        let (taken, given) = tokio::join!(self.take(from, departing), self.give(to, arriving));
        taken.and(given)
    }

    /// Takes what is said, which arrives later: until then, more may be said.
    async fn take(&self, mut from: OwnedReadHalf, departing: mpsc::Sender<Parcel>) -> io::Result<()> {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let length = from.read(&mut buffer).await?;
            if self.way == Way::ToServer {
                self.note(&buffer[..length]);
            }
            let due = Instant::now() + self.state.borrow().round_trip / 2;
            if departing.send((due, buffer[..length].to_vec())).await.is_err() || length == 0 {
                return Ok(());
            }
        }
    }

    async fn give(&self, mut to: OwnedWriteHalf, mut arriving: mpsc::Receiver<Parcel>) -> io::Result<()> {
        let mut state = self.state.clone();
        while let Some((due, bytes)) = arriving.recv().await {
            sleep_until(due).await;
            if self.way == Way::ToClient {
                self.be_late().await;
            }
            // Asked last, so that what arrives while swallowing is held back.
            if !may_forward(self.way, self.number, &mut state).await || bytes.is_empty() {
                break;
            }
            to.write_all(&bytes).await?;
        }
        Ok(())
    }

    fn note(&self, bytes: &[u8]) {
        let mut greeting = self.greeting.lock().unwrap_or_else(PoisonError::into_inner);
        let room = GREETING.saturating_sub(greeting.len()).min(bytes.len());
        greeting.extend_from_slice(&bytes[..room]);
    }

    fn client_said(&self, text: &str) -> bool {
        let greeting = self.greeting.lock().unwrap_or_else(PoisonError::into_inner);
        !text.is_empty() && greeting.windows(text.len()).any(|bytes| bytes == text.as_bytes())
    }

    async fn be_late(&self) {
        let late = self.state.borrow().late;
        if let Some((by, spared)) = late
            && !self.client_said(spared)
        {
            sleep(by).await;
        }
    }
}
