//! Asking a replica what it thinks of a key, with little cost of its own: thousands of questions a
//! second leave the machine to the service.

use std::{
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const MAX_HEADERS: usize = 32;

/// What a replica says of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may be let in.
    Accepted {
        /// How long that may be kept and relied on, from when it was asked.
        max_age: Duration,
    },
    /// It may not, for the reason that this code names.
    Refused(String),
    /// 503: neither.
    Unavailable,
    /// Nothing that is specified.
    Nonsense(String),
}

/// The request that asks for a verdict on `plaintext` to `keep` for so long, byte by byte.
///
/// # Panics
/// Where that is for ever.
pub fn question(plaintext: &str, keep: Duration) -> Vec<u8> {
    question_for(plaintext, keep, &[])
}

/// The same where these scopes are needed.
///
/// # Panics
/// Where `keep` is for ever.
pub fn question_for(plaintext: &str, keep: Duration, scopes: &[&str]) -> Vec<u8> {
    let keep = u64::try_from(keep.as_millis()).expect("a short time");
    post("/v1/api-keys/verify", &json!({ "api_key": plaintext, "max_age_ms": keep, "scopes": scopes }))
}

/// The request that asks for verdicts on all of these.
pub fn questions<'a>(plaintexts: impl IntoIterator<Item = &'a String>) -> Vec<u8> {
    let verifications: Vec<_> = plaintexts.into_iter().map(|key| json!({ "api_key": key })).collect();
    post("/v1/api-keys/verify-batch", &json!({ "verifications": verifications }))
}

fn post(path: &str, body: &Value) -> Vec<u8> {
    let body = body.to_string();
    format!(
        "POST {path} HTTP/1.1\r\nHost: replica\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

impl Verdict {
    /// What one of the results says.
    pub fn of(result: &Value) -> Self {
        let max_age = result["max_age_ms"].as_u64().map(Duration::from_millis);
        match (result["valid"].as_bool(), max_age, result["code"].as_str()) {
            (Some(true), Some(max_age), None) => Self::Accepted { max_age },
            (Some(false), Some(_), Some(code)) => Self::Refused(code.to_owned()),
            _ => Self::Nonsense(result.to_string()),
        }
    }

    fn of_answer(status: u16, body: &[u8]) -> Self {
        match (status, serde_json::from_slice(body)) {
            (200, Ok(result)) => Self::of(&result),
            (503, Ok(_)) => Self::Unavailable,
            _ => Self::Nonsense(format!("{status} {}", String::from_utf8_lossy(body))),
        }
    }
}

/// A connection to a replica that is kept open.
pub struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

/// A verdict, and when it was asked for and given.
pub struct Told {
    /// Before the first byte of the question was sent.
    pub sent: Instant,
    /// After the last byte of the answer came.
    pub came: Instant,
    /// What it says.
    pub verdict: Verdict,
}

impl Connection {
    /// Opens one.
    ///
    /// # Errors
    /// Where the replica is not there.
    pub async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, received: Vec::with_capacity(1024) })
    }

    /// Asks a [`question`].
    ///
    /// # Errors
    /// Where the connection ends before there is an answer.
    pub async fn ask(&mut self, question: &[u8]) -> io::Result<Told> {
        let sent = Instant::now();
        let (status, body) = self.exchange(question).await?;
        let came = Instant::now();
        Ok(Told { sent, came, verdict: Verdict::of_answer(status, &body) })
    }

    /// Sends a request and gives the status and the body of its answer.
    ///
    /// # Errors
    /// Where the connection ends before there is an answer, or it is no HTTP.
    pub async fn exchange(&mut self, request: &[u8]) -> io::Result<(u16, Vec<u8>)> {
        self.stream.write_all(request).await?;
        self.received.clear();
        loop {
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(answer) = parse(&self.received)? {
                return Ok(answer);
            }
        }
    }
}

/// The whole answer, if it is one.
///
/// # Errors
/// Where it is none and cannot become one.
pub fn parse(bytes: &[u8]) -> io::Result<Option<(u16, Vec<u8>)>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let head = match response.parse(bytes).map_err(io::Error::other)? {
        httparse::Status::Complete(head) => head,
        httparse::Status::Partial => return Ok(None),
    };
    let length = response
        .headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("content-length"))
        .and_then(|header| std::str::from_utf8(header.value).ok()?.parse().ok())
        .unwrap_or(0);
    let status = response.code.unwrap_or_default();
    Ok(bytes[head..].get(..length).map(|body| (status, body.to_vec())))
}
