//! What stands in for the service: it answers as a case wants, and notes what it was asked.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use capykeys_tests::{driver::locked, wait};
use serde_json::{Value, json};

/// A key; nothing that is good anywhere.
pub(crate) const KEY: &str = "capy_live_stand_in";

/// A request that came.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    /// The number of its connection.
    pub(crate) connection: usize,
    /// How many came before it.
    pub(crate) number: usize,
    line: String,
    headers: Vec<(String, String)>,
    pub(crate) body: Value,
}

impl Question {
    /// The values of this header.
    pub(crate) fn header(&self, name: &str) -> Vec<&str> {
        let named = self.headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str()).collect()
    }
}

/// What it is answered.
pub(crate) struct Reply {
    bytes: Vec<u8>,
    /// Between one byte and the next.
    pace: Option<Duration>,
    /// Whether the connection stays open for a next question.
    stays: bool,
}

impl Reply {
    /// These bytes, after which the connection is closed.
    pub(crate) fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self { bytes: bytes.into(), pace: None, stays: false }
    }

    /// This answer, of whatever kind.
    pub(crate) fn of(status: &str, body: &str) -> Self {
        let length = body.len();
        let head = format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}");
        Self { stays: true, ..Self::raw(format!("{head}\r\n\r\n{body}")) }
    }

    /// A verdict that may be kept for so long.
    pub(crate) fn good(max_age: Duration) -> Self {
        Self::verdict(&json!({
            "valid": true, "max_age_ms": max_age.as_millis(),
            "api_key": {"id": "key_1", "organization_id": "org_1", "scopes": ["jobs:read"], "new_member": 1},
        }))
    }

    /// One that refuses.
    pub(crate) fn refused(code: &str, max_age: Duration) -> Self {
        Self::verdict(&json!({"valid": false, "code": code, "max_age_ms": max_age.as_millis()}))
    }

    fn verdict(body: &Value) -> Self {
        Self::of("200 OK", &body.to_string())
    }

    /// The same, with so much time for each byte.
    pub(crate) fn dripping(self, pace: Duration) -> Self {
        Self { pace: Some(pace), ..self }
    }
}

type Behaviour = dyn Fn(&Question) -> Reply + Send + Sync;

/// It listens until this is dropped.
pub(crate) struct StandIn {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    questions: Mutex<Vec<Question>>,
    behaviour: Box<Behaviour>,
    ended: AtomicBool,
}

impl StandIn {
    /// It answers each question as `behaviour` says, which may take its time.
    pub(crate) fn start(behaviour: impl Fn(&Question) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address");
        let shared = Arc::new(Shared {
            questions: Mutex::default(),
            behaviour: Box::new(behaviour),
            ended: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                if accepting.ended.load(Ordering::SeqCst) {
                    return;
                }
                let (shared, stream) = (Arc::clone(&accepting), stream.expect("a connection"));
                thread::spawn(move || shared.serve(number, stream));
            }
        });
        Self { address, shared }
    }

    /// What it was asked so far.
    pub(crate) fn questions(&self) -> Vec<Question> {
        locked(&self.shared.questions).clone()
    }

    /// Waits until it was asked so often.
    #[track_caller]
    pub(crate) fn wait_for(&self, count: usize) {
        wait::until("it is asked", Duration::from_mins(1), || {
            (self.questions().len() >= count).then_some(())
        });
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn serve(&self, connection: usize, mut stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        let mut received = Vec::new();
        while let Some(question) = self.read(connection, &mut stream, &mut received) {
            let reply = (self.behaviour)(&question);
            let sent = match reply.pace {
                None => stream.write_all(&reply.bytes).is_ok(),
                Some(pace) => reply.bytes.chunks(1).all(|byte| {
                    thread::sleep(pace);
                    !self.ended.load(Ordering::SeqCst) && stream.write_all(byte).is_ok()
                }),
            };
            if !sent || !reply.stays {
                return;
            }
        }
    }

    fn read(&self, connection: usize, stream: &mut TcpStream, received: &mut Vec<u8>) -> Option<Question> {
        loop {
            if let Some((mut question, length)) = parse(connection, received) {
                received.drain(..length);
                let mut questions = locked(&self.questions);
                question.number = questions.len();
                questions.push(question.clone());
                return Some(question);
            }
            let mut buffer = [0; 4096];
            match stream.read(&mut buffer) {
                Ok(0) | Err(_) => return None,
                Ok(length) => received.extend_from_slice(&buffer[..length]),
            }
        }
    }
}

/// The request at the beginning, if all of it is there, and its length.
fn parse(connection: usize, bytes: &[u8]) -> Option<(Question, usize)> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(head) = request.parse(bytes).expect("a request") else { return None };
    let line = format!("{} {}", request.method?, request.path?);
    let headers: Vec<_> = request
        .headers
        .iter()
        .map(|header| (header.name.to_owned(), String::from_utf8_lossy(header.value).into_owned()))
        .collect();
    let mut question = Question { connection, number: 0, line, headers, body: Value::Null };
    let length = question.header("content-length").first().map_or(0, |text| text.parse().expect("a length"));
    let body = bytes[head..].get(..length)?;
    question.body = serde_json::from_slice(body).expect("the question is JSON");
    assert_eq!(question.line, "POST /v1/api-keys/verify");
    Some((question, head + length))
}
