//! Requests, and answers that keep what the contract promises of every answer.

use std::{fmt, net::SocketAddr, sync::LazyLock, time::Duration};

use reqwest::{
    Method,
    blocking::Client,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};
use serde_json::Value;

use crate::{Server, secrets};

static CLIENT: LazyLock<Client> = LazyLock::new(|| {
    Client::builder()
        .no_proxy()
        .timeout(Duration::from_mins(1))
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("a client")
});

/// A request that is being put together.
#[derive(Clone)]
pub struct Call<'a> {
    server: &'a Server,
    address: SocketAddr,
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Option<Vec<u8>>,
}

impl<'a> Call<'a> {
    pub(crate) fn new(server: &'a Server, method: Method, path: &str) -> Self {
        let (address, path) = (server.address(), path.to_owned());
        Self { server, address, method, path, headers: HeaderMap::new(), body: None }
    }

    /// To another of the server's addresses.
    #[must_use]
    pub(crate) const fn to(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// With `Authorization: Bearer …`.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    /// With `X-API-Key: …`.
    #[must_use]
    pub fn api_key(self, key: &str) -> Self {
        self.header("x-api-key", key)
    }

    /// With one more header, of any bytes that may stand in one.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl AsRef<[u8]>) -> Self {
        let value = HeaderValue::from_bytes(value.as_ref()).expect("a header's value");
        self.headers.append(HeaderName::from_static(name), value);
        self
    }

    /// With a JSON body.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.json_text(&body.to_string())
    }

    /// With a body that says that it is JSON.
    #[must_use]
    pub fn json_text(self, body: &str) -> Self {
        self.body("application/json", body)
    }

    /// With a body of any type.
    #[must_use]
    pub fn body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let value = HeaderValue::from_str(content_type).expect("a content type");
        self.headers.insert(CONTENT_TYPE, value);
        self.body = Some(body.into());
        self
    }

    /// With a body whose type is not said.
    #[must_use]
    pub fn untyped_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Sends it.
    ///
    /// # Panics
    /// Where there is no answer, or it breaks a promise that holds for all of them.
    #[track_caller]
    pub fn send(self) -> Answer {
        let what = format!("{} {}", self.method, self.path);
        let server = self.server;
        let answer = self.try_send().unwrap_or_else(|error| panic!("{what}: {error}"));
        server.assert_no_leak();
        answer
    }

    /// Sends it; an error where the connection broke before there was an answer.
    ///
    /// # Errors
    /// What became of the connection.
    #[track_caller]
    pub fn try_send(self) -> Result<Answer, reqwest::Error> {
        let mut request = CLIENT
            .request(self.method.clone(), format!("http://{}{}", self.address, self.path))
            .headers(self.headers);
        if let Some(body) = self.body {
            request = request.body(body);
        }
        let response = request.send()?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let answer = Answer { status, headers, body: response.bytes()?.to_vec() };
        answer.assert_promises(self.method.as_str(), &self.path);
        Ok(answer)
    }
}

/// An answer.
#[derive(Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// A header that occurs once at the most.
    ///
    /// # Panics
    /// Where it occurs twice.
    #[track_caller]
    pub fn header(&self, name: &str) -> Option<&str> {
        let values: Vec<_> = self.headers.get_all(name).iter().collect();
        assert!(values.len() <= 1, "{name} occurs {} times", values.len());
        values.first().map(|value| value.to_str().expect("a header's text"))
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// Where it is not.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("no JSON ({error}): {self:?}"))
    }

    /// The body as JSON, where the status is the one expected.
    ///
    /// # Panics
    /// Where it is another.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        self.json()
    }

    /// The sentence of an error, where the status is the one expected.
    ///
    /// # Panics
    /// Where it is another.
    #[track_caller]
    pub fn error(&self, status: u16) -> String {
        let body = self.expect(status);
        body["error"].as_str().unwrap_or_else(|| panic!("no sentence: {self:?}")).to_owned()
    }

    /// What the contract promises of every answer.
    #[track_caller]
    pub(crate) fn assert_promises(&self, method: &str, path: &str) {
        let what = format!("{method} {path:.100}: {self:?}");
        let id = self.header("x-request-id").unwrap_or_else(|| panic!("no X-Request-Id: {what}"));
        assert!((1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic()), "{what}");
        if path.starts_with("/v1/") {
            assert_eq!(self.header("cache-control"), Some("no-store"), "{what}");
        }
        if self.status >= 400 {
            self.assert_error(method, &what);
        }
    }

    #[track_caller]
    fn assert_error(&self, method: &str, what: &str) {
        assert_eq!(self.header("content-type"), Some("application/json"), "{what}");
        let header = match self.status {
            401 => Some("www-authenticate"),
            405 => Some("allow"),
            503 => Some("retry-after"),
            _ => None,
        };
        if let Some(header) = header {
            assert!(self.header(header).is_some_and(|value| !value.is_empty()), "no {header}: {what}");
        }
        if method == "HEAD" {
            return assert!(self.body.is_empty(), "{what}");
        }
        let body = self.json();
        let fields: Vec<_> = body.as_object().into_iter().flatten().collect();
        let [(name, Value::String(sentence))] = fields[..] else { panic!("not one error: {what}") };
        assert_eq!(name, "error", "{what}");
        assert!(sentence.len() > 3 && sentence.ends_with('.') && !sentence.contains('\n'), "{what}");
        for foreign in ["line 1", " column ", "serde", "actix", "sqlite", "postgres", "panicked", "rusqlite"]
        {
            assert!(!sentence.to_lowercase().contains(foreign), "a library's own text: {what}");
        }
    }
}

/// For the message of a test that fails, which tells no secrets either.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = String::from_utf8_lossy(&self.body);
        match secrets::found_in(&body) {
            Some(kind) => write!(f, "{} {:?} (a body with {kind})", self.status, self.headers),
            None => write!(f, "{} {:?} {body:.600}", self.status, self.headers),
        }
    }
}
