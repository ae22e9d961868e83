//! Requests of clients, over HTTP/1.1 and HTTP/2.

use std::{
    io::Write,
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use tokio::{runtime::Runtime, task::JoinSet};

use crate::message::{Message, Reader};

/// The host that clients ask for.
pub(crate) const HOST: &str = "api.example.com";

/// Longer than any gateway lets its clients wait.
const LIMIT: Duration = Duration::from_secs(45);

/// A request in the making.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    method: &'static str,
    host: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    pub(crate) fn get(target: &str) -> Self {
        let (host, target) = (HOST.to_owned(), target.to_owned());
        Self { method: "GET", host, target, headers: Vec::new(), body: Vec::new() }
    }

    pub(crate) fn post(target: &str, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let length = body.len().to_string();
        Self { method: "POST", body, ..Self::get(target) }.header("Content-Length", &length)
    }

    /// The same with another method.
    pub(crate) fn method(self, method: &'static str) -> Self {
        Self { method, ..self }
    }

    /// The same for another host.
    pub(crate) fn host(self, host: &str) -> Self {
        Self { host: host.to_owned(), ..self }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    /// The same with another target.
    pub(crate) fn to(&self, target: &str) -> Self {
        Self { target: target.to_owned(), ..self.clone() }
    }

    /// Whether HTTP/2 clients can send such a target at all.
    pub(crate) fn fits_http2(&self) -> bool {
        let uri = format!("http://{HOST}{}", self.target);
        self.target.starts_with('/') && uri.parse::<http::Uri>().is_ok()
    }

    /// As it goes over an HTTP/1.1 connection.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut lines =
            vec![format!("{} {} HTTP/1.1", self.method, self.target), format!("Host: {}", self.host)];
        lines.extend(self.headers.iter().map(|(name, value)| format!("{name}: {value}")));
        [lines.join("\r\n").as_bytes(), b"\r\n\r\n", &self.body].concat()
    }

    fn for_http2(&self) -> http::Request<()> {
        let mut request = http::Request::builder().method(self.method);
        request = request.uri(format!("http://{HOST}{}", self.target)).version(http::Version::HTTP_2);
        for (name, value) in &self.headers {
            request = request.header(name.to_ascii_lowercase(), value);
        }
        request.body(()).expect("a request for HTTP/2")
    }
}

/// An HTTP/1.1 connection to a gateway.
pub(crate) struct Connection {
    stream: TcpStream,
    reader: Reader<TcpStream>,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the gateway accepts connections");
        stream.set_read_timeout(Some(LIMIT)).expect("a time limit");
        stream.set_nodelay(true).expect("no delay");
        let reader = Reader::new(stream.try_clone().expect("the same connection"));
        Self { stream, reader }
    }

    /// Sends bytes. That the gateway has hung up already is for the answer to tell.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// The head of the next answer, also of one that opens a tunnel.
    pub(crate) fn head(&mut self) -> Option<Message> {
        self.reader.head().ok().flatten()
    }

    /// So many bytes of what comes then.
    pub(crate) fn bytes(&mut self, length: usize) -> Option<Vec<u8>> {
        self.reader.take(length).ok()
    }

    /// The next answer; none where the gateway closes the connection instead.
    pub(crate) fn answer(&mut self) -> Option<Message> {
        self.reader.answer().ok().flatten()
    }

    /// The same, waited for until `end`.
    pub(crate) fn answer_before(&mut self, end: Instant) -> Option<Message> {
        let left = end.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        self.stream.set_read_timeout(Some(left)).expect("a time limit");
        self.answer()
    }

    /// The answer to one request; none where the gateway closes the connection instead.
    pub(crate) fn try_exchange(&mut self, request: &Request) -> Option<Message> {
        self.send(&request.bytes());
        self.answer()
    }

    /// The answer to one request.
    #[track_caller]
    pub(crate) fn exchange(&mut self, request: &Request) -> Message {
        self.try_exchange(request)
            .unwrap_or_else(|| panic!("no answer to {} {}", request.method, request.target))
    }
}

/// The answers to requests that run at the same time on one HTTP/2 connection.
///
/// # Errors
/// What became of the connection or of a request.
pub(crate) fn over_http2(
    runtime: &Runtime,
    address: SocketAddr,
    requests: &[Request],
) -> Result<Vec<Message>, h2::Error> {
    runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(address).await.expect("a connection");
        let (mut client, connection) = h2::client::handshake(stream).await?;
        // Ends with the set.
        let mut driver = JoinSet::new();
        driver.spawn(connection);
        let mut waiting = Vec::new();
        for request in requests {
            client = client.ready().await?;
            let ends = request.body.is_empty();
            let (answer, mut body) = client.send_request(request.for_http2(), ends)?;
            if !ends {
                body.send_data(request.body.clone().into(), true)?;
            }
            waiting.push(answer);
        }
        let mut answers = Vec::new();
        for answer in waiting {
            answers.push(received(answer.await?).await?);
        }
        Ok(answers)
    })
}

async fn received(answer: http::Response<h2::RecvStream>) -> Result<Message, h2::Error> {
    let (head, mut stream) = answer.into_parts();
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = head.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    let mut body = Vec::new();
    while let Some(data) = stream.data().await {
        let data = data?;
        let _ = stream.flow_control().release_capacity(data.len());
        body.extend_from_slice(&data);
    }
    Ok(Message { start: format!("HTTP/2 {}", head.status.as_u16()), headers, body, ..Message::default() })
}
