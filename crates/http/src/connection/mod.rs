//! A connection, below HTTP.
//!
//! actix's own dispatcher answers some requests itself, before there is a request that could be
//! routed, and gives such answers no body: a head that is malformed or too large. It also sets no
//! limit to how long the head of a connection's second request may take, nor to how long a client
//! may take nothing of its answer, and it ends lines where others do not. [`Guarded`] stands between
//! the dispatcher and the socket, which may have TLS around it
//! ([`Transport`](capykeys_listener::Transport)), and makes good for all of that.

mod ending;
mod expect;
mod guarded;
mod inbound;
mod limit;
mod refusal;

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    future::poll_fn,
    pin::pin,
    task::Poll,
    time::Duration,
};

use capykeys_domain::model::ClusterSubject;
pub(crate) use expect::expectations;
pub(crate) use guarded::Guarded;
use limit::TimeLimit;

/// How long a client may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// For the head of a request, from its first byte; for its first byte on a new connection; and
    /// for taking anything of an answer.
    pub(crate) request: Duration,
    /// Between two requests.
    pub(crate) idle: Duration,
}

/// What the connection and the requests on it tell each other.
#[derive(Debug)]
pub(crate) struct Connection {
    begun: Cell<u64>,
    ended: Cell<u64>,
    closing: Cell<bool>,
    /// For each interim answer that is yet to be written: whether its client has a body to send.
    continues: RefCell<VecDeque<bool>>,
    certified_name: Option<ClusterSubject>,
    /// When the request has to be answered that is being worked on.
    deadline: RefCell<TimeLimit>,
}

impl Connection {
    /// A connection from whom its certificate names, where there is one.
    pub(crate) fn new(certified_name: Option<ClusterSubject>, time_limit: Duration) -> Self {
        Self {
            begun: Cell::default(),
            ended: Cell::default(),
            closing: Cell::default(),
            continues: RefCell::default(),
            certified_name,
            deadline: RefCell::new(TimeLimit::new(time_limit)),
        }
    }

    /// What comes of the work on a request; `None` where that is not known by the end of the limit.
    pub(crate) async fn within<W: Future>(&self, limit: Duration, work: W) -> Option<W::Output> {
        let mut work = pin!(work);
        self.deadline.borrow_mut().restart(limit);
        poll_fn(|cx| match work.as_mut().poll(cx) {
            Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
            Poll::Pending => self.deadline.borrow_mut().poll(cx).map(|()| None),
        })
        .await
    }

    /// Whom the client's certificate names.
    pub(crate) const fn certified_name(&self) -> Option<&ClusterSubject> {
        self.certified_name.as_ref()
    }

    /// The head of a request has arrived.
    pub(crate) fn begin_request(&self) {
        self.begun.set(self.begun.get() + 1);
    }

    /// A request was answered, or given up.
    pub(crate) fn end_request(&self) {
        self.ended.set(self.ended.get() + 1);
    }

    /// The answer that is being given is the last one.
    pub(crate) fn close_after_answer(&self) {
        self.closing.set(true);
    }

    /// Whether the last answer was begun already.
    pub(crate) const fn is_closing(&self) -> bool {
        self.closing.get()
    }

    const fn is_busy(&self) -> bool {
        self.begun.get() > self.ended.get()
    }
}
