//! Requests that no well-behaved client sends, byte by byte.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    time::Duration,
};

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use crate::{Answer, Server};

const LIMIT: Duration = Duration::from_secs(30);
const MAX_HEADERS: usize = 64;

/// A connection on which bytes are sent as they stand.
pub struct Raw<'a> {
    stream: TcpStream,
    server: &'a Server,
}

impl<'a> Raw<'a> {
    /// Opens a connection.
    pub fn connect(server: &'a Server) -> Self {
        Self::try_connect(server, server.address()).expect("the server accepts connections")
    }

    /// Opens a connection to one of its listeners.
    ///
    /// # Errors
    /// Where none can be had.
    pub fn try_connect(server: &'a Server, address: SocketAddr) -> io::Result<Self> {
        Ok(Self { stream: connect(address)?, server })
    }

    /// Opens one to the listener for the cluster.
    pub fn connect_internal(server: &'a Server) -> Self {
        Self { stream: connect(server.internal_address()).expect("the server accepts connections"), server }
    }

    /// Sends bytes. That the server hung up already is for the answer to tell.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        let _ = self.stream.write_all(bytes.as_ref());
        self
    }

    /// Says that nothing more is to come.
    pub fn finish(&mut self) -> &mut Self {
        let _ = self.stream.shutdown(Shutdown::Write);
        self
    }

    /// The answer to what was sent, which keeps the promises that hold for all answers.
    ///
    /// # Panics
    /// Where there is none.
    #[track_caller]
    pub fn answer(&mut self) -> Answer {
        self.try_answer().unwrap_or_else(|| panic!("the connection ended without an answer"))
    }

    /// The status of the answer alone: one to `HEAD` has no body.
    ///
    /// # Panics
    /// Where there is none.
    pub fn status(&mut self) -> u16 {
        let mut line = [0; 12];
        self.stream.read_exact(&mut line).expect("an answer");
        str::from_utf8(&line[9..]).ok().and_then(|status| status.parse().ok()).expect("its status")
    }

    /// The same; none where the server ended the connection.
    ///
    /// # Panics
    /// Where the connection stays open and nothing comes, or half an answer.
    #[track_caller]
    pub fn try_answer(&mut self) -> Option<Answer> {
        let mut received = Vec::new();
        let answer = loop {
            if let Some(answer) = parse(&received) {
                break answer;
            }
            let mut buffer = [0; 16 * 1024];
            match self.stream.read(&mut buffer) {
                Ok(0) | Err(_) if received.is_empty() => return None,
                Ok(0) => panic!("half an answer: {:?}", String::from_utf8_lossy(&received)),
                Ok(length) => received.extend_from_slice(&buffer[..length]),
                Err(error) => panic!("{error} after {:?}", String::from_utf8_lossy(&received)),
            }
        };
        answer.assert_promises("", "");
        self.server.assert_no_leak();
        Some(answer)
    }
}

/// Sends bytes on a connection of their own and reads the answer.
#[track_caller]
pub fn exchange(server: &Server, bytes: impl AsRef<[u8]>) -> Answer {
    Raw::connect(server).send(bytes).answer()
}

/// A request with these lines after the request line; `Host` and the end of the head are added.
#[track_caller]
pub fn request(server: &Server, request_line: &str, headers: &[&str], body: &str) -> Answer {
    let mut text = format!("{request_line} HTTP/1.1\r\nHost: {}\r\n", server.address());
    for header in headers {
        text.push_str(header);
        text.push_str("\r\n");
    }
    exchange(server, format!("{text}\r\n{body}"))
}

fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, LIMIT)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// A whole final answer, if it is one; those tried here are sent with their length.
fn parse(bytes: &[u8]) -> Option<Answer> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let head = match response.parse(bytes) {
        Ok(httparse::Status::Complete(head)) => head,
        Ok(httparse::Status::Partial) => return None,
        Err(error) => panic!("{error} in the answer {:?}", String::from_utf8_lossy(bytes)),
    };
    let status = response.code?;
    if status < 200 {
        return parse(&bytes[head..]);
    }
    let mut headers = HeaderMap::new();
    for header in response.headers {
        let name = HeaderName::from_bytes(header.name.as_bytes()).expect("a header's name");
        headers.append(name, HeaderValue::from_bytes(header.value).expect("a header's value"));
    }
    let length = headers.get("content-length")?.to_str().ok()?.parse().ok()?;
    let body = bytes[head..].get(..length)?.to_vec();
    Some(Answer { status, headers, body })
}
