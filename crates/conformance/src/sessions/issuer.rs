//! An issuer that publishes its keys on loopback.

use std::sync::{Arc, Mutex, PoisonError};

use capykeys_testkit::jwks;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// What an issuer answers to those who ask for its keys.
#[derive(Clone, Debug)]
pub(super) enum Published {
    /// These.
    Keys(Vec<Value>),
    /// Something else.
    Text(&'static str),
    /// That it cannot.
    Failure,
    /// Nothing, for as long as they wait.
    Silence,
}

/// An issuer of tokens: its metadata (OpenID Connect Discovery 1.0), and the keys that these name.
pub struct Issuer {
    url: String,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    url: String,
    published: Mutex<Published>,
    /// The paths that were asked for.
    asked: Mutex<Vec<String>>,
}

impl Issuer {
    pub(super) async fn start(published: Published) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let published = Mutex::new(published);
        let shared = Arc::new(Shared { url: url.clone(), published, asked: Mutex::default() });
        let task = tokio::spawn({
            let shared = Arc::clone(&shared);
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(serve(stream, Arc::clone(&shared)));
                }
            }
        });
        Self { url, shared, task }
    }

    /// The issuer (`iss`): an http URL on loopback without a slash at its end.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where its keys are.
    #[must_use]
    pub fn jwks_url(&self) -> String {
        format!("{}/jwks", self.url)
    }

    /// Publishes this from now on.
    pub(super) fn publish(&self, published: Published) {
        *self.shared.published.lock().unwrap_or_else(PoisonError::into_inner) = published;
    }

    /// The paths that were asked for.
    pub(super) fn asked(&self) -> Vec<String> {
        self.shared.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, shared: Arc<Shared>) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let head = String::from_utf8_lossy(&request);
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let published = shared.published.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let (status, body) = match (path.as_str(), published) {
        ("/.well-known/openid-configuration", _) => {
            ("200 OK", json!({"issuer": shared.url, "jwks_uri": format!("{}/jwks", shared.url)}).to_string())
        }
        ("/jwks", Published::Keys(keys)) => ("200 OK", jwks(&keys)),
        ("/jwks", Published::Text(text)) => ("200 OK", text.to_owned()),
        ("/jwks", Published::Failure) => ("500 Internal Server Error", String::new()),
        ("/jwks", Published::Silence) => std::future::pending().await,
        _ => ("404 Not Found", String::new()),
    };
    shared.asked.lock().unwrap_or_else(PoisonError::into_inner).push(path);
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    // Whoever asks may hang up at any point: that is for it to say.
    drop(stream.write_all(answer.as_bytes()).await);
}
