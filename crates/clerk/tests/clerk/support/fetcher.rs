//! A fetcher that answers what it is told, and counts.

use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use capykeys_clerk::{FetchError, FetchJwks, Url};
use tokio::sync::watch;

use super::JWKS_URL;

pub(crate) struct FakeFetcher {
    answer: Mutex<Result<String, FetchError>>,
    calls: AtomicUsize,
    started: watch::Sender<usize>,
    held: watch::Sender<bool>,
}

impl FakeFetcher {
    pub(crate) fn new(answer: String) -> Self {
        Self {
            answer: Mutex::new(Ok(answer)),
            calls: AtomicUsize::new(0),
            started: watch::Sender::new(0),
            held: watch::Sender::new(false),
        }
    }

    /// What the next fetches answer.
    pub(crate) fn answers(&self, answer: Result<String, FetchError>) {
        *self.answer.lock().unwrap() = answer;
    }

    /// How many fetches have begun.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// Lets fetches begin, but not end.
    pub(crate) fn hold(&self) {
        self.held.send_replace(true);
    }

    /// Lets held fetches end.
    pub(crate) fn release(&self) {
        self.held.send_replace(false);
    }

    /// Waits until so many fetches have begun.
    pub(crate) async fn began(&self, calls: usize) {
        self.started.subscribe().wait_for(|started| *started >= calls).await.unwrap();
    }
}

#[async_trait]
impl FetchJwks for FakeFetcher {
    async fn fetch(&self, url: &Url) -> Result<Vec<u8>, FetchError> {
        assert_eq!(url.as_str(), JWKS_URL, "nobody else is ever asked");
        let call = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        self.started.send_replace(call);
        self.held.subscribe().wait_for(|held| !held).await.unwrap();
        self.answer.lock().unwrap().clone().map(String::into_bytes)
    }
}
