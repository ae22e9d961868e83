//! Asking the service, and remembering what it said.

use std::{
    collections::HashMap,
    error::Error,
    fmt, io,
    num::NonZeroUsize,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Shared},
};
use lru::LruCache;
use reqwest::{Client, Response, StatusCode, header, redirect};

use crate::{
    Caller,
    verdict::{Moment, Verdict},
};

const MAX_KEY_LENGTH: usize = 512;
const MAX_ANSWER_SIZE: usize = 64 * 1024;

/// Why there is no caller.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VerifyError {
    /// The key is not good, for the reason that the service's code says.
    Refused(String),
    /// There is no verdict. Whoever asked is to be refused, with 503.
    Unavailable,
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(code) => write!(f, "the API key is not good: {code}"),
            Self::Unavailable => f.write_str("API keys cannot be verified right now"),
        }
    }
}

impl Error for VerifyError {}

/// The headers `traceparent` and `tracestate` of the request for which is asked.
#[derive(Clone, Debug, Default)]
pub struct Trace(pub(crate) Vec<(&'static str, Vec<u8>)>);

impl Trace {
    /// What stands in these headers.
    #[must_use]
    pub fn new(traceparent: &str, tracestate: Option<&str>) -> Self {
        let state = tracestate.map(|value| ("tracestate", value.into()));
        Self([("traceparent", traceparent.into())].into_iter().chain(state).collect())
    }
}

type Token = dyn Fn() -> io::Result<String> + Send + Sync;

/// How a [`Verifier`] is set up.
pub struct Builder {
    url: String,
    max_age: Duration,
    timeout: Duration,
    capacity: NonZeroUsize,
    max_questions: NonZeroUsize,
    token: Option<Box<Token>>,
    client: Option<Client>,
}

impl Builder {
    /// For how long a verdict may be kept; the service grants that or less, and answers a revocation only when it
    /// is over. By default 300 ms; zero: nothing is kept.
    #[must_use]
    pub fn max_age(self, max_age: Duration) -> Self {
        Self { max_age, ..self }
    }

    /// The limit for one question, connecting and retrying included. By default 1 s.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// How many verdicts are kept at most. By default 10,000.
    #[must_use]
    pub fn capacity(self, capacity: NonZeroUsize) -> Self {
        Self { capacity, ..self }
    }

    /// How many questions may be under way at once: where there are that many, keys that are not kept are not asked
    /// about. By default 256.
    #[must_use]
    pub fn max_questions(self, max_questions: NonZeroUsize) -> Self {
        Self { max_questions, ..self }
    }

    /// Gives the token of the cluster, where the service asks for one. It is called for each question.
    #[must_use]
    pub fn token(self, token: impl Fn() -> io::Result<String> + Send + Sync + 'static) -> Self {
        Self { token: Some(Box::new(token)), ..self }
    }

    /// Carries the questions: one of your own for a private authority or a client certificate. It must not follow
    /// redirects.
    #[must_use]
    pub fn client(self, client: Client) -> Self {
        Self { client: Some(client), ..self }
    }

    /// A verifier with these settings.
    ///
    /// # Errors
    /// Where TLS cannot be set up.
    pub fn build(self) -> Result<Verifier, reqwest::Error> {
        let client = self.client.map_or_else(
            // Keys go to the service and to nobody in between.
            || Client::builder().no_proxy().redirect(redirect::Policy::none()).build(),
            Ok,
        )?;
        Ok(Verifier(Arc::new(Inner {
            url: format!("{}/v1/api-keys/verify", self.url.trim_end_matches('/')),
            max_age: self.max_age,
            timeout: self.timeout,
            max_questions: self.max_questions.get(),
            token: self.token,
            client,
            memory: Mutex::new(Memory { kept: LruCache::new(self.capacity), flights: HashMap::new() }),
        })))
    }
}

/// Asks the service about keys. Clones share what they remember.
#[derive(Clone)]
pub struct Verifier(Arc<Inner>);

struct Inner {
    url: String,
    max_age: Duration,
    timeout: Duration,
    max_questions: usize,
    token: Option<Box<Token>>,
    client: Client,
    memory: Mutex<Memory>,
}

/// A hash is all that is remembered of a key.
type Hash = [u8; blake3::OUT_LEN];

/// A question that is under way; `None` where there will be no verdict.
type Flight = Shared<BoxFuture<'static, Option<Verdict>>>;

struct Memory {
    kept: LruCache<Hash, Verdict>,
    flights: HashMap<Hash, Flight>,
}

impl Verifier {
    /// One that asks the service whose internal listener is at `url`, such as `http://127.0.0.1:8081`.
    #[must_use]
    pub fn builder(url: impl Into<String>) -> Builder {
        Builder {
            url: url.into(),
            max_age: Duration::from_millis(300),
            timeout: Duration::from_secs(1),
            capacity: NonZeroUsize::new(10_000).unwrap_or(NonZeroUsize::MIN),
            max_questions: NonZeroUsize::new(256).unwrap_or(NonZeroUsize::MIN),
            token: None,
            client: None,
        }
    }

    /// How many verdicts are remembered right now.
    #[must_use]
    pub fn kept(&self) -> usize {
        self.0.memory().kept.len()
    }

    /// The caller whose key this is. Call it on a runtime of tokio.
    ///
    /// # Errors
    /// [`VerifyError`].
    pub async fn verify(&self, key: &str, trace: &Trace) -> Result<Arc<Caller>, VerifyError> {
        if key.len() > MAX_KEY_LENGTH {
            return Err(VerifyError::Refused("not_found".into()));
        }
        let (hash, arrived) = (*blake3::hash(key.as_bytes()).as_bytes(), Moment::now());
        loop {
            let flight = match self.look(hash, key, trace) {
                Ok(verdict) => return verdict.result(),
                Err(flight) => flight.ok_or(VerifyError::Unavailable)?,
            };
            let verdict = flight.await.ok_or(VerifyError::Unavailable)?;
            if verdict.holds_for(arrived) {
                return verdict.result();
            }
        }
    }

    /// The verdict that is kept, or else the question that is under way; none where there is no room for it.
    fn look(&self, hash: Hash, key: &str, trace: &Trace) -> Result<Verdict, Option<Flight>> {
        let mut memory = self.0.memory();
        match memory.kept.get(&hash) {
            Some(verdict) if verdict.is_fresh() => return Ok(verdict.clone()),
            Some(_) => drop(memory.kept.pop(&hash)),
            None => {}
        }
        if let Some(flight) = memory.flights.get(&hash).filter(|flight| flight.peek().is_none()) {
            return Err(Some(flight.clone()));
        }
        // Anybody can make up keys, and a question goes on when whoever caused it has left.
        if memory.flights.len() >= self.0.max_questions {
            return Err(None);
        }
        let (inner, key, trace) = (Arc::clone(&self.0), key.to_owned(), trace.clone());
        // Others may join, so it does not end with the request that came first.
        let task = tokio::spawn(async move { inner.fly(hash, &key, &trace).await });
        let flight = task.map(|verdict| verdict.ok().flatten()).boxed().shared();
        memory.flights.insert(hash, flight.clone());
        Err(Some(flight))
    }
}

impl Inner {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn fly(&self, hash: Hash, key: &str, trace: &Trace) -> Option<Verdict> {
        let asking = tokio::time::timeout(self.timeout, self.ask(key, trace));
        // What panics, such as `token`, takes nobody's room away either.
        let verdict = AssertUnwindSafe(asking).catch_unwind().await.ok().and_then(Result::ok).flatten();
        let mut memory = self.memory();
        memory.flights.remove(&hash);
        if let Some(verdict) = verdict.as_ref().filter(|verdict| verdict.is_fresh()) {
            memory.kept.put(hash, verdict.clone());
        }
        verdict
    }

    async fn ask(&self, key: &str, trace: &Trace) -> Option<Verdict> {
        let max_age = u64::try_from(self.max_age.as_millis()).ok()?;
        let body = Bytes::from(serde_json::json!({ "api_key": key, "max_age_ms": max_age }).to_string());
        let token = self.token.as_ref().map(|token| token()).transpose().ok()?;
        let asked = Moment::now();
        let response = match self.post(body.clone(), token.as_deref(), trace).await {
            // Once more, for a kept connection may turn out to be closed.
            Err(_) => self.post(body, token.as_deref(), trace).await.ok()?,
            Ok(response) => response,
        };
        let is_verdict = response.status() == StatusCode::OK;
        let answer = read(response).await.filter(|_| is_verdict)?;
        Verdict::read(&answer, asked, self.max_age)
    }

    async fn post(&self, body: Bytes, token: Option<&str>, trace: &Trace) -> reqwest::Result<Response> {
        let mut request =
            self.client.post(&self.url).header(header::CONTENT_TYPE, "application/json").body(body);
        for (name, value) in &trace.0 {
            request = request.header(*name, value.as_slice());
        }
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        request.send().await
    }
}

async fn read(mut response: Response) -> Option<Vec<u8>> {
    let mut answer = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        answer.extend_from_slice(&chunk);
        if answer.len() > MAX_ANSWER_SIZE {
            return None;
        }
    }
    Some(answer)
}
