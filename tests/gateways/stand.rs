//! A gateway at work: in front of it its clients, behind it the API, beside it the service.

use std::{
    net::{SocketAddr, TcpStream},
    slice,
    sync::{LazyLock, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use capykeys_testkit::Proxy;
use capykeys_tests::{
    gateway::{Gateway, Place},
    server::{Leash, free_address},
    transcript::Transcript,
    wait,
};
use tokio::runtime::Runtime;

use crate::{
    frames::{self, Exchange, Field},
    message::Message,
    request::{Connection, Request, over_http2},
    upstream::Upstream,
    world::{PUBLIC, WORLD},
};

const START_LIMIT: Duration = Duration::from_secs(30);

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));

/// A gateway that runs until the test process ends.
pub(crate) struct Stand {
    /// What is known of it.
    pub(crate) gateway: &'static Gateway,
    /// The way from it to the service.
    pub(crate) service: Proxy,
    clients: SocketAddr,
    http2: SocketAddr,
    upstream: Upstream,
    log: Transcript,
    _leash: Leash,
}

/// The stand of a gateway, for one test at a time.
pub(crate) struct Stands(OnceLock<Mutex<Stand>>);

impl Stands {
    pub(crate) const fn new() -> Self {
        Self(OnceLock::new())
    }

    /// The stand, started where it is not, and as if nothing had happened before.
    pub(crate) fn get(&self, gateway: &'static Gateway) -> MutexGuard<'_, Stand> {
        let stand = self.0.get_or_init(|| Mutex::new(Stand::start(gateway, Way::Breakable)));
        let stand = stand.lock().unwrap_or_else(PoisonError::into_inner);
        stand.service.heal();
        let _ = stand.arrived();
        stand
    }
}

/// The way from a gateway to the service.
#[derive(Clone, Copy)]
enum Way {
    /// Through a proxy that a test may break.
    Breakable,
    /// Straight. The proxy of the others has less room for a burst than the service.
    Direct,
}

impl Stand {
    /// A stand of its own, in which the gateway and the service alone say how much they take.
    pub(crate) fn direct(gateway: &'static Gateway) -> Self {
        Self::start(gateway, Way::Direct)
    }

    fn start(gateway: &'static Gateway, way: Way) -> Self {
        let behind = WORLD.address(gateway.interface);
        let service = RUNTIME.block_on(Proxy::start(behind));
        let upstream = Upstream::start();
        let directory = tempfile::tempdir().expect("a folder of its own").keep();
        let place = Place {
            directory: &directory,
            clients: free_address(),
            http2: free_address(),
            upstream: upstream.address(),
            service: match way {
                Way::Breakable => service.address(),
                Way::Direct => behind,
            },
        };
        let (clients, http2) = (place.clients, place.http2);
        let (mut child, log) = gateway.start(&place);
        let leash = Leash::on_group(child.id(), &directory);
        wait::until("the gateway serves", START_LIMIT, || {
            let ended = child.try_wait().expect("its state");
            assert!(ended.is_none(), "{} has ended: {}", gateway.name, log.text());
            let _ = TcpStream::connect(clients).ok()?;
            (Connection::open(clients).try_exchange(&Request::get(PUBLIC))?.status() == 200).then_some(())
        });
        Self { gateway, service, clients, http2, upstream, log, _leash: leash }
    }

    /// A connection of a client.
    pub(crate) fn connect(&self) -> Connection {
        Connection::open(self.clients)
    }

    /// The answer to a request on a connection of its own.
    #[track_caller]
    pub(crate) fn send(&self, request: &Request) -> Message {
        self.connect().exchange(request)
    }

    /// The answers to requests that run at the same time on one HTTP/2 connection.
    #[track_caller]
    pub(crate) fn send_over_http2(&self, requests: &[Request]) -> Vec<Message> {
        let answers = over_http2(&RUNTIME, self.http2_address(), requests);
        answers.unwrap_or_else(|error| panic!("{error}; {}", self.last_words()))
    }

    /// The answer to a request over HTTP/2; none where there is only an error.
    pub(crate) fn try_send_over_http2(&self, request: &Request) -> Option<Message> {
        over_http2(&RUNTIME, self.http2_address(), slice::from_ref(request)).ok()?.pop()
    }

    /// Sends a request over HTTP/2 byte by byte.
    pub(crate) fn send_frames(&self, fields: &[Field], body: &[u8], trailers: &[Field]) -> Exchange {
        frames::send(self.http2_address(), fields, body, trailers)
    }

    const fn http2_address(&self) -> SocketAddr {
        if self.gateway.http2_apart { self.http2 } else { self.clients }
    }

    /// What has arrived at the API since this was asked the last time.
    pub(crate) fn arrived(&self) -> Vec<Message> {
        self.upstream.take()
    }

    /// The request that has arrived at the API.
    #[track_caller]
    pub(crate) fn arrived_alone(&self) -> Message {
        let mut arrived = self.arrived();
        assert_eq!(arrived.len(), 1, "{arrived:?}; {}", self.last_words());
        arrived.remove(0)
    }

    /// What arrives at the API of a request that is let through.
    #[track_caller]
    pub(crate) fn passes(&self, request: &Request) -> Message {
        let answer = self.send(request);
        assert_eq!(answer.status(), 200, "{answer:?}; {}", self.last_words());
        assert_eq!(answer.body, crate::upstream::BODY.as_bytes());
        self.arrived_alone()
    }

    /// Fails where a request is not refused with this status, or reaches the API nevertheless.
    #[track_caller]
    pub(crate) fn refuses(&self, request: &Request, status: u16) {
        self.send(request).assert_refused(status);
        self.assert_nothing_arrived();
    }

    /// Fails where something has reached the API.
    #[track_caller]
    pub(crate) fn assert_nothing_arrived(&self) {
        let arrived = self.arrived();
        assert!(arrived.is_empty(), "it reached the API: {arrived:?}");
    }

    /// The end of the gateway's log.
    pub(crate) fn last_words(&self) -> String {
        let text = self.log.text();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(5)..].join("\n")
    }
}
