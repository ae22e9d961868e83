//! HTTP/2 byte by byte (RFC 9113, RFC 7541), for requests that no library sends.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use crate::request::HOST;

/// How long a request may take to end.
const LIMIT: Duration = Duration::from_secs(5);

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const GOING_AWAY: u8 = 7;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// A header field, of any bytes.
pub(crate) type Field = (Vec<u8>, Vec<u8>);

/// A field of text.
pub(crate) fn field(name: &str, value: &str) -> Field {
    (name.as_bytes().to_vec(), value.as_bytes().to_vec())
}

/// The pseudo-fields of a request.
pub(crate) fn pseudo(method: &str, path: &str) -> Vec<Field> {
    vec![field(":method", method), field(":scheme", "http"), field(":authority", HOST), field(":path", path)]
}

/// A connection on which one request was sent.
pub(crate) struct Exchange(TcpStream);

/// Sends one request on a connection of its own.
pub(crate) fn send(address: SocketAddr, fields: &[Field], body: &[u8], trailers: &[Field]) -> Exchange {
    let mut stream = TcpStream::connect(address).expect("the gateway accepts connections");
    let last = |is_last: bool| if is_last { END_STREAM } else { 0 };
    let mut bytes = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
    let ends = last(body.is_empty() && trailers.is_empty());
    bytes.extend(frame(HEADERS, END_HEADERS | ends, 1, &block(fields)));
    if !body.is_empty() {
        bytes.extend(frame(DATA, last(trailers.is_empty()), 1, body));
    }
    if !trailers.is_empty() {
        bytes.extend(frame(HEADERS, END_HEADERS | END_STREAM, 1, &block(trailers)));
    }
    // That the gateway has hung up already is an answer as well.
    let _ = stream.write_all(&bytes);
    Exchange(stream)
}

impl Exchange {
    /// Reads frames until the stream or the connection has ended, or the time is over.
    pub(crate) fn wait(mut self) {
        let end = Instant::now() + LIMIT;
        loop {
            let left = end.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            self.0.set_read_timeout(Some(left)).expect("a time limit");
            let mut head = [0; 9];
            if self.0.read_exact(&mut head).is_err() {
                return;
            }
            let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
            let (kind, flags, on_the_stream) = (head[3], head[4], head[8] == 1);
            if self.0.read_exact(&mut vec![0; length]).is_err() || kind == GOING_AWAY {
                return;
            }
            let ends = matches!(kind, DATA | HEADERS) && flags & END_STREAM != 0;
            if on_the_stream && (ends || kind == RESET) {
                return;
            }
        }
    }
}

fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short frame").to_be_bytes();
    [&length[1..], &[kind, flags, 0, 0, 0, stream], payload].concat()
}

/// Literal fields without indexing, each with a new name (RFC 7541, section 6.2.2).
fn block(fields: &[Field]) -> Vec<u8> {
    let texts = fields.iter().map(|(name, value)| [vec![0], text(name), text(value)].concat());
    texts.collect::<Vec<_>>().concat()
}

/// Without Huffman's code; an integer with a prefix of 7 bits (RFC 7541, sections 5.1 and 5.2).
fn text(bytes: &[u8]) -> Vec<u8> {
    let mut length = Vec::new();
    if bytes.len() < 127 {
        length.push(u8::try_from(bytes.len()).expect("fewer than 127"));
    } else {
        let mut rest = bytes.len() - 127;
        length.push(127);
        while rest >= 128 {
            length.push(u8::try_from(rest % 128).expect("fewer than 128") | 128);
            rest /= 128;
        }
        length.push(u8::try_from(rest).expect("fewer than 128"));
    }
    [length.as_slice(), bytes].concat()
}
