//! An HTTP server on loopback with canned answers.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use capykeys_clerk::Url;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// What the server does once it has read a request.
#[derive(Clone)]
pub(crate) enum Reply {
    /// Sends these bytes and closes.
    Bytes(Vec<u8>),
    /// Sends these bytes and never says anything more.
    Stall(Vec<u8>),
    /// Sends a head without a length and then so many bytes.
    Endless(usize),
}

impl Reply {
    pub(crate) fn with(status: &str, headers: &str, body: &str) -> Self {
        let length = body.len();
        Self::Bytes(
            format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{headers}\r\n{body}").into_bytes(),
        )
    }
}

pub(crate) struct Server {
    pub(crate) url: Url,
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    reply: Mutex<Reply>,
    /// The first line of each request; empty where none came.
    requests: Mutex<Vec<String>>,
}

impl Server {
    pub(crate) async fn start(reply: Reply) -> Self {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), reply).await
    }

    /// At the address of a server that was stopped.
    pub(crate) async fn start_at(address: SocketAddr, reply: Reply) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared { reply: Mutex::new(reply), requests: Mutex::default() });
        let task = tokio::spawn({
            let shared = Arc::clone(&shared);
            async move {
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    tokio::spawn(serve(stream, Arc::clone(&shared), shared.begin()));
                }
            }
        });
        Self { url: format!("http://{address}/jwks.json").parse().unwrap(), address, shared, task }
    }

    /// What the next requests are answered with.
    pub(crate) fn answers(&self, reply: Reply) {
        *self.shared.reply.lock().unwrap() = reply;
    }

    /// How many connections there were.
    pub(crate) fn requests(&self) -> usize {
        self.shared.requests.lock().unwrap().len()
    }

    /// The first line of each request.
    pub(crate) fn request_lines(&self) -> Vec<String> {
        self.shared.requests.lock().unwrap().clone()
    }

    /// Stops to listen; nothing answers at the address any more.
    pub(crate) async fn stop(mut self) -> SocketAddr {
        self.task.abort();
        assert!((&mut self.task).await.is_err());
        self.address
    }
}

impl Shared {
    /// Counts a connection: its place among them.
    fn begin(&self) -> usize {
        let mut requests = self.requests.lock().unwrap();
        requests.push(String::new());
        requests.len() - 1
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, shared: Arc<Shared>, place: usize) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let head = String::from_utf8_lossy(&request);
    shared.requests.lock().unwrap()[place].push_str(head.lines().next().unwrap_or_default());
    let reply = shared.reply.lock().unwrap().clone();
    // The client may hang up at any point: that is for it to say, not for the server.
    match reply {
        Reply::Bytes(bytes) => drop(stream.write_all(&bytes).await),
        Reply::Stall(bytes) => {
            drop(stream.write_all(&bytes).await);
            std::future::pending::<()>().await;
        }
        Reply::Endless(length) => {
            let head = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";
            if stream.write_all(head).await.is_ok() {
                drop(stream.write_all(&vec![b'x'; length]).await);
            }
        }
    }
}
