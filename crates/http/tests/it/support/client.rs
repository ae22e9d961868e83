//! A client that sends any bytes and reads answers as they come.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

use serde_json::Value;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, StreamOwned};

/// An answer as it came over the wire.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    /// Whether the body came to its end.
    pub(crate) complete: bool,
    /// What followed.
    pub(crate) rest: Vec<u8>,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Self {
        let mut answer = Self::parse_without_body(bytes);
        let body = std::mem::take(&mut answer.rest);
        answer.read_body(&body);
        answer
    }

    /// The answer to HEAD.
    pub(crate) fn parse_without_body(bytes: &[u8]) -> Self {
        let end = find(bytes, b"\r\n\r\n").unwrap_or_else(|| panic!("no head: {}", bytes.escape_ascii()));
        let head = str::from_utf8(&bytes[..end]).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers: Vec<(String, String)> = lines
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        Self { status, headers, body: String::new(), complete: true, rest: bytes[end + 4..].to_vec() }
    }

    fn read_body(&mut self, mut bytes: &[u8]) {
        if let Some(length) = self.header("content-length") {
            let length: usize = length.parse().unwrap();
            self.complete = bytes.len() >= length;
            let (body, rest) = bytes.split_at(length.min(bytes.len()));
            self.body = String::from_utf8(body.to_vec()).unwrap();
            self.rest = rest.to_vec();
            return;
        }
        if self.header("transfer-encoding").is_none() {
            assert_eq!(self.header("connection"), Some("close"), "where does the body end? {self:?}");
            self.body = String::from_utf8(bytes.to_vec()).unwrap();
            return;
        }
        let mut body = Vec::new();
        loop {
            let Some(line) = find(bytes, b"\r\n") else {
                self.complete = false;
                break;
            };
            let length = usize::from_str_radix(str::from_utf8(&bytes[..line]).unwrap(), 16).unwrap();
            bytes = &bytes[line + 2..];
            if length == 0 {
                self.rest = bytes[2..].to_vec();
                break;
            }
            body.extend_from_slice(&bytes[..length.min(bytes.len())]);
            bytes = bytes.get(length + 2..).unwrap_or_default();
        }
        self.body = String::from_utf8(body).unwrap();
    }

    /// The header's only value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self
            .headers
            .iter()
            .filter(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, v)| v.as_str());
        let first = values.next();
        assert_eq!(values.next(), None, "{name} is there twice");
        first
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The sentence of an error, after a check of everything that every error has.
    pub(crate) fn error(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/json"), "{self:?}");
        assert_eq!(self.header("x-content-type-options"), Some("nosniff"), "{self:?}");
        assert_eq!(self.header("cache-control"), Some("no-store"), "{self:?}");
        assert!((1..=128).contains(&self.header("x-request-id").unwrap().len()), "{self:?}");
        assert!(self.header("date").is_some(), "{self:?}");
        let body = self.json();
        let sentence = body["error"].as_str().unwrap();
        assert_eq!(body.as_object().unwrap().len(), 1, "{body}");
        assert!(sentence.ends_with('.') && !sentence.contains('\n'), "{sentence}");
        sentence.to_owned()
    }
}

/// A connection that stays open until it is dropped.
pub(crate) struct Connection {
    socket: TcpStream,
    stream: Box<dyn Stream>,
}

trait Stream: Read + Write + Send {}

impl<S: Read + Write + Send> Stream for S {}

impl Connection {
    /// Connects.
    pub(crate) fn open(address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let stream = Box::new(socket.try_clone().unwrap());
        Self { socket, stream }
    }

    /// Connects, and then speaks TLS. What is wrong with that shows when something is read.
    pub(crate) fn open_tls(address: SocketAddr, config: Arc<ClientConfig>) -> Self {
        let Self { socket, stream: _ } = Self::open(address);
        let session = ClientConnection::new(config, "localhost".try_into().unwrap()).unwrap();
        let stream = Box::new(StreamOwned::new(session, socket.try_clone().unwrap()));
        Self { socket, stream }
    }

    /// Sends bytes.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Sends bytes, unless the server has hung up already.
    pub(crate) fn try_send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Waits for the first bytes that come.
    pub(crate) fn read_some(&mut self) {
        assert_ne!(self.stream.read(&mut [0; 64]).unwrap(), 0);
    }

    /// Closes our side.
    pub(crate) fn half_close(&mut self) {
        self.socket.shutdown(Shutdown::Write).unwrap();
    }

    /// All that comes until the server closes.
    pub(crate) fn read_to_end(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // A reset after the answer is an end as well; what matters is what was read.
        if let Err(error) = self.stream.read_to_end(&mut bytes) {
            let still_there = matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
            assert!(!still_there, "the connection is still there");
        }
        bytes
    }

    /// Reads nothing, until the server has given the connection up.
    pub(crate) fn wait_for_reset(&mut self) {
        let gone = (0..3_000).any(|_| {
            std::thread::sleep(Duration::from_millis(10));
            self.socket.write_all(b" ").is_err()
        });
        assert!(gone, "the connection is still there");
    }

    /// The next answer, which must have a `Content-Length`.
    pub(crate) fn read_answer(&mut self) -> Answer {
        let mut bytes = Vec::new();
        loop {
            let mut buffer = [0; 4096];
            let read = self.stream.read(&mut buffer).unwrap();
            assert_ne!(read, 0, "ended after {}", bytes.escape_ascii());
            bytes.extend_from_slice(&buffer[..read]);
            if find(&bytes, b"\r\n\r\n").is_some() && Answer::parse(&bytes).complete {
                return Answer::parse(&bytes);
            }
        }
    }

    /// Sends bytes and reads the answer, after which the server must close the connection.
    pub(crate) fn finish(&mut self, bytes: &[u8]) -> Answer {
        self.send(bytes);
        Answer::parse(&self.read_to_end())
    }

    /// The answer at the start of these bytes.
    pub(crate) fn parse(bytes: &[u8]) -> Answer {
        Answer::parse(bytes)
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
