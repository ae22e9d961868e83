//! The API behind the gateway: it keeps what it gets and answers everything with 200, or opens a
//! WebSocket that repeats what it gets.

use std::{
    io::{self, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use crate::message::{Message, Reader};

/// What it answers.
pub(crate) const BODY: &str = "from the upstream";

/// What it answers where another protocol is asked for. Frames are not looked at.
const SWITCHING: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// A server that records its requests. It runs until the test process ends.
pub(crate) struct Upstream {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Message>>>,
}

impl Upstream {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port for the upstream");
        rustix::net::listen(&listener, i32::MAX).expect("room for bursts");
        let address = listener.local_addr().expect("its address");
        let requests = Arc::default();
        let record = Arc::clone(&requests);
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let record = Arc::clone(&record);
                thread::spawn(move || serve(&connection, &record));
            }
        });
        Self { address, requests }
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What has come since this was asked the last time.
    pub(crate) fn take(&self) -> Vec<Message> {
        std::mem::take(&mut lock(&self.requests))
    }
}

/// A request is recorded before it is answered, and where it breaks off in the middle too.
fn serve(connection: &TcpStream, record: &Mutex<Vec<Message>>) -> io::Result<()> {
    let mut reader = Reader::new(connection);
    let mut writer = connection;
    while let Some(request) = reader.request()? {
        let is_websocket = request.all("upgrade") == ["websocket"];
        lock(record).push(request);
        if is_websocket {
            writer.write_all(SWITCHING)?;
            loop {
                writer.write_all(&reader.take(1)?)?;
            }
        }
        let length = BODY.len();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n");
        writer.write_all((head + BODY).as_bytes())?;
    }
    Ok(())
}

fn lock(requests: &Mutex<Vec<Message>>) -> MutexGuard<'_, Vec<Message>> {
    requests.lock().unwrap_or_else(PoisonError::into_inner)
}
